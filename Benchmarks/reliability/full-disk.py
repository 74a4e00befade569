#!/usr/bin/env python3
"""Fills the disk at many points of a save, and looks at what is left, and at how the run goes on.

  Benchmarks/reliability/full-disk.py [--points 20]

The run's folder is a small file system in memory, in a mount namespace of this program's own. When the run has its first
checkpoint, all but a share of a checkpoint's size is taken, from nothing to nearly enough; the next save fails. The run may
warn and go on, or end with 74; the checkpoint that was there must be whole, and when there is room again the run must end
with the bits of one that always had room. One rank and two, with and without sharded moments, in turn.
"""

import argparse
import os
import subprocess
import sys

from smallrun import PROGRAMS, SmallRun, Workshop, end, environment, unavailable, verdict, wait

FIRST, LAST = 40, 160


def settings(sharded):
    return [f"training.steps={LAST}", "checkpoint.every_steps=20", "checkpoint.keep=10", "validation.every_steps=40",
            f"optimizer.sharded={'true' if sharded else 'false'}"]


def fill(folder, left):
    """Takes all room but so many bytes."""
    space = os.statvfs(folder)
    with open(folder / "filler", "wb") as filler:
        filler.write(bytes(max(0, space.f_bavail * space.f_bsize - left)))


def one_point(folder, straight, share, ranks, sharded):
    """The faults of one run whose disk is full when `share` of its second or so checkpoint is written; how it fared."""
    run = SmallRun(folder, settings(sharded))
    disk = run.folder / "runs"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16M", "tmpfs", disk], check=True)
    try:
        status, error = run.finish(run.local(ranks, "--stop-after", FIRST))
        if status != 0:
            return [f"it did not begin: {status}: {error}"], "began badly"
        checkpoint = run.checkpoints()[FIRST]
        size = checkpoint.stat().st_size
        # Room for the log of the steps up to the next save, too.
        fill(disk, int(share * size) + run.log.stat().st_size // 2)
        job = run.start(run.local(ranks))
        try:
            def noticed():
                return job.poll() is not None or any(
                    ".h5" in record.get("message", "") for record in run.records("warning"))
            if not wait(noticed, 60):
                return ["the full disk was not noticed"], "not noticed"
            ended = job.poll()
            verified = subprocess.run(
                [PROGRAMS / "phd", "checkpoint", "verify", checkpoint], env=environment(), capture_output=True)
            (disk / "filler").unlink()
            status = job.wait(120)
        finally:
            end(job)
        faults = []
        if verified.returncode != 0:
            faults.append("the checkpoint that was there is damaged")
        if status not in (0, 74):
            faults.append(f"it ended with {status}: {run.printed()[-500:]}")
        if status != 0:
            status, error = run.finish(run.local(ranks))
            if status != 0:
                faults.append(f"it did not go on: {status}: {error}")
        if any(disk.rglob("*.partial")):
            faults.append("a file that was not finished is left")
        return faults + run.differences(straight), "ended with 74, and went on" if ended is not None else "went on"
    finally:
        subprocess.run(["umount", disk], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20)
    points = parser.parse_args().points
    if "PHD_OWN_MOUNTS" not in os.environ:
        # Mounts that nobody else sees, and that go with this program; without root as one's own root.
        own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if subprocess.run([*own, "true"], capture_output=True).returncode != 0:
            unavailable("full-disk", "no mount namespace of one's own is allowed (unshare --mount)")
        os.environ["PHD_OWN_MOUNTS"] = "yes"
        os.execvp(own[0], [*own, sys.executable, *sys.argv])
    faults, fared = [], {}
    with Workshop() as folder:
        straight = {sharded: SmallRun(folder / f"straight-{sharded}", settings(sharded)) for sharded in (False, True)}
        for run in straight.values():
            status, error = run.finish(run.local(1))
            if status != 0:
                return verdict("full-disk", "the run with room", [f"it ended with {status}: {error}"])
        for point in range(points):
            share, ranks, sharded = point / points, 1 + point % 2, point % 4 > 1
            found, how = one_point(folder / f"point-{point}", straight[sharded], share, ranks, sharded)
            faults += [f"{share:.0%} of a checkpoint, {ranks} ranks, sharded {sharded}: {fault}" for fault in found]
            fared[how] = fared.get(how, 0) + 1
    return verdict("full-disk", f"{points} points of a save, " + ", ".join(f"{n} {how}" for how, n in fared.items()), faults)


if __name__ == "__main__":
    sys.exit(main())
