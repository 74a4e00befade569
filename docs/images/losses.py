#!/usr/bin/env python3
"""Draws the losses of runs. Run: python3 docs/images/losses.py RUN_FOLDER... > docs/images/losses.svg"""

import json
import pathlib
import sys

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 380, 58, 24, 150, 46
COLOURS = ["#2166ac", "#d6604d", "#4d9221", "#762a83"]


def read(folder):
    steps, losses = [], []
    for line in (pathlib.Path(folder) / "log.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["event"] == "step":
            steps.append(record["step"])
            losses.append(record["loss"])
    return steps, losses


def smooth(values, reach=5):
    """The mean over `reach` steps to either side."""
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def main(folders):
    runs = [(pathlib.Path(folder).name, *read(folder)) for folder in folders]
    last = max(steps[-1] for _, steps, _ in runs)
    low = min(min(losses) for _, _, losses in runs) * 0.97
    # The first tenth falls too steeply to share an axis with the rest: it is cut off above.
    high = max(losses[len(losses) // 10] for _, _, losses in runs) * 1.05
    x = lambda step: LEFT + (WIDTH - LEFT - RIGHT) * step / last
    y = lambda loss: TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low)
    path = lambda steps, values: " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(steps, values))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text{font-family:Helvetica,Arial,sans-serif;font-size:12px;fill:#37474f}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    clip = f'x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"'
    out.append(f'<clipPath id="plot"><rect {clip}/></clipPath>')
    loss = int(low * 5) / 5 + 0.2
    while loss < high:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(loss):.1f}" y2="{y(loss):.1f}" stroke="#e0e0e0"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.1f}</text>')
        loss += 0.2
    for tick in range(0, last + 1, max(1, last // 6)):
        out.append(f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(f'<text x="{x(last / 2):.1f}" y="{HEIGHT - 8}" text-anchor="middle">step</text>')
    out.append(f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">loss, nats a byte</text>')
    labels = []
    for (name, steps, losses), colour in zip(runs, COLOURS):
        smoothed = smooth(losses)
        out.append(f'<polyline points="{path(steps, losses)}" fill="none" clip-path="url(#plot)" stroke="{colour}" stroke-opacity="0.25"/>')
        out.append(f'<polyline points="{path(steps, smoothed)}" fill="none" clip-path="url(#plot)" stroke="{colour}" stroke-width="2"/>')
        labels.append((y(smoothed[-1]), name, smoothed[-1], colour))
    at = 0.0
    for place, name, value, colour in sorted(labels):
        at = max(place + 4, at + 16)
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{at:.1f}" style="fill:{colour}">{name} {value:.3f}</text>')
    print("\n".join(out + ["</svg>"]))


main(sys.argv[1:])
