#!/usr/bin/env python3
"""Measures training steps in PyTorch on random tokens: forward, backward, clipping, fused AdamW.

Reads the configurations of `phd benchmark train`, and prints one JSON line with the same keys.
"""

import argparse
import ctypes
import json
import os
import resource
import statistics
import time
from types import SimpleNamespace

import torch

from model import Model


def settings(path, overrides):
    with open(path) as file:
        config = json.load(file)
    for override in overrides:
        key, value = override.split("=", 1)
        *sections, name = key.split(".")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        try:
            place[name] = json.loads(value)
        except json.JSONDecodeError:
            place[name] = value
    m, t = config["model"], config["training"]
    h = config.get("hidden_decoding", {"pattern": "vanilla"})
    if h["pattern"] not in ("vanilla", "phd", "swa", "cswa") or h.get("repeats", 1) > 2:
        raise SystemExit(f"{path}: the PyTorch model supports vanilla, and phd, swa and cswa with 2 repeats")
    return SimpleNamespace(
        vocabulary=m["vocab_size"], hidden=m["hidden_size"], ffn=m["intermediate_size"],
        layers=m["num_hidden_layers"], heads=m["num_attention_heads"], kv_heads=m["num_key_value_heads"],
        theta=m.get("rope_theta", 500000.0), pattern=h["pattern"], window=h.get("window", 1), chunk=h.get("chunk"),
        positions=config["data"]["sequence_length"], batch=t["micro_batch_size"],
        micro_batches=t["global_batch_size"] // t["micro_batch_size"], threads=t.get("threads") or 1,
        precision=t.get("precision", "fp32"), z_loss=t.get("z_loss", 1e-5))


def keep_memory():
    """Makes the process keep freed memory, in huge pages, because new pages for each tensor are slow.

    Works with the GNU C library on Linux; does nothing elsewhere. Call it before the first large tensor is created.
    """
    os.environ["THP_MEM_ALLOC_ENABLE"] = "1"
    mmap_max, trim_threshold = -4, -1
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(mmap_max, 0)
        library.mallopt(trim_threshold, 2**31 - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int, default=5, help="steps to measure, after one warm-up step")
    parser.add_argument("--compile", action="store_true", help="compile the model with torch.compile")
    parser.add_argument("--dense", action="store_true", help="a dense mask over all hidden copies, no chunks")
    parser.add_argument("--plain-memory", action="store_true", help="keep the C library's allocator settings")
    arguments = parser.parse_args()
    c = settings(arguments.config, arguments.set)
    c.dense = arguments.dense
    if not arguments.plain_memory:
        keep_memory()
    torch.set_num_threads(c.threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(1)
    model = Model(c)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=3e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True)
    loss_of = torch.compile(model, dynamic=False) if arguments.compile else model
    tokens = torch.randint(c.vocabulary, (c.micro_batches, c.batch, c.positions + 1))

    def step():
        for batch in tokens:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=c.precision == "bf16"):
                total, loss = loss_of(batch, c.z_loss)
            (total / len(tokens)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    step()
    seconds = []
    for _ in range(arguments.steps):
        start = time.perf_counter()
        loss = step()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({
        "tokens_per_second": tokens[..., 1:].numel() / statistics.median(seconds),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "loss": loss, "threads": c.threads}))


if __name__ == "__main__":
    main()
