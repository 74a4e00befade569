#!/usr/bin/env python3
"""Tests launch/slurm.sbatch under a real Slurm, which this script starts on this machine and stops again.

  Benchmarks/reliability/slurm.py [--quick]

A job with a time limit of a minute must receive a signal before the limit, save, exit with 75, be requeued, and resume.
Then one of its ranks is killed, and it must resume in the same allocation. In the end, its log and checkpoint must be
those of a run without Slurm. A second job is cancelled: it must save, and must not be requeued. --quick sends the
signal with scancel instead of waiting for the time limit, and skips the second job.
"""

import argparse
import os
import re
import signal
import sys
import time

from cluster import Cluster, missing
from smallrun import ROOT, Expectation, SmallRun, Workshop, environment, trains, unavailable, verdict, wait


def expect(condition, seconds, what):
    if not wait(condition, seconds, 0.1):
        raise Expectation(f"not reached within {seconds} s: {what}")


class Job:
    """A submitted launch/slurm.sbatch."""

    def __init__(self, cluster, run, limit):
        self.cluster, self.run = cluster, run
        submitted = cluster.run(
            "sbatch", "--nodes=1", "--ntasks-per-node=2", "--cpus-per-task=1", *limit,
            f"--output={run.folder}/slurm-%j.log", "launch/slurm.sbatch", run.folder / "config.json",
            *run.arguments[1:], directory=ROOT, **environment())
        self.number = int(re.search(r"\d+", submitted)[0])
        self.output = run.folder / f"slurm-{self.number}.log"

    def field(self, name):
        return self.cluster.job(self.number)[name]

    def starts(self):
        return [record["resumed_from_step"] for record in self.run.records("run")]

    def printed(self):
        return self.output.read_text(errors="replace") if self.output.exists() else ""


def interrupted(cluster, folder, quick):
    """Compares a run that Slurm interrupts with an undisturbed run; returns a summary."""
    # As many steps as this machine trains in 90 s, so the time limit is reached.
    steps = 600
    if not quick:
        probe = SmallRun(folder / "probe", ["training.steps=500", "validation.every_steps=1000"])
        began = time.monotonic()
        probe.finish(probe.local(2))
        steps = int(500 * 90 / (time.monotonic() - began))
    settings = [f"training.steps={steps}"]
    run = SmallRun(folder / "run", settings, absolute=True)
    status, error = run.finish(run.local(2), timeout=1200)
    if status != 0:
        raise Expectation(f"the run without Slurm ended with {status}: {error}")
    straight = SmallRun(folder / "straight")
    run.run.rename(folder / "moved")
    straight.run.parent.mkdir()
    (folder / "moved").rename(straight.run)

    began = time.monotonic()
    job = Job(cluster, run, ["--time=10"] if quick else ["--time=1", "--signal=USR2@20"])
    expect(lambda: run.step() >= 100, 60, f"step 100 ({job.field('JobState')}): {job.printed()[-1000:]}")
    if quick:
        cluster.run("scancel", "--signal=USR2", job.number)
    expect(lambda: run.records("end"), 30 if quick else 90, "the signal to stop")
    stopped = time.monotonic() - began
    end = run.records("end")[0]
    if end["reason"] != "signal" or list(run.checkpoints())[-1:] != [end["step"]]:
        raise Expectation(f"after the signal: {end}, checkpoints {list(run.checkpoints())}")
    expect(lambda: int(job.field("Restarts")) >= 1, 20, f"the job is requeued: {job.printed()[-1000:]}")
    expect(lambda: len(job.starts()) >= 2 and run.step() >= end["step"] + 50, 60, "the job resumes")
    if job.starts()[1] != end["step"]:
        raise Expectation(f"the job resumed at step {job.starts()[1]}, but had saved step {end['step']}")

    trainers = [process for process in cluster.tasks(job.number) if trains(process)]
    if len(trainers) != 2:
        raise Expectation(f"expected the processes of two ranks from Slurm, got {trainers}")
    os.kill(trainers[1], signal.SIGKILL)
    expect(lambda: len(job.starts()) >= 3, 60, f"the job restarts after a rank was killed: {job.printed()[-1000:]}")
    expect(lambda: job.field("JobState") == "COMPLETED", 600, f"the job completes: {job.printed()[-1000:]}")
    faults = run.differences(straight)
    if faults:
        raise Expectation("; ".join(faults))
    return (f"{steps} steps; saved at step {end['step']}, {stopped:.0f} s after submission; requeued; a rank killed; "
            f"{len(job.starts())} starts; the same bits")


def cancelled(cluster, folder):
    endless = ["training.steps=100000000", "checkpoint.every_steps=100000000"]
    run = SmallRun(folder / "cancelled", endless, absolute=True)
    job = Job(cluster, run, ["--time=10"])
    expect(lambda: run.step() >= 100, 60, "step 100")
    cluster.run("scancel", job.number)
    expect(lambda: run.records("end"), 30, "the cancelled run ends")
    # Longer than a requeued job would wait.
    time.sleep(10)
    if job.field("JobState") != "CANCELLED" or len(run.checkpoints()) != 1:
        raise Expectation(f"after scancel: {job.field('JobState')}, checkpoints {list(run.checkpoints())}")
    return "scancel saved and ended the job"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true", help="only check whether it can run here: status 0 or 69")
    arguments = parser.parse_args()
    if missing():
        unavailable("slurm", f"not installed: {', '.join(missing())}; run launch/setup.sh slurm-wlm munge")
    if arguments.check:
        return 0
    seen, faults = [], []
    with Workshop() as folder:
        (folder / "cluster").mkdir(mode=0o755)
        try:
            with Cluster(folder / "cluster") as cluster:
                seen.append(interrupted(cluster, folder, arguments.quick))
                if not arguments.quick:
                    seen.append(cancelled(cluster, folder))
        except (Expectation, RuntimeError) as failure:
            faults.append(str(failure))
            for log in sorted((folder / "cluster").glob("*.log")):
                print(f"{log.name}: {log.read_text(errors='replace')[-1500:]}")
    return verdict("slurm", "; ".join(seen) or "a job", faults)


if __name__ == "__main__":
    sys.exit(main())
