#!/usr/bin/env python3
"""Runs launch/multi-host.sh over ssh on three hosts, simulated by network namespaces, and cuts hosts off.

  Benchmarks/reliability/hosts.py [--quick] [--watchdog S]

The run is started under launch/keep-running.sh on three hosts. The link of one host goes down in the middle of a step.
The job must end within half a minute (with a watchdog, within S + 20 seconds), and so must the rank on the lost host.
The training must then resume on the two other hosts. In the end, log and checkpoint must be those of a run on one host.
In two further tests, a rank dies while a host is unreachable, and mpirun's host is cut off. All ranks must end, too.
--quick skips these two tests, and makes mpirun probe a silent host sooner.
"""

import argparse
import os
import signal
import sys
import time

from network import Network, missing
from smallrun import LAUNCH, Expectation, SmallRun, Workshop, end, unavailable, verdict, wait

#: Seconds: 10 of silence, four probes 5 s apart, and 10 for ending.
HALF_A_MINUTE = 40
#: For --quick: 3 s of silence, three probes 1 s apart.
IMPATIENT = {"OMPI_MCA_oob_tcp_keepalive_time": "3", "OMPI_MCA_oob_tcp_keepalive_intvl": "1",
             "OMPI_MCA_oob_tcp_keepalive_probes": "3"}


class Job:
    """launch/multi-host.sh on host 1, one rank on each host that answers."""

    def __init__(self, network, run, *wrapper, **names):
        self.network, self.run = network, run
        (run.folder / "hosts").write_text("".join(f"{network.address(host)}\n" for host in (1, 2, 3)))
        os.chdir(run.folder)
        self.process = run.start(
            network.inside(1, *wrapper, LAUNCH / "multi-host.sh", "--answering", "hosts", "1", *run.arguments),
            OMPI_MCA_plm_rsh_agent=f"ssh -F {network.folder}/ssh_config", PHD_NETWORK="10.77.0.0/24", **names)

    def ranks(self, *hosts):
        return [rank for host in hosts for rank in self.network.processes(host, "phd-train")]

    def starts(self):
        return [record["ranks"] for record in self.run.records("run")]

    def until(self, condition, seconds, what):
        """Waits for a condition; returns the seconds that it took."""
        began = time.monotonic()
        if not wait(lambda: condition() or self.process.poll() is not None, seconds) or not condition():
            raise Expectation(
                f"not reached within {seconds} s: {what} (status {self.process.poll()}): {self.run.printed()[-1500:]}")
        return time.monotonic() - began

    def clear(self):
        """Kills the remaining processes on all hosts."""
        end(self.process)
        for host in (1, 2, 3):
            for name in ("phd-train", "orted"):
                for process in self.network.processes(host, name):
                    os.kill(process, signal.SIGKILL)


def host_lost(network, folder, watchdog, quick):
    """Compares a run that loses host 3 and resumes without it with an undisturbed run; returns a summary."""
    steps = 400 if quick else 1200
    settings = ["training.global_batch_size=12", f"training.steps={steps}", "checkpoint.every_steps=50"]
    if watchdog:
        settings.append(f"training.watchdog_seconds={watchdog}")
    straight = SmallRun(folder / "straight", settings)
    status, error = straight.finish(straight.local(1))
    if status != 0:
        raise Expectation(f"the run on one host ended with {status}: {error}")
    run = SmallRun(folder / "run", settings)
    job = Job(network, run, LAUNCH / "keep-running.sh", "--delay", "1", **IMPATIENT if quick else {})
    try:
        job.until(lambda: run.step() >= 120, 60, "step 120 on three hosts")
        if any(len(job.ranks(host)) != 1 for host in (1, 2, 3)):
            raise Expectation(f"expected one rank on each host, found {[len(job.ranks(host)) for host in (1, 2, 3)]}")
        old = job.ranks(1, 2, 3)
        network.unplug(3)
        lost = run.step()
        allowed = watchdog + 20 if watchdog else HALF_A_MINUTE
        again = job.until(lambda: job.starts() == [3, 2], allowed + 20, "the run resumes on two hosts")
        gone = job.until(lambda: not set(job.ranks(3)) & set(old), HALF_A_MINUTE, "the lost host's rank ends")
        if again > allowed + 10:
            raise Expectation(f"the run resumed after {again:.0f} s; allowed are {allowed} s and 10 s for the start")
        if not wait(lambda: job.process.poll() is not None, 300) or job.process.returncode != 0:
            raise Expectation(f"the job ended with {job.process.poll()}: {run.printed()[-1500:]}")
        message = next((line for line in run.printed().splitlines() if line.startswith("keep-running: ")), "")
    finally:
        job.clear()
        network.plug(3)
    faults = run.differences(straight)
    if faults:
        raise Expectation("; ".join(faults))
    print(message)
    return (f"host lost after step {lost}: training resumed on two hosts after {again:.0f} s, the "
            f"lost host's rank ended after {again + gone:.0f} s, the same bits as on one host")


def rank_and_host_lost(network, folder):
    """Cuts host 3 off, then kills rank 0: mpirun cannot reach host 3, and must not wait for it."""
    run = SmallRun(folder / "both", ["training.global_batch_size=12", "training.steps=100000000"])
    job = Job(network, run)
    try:
        job.until(lambda: run.step() >= 50, 60, "step 50 on three hosts")
        network.unplug(3)
        time.sleep(2)
        began = time.monotonic()
        os.kill(job.ranks(1)[0], signal.SIGKILL)
        if not wait(lambda: job.process.poll() is not None and not job.ranks(1, 2, 3), HALF_A_MINUTE):
            raise Expectation(f"no end within {HALF_A_MINUTE} s: {job.process.poll()}, ranks {job.ranks(1, 2, 3)}")
        if job.process.returncode != 69:
            raise Expectation(f"the job ended with {job.process.returncode}: {run.printed()[-1500:]}")
        return f"rank 0 killed while a host is unreachable: the job ended after {time.monotonic() - began:.0f} s"
    finally:
        job.clear()
        network.plug(3)


def launcher_lost(network, folder):
    """Cuts off host 1, with mpirun and rank 0: the ranks on the other hosts must end."""
    run = SmallRun(folder / "lost", ["training.global_batch_size=12", "training.steps=100000000"])
    job = Job(network, run)
    try:
        job.until(lambda: run.step() >= 50, 60, "step 50 on three hosts")
        network.unplug(1)
        began = time.monotonic()
        if not wait(lambda: not job.ranks(1, 2, 3), HALF_A_MINUTE):
            raise Expectation(f"ranks remain after {HALF_A_MINUTE} s: {[len(job.ranks(host)) for host in (1, 2, 3)]}")
        return f"mpirun's host lost: all ranks ended after {time.monotonic() - began:.0f} s"
    finally:
        job.clear()
        network.plug(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true", help="only check whether it can run here: status 0 or 69")
    parser.add_argument("--watchdog", type=int, default=0, metavar="S", help="training.watchdog_seconds of the run")
    arguments = parser.parse_args()
    reason = missing()
    if reason:
        unavailable("hosts", reason)
    if arguments.check:
        return 0
    seen, faults = [], []
    with Workshop() as folder:
        try:
            with Network(folder / "network", 3) as network:
                seen.append(host_lost(network, folder, arguments.watchdog, arguments.quick))
                if not arguments.quick:
                    seen.append(rank_and_host_lost(network, folder))
                    seen.append(launcher_lost(network, folder))
        except (Expectation, RuntimeError) as failure:
            faults.append(str(failure))
        os.chdir("/")
    return verdict("hosts", "; ".join(seen) or "three hosts", faults)


if __name__ == "__main__":
    sys.exit(main())
