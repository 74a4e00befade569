#!/usr/bin/env python3
"""Measures training steps of several cases in alternating rounds, and prints a Markdown table of medians.

    Benchmarks/alternate.py ROUNDS CASE [CASE ...]

A case is a configuration of Benchmarks/configs (or a path) and options of `phd benchmark train`. With `-n RANKS` in
front, it runs under mpirun. The table also has ratios to the first case's speed in the same round:

    Benchmarks/alternate.py 5 "step-vanilla --set training.threads=1" "step-vanilla --set training.threads=2" \\
        "-n 2 step-vanilla --set training.threads=1 --set training.micro_batch_size=2"

Use an idle machine. On a shared one, compare ratios and fractions, not tokens per second.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["case", "tokens/s", "ratio to the first", "ratios of the rounds", "GFLOP/s", "product peak, GFLOP/s",
           "fraction of peak", "peak memory", "planned", "state per rank", "sent per step", "waiting for data"]


def command(case, phd):
    """The command line for a case."""
    words = shlex.split(case)
    launcher = []
    if words[:1] == ["-n"]:
        launcher = ["mpirun", "--quiet", "-n", words[1], "--bind-to", "none", "--oversubscribe"]
        launcher += ["--allow-run-as-root"] if os.getuid() == 0 else []
        words = words[2:]
    config = Path(words[0])
    if not config.exists():
        config = ROOT / "Benchmarks/configs" / f"{words[0]}.json"
    steps = [] if "--steps" in words else ["--steps", "2"]
    return [*launcher, phd, "benchmark", "train", config, *words[1:], *steps, "--json"]


def run(line):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    result = subprocess.run(line, stdout=subprocess.PIPE, text=True, env=environment)
    if result.returncode:
        raise SystemExit(result.returncode)
    return json.loads(result.stdout.splitlines()[-1])


def row(case, runs, first):
    def middle(value):
        return median(value(result) for result in runs)

    ratios = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(runs, first)]
    waiting = middle(lambda r: r["seconds_by_part"]["data"] / sum(r["seconds_by_part"].values()))
    speed = middle(lambda r: r["tokens_per_second"])
    return [case, f"{speed:.0f}", f"{speed / median(r['tokens_per_second'] for r in first):.3f}",
            f"{min(ratios):.2f}–{max(ratios):.2f}", f"{middle(lambda r: r['model_gflops']):.0f}",
            f"{middle(lambda r: r['gemm_peak_gflops']):.0f}", f"{100 * middle(lambda r: r['share_of_peak']):.0f} %",
            f"{middle(lambda r: r['peak_memory_bytes']) / 1e9:.2f} GB",
            f"{middle(lambda r: r['planned_memory_bytes']) / 1e9:.2f} GB",
            f"{middle(lambda r: r['state_bytes']) / 1e6:.1f} MB", f"{middle(lambda r: r['bytes_sent_per_step']) / 1e6:.1f} MB",
            f"{100 * waiting:.2f} %"]


def main():
    if len(sys.argv) < 3 or not sys.argv[1].isdigit() or sys.argv[1] == "0":
        raise SystemExit(__doc__)
    rounds, cases = int(sys.argv[1]), sys.argv[2:]
    found = subprocess.run([ROOT / "launch/find-program.sh", "phd"], stdout=subprocess.PIPE, text=True)
    if found.returncode:
        raise SystemExit(found.returncode)
    lines = [command(case, found.stdout.strip()) for case in cases]
    results = [[] for _ in cases]
    for number in range(rounds):
        for case, line, runs in zip(cases, lines, results):
            runs.append(run(line))
            print(f"round {number + 1}, {case}: {runs[-1]['tokens_per_second']:.0f} tokens/s", file=sys.stderr)
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for case, runs in zip(cases, results):
        print("| " + " | ".join(row(f"`{case}`", runs, results[0])) + " |")


if __name__ == "__main__":
    main()
