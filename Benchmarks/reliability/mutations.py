"""Random damage to files, reproducible from a seed, and a pool for running small programs concurrently."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from smallrun import environment


def damaged(original, draw, first=0, last=None):
    """The bytes with bit flips, a truncation, deletion or insertion, or a range of zeros or ones in [first, last)."""
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
    """A program's exit status (negative if a signal killed it, None if it hung), and its standard error or output."""
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
    """How a program's reaction to a mutated file is wrong; None if it is correct.

    Correct: status 0, or an allowed status and one or two lines that start with the program's name and name the cause.
    """
    lines = error.strip().splitlines()
    if status is None:
        return "the program hung"
    if status < 0 or status >= 128:
        return f"the program crashed with {status}: {error[-300:]}"
    if status == 0:
        return None
    if status not in allowed:
        return f"the program ended with {status}: {error[-300:]}"
    if not 1 <= len(lines) <= 2 or sum(line.startswith(("phd: ", "phd-train: ")) for line in lines) != 1:
        return f"the error does not have one or two lines with one program name: {error[:600]}"
    if not any(name in error for name in names):
        return f"the error names none of {names}: {error[:300]}"
    return None


def at_once(work, items):
    """Runs `work` for each item on all cores; returns the results in order."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(work, items))
