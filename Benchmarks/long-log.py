#!/usr/bin/env python3
"""Writes a synthetic loss log, for measuring the time and memory of `phd log` on long logs.

    Benchmarks/long-log.py 1000000 .build/long/log.jsonl
    /usr/bin/time -v phd log show .build/long
"""

import argparse
import json
import math
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", type=int, help="number of records")
    parser.add_argument("path", type=Path)
    arguments = parser.parse_args()
    arguments.path.parent.mkdir(parents=True, exist_ok=True)
    state = 1
    with arguments.path.open("w") as log:
        start = {"event": "run", "resumed_from_step": 0, "ranks": 1, "threads": 1, "time": "2026-01-01T00:00:00Z"}
        log.write(json.dumps(start) + "\n")
        for step in range(1, arguments.steps + 1):
            state = (6364136223846793005 * state + 1442695040888963407) % 2**64
            noise = (state >> 11) / 2**53 - 0.5
            log.write(json.dumps({
                "event": "step", "step": step,
                "loss": 2 + 4 / math.sqrt(1 + step / 100) + 0.2 * noise, "z_loss": 0.0005 * (1 + noise),
                "gradient_norm": 0.5 + 0.1 * noise, "learning_rate": 3e-4, "tokens": 4096 * step, "epoch": 0,
                "seconds": 0.25 + 0.01 * noise, "tokens_per_second": 4096 / (0.25 + 0.01 * noise)}) + "\n")


if __name__ == "__main__":
    main()
