#!/usr/bin/env python3
"""Checks the PyTorch model: losses and gradients against golden cases, and its two attentions against each other."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import torch

import attention
from model import Model

GOLDEN = Path(__file__).resolve().parents[2] / "Tests/Fixtures/golden"
TOLERANCE = 1e-4

# The PyTorch model's parameter of a layer -> the golden parameters that it concatenates by rows
LAYER = {
    "q": ["self_attn.q_proj"], "kv": ["self_attn.k_proj", "self_attn.v_proj"], "o": ["self_attn.o_proj"],
    "gate_up": ["mlp.gate_proj", "mlp.up_proj"], "down": ["mlp.down_proj"],
    "q_norm": ["self_attn.q_norm"], "k_norm": ["self_attn.k_norm"],
    "attention_norm": ["post_attention_layernorm"], "ffn_norm": ["post_feedforward_layernorm"],
}
OTHERS = {"embedding": "model.embed_tokens", "norm": "model.norm", "head": "lm_head"}


def golden(group, name):
    """The golden tensor for a parameter of the PyTorch model, in double precision."""
    first, *rest = name.removesuffix(".weight").split(".")
    if first == "blocks":
        names = [f"model.layers.{rest[0]}.{part}" for part in LAYER[rest[1]]]
    else:
        names = [OTHERS[first]]
    return torch.cat([torch.from_numpy(group[f"{part}.weight"][()]).double() for part in names])


def difference(ours, theirs):
    """The largest difference, relative to the largest value."""
    return ((ours.double() - theirs).abs().max() / theirs.abs().max()).item()


def case(name):
    with h5py.File(GOLDEN / f"{name}.h5") as file:
        a = file.attrs
        samples = torch.from_numpy(file["samples"][()].astype("int64"))
        model = Model(SimpleNamespace(
            vocabulary=int(a["vocab_size"]), hidden=int(a["hidden_size"]), ffn=int(a["intermediate_size"]),
            layers=int(a["num_hidden_layers"]), heads=int(a["num_attention_heads"]),
            kv_heads=int(a["num_key_value_heads"]), theta=float(a["rope_theta"]), pattern=a["pattern"],
            window=int(a["window"]), chunk=int(a["chunk"]), dense=False, positions=samples.shape[1] - 1))
        with torch.no_grad():
            for key, p in model.named_parameters():
                p.copy_(golden(file["model"], key))
        total, loss = model(samples, float(a["z_loss"]))
        total.backward()
        report(f"{name}, loss", abs(loss.item() / a["loss"] - 1))
        report(f"{name}, loss with z", abs(total.item() / a["loss_with_z"] - 1))
        report(f"{name}, gradients", max(
            difference(p.grad, golden(file["gradient"], key)) for key, p in model.named_parameters()))


def attentions(queries):
    """Compares ChunkedWindow and Dense on random values: `queries` sequences of queries, 2 of each copy's keys."""
    torch.manual_seed(1)
    positions, chunk, window = 128, 32, 16
    shapes = [(queries, 8, positions, 16), (4, 2, positions, 16), (4, 2, positions, 16)]
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    gradient = torch.randn(shapes[0])
    dense = attention.Dense(attention.visible(positions, window, chunk))(*inputs)
    theirs = [dense, *torch.autograd.grad(dense, inputs, gradient)]
    windowed = attention.ChunkedWindow.apply(*inputs, attention.visible(chunk, window, chunk))
    ours = [windowed, *torch.autograd.grad(windowed, inputs, gradient)]
    report(f"chunks against a dense mask, {queries} sequences", max(map(difference, ours, theirs)))


def report(name, value):
    print(f"{name}: {value:.1e}")
    if not value < TOLERANCE:
        raise SystemExit(f"{name} differs by more than {TOLERANCE}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in ("vanilla", "swa-2-4"):
        case(name)
    for queries in (4, 2):
        attentions(queries)
