#!/usr/bin/env python3
"""Kills a run repeatedly under launch/keep-running.sh, and compares it with an undisturbed run.

  Benchmarks/reliability/kills.py [--kills 100] [--seed 1] [--set KEY=VALUE …]

Each start has 1, 2 or 4 ranks, chosen at random. SIGKILL goes to one rank, to all ranks, or to the whole job with
mpirun and its scripts. In the last case keep-running.sh is started again, as after the loss of a machine. Half of the
kills happen at a random moment, half while a checkpoint is written. The log's records and the last checkpoint's bytes
must be those of the undisturbed run, and no start may find an invalid checkpoint.
"""

import argparse
import os
import random
import signal
import sys
import time

from smallrun import LAUNCH, SmallRun, Workshop, descendants, end, ranks, verdict, wait

STEPS_PER_KILL = 60


def kill(processes):
    """Suspends all processes before it kills them, so none reacts to the death of another."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass


class Campaign:
    def __init__(self, run, draw):
        self.run, self.draw = run, draw
        self.counts = {"one rank": 0, "all ranks": 0, "the whole job": 0, "during a save": 0}
        self.job = None

    def start(self):
        """Starts keep-running.sh, with a command that reads the number of ranks from a file."""
        command = ["bash", "-c", f'exec "$0" "$(cat ranks)" "$@"', LAUNCH / "local.sh", *self.run.arguments]
        # Ranks of a killed job may hold the run's lock for a second. The start waits for it, so no delay is needed.
        self.job = self.run.start(
            [LAUNCH / "keep-running.sh", "--run", self.run.run, "--tries", 20, "--delay", 0, "--longest-delay", 1,
             *command])

    def is_saving(self):
        return any(self.run.run.glob("*.partial"))

    def strike(self, target_step, during_save):
        """Waits for the moment and kills; False if the run ended before."""
        def ended():
            return self.job.poll() is not None
        if not wait(lambda: self.run.step() >= target_step or ended(), 120) or ended():
            return False
        if during_save:
            limit = time.monotonic() + 20
            while not self.is_saving():
                if ended() or time.monotonic() > limit:
                    return False
            # A random moment of the save, which takes some milliseconds.
            time.sleep(self.draw.random() * 0.004)
            during_save = self.is_saving()
        found = ranks(self.job.pid)
        if not found:
            return False
        how = self.draw.choice(("one rank", "all ranks", "the whole job"))
        if how == "one rank":
            kill([self.draw.choice(found)])
        elif how == "all ranks":
            kill(found)
        else:
            kill([self.job.pid, *descendants(self.job.pid)])
            self.job.wait()
        self.counts[how] += 1
        self.counts["during a save"] += during_save
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for both runs")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    settings = [
        f"training.steps={STEPS_PER_KILL * (arguments.kills + 2)}", "checkpoint.every_steps=10",
        "validation.every_steps=40", *arguments.set]
    started, faults = time.monotonic(), []
    with Workshop() as folder:
        straight = SmallRun(folder / "straight", settings)
        status, error = straight.finish(straight.local(1), timeout=3600)
        if status != 0:
            return verdict("kills", "the undisturbed run", [f"it ended with {status}: {error}"])
        run = SmallRun(folder / "killed", settings)
        campaign = Campaign(run, draw)
        try:
            done = 0
            while done < arguments.kills:
                # Replaced atomically: a restart may be reading it now.
                (run.folder / "drawn").write_text(str(draw.choice((1, 2, 4))))
                (run.folder / "drawn").replace(run.folder / "ranks")
                if campaign.job is None or campaign.job.poll() is not None:
                    if campaign.job is not None and campaign.job.returncode >= 0:
                        faults.append(f"keep-running.sh ended with {campaign.job.returncode} after {done} kills")
                        break
                    campaign.start()
                # Beyond the current step, so every start trains; limited, so the run does not end too soon.
                target = run.step() + draw.randrange(1, STEPS_PER_KILL)
                if campaign.strike(min(target, STEPS_PER_KILL * (done + 2)), during_save=done % 2 == 1):
                    done += 1
                    wait(lambda: campaign.job.poll() is not None or not ranks(campaign.job.pid), 30)
                elif campaign.job.poll() is None:
                    faults.append(f"kill {done}: its moment was not reached within 2 minutes")
                    break
            if campaign.job.poll() is not None and campaign.job.returncode < 0:
                campaign.start()
            if not faults and campaign.job.wait(600) != 0:
                faults.append(f"the last start ended with {campaign.job.returncode}")
        finally:
            if campaign.job is not None:
                end(campaign.job)
        faults += run.differences(straight)
        printed = run.printed()
        passed_over = printed.count("passed over") + sum(
            "passed over" in record.get("message", "") for record in run.records("warning"))
        if passed_over:
            faults.append(f"{passed_over} times a start skipped an invalid checkpoint")
        starts = [record["ranks"] for record in run.records("run")]
        if faults:
            print(printed[-1000:])
    counts = ", ".join(f"{count} {what}" for what, count in campaign.counts.items())
    starts_seen = ", ".join(f"{starts.count(n)} on {n}" for n in sorted(set(starts)))
    return verdict(
        "kills", f"{done} kills ({counts}), {len(starts)} starts ({starts_seen} ranks), {passed_over} checkpoints "
        f"skipped, seed {arguments.seed}, {time.monotonic() - started:.0f} s", faults)


if __name__ == "__main__":
    sys.exit(main())
