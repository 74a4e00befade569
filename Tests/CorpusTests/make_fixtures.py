"""Writes the corpora in Fixtures/ with h5py, like files from other programs. Run from any folder."""

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

# Data in other files, behind links, or incomplete.
with h5py.File(folder / "virtual-source.h5", "w") as file:
    file["tokens"] = numbers[:150].astype("u2")
for name, second in (("virtual.h5", "virtual-source.h5"), ("virtual-gone.h5", "gone.h5")):
    layout = h5py.VirtualLayout(shape=(300,), dtype="u2")
    for start, source in ((0, "virtual-source.h5"), (150, second)):
        layout[start:start + 150] = h5py.VirtualSource(source, "tokens", shape=(150,))
    with h5py.File(folder / name, "w") as file:
        file.create_virtual_dataset("tokens", layout)
# Only the first of eleven sources exists.
layout = h5py.VirtualLayout(shape=(110,), dtype="u2")
for index, source in enumerate(["virtual-source.h5", "part-9.h5"] + [f"part-{number}.h5" for number in range(9)]):
    layout[10 * index:10 * index + 10] = h5py.VirtualSource(source, "tokens", shape=(150,))[:10]
with h5py.File(folder / "virtual-many.h5", "w") as file:
    file.create_virtual_dataset("tokens", layout)
with h5py.File(folder / "virtual-printf.h5", "w") as file:
    layout = h5py.VirtualLayout(shape=(150,), dtype="u2", maxshape=(None,))
    unlimited = h5py.h5s.create_simple((150,), (h5py.h5s.UNLIMITED,))
    unlimited.select_hyperslab((0,), (h5py.h5s.UNLIMITED,), stride=(150,), block=(150,))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_virtual(unlimited, b"part-%b.h5", b"tokens", h5py.h5s.create_simple((150,)))
    space = h5py.h5s.create_simple((150,), (h5py.h5s.UNLIMITED,))
    h5py.h5d.create(file.id, b"tokens", h5py.h5t.STD_U16LE, space, properties)
with h5py.File(folder / "external-storage.h5", "w") as file:
    file.create_dataset("tokens", shape=(300,), dtype="u2", external=[("tokens.bin", 0, 600)])
with h5py.File(folder / "link-to-file.h5", "w") as file:
    file["tokens"] = h5py.ExternalLink("plain-uint16.h5", "/tokens")
with h5py.File(folder / "documents-link-to-file.h5", "w") as file:
    file["tokens"] = numbers.astype("u2")
    file["documents"] = h5py.ExternalLink("gzip-uint32.h5", "/documents")
with h5py.File(folder / "link-through-file.h5", "w") as file:
    file["elsewhere"] = h5py.ExternalLink("plain-uint16.h5", "/")
    file["tokens"] = h5py.SoftLink("/elsewhere/tokens")
with h5py.File(folder / "soft-links.h5", "w") as file:
    file["data/ids"] = numbers.astype("u2")
    file["data/same"] = h5py.SoftLink("./ids")
    file["alias"] = h5py.SoftLink("/data")
    file["tokens"] = h5py.SoftLink("alias/same")
with h5py.File(folder / "soft-link-to-nothing.h5", "w") as file:
    file["tokens"] = numbers.astype("u2")
    file["documents"] = h5py.SoftLink("/starts")
with h5py.File(folder / "soft-links-in-a-circle.h5", "w") as file:
    file["tokens"] = h5py.SoftLink("/words")
    file["words"] = h5py.SoftLink("/tokens")
with h5py.File(folder / "documents-half-written.h5", "w") as file:
    file["tokens"] = numbers.astype("u2")
    file.create_dataset("documents", shape=(30,), dtype="u8", chunks=(10,))[:10] = np.arange(10)
with h5py.File(folder / "compact.h5", "w") as file:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((300,))
    dataset = h5py.h5d.create(file.id, b"tokens", h5py.h5t.STD_U16LE, space, properties)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, numbers.astype("u2"))
