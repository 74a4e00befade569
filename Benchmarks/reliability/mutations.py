"""What may happen to a file, drawn from a seed; and running many small programs at once."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from smallrun import environment


def damaged(original, draw, first=0, last=None):
    """The bytes with a flip, a cut, a gap, an insertion, or a stretch of zeros or ones in [first, last)."""
    data = bytearray(original)
    last = len(data) if last is None else min(last, len(data))
    place = draw.randrange(first, last)
    kind = draw.choice(("flip", "flip", "flips", "cut", "gap", "insertion", "zeros", "ones"))
    length = draw.choice((1, 2, 4, 8, 64, 512))
    if kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else 4):
            data[place] ^= 1 << draw.randrange(8)
            place = draw.randrange(first, last)
    elif kind == "cut":
        del data[place:]
    elif kind == "gap":
        del data[place:place + length]
    elif kind == "insertion":
        data[place:place] = draw.randbytes(length)
    else:
        value = 0 if kind == "zeros" else 255
        data[place:place + length] = bytes([value]) * len(data[place:place + length])
    return bytes(data), f"{kind} at {place} of {len(original)}"


def outcome(command, folder, timeout=60, keep="error"):
    """The status of a program (negative where a signal killed it, None where it hung); its standard error or output."""
    process = subprocess.Popen(
        [str(word) for word in command], cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)
    try:
        output, error = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None, ""
    return process.returncode, output if keep == "output" else error


def complaint(status, error, allowed, names):
    """What is wrong with how a program took a mutated file; None where it did as it should.

    Allowed: 0, or one of the statuses with one or two lines that start with the program's name and name the fault.
    """
    lines = error.strip().splitlines()
    if status is None:
        return "it hung"
    if status < 0 or status >= 128:
        return f"it crashed with {status}: {error[-300:]}"
    if status == 0:
        return None
    if status not in allowed:
        return f"it ended with {status}: {error[-300:]}"
    if not 1 <= len(lines) <= 2 or sum(line.startswith(("phd: ", "phd-train: ")) for line in lines) != 1:
        return f"it said: {error[:600]}"
    if not any(name in error for name in names):
        return f"its message names none of {names}: {error[:300]}"
    return None


def at_once(work, items):
    """The results of `work` for each item, in order, on all cores."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(work, items))
