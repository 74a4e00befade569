"""Compares `phd corpus build` with the tokenizers library's encode_batch on the same documents; see encoding.sh.

The text is split at line ends into documents of 4 KiB or more, one per line of a .jsonl file. The time of phd covers
the whole command: start, reading, writing the corpus. The library's time covers only encode_batch. The two run
alternately, in separate processes on the same processors. Their ids are compared.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

THEIRS = """
import json, sys, time
import numpy
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
texts = [json.loads(line)["text"] for line in open(sys.argv[2], encoding="utf-8")]
start = time.perf_counter()
encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
print(time.perf_counter() - start)
end = int(sys.argv[4])
numpy.save(sys.argv[3], numpy.concatenate([numpy.array(e.ids + [end], dtype=numpy.uint32) for e in encodings]))
"""


def documents(path):
    """The text in pieces of 4 KiB or more, split at line ends."""
    piece = ""
    with open(path, encoding="utf-8", newline="") as file:
        for line in file:
            piece += line
            if len(piece) >= 4096:
                yield piece
                piece = ""
    if piece:
        yield piece


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("tokenizers", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    phd = os.environ.get("PHD") or str(pathlib.Path(__file__).resolve().parents[2] / ".build/release/phd")
    processors = set(sorted(os.sched_getaffinity(0))[: options.threads])
    environment = dict(os.environ, RAYON_NUM_THREADS=str(options.threads))
    environment["TOKENIZERS_PARALLELISM"] = "true" if options.threads > 1 else "false"

    def run(command):
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, processors)).stdout

    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "text.jsonl")
        with open(lines, "w", encoding="utf-8") as file:
            for document in documents(options.text):
                file.write(json.dumps({"text": document}, ensure_ascii=False) + "\n")
        megabytes = os.path.getsize(options.text) / 1e6
        print(f"{megabytes:.1f} MB of text, {options.threads} thread(s), MB/s: median (minimum–maximum)")
        for tokenizer in options.tokenizers:
            corpus, ids = os.path.join(folder, "corpus.h5"), os.path.join(folder, "ids.npy")
            times = {"ours": [], "theirs": []}

            def ours():
                start = time.perf_counter()
                run([phd, "corpus", "build", lines, "--output", corpus, "--tokenizer", tokenizer,
                     "--threads", str(options.threads)])
                times["ours"].append(time.perf_counter() - start)

            def theirs():
                with h5py.File(corpus) as file:
                    end = str(int(file.attrs["eos_token_id"]))
                times["theirs"].append(float(run([sys.executable, "-c", THEIRS, tokenizer, lines, ids, end])))

            ours()  # Not counted; makes the corpus, whose attribute eos_token_id the other side reads.
            times["ours"].clear()
            for round_ in range(options.rounds):
                for side in (ours, theirs) if round_ % 2 == 0 else (theirs, ours):
                    side()
            with h5py.File(corpus) as file:
                same = numpy.array_equal(file["tokens"][:].astype(numpy.uint32), numpy.load(ids))
            ratios = [b / a for a, b in zip(times["ours"], times["theirs"])]

            def spread(values, digits):
                return (f"{statistics.median(values):.{digits}f} "
                        f"({min(values):.{digits}f}–{max(values):.{digits}f})")

            print(f"{tokenizer}: phd {spread([megabytes / t for t in times['ours']], 1)}, encode_batch "
                  f"{spread([megabytes / t for t in times['theirs']], 1)}, ratio {spread(ratios, 2)}, "
                  f"ids {'equal' if same else 'DIFFER'}")
            if not same:
                sys.exit(1)


if __name__ == "__main__":
    main()
