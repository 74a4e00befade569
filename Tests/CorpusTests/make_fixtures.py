"""Writes the corpora in Fixtures/ with h5py: what other people's programs leave us. Run from anywhere."""

from pathlib import Path

import h5py
import numpy as np

folder = Path(__file__).parent / "Fixtures"
folder.mkdir(exist_ok=True)


def corpus(name, tokens, documents=None, attributes=(), **options):
    with h5py.File(folder / name, "w") as file:
        file.create_dataset("tokens", data=tokens, **options)
        if documents is not None:
            file["documents"] = np.array(documents, dtype=np.uint64)
        for key, value in dict(attributes).items():
            file.attrs[key] = value


numbers = (np.arange(300) * 7) % 251
corpus("plain-uint8.h5", numbers.astype("u1"))
corpus("plain-uint16.h5", numbers.astype("u2"))
corpus(
    "gzip-uint32.h5", numbers.astype("u4"), documents=[0, 17, 17, 250],
    attributes={"vocab_size": np.int32(251), "eos_token_id": np.uint8(250), "tokenizer": "füchse",
                "tokenizer_sha256": np.bytes_("abc123")},
    chunks=(64,), compression="gzip", shuffle=True)
corpus("big-endian-uint16.h5", numbers.astype(">u2"), attributes={"vocab_size": np.array(251, dtype=">i8")})
corpus("large-token-uint32.h5", np.array([1, 2, 4_000_000_000, 3], dtype="u4"))

corpus("two-dimensional.h5", numbers.astype("u2").reshape(30, 10))
corpus("floating.h5", numbers.astype("f4"))
corpus("signed.h5", numbers.astype("i8"))
corpus("strings.h5", np.array([b"a", b"b"]))
corpus("empty.h5", np.zeros(0, dtype="u2"))
corpus("vocabulary-is-text.h5", numbers.astype("u2"), attributes={"vocab_size": "many"})
corpus("vocabulary-is-negative.h5", numbers.astype("u2"), attributes={"vocab_size": -3})
corpus("vocabulary-is-a-list.h5", numbers.astype("u2"), attributes={"vocab_size": [1, 2]})
corpus("documents-out-of-order.h5", numbers.astype("u2"), documents=[0, 100, 50])
corpus("documents-out-of-range.h5", numbers.astype("u2"), documents=[0, 301])
corpus("documents-start-late.h5", numbers.astype("u2"), documents=[5, 30])
with h5py.File(folder / "no-tokens.h5", "w") as file:
    file["words"] = numbers
with h5py.File(folder / "tokens-are-a-group.h5", "w") as file:
    file.create_group("tokens")
with h5py.File(folder / "never-written.h5", "w") as file:
    file.create_dataset("tokens", shape=(300,), dtype="u2")
with h5py.File(folder / "half-written.h5", "w") as file:
    file.create_dataset("tokens", shape=(300,), dtype="u2", chunks=(100,))[:100] = 1
with h5py.File(folder / "enormous-claim.h5", "w") as file:
    file.create_dataset("tokens", shape=(1 << 50,), dtype="u4", chunks=(1 << 20,), compression="gzip")
