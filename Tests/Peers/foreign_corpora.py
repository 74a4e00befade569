"""Writes token files as other trainers do, and checks phd's corpora and exports of them with h5py and NumPy.

    foreign_corpora.py write FOLDER     writes every file
    foreign_corpora.py check FOLDER     compares every NAME.h5, and its exported files, with the case NAME

NumPy writes its own files. The writers for llm.c and Megatron follow llm.c's dev/data/data_common.py and Megatron-LM's
megatron/core/datasets/indexed_dataset.py.
"""

import json
import struct
import sys
from pathlib import Path

import h5py
import numpy as np


def documents(seed, vocabulary, count, end, longest=2000):
    """Random documents that end with the token `end`, which occurs nowhere else."""
    random = np.random.default_rng(seed)
    found = [random.integers(0, vocabulary, random.integers(0, longest)) for _ in range(count)]
    return [np.append(np.where(one == end, 0, one), end) for one in found]


def starts(lists):
    return np.concatenate([[0], np.cumsum([len(one) for one in lists])])[:-1].astype(np.uint64)


class Case:
    """The expected contents of a corpus: tokens, their type, document starts, attributes."""

    def __init__(self, tokens, dtype, starts=(0,), **attributes):
        self.tokens, self.dtype, self.attributes = np.asarray(tokens), np.dtype(dtype), attributes
        self.starts = np.asarray(starts, dtype=np.uint64)


def llmc_shard(path, tokens, magic, version, dtype):
    header = np.zeros(256, dtype=np.int32)
    header[:3] = magic, version, len(tokens)
    with open(path, "wb") as file:
        file.write(header.tobytes())
        file.write(np.asarray(tokens, dtype=dtype).tobytes())


MEGATRON_CODES = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint16": 8}


def megatron_pair(prefix, sequences, boundaries, dtype, order=None, modes=False):
    """`order`: the order of the sequences in the .bin; by default that of the index."""
    sequences = [np.asarray(one, dtype=dtype) for one in sequences]
    pointers = np.zeros(len(sequences), dtype=np.int64)
    with open(f"{prefix}.bin", "wb") as file:
        for index in order if order is not None else range(len(sequences)):
            pointers[index] = file.tell()
            file.write(sequences[index].tobytes(order="C"))
    with open(f"{prefix}.idx", "wb") as file:
        file.write(b"MMIDIDX\x00\x00")
        file.write(struct.pack("<Q", 1))
        file.write(struct.pack("<B", MEGATRON_CODES[dtype]))
        file.write(struct.pack("<Q", len(sequences)))
        file.write(struct.pack("<Q", len(boundaries)))
        file.write(np.array([len(one) for one in sequences], dtype=np.int32).tobytes(order="C"))
        file.write(pointers.tobytes(order="C"))
        file.write(np.array(boundaries, dtype=np.int64).tobytes(order="C"))
        if modes:
            file.write(np.zeros(len(sequences), dtype=np.int8).tobytes(order="C"))


def cases(folder, write):
    """All cases by name; with `write`, also writes their files."""
    found = {}

    # numpy.save: every type, both byte orders.
    random = np.random.default_rng(1)
    for kind, stored in [("u1", "uint8"), ("i1", "uint8"), ("u2", "uint16"), ("i2", "uint16"),
                         ("u4", "uint32"), ("i4", "uint32"), ("u8", "uint32"), ("i8", "uint32")]:
        for order, name in [("<", "little"), (">", "big")]:
            type_ = np.dtype(order + kind)
            largest = min(int(np.iinfo(type_).max), 2**32 - 1)
            tokens = random.integers(0, largest, 5000, endpoint=True, dtype=np.uint64)
            tokens[:2] = 0, largest
            if write:
                np.save(folder / f"{kind}-{name}.npy", tokens.astype(type_))
            found[f"{kind}-{name}"] = Case(tokens, stored)

    # Format versions, two dimensions, an array of several blocks.
    tokens = np.arange(70000, dtype=np.uint32) * 3
    for version in [(1, 0), (2, 0), (3, 0)]:
        name = f"version-{version[0]}"
        if write:
            with open(folder / f"{name}.npy", "wb") as file:
                np.lib.format.write_array(file, tokens, version=version)
        found[name] = Case(tokens, "uint32")
    if write:
        np.save(folder / "rows.npy", tokens.reshape(700, 100))
        np.save(folder / "fortran.npy", np.asfortranarray(tokens.reshape(700, 100)))
        np.save(folder / "float.npy", tokens.astype(np.float32))
        np.save(folder / "scalar.npy", np.uint16(3))
        np.save(folder / "cube.npy", tokens.reshape(7, 100, 100))
        np.save(folder / "records.npy", np.zeros(3, dtype=[("token", "<u2"), ("mask", "u1")]))
        np.save(folder / "negative.npy", np.array([1, 2, -3], dtype=np.int32))
        np.save(folder / "large.npy", np.array([1, 2**32], dtype=np.int64))
    found["rows"] = Case(tokens, "uint32")
    lists = documents(2, 50256, 2500, 50256)
    tokens = np.concatenate(lists)
    if write:
        np.save(folder / "blocks.npy", tokens.astype(np.uint16))
    found["blocks"] = Case(tokens, "uint16", starts(lists), vocab_size=50257, eos_token_id=50256)

    # OLMo and Dolma: a numpy.memmap with the suffix .npy.
    lists = documents(3, 100278, 1500, 100257)
    tokens = np.concatenate(lists)
    if write:
        memmap = np.memmap(folder / "olmo.npy", dtype=np.uint32, mode="w+", shape=(len(tokens),))
        memmap[:] = tokens
        memmap.flush()
    found["olmo"] = Case(tokens, "uint32", starts(lists), vocab_size=100278, eos_token_id=100257)

    # nanoGPT: tofile.
    lists = documents(4, 50256, 1500, 50256)
    tokens = np.concatenate(lists)
    if write:
        tokens.astype(np.uint16).tofile(folder / "train.bin")
    found["nanogpt"] = Case(tokens, "uint16", starts(lists), eos_token_id=50256)
    found["nanogpt-without-end"] = Case(tokens, "uint16")

    # llm.c: <|endoftext|> before each document; shards are cut at any token.
    lists = [np.roll(one, 1) for one in lists]
    tokens = np.concatenate(lists)
    if write:
        for shard, start in enumerate(range(0, len(tokens), 600_000)):
            llmc_shard(folder / f"gpt2_{shard:06}.bin", tokens[start : start + 600_000], 20240520, 1, np.uint16)
    found["llmc-gpt2"] = Case(tokens, "uint16", starts(lists), vocab_size=50257, eos_token_id=50256)
    lists = [np.roll(one, 1) for one in documents(5, 128000, 800, 128000)]
    tokens = np.concatenate(lists)
    if write:
        llmc_shard(folder / "llama3.bin", tokens, 20240801, 7, np.uint32)
    found["llmc-llama3"] = Case(tokens, "uint32", starts(lists))

    # Megatron: documents of several sequences, one or none.
    random = np.random.default_rng(6)
    for name, dtype, vocabulary, options in [
        ("megatron-u16", "uint16", 50257, {}),
        ("megatron-i32", "int32", 128256, {}),
        ("megatron-shuffled", "int32", 128256, {"order": random.permutation(3000)}),
        ("megatron-modes", "uint16", 50257, {"modes": True}),
    ]:
        sequences = [random.integers(0, vocabulary, random.integers(0, 900)) for _ in range(3000)]
        boundaries = np.concatenate([[0, 0], np.sort(random.integers(0, 3001, 1000)), [3000]])
        ends = np.concatenate([[0], np.cumsum([len(one) for one in sequences])])
        if write:
            megatron_pair(folder / name, sequences, boundaries, dtype, **options)
        stored = "uint16" if dtype == "uint16" else "uint32"
        found[name] = Case(np.concatenate(sequences), stored, ends[boundaries[:-1]])

    # JSON lines, one of them longer than a block.
    lists = documents(7, 128256, 300, 128001) + [np.arange(300_000), np.array([], dtype=np.int64)]
    lines = [one.tolist() for one in lists]
    if write:
        with open(folder / "lists.jsonl", "w") as file:
            file.writelines(json.dumps(one) + "\n" for one in lines)
        with open(folder / "objects.jsonl", "w") as file:
            for index, one in enumerate(lines):
                record = {"id": index, "text": "é \"]}\\", "nested": [{"input_ids": None}, -1.5e3], "input_ids": one}
                compact = {"separators": (",", ":")} if index % 2 else {}
                file.write(json.dumps(record, ensure_ascii=index % 3 == 0, **compact) + "\n" * (index % 2 + 1))
        with open(folder / "named.jsonl", "w") as file:
            file.writelines(json.dumps({"tokens": "not these", "ids": one}) + "\r\n" for one in lines)
    for name in ["lists", "objects", "named"]:
        found[name] = Case(np.concatenate(lists), "uint32", starts(lists))
    ended = [one if len(one) and one[-1] == 128001 else np.append(one, 128001) for one in lists]
    found["appended"] = Case(np.concatenate(ended), "uint32", starts(ended), eos_token_id=128001)

    # Two formats in one corpus.
    both = [found["blocks"].tokens, found["rows"].tokens]
    found["mixed"] = Case(np.concatenate(both), "uint32", starts(both))
    return found


def check(folder):
    found = cases(folder, write=False)
    for name, case in found.items():
        with h5py.File(folder / f"{name}.h5") as file:
            assert file["tokens"].dtype == case.dtype, (name, file["tokens"].dtype)
            assert np.array_equal(file["tokens"][:], case.tokens), name
            assert file["documents"].dtype == np.uint64, name
            assert np.array_equal(file["documents"][:], case.starts), name
            assert dict(file.attrs) == case.attributes, (name, dict(file.attrs))
    for path in sorted(folder.glob("exported-*.npy")):
        case = found[path.stem.removeprefix("exported-")]
        for mode in [None, "r"]:
            array = np.load(path, mmap_mode=mode)
            assert array.dtype == case.dtype and array.ndim == 1 and np.array_equal(array, case.tokens), path
        raw = np.memmap(path.with_suffix(".bin"), dtype=case.dtype, mode="r")
        assert np.array_equal(raw, case.tokens), path
    print(len(found), len(list(folder.glob("exported-*.npy"))))


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    if sys.argv[1] == "write":
        cases(folder, write=True)
    else:
        check(folder)
