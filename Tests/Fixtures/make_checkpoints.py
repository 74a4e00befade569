"""Writes checkpoints/ with h5py: make_checkpoints.py CHECKPOINT, one of Tests/RunTests/TestWorkspace.swift's configuration.

Their weights lie in other files, or were not written; whole.h5 has all of them.
"""

import sys
from pathlib import Path

import h5py

folder = Path(__file__).parent / "checkpoints"
folder.mkdir(exist_ok=True)
HEAD = "lm_head.weight"


def checkpoint(name, without=()):
    """A checkpoint without a seal and without what is named."""
    file = h5py.File(folder / name, "w")
    with h5py.File(sys.argv[1]) as original:
        for key in ("format", "version", "config"):
            file.attrs[key] = original.attrs[key]
        for tensor, values in original["model"].items():
            if not {"model", tensor} & set(without):
                file[f"model/{tensor}"] = values[:]
        return file, original[f"model/{HEAD}"].shape


checkpoint("whole.h5")[0].close()
with checkpoint("model-is-a-link.h5", ["model"])[0] as file:
    file["model"] = h5py.ExternalLink("whole.h5", "/model")
with checkpoint("tensor-is-a-link.h5", [HEAD])[0] as file:
    file[f"model/{HEAD}"] = h5py.ExternalLink("whole.h5", f"/model/{HEAD}")
with checkpoint("tokenizer-is-a-link.h5")[0] as file:
    file["tokenizer"] = h5py.ExternalLink("gone.h5", "/tokenizer")
file, shape = checkpoint("tensor-is-virtual.h5", [HEAD])
with file:
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[:] = h5py.VirtualSource("gone.h5", f"/model/{HEAD}", shape=shape)
    file.create_virtual_dataset(f"model/{HEAD}", layout)
file, shape = checkpoint("tensor-is-external.h5", [HEAD])
with file:
    size = 4 * shape[0] * shape[1]
    file.create_dataset(f"model/{HEAD}", shape=shape, dtype="f4", external=[("head.bin", 0, size)])
file, shape = checkpoint("tensor-was-not-written.h5", [HEAD])
with file:
    file.create_dataset(f"model/{HEAD}", shape=shape, dtype="f4")
file, shape = checkpoint("chunk-was-not-written.h5", [HEAD])
with file:
    file.create_dataset(f"model/{HEAD}", shape=shape, dtype="f4", chunks=(10, shape[1]))[:10] = 1
