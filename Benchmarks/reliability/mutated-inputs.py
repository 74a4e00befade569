#!/usr/bin/env python3
"""Mutated configurations and corpora must give an error message that names the cause, or a run; no crash, no hang.

  Benchmarks/reliability/mutated-inputs.py [--mutations 2000] [--seed 1]

Configurations: characters are changed, or values and keys are replaced by unusual ones. `phd-train --dry-run` reads
each configuration. If it is accepted and as small as the original, one step is trained. Corpora: bytes are changed,
half of them in the metadata. `phd corpus verify` reads each corpus, and a run trains two steps on it. The exit status
must be 0, 64, 65 or 66. An error must have one or two lines that name the file, the key or the section.
"""

import argparse
import json
import random
import sys
from collections import Counter

from mutations import at_once, complaint, damaged, outcome
from smallrun import PROGRAMS, SmallRun, Workshop, verdict

VALUES = [0, -1, 1, 2, 3, 1 << 31, 1 << 63, 10 ** 30, 1e308, -1e308, 1e-308, 0.5, True, None, "", "wsd", "vanilla",
          "x", [], [[]], {}, {"a": 1}, "\0", 4096, "corpus.h5", "/", "\u00e9"]
CHARACTERS = list("{}[]\",:0123456789.-+eE \n\\utfnabcx\u00e9\0")


def places(tree, path=()):
    """The paths of all values in a configuration."""
    for key, value in tree.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def mutated_tree(base, draw):
    tree = json.loads(json.dumps(base))
    for _ in range(draw.choice((1, 1, 2))):
        path = draw.choice(list(places(tree)))
        section = tree
        for key in path[:-1]:
            section = section[key]
        kind = draw.random()
        if kind < 0.7:
            section[path[-1]] = draw.choice(VALUES)
        elif kind < 0.85:
            del section[path[-1]]
        else:
            section[path[-1] + draw.choice(("s", "_", "x"))] = section.pop(path[-1])
    return json.dumps(tree)


def mutated_text(text, draw):
    for _ in range(draw.randrange(1, 5)):
        place = draw.randrange(len(text))
        cut = draw.choice((0, 1, 1, draw.randrange(40)))
        text = text[:place] + draw.choice(("", draw.choice(CHARACTERS), text[place:place + 30])) + text[place + cut:]
    return text


def is_small(planned):
    """Whether a configuration's step is not much larger than the original's."""
    return planned["flops_per_step"] < 1e10 and planned["memory_bytes_per_rank"] < 1e9


def configurations(folder, count, draw, names):
    """The failures of mutated configurations, and the number of runs for each exit status."""
    base = json.loads((folder / "config.json").read_text())
    items = []
    for number in range(count):
        text = mutated_tree(base, draw) if draw.random() < 0.6 else mutated_text(json.dumps(base, indent=1), draw)
        place = folder / f"configuration-{number}"
        place.mkdir()
        (place / "config.json").write_text(text)
        # The corpus that the original configuration names.
        (place / "corpus.h5").symlink_to(folder / "corpus.h5")
        items.append(place)

    def check(place):
        program = PROGRAMS / "phd-train"
        status, error = outcome([program, "config.json", "--dry-run"], place)
        fault = complaint(status, error, (64, 65, 66), names)
        if status == 0:
            status, output = outcome([PROGRAMS / "phd", "plan", "config.json", "--json"], place, keep="output")
            if status == 0 and is_small(json.loads(output)):
                status, error = outcome([program, "config.json", "--stop-after", "1"], place, timeout=120)
                # 70: a mutated configuration may cause non-finite numbers. 74: folders with mutated names.
                fault = complaint(status, error, (64, 65, 66, 70, 74), names)
        return status, fault
    return report(items, at_once(check, items), lambda place: (place / "config.json").read_text())


def corpora(folder, count, draw, names):
    """The same for mutated corpora."""
    original = (folder / "corpus.h5").read_bytes()
    size = len(original)
    items = []
    while len(items) < count:
        first, last = draw.choice(((0, 2048), (size - 2048, size), (0, size)))
        data, what = damaged(original, draw, first, last)
        if data != original:
            place = folder / f"corpus-{len(items)}"
            place.mkdir()
            (place / "config.json").write_text((folder / "config.json").read_text())
            (place / "corpus.h5").write_bytes(data)
            items.append((place, what))

    def check(item):
        place, _ = item
        status, error = outcome([PROGRAMS / "phd", "corpus", "verify", "corpus.h5"], place)
        fault = complaint(status, error, (65, 66), names)
        trained, error = outcome([PROGRAMS / "phd-train", "config.json", "--stop-after", "2"], place)
        return trained, fault or complaint(trained, error, (64, 65, 66), names)
    return report(items, at_once(check, items), lambda item: item[1])


def report(items, results, describe):
    faults = [f"{describe(item)}: {fault}" for item, (_, fault) in zip(items, results) if fault]
    statuses = sorted(Counter(status for status, _ in results).items(), key=str)
    return faults, ", ".join(f"{count} with {status}" for status, count in statuses)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=2000, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with Workshop() as folder:
        run = SmallRun(folder, ["training.steps=4"])
        # A small corpus, half of which is metadata.
        (folder / "text").write_bytes(bytes(97 + n * n % 26 for n in range(2000)))
        (folder / "corpus.h5").unlink()
        status, error = run.finish(
            [PROGRAMS / "phd", "corpus", "build", "text", "--output", "corpus.h5", "--tokenizer", "bytes"])
        if status != 0:
            return verdict("mutated-inputs", "building the corpus", [error])
        names = ["config.json", "corpus.h5", "corpora", *(
            key for path in places(json.loads((folder / "config.json").read_text())) for key in path)]
        found, statuses = configurations(folder, arguments.mutations, draw, names)
        print(f"configurations: {statuses}", flush=True)
        more, statuses = corpora(folder, arguments.mutations, draw, names)
        print(f"corpora: {statuses}", flush=True)
    return verdict(
        "mutated-inputs", f"{arguments.mutations} configurations, {arguments.mutations} corpora, seed {arguments.seed}",
        found + more)


if __name__ == "__main__":
    sys.exit(main())
