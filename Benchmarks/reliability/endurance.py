#!/usr/bin/env python3
"""Trains for a long time on more ranks than cores, and checks that memory and open files do not grow.

  Benchmarks/reliability/endurance.py [--minutes 30] [--ranks 8] [--set KEY=VALUE …]

Each rank's resident memory and open files are sampled about a hundred times. The run saves a checkpoint and validates
every 50 steps, and logs every step. The second half of the time counts, when all one-time allocations are done: the
least-squares line through a rank's memory may rise by at most 2 MiB, and the line through the sum by at most 4 MiB. The
median of a rank's open files (a save briefly opens some) must not be higher in the second half than in the first.
"""

import argparse
import os
import signal
import statistics
import sys
import time
from pathlib import Path

from smallrun import SmallRun, Workshop, end, ranks, verdict, wait

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")


def sample(processes):
    """Resident bytes and number of open files of each process."""
    return [(int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE, len(os.listdir(f"/proc/{process}/fd")))
            for process in processes]


def rise(values):
    """The rise of the least-squares line from the first to the last value."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    slope = sum((n - middle) * (value - mean) for n, value in enumerate(values)) / sum(
        (n - middle) ** 2 for n in range(count))
    return slope * (count - 1)


def judge(samples):
    """The failures, and a table of memory and open files for each rank and their sum."""
    faults = []
    lines = ["| rank | memory at half-time | rise in the second half | at the end | open files, both halves |",
             "|---|---|---|---|---|"]
    half = len(samples) // 2
    columns = [[row[rank] for row in samples] for rank in range(len(samples[0]))]
    for rank, column in enumerate(columns):
        memory, files = [entry[0] for entry in column], [entry[1] for entry in column]
        risen, before, after = rise(memory[half:]), statistics.median(files[:half]), statistics.median(files[half:])
        lines.append(f"| {rank} | {memory[half] / MIB:.1f} MiB | {risen / MIB:+.2f} MiB | {memory[-1] / MIB:.1f} MiB | "
                     f"{before:g}, {after:g} |")
        if risen > 2 * MIB:
            faults.append(f"rank {rank}'s memory rose by {risen / MIB:.1f} MiB in the second half")
        if after > before:
            faults.append(f"rank {rank} had {after:g} open files in the second half, {before:g} in the first")
    sums = [sum(entry[0] for entry in row) for row in samples]
    risen = rise(sums[half:])
    lines.append(f"| all | {sums[half] / MIB:.1f} MiB | {risen / MIB:+.2f} MiB | {sums[-1] / MIB:.1f} MiB | |")
    if risen > 4 * MIB:
        faults.append(f"the sum of the ranks' memory rose by {risen / MIB:.1f} MiB in the second half")
    return faults, "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    faults, samples = [], []
    with Workshop() as folder:
        run = SmallRun(folder, ["training.steps=1000000000", *arguments.set])
        job = run.start(run.local(arguments.ranks))
        try:
            if not wait(lambda: run.step() >= 60 or job.poll() is not None, 120) or job.poll() is not None:
                return verdict("endurance", f"{arguments.ranks} ranks", [f"no start: {run.printed()[-1000:]}"])
            processes, began = ranks(job.pid), time.monotonic()
            while time.monotonic() - began < arguments.minutes * 60:
                try:
                    samples.append(sample(processes))
                except OSError:
                    faults.append(f"a rank ended: {run.printed()[-1000:]}")
                    break
                time.sleep(max(0.2, arguments.minutes * 60 / 120))
            os.kill(job.pid, signal.SIGTERM)
            if not wait(lambda: job.poll() is not None, 60) or job.returncode != 75:
                faults.append(f"after SIGTERM, the run ended with {job.poll()}")
        finally:
            end(job)
        steps, saves = run.step(), len(run.records("checkpoint"))
    if len(samples) >= 8:
        found, table = judge(samples)
        faults += found
        print(table)
    return verdict(
        "endurance", f"{arguments.minutes:g} minutes, {arguments.ranks} ranks, {steps} steps, {saves} checkpoints, "
        f"{len(samples)} samples", faults)


if __name__ == "__main__":
    sys.exit(main())
