#!/usr/bin/env python3
"""Measures training steps of phd and PyTorch alternately, and prints a Markdown table. Started by compare.sh."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

PEERS = Path(__file__).resolve().parent
ROOT = PEERS.parents[1]
COLUMNS = ["configuration", "phd, tokens/s", "PyTorch, tokens/s", "ratio of medians", "ratios of the rounds",
           "phd, peak memory", "PyTorch, peak memory", "ratio"]


def parse(words):
    words, overrides = (words[:words.index("--")], words[words.index("--") + 1:]) if "--" in words else (words, [])
    if overrides[::2] != ["--set"] * len(overrides[1::2]) or len(overrides) % 2:
        raise SystemExit("only --set KEY=VALUE pairs may follow --")
    parser = argparse.ArgumentParser(usage="compare.sh [--compile] [ROUNDS] [CONFIG ...] [-- --set KEY=VALUE ...]")
    parser.add_argument("--compile", action="store_true", help="use torch.compile; needs a C++ compiler")
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("configs", type=Path, nargs="*",
                        default=sorted((ROOT / "Benchmarks/configs").glob("step-*.json")))
    arguments = parser.parse_args(words)
    if arguments.rounds < 1:
        parser.error("ROUNDS must be at least 1")
    return arguments, overrides


def threads(config, overrides):
    """A configuration's `training.threads` with the overrides applied."""
    try:
        count = json.loads(config.read_text()).get("training", {}).get("threads") or 1
    except (OSError, json.JSONDecodeError) as error:
        raise SystemExit(f"{config}: {error}")
    for override in overrides[1::2]:
        key, _, value = override.partition("=")
        count = int(value) if key == "training.threads" else count
    return count


def measured(command, cpus):
    """Runs a program on the given CPUs only; its last line of output is JSON."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                            preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if result.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: status {result.returncode}")
    return json.loads(result.stdout.splitlines()[-1])


def row(name, ours, theirs):
    speeds, memory = ([[run[key] for run in runs] for runs in (ours, theirs)]
                      for key in ("tokens_per_second", "peak_memory_bytes"))
    ratios = [a / b for a, b in zip(*speeds)]
    (a, b), (m, n) = (map(median, pair) for pair in (speeds, memory))
    return [name, f"{a:.0f}", f"{b:.0f}", f"{a / b:.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}",
            f"{m / 1e9:.2f} GB", f"{n / 1e9:.2f} GB", f"{m / n:.2f}"]


def main():
    arguments, overrides = parse(sys.argv[1:])
    configs = arguments.configs
    try:
        phd = subprocess.run([ROOT / "launch/find-program.sh", "phd"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.strip()
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode)
    allowed = sorted(os.sched_getaffinity(0))
    runs = {config: ([], []) for config in configs}
    for config in configs:
        if threads(config, overrides) > len(allowed):
            raise SystemExit(f"{config}: {threads(config, overrides)} threads, but {len(allowed)} CPUs are allowed")
    for number in range(arguments.rounds):
        for config, results in runs.items():
            cpus = allowed[:threads(config, overrides)]
            sides = [[phd, "benchmark", "train", config, "--steps", "2", "--json", *overrides],
                     [sys.executable, PEERS / "train.py", config, "--steps", "2", *overrides,
                      *["--compile"] * arguments.compile]]
            # The order alternates between rounds, so a change of the machine's speed favours neither side.
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                results[side].append(measured(sides[side], cpus))
                speed = results[side][-1]["tokens_per_second"]
                print(f"round {number + 1}, {config.stem}, {('phd', 'PyTorch')[side]}: {speed:.0f} tokens/s",
                      file=sys.stderr)
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for config, results in runs.items():
        print("| " + " | ".join(row(config.stem, *results)) + " |")


if __name__ == "__main__":
    main()
