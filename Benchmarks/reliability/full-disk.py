#!/usr/bin/env python3
"""Fills the disk at many points of a save, and checks the remaining files and the rest of the run.

  Benchmarks/reliability/full-disk.py [--points 20]

The run's folder is a small file system in memory, in a private mount namespace. After the run's first checkpoint, a
filler file leaves only a fraction of a checkpoint's size free, from none to nearly enough, so the next save fails. The
run must warn and continue, and the first checkpoint must stay intact. When the filler is removed, the run must save
again, and end with the bits of a run that always had room. The tests alternate between one and two ranks, replicated
and sharded moments, and foreground and background checkpoints.
"""

import argparse
import json
import os
import subprocess
import sys

from smallrun import PROGRAMS, SmallRun, Workshop, end, unavailable, verdict, wait

FIRST, LAST = 40, 500


def settings(sharded, background):
    return [f"training.steps={LAST}", "checkpoint.every_steps=20", "checkpoint.keep=100", "validation.every_steps=40",
            f"optimizer.sharded={json.dumps(sharded)}", f"checkpoint.background={json.dumps(background)}"]


def fill(folder, left):
    """Fills the disk up to `left` free bytes."""
    space = os.statvfs(folder)
    with open(folder / "filler", "wb") as filler:
        filler.write(bytes(max(0, space.f_bavail * space.f_bsize - left)))


def one_point(folder, straight, share, ranks, kind):
    """The failures of one run with room for the fraction `share` of its next checkpoint; the number of failed saves."""
    run = SmallRun(folder, settings(*kind))
    disk = run.folder / "runs"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32M", "tmpfs", disk], check=True)
    try:
        status, error = run.finish(run.local(ranks, "--stop-after", FIRST))
        if status != 0:
            return [f"the run did not start: {status}: {error}"], 0
        checkpoint = run.checkpoints()[FIRST]
        # Plus room for the log up to the next save.
        fill(disk, int(share * checkpoint.stat().st_size) + run.log.stat().st_size // 2)
        job = run.start(run.local(ranks))
        try:
            if not wait(lambda: "The run goes on" in run.printed() or job.poll() is not None, 60):
                return ["the run did not report the full disk"], 0
            (disk / "filler").unlink()
            status = job.wait(300)
        finally:
            end(job)
        faults = []
        if status != 0:
            faults.append(f"the run ended with {status}: {run.printed()[-500:]}")
        status, error = run.finish([PROGRAMS / "phd", "checkpoint", "verify", checkpoint])
        if status != 0:
            faults.append(f"the first checkpoint is damaged: {error}")
        if any(disk.rglob("*.partial")):
            faults.append("an unfinished file is left")
        return faults + run.differences(straight), run.printed().count("cannot be written")
    finally:
        subprocess.run(["umount", disk], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20)
    points = parser.parse_args().points
    if "PHD_OWN_MOUNTS" not in os.environ:
        # A mount namespace that ends with this program; without root privileges, in a user namespace.
        own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if subprocess.run([*own, "true"], capture_output=True).returncode != 0:
            unavailable("full-disk", "this user may not create a mount namespace (unshare --mount)")
        os.environ["PHD_OWN_MOUNTS"] = "yes"
        os.execvp(own[0], [*own, sys.executable, *sys.argv])
    faults, failed = [], 0
    with Workshop() as folder:
        kinds = [(sharded, background) for sharded in (False, True) for background in (False, True)]
        straight = {kind: SmallRun(folder / f"straight-{number}", settings(*kind)) for number, kind in enumerate(kinds)}
        for run in straight.values():
            status, error = run.finish(run.local(1))
            if status != 0:
                return verdict("full-disk", "the undisturbed run", [f"it ended with {status}: {error}"])
        for point in range(points):
            share, ranks, kind = point / points, 1 + point % 2, kinds[point // 2 % 4]
            found, saves = one_point(folder / f"point-{point}", straight[kind], share, ranks, kind)
            failed += saves
            faults += [f"room for {share:.0%}, {ranks} ranks, sharded, background {kind}: {fault}" for fault in found]
    return verdict("full-disk", f"{points} points of a save, {failed} failed writes", faults)


if __name__ == "__main__":
    sys.exit(main())
