"""Attention under a pattern of copies, on PyTorch's fused CPU kernel, which supports grouped heads directly.

Original and hidden queries attend causally to the originals. This is one call of the fused kernel without a mask.
Hidden queries attend to hidden keys only within their chunk. These are small dense blocks. Both parts are merged by
their logsumexps. The backward pass calls the fused kernel's backward with the merged logsumexps. This is exact, because
a probability is exp(score - logsumexp), where the logsumexp may cover more keys than the kernel does.
"""

import torch
from torch.nn.functional import scaled_dot_product_attention

FORWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def causal(q, k, v):
    """Plain causal attention; q [B, h, T, e], k and v [B, g, T, e]."""
    return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


class ChunkedWindow(torch.autograd.Function):
    """Attention of originals and hidden copies, if no hidden copy attends beyond its chunk (K = 2).

    k and v: [2·B, g, T, e], originals first. q: [2·B, h, T, e], or in the last layer [B, h, T, e], hidden copies only.
    visible: [C, C], the mask of hidden keys (columns) for the hidden queries (rows) of a chunk. C divides T.
    """

    @staticmethod
    def forward(ctx, q, k, v, visible):
        batch, chunk = len(k) // 2, len(visible)
        scale = q.shape[-1] ** -0.5
        out, lse = FORWARD(q, *ChunkedWindow.originals(q, k, v), 0.0, True)
        queries = grouped(q[-batch:], k.shape[1], chunk)
        scores = (queries @ k[batch:].unflatten(2, (-1, chunk)).transpose(-1, -2)).float().mul_(scale)
        scores.unflatten(3, (-1, chunk)).masked_fill_(~visible, float("-inf"))
        # Logsumexps over the originals become logsumexps over all keys, [B, g, n, h/g, C].
        view = split(lse[-batch:], k.shape[1], chunk)
        outer = view.clone()
        view.copy_(torch.logaddexp(torch.logsumexp(scores, -1).view(outer.shape), outer))
        weights = scores.sub_(view.flatten(3, 4).unsqueeze(-1)).exp_().to(q.dtype)
        merged = split(out[-batch:], k.shape[1], chunk)
        merged.mul_(outer.sub_(view).exp_().unsqueeze(-1))
        merged.add_((weights @ v[batch:].unflatten(2, (-1, chunk))).unflatten(3, (-1, chunk)))
        ctx.save_for_backward(q, k, v, out, lse, weights)
        return out

    @staticmethod
    def backward(ctx, gradient):
        q, k, v, out, lse, weights = ctx.saved_tensors
        batch, heads, chunk = len(k) // 2, k.shape[1], weights.shape[-1]
        scale = q.shape[-1] ** -0.5
        gradient = gradient.to(q.dtype)
        d_q, *d_originals = BACKWARD(gradient, q, *ChunkedWindow.originals(q, k, v), out, lse, 0.0, True)
        d_k, d_v = torch.empty_like(k), torch.empty_like(v)
        for whole, part in zip((d_k, d_v), d_originals):
            if len(part) > batch:
                torch.add(part[:batch], part[batch:], out=whole[:batch])
            else:
                whole[:batch] = part
        queries, inner = grouped(q[-batch:], heads, chunk), grouped(gradient[-batch:], heads, chunk)
        keys, values = (x[batch:].unflatten(2, (-1, chunk)) for x in (k, v))
        # Σ of gradient ⊙ output; the output covers all keys
        delta = grouped((gradient[-batch:] * out[-batch:]).sum(-1, keepdim=True, dtype=torch.float32), heads, chunk)
        d_v[batch:] = (weights.transpose(-1, -2) @ inner).flatten(2, 3)
        d_scores = (inner @ values.transpose(-1, -2)).float().sub_(delta).mul_(weights).mul_(scale).to(q.dtype)
        split(d_q[-batch:], heads, chunk).add_((d_scores @ keys).unflatten(3, (-1, chunk)))
        d_k[batch:] = (d_scores.transpose(-1, -2) @ queries).flatten(2, 3)
        return d_q, d_k, d_v, None

    @staticmethod
    def originals(q, k, v):
        """The originals' keys and values for each sequence of q."""
        batch = len(k) // 2
        return (x[:batch] if len(q) == batch else torch.cat([x[:batch], x[:batch]]) for x in (k, v))


def split(x, heads, chunk):
    """[B, h, T, ...] -> [B, g, n, h/g, C, ...], a view."""
    return x.unflatten(1, (heads, -1)).unflatten(3, (-1, chunk)).transpose(2, 3)


def grouped(x, heads, chunk):
    """[B, h, T, e] -> [B, g, n, h/g · C, e]: queries that share keys form one matrix."""
    return split(x, heads, chunk).flatten(3, 4)


class Dense:
    """Attention with any window (K = 2), using a dense mask over [originals, hidden] for the hidden queries."""

    def __init__(self, visible):
        positions = len(visible)
        self.mask = torch.cat([torch.ones(positions, positions, dtype=torch.bool).tril(), visible], 1)

    def __call__(self, q, k, v):
        originals, hidden = zip(*(x.chunk(2) for x in (k, v)))
        keys, values = (torch.cat(pair, 2) for pair in zip(originals, hidden))
        batch = len(keys)
        out = scaled_dot_product_attention(q[-batch:], keys, values, attn_mask=self.mask, enable_gqa=True)
        return out if len(q) == batch else torch.cat([causal(q[:batch], *originals), out])


def visible(positions, window, chunk):
    """The mask of hidden keys (columns) for hidden queries (rows), K = 2."""
    n = torch.arange(positions)
    seen = (n[:, None] >= n[None]) & (n[:, None] - n[None] < window)
    return seen & (n[:, None] // chunk == n[None] // chunk) if chunk else seen
