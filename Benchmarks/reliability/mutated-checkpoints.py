#!/usr/bin/env python3
"""Damages a checkpoint in many ways: each damage must be detected, and runs must resume from the previous checkpoint.

  Benchmarks/reliability/mutated-checkpoints.py [--mutations 500] [--seed 1]

The damages are bit flips, truncations, deletions, insertions, and ranges of zeros or ones. A third are in the seal and
the metadata at the beginning, a third at the end, a third anywhere. `phd checkpoint verify` must reject each with 65.
Then ten damaged files at a time are put into a run's folder as its newest checkpoints. The run must skip all of them,
report that, and resume from the valid checkpoint before them with the bits of an undisturbed run.
"""

import argparse
import random
import shutil
import sys

from mutations import at_once, complaint, damaged, outcome
from smallrun import PROGRAMS, SmallRun, Workshop, verdict

WHOLE, LAST, TOGETHER = 20, 60, 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    faults = []
    with Workshop() as folder:
        settings = [f"training.steps={LAST}", "checkpoint.every_steps=20"]
        straight = SmallRun(folder / "straight", settings)
        status, error = straight.finish([PROGRAMS / "phd-train", *straight.arguments])
        if status != 0:
            return verdict("mutated-checkpoints", "the undisturbed run", [f"it ended with {status}: {error}"])
        begun = SmallRun(folder / "begun", settings)
        begun.finish([PROGRAMS / "phd-train", *begun.arguments, "--stop-after", WHOLE])
        # The run's next checkpoint, which will be damaged.
        newest = SmallRun(folder / "newest", settings)
        newest.finish([PROGRAMS / "phd-train", *newest.arguments, "--stop-after", 2 * WHOLE])
        original = newest.checkpoints()[2 * WHOLE].read_bytes()

        files = []
        while len(files) < arguments.mutations:
            size = len(original)
            first, last = draw.choice(((0, 8192), (size - 8192, size), (0, size)))
            data, what = damaged(original, draw, first, last)
            if data != original:
                file = folder / f"{len(files)}.h5"
                file.write_bytes(data)
                files.append((file, what))

        def verify(item):
            status, error = outcome([PROGRAMS / "phd", "checkpoint", "verify", item[0]], folder)
            return "the damage was not detected" if status == 0 else complaint(status, error, (65,), [item[0].name])
        for (_, what), fault in zip(files, at_once(verify, files)):
            if fault:
                faults.append(f"verify, {what}: {fault}")

        def resume(start):
            run = SmallRun(folder / f"run-{start}", settings)
            shutil.copytree(begun.run, run.run)
            # The names have later steps than the valid checkpoint, so a start tries them first.
            group = files[start:start + TOGETHER]
            for number, (file, _) in enumerate(group):
                shutil.copy(file, run.run / f"step-{2 * WHOLE + number:08d}.h5")
            status, error = run.finish([PROGRAMS / "phd-train", *run.arguments])
            passed = error.count("passed over")
            found = run.differences(straight)
            if status != 0 or passed < len(group):
                found.append(f"status {status}, {passed} of {len(group)} skipped: {error[-500:]}")
            shutil.rmtree(run.folder)
            return found
        starts = range(0, len(files), TOGETHER)
        for start, found in zip(starts, at_once(resume, starts)):
            faults += [f"resume over {start} to {start + TOGETHER - 1}: {fault}" for fault in found]
    return verdict(
        "mutated-checkpoints", f"{len(files)} damaged files verified, {len(starts)} runs that skipped "
        f"{TOGETHER} each, seed {arguments.seed}", faults)


if __name__ == "__main__":
    sys.exit(main())
