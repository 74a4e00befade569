#!/usr/bin/env python3
"""Draws patterns.svg: which copies see what. Run: python3 docs/images/patterns.py > docs/images/patterns.svg"""

T, CELL, GAP = 8, 13, 5
PANELS = [
    ("PHD (K = 2)", 1, None, "hidden copies see the originals"),
    ("PHD-SWA (W = 3)", 3, None, "and each other, W positions back"),
    ("PHD-CSWA (W = 3, C = 4)", 3, 4, "but not across a chunk of C"),
]
COLOURS = {"original": "#2166ac", "shared": "#67a9cf", "hidden": "#ef8a62"}


def visible(n, j, m, i, window, chunk):
    """The rule of the paper for query (n, j) and key (m, i); copies count from 1."""
    if i == 1:
        return m <= n
    if j < 2:
        return False
    if m == n:
        return i <= j
    return 0 < n - m < window and (chunk is None or m // chunk == n // chunk)


def panel(x, y, title, window, chunk, caption):
    def place(copy, position):
        return (copy - 1) * (T * CELL + GAP) + position * CELL

    side = 2 * T * CELL + GAP
    out = [f'<g transform="translate({x} {y})">']
    out.append(f'<text x="0" y="-44" class="title">{title}</text>')
    out.append(f'<text x="0" y="-27" class="caption">{caption}</text>')
    for copy, name in ((1, "originals"), (2, "hidden copies")):
        middle = place(copy, 0) + T * CELL / 2
        out.append(f'<text x="{middle}" y="-7" class="axis">{name}</text>')
        if x < 60:
            out.append(f'<text transform="translate(-9 {middle}) rotate(-90)" class="axis">{name}</text>')
    for j in (1, 2):
        for n in range(T):
            for i in (1, 2):
                for m in range(T):
                    seen = visible(n, j, m, i, window, chunk)
                    kind = "hidden" if i == 2 else "original" if j == 1 else "shared"
                    colour = COLOURS[kind] if seen else "#eceff1"
                    out.append(
                        f'<rect x="{place(i, m)}" y="{place(j, n)}" width="{CELL - 1}" height="{CELL - 1}" '
                        f'rx="2" fill="{colour}"/>'
                    )
    out.append("</g>")
    return "\n".join(out), side


def main():
    parts, x = [], 46
    for title, window, chunk, caption in PANELS:
        body, side = panel(x, 66, title, window, chunk, caption)
        parts.append(body)
        x += side + 44
    width, height = x - 18, 66 + side + 52
    legend, at = [], 46
    for key, text in (
        ("original", "originals: a vanilla transformer"),
        ("shared", "hidden copies read the same cache"),
        ("hidden", "hidden copies within the window"),
    ):
        legend.append(f'<rect x="{at}" y="{height - 30}" width="12" height="12" rx="2" fill="{COLOURS[key]}"/>')
        legend.append(f'<text x="{at + 18}" y="{height - 20}" class="caption">{text}</text>')
        at += 262
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        "<style>text{font-family:Helvetica,Arial,sans-serif;fill:#263238}.title{font-size:15px;font-weight:bold}"
        ".caption{font-size:12px}.axis{font-size:11px;text-anchor:middle;fill:#546e7a}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts + legend) + "\n</svg>"
    )


main()
