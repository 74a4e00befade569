"""The PHD-Transformer's training pass in PyTorch, optimized for CPUs with PyTorch's own kernels.

Copies are stacked along the batch. The last layer computes queries and FFN only for the last copy, as phd does.
"""

import torch
from torch import nn

import attention
from operations import HeadLoss, RMSNorm, Rotary, SwiGLU


class Norm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x, residual=None):
        return RMSNorm.apply(x, self.weight, 1e-6, residual)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, e = c.hidden, c.hidden // c.heads
        self.head_size = e
        self.q = nn.Linear(d, d, bias=False)
        self.kv = nn.Linear(d, 2 * c.kv_heads * e, bias=False)
        self.o = nn.Linear(d, d, bias=False)
        self.gate_up = nn.Linear(d, 2 * c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, d, bias=False)
        self.q_norm, self.k_norm = Norm(d), Norm(c.kv_heads * e)
        self.attention_norm, self.ffn_norm = Norm(d), Norm(d)

    def forward(self, x, queries, rotary, attend):
        """x [K·B, T, d], originals first. `queries`: how many sequences at the end of x need results."""
        k, v = self.kv(x).chunk(2, -1)
        k = Rotary.apply(self.heads(self.k_norm(k)), *rotary)
        x = x[-queries:] if queries < len(x) else x
        q = Rotary.apply(self.heads(self.q_norm(self.q(x))), *rotary)
        a = attend(*(y.transpose(1, 2) for y in (q, k, self.heads(v))))
        x = self.attention_norm(self.o(a.transpose(1, 2).flatten(2)), x)
        return self.ffn_norm(self.down(SwiGLU.apply(self.gate_up(x))), x)

    def heads(self, x):
        return x.unflatten(-1, (-1, self.head_size))


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.copies = 1 if c.pattern == "vanilla" else 2
        self.embedding = nn.Embedding(c.vocabulary, c.hidden)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = Norm(c.hidden)
        self.head = nn.Linear(c.hidden, c.vocabulary, bias=False)
        half = c.hidden // c.heads // 2
        angles = torch.arange(c.positions)[:, None, None] * c.theta ** (-torch.arange(half) / half)
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())
        self.attend = attention_of(c)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.trunc_normal_(p, std=0.02, a=-0.06, b=0.06)

    def forward(self, tokens, z_loss):
        """tokens [B, T + 1] -> the mean cross-entropy with z-loss, and without it (no gradient)."""
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        x = self.embedding(inputs)
        if self.copies > 1:
            x = torch.cat([x] * self.copies)
        for block in self.blocks:
            queries = len(tokens) if block is self.blocks[-1] else len(x)
            x = block(x, queries, (self.cosine, self.sine), self.attend)
        return HeadLoss.apply(self.norm(x).flatten(0, 1), self.head.weight, targets.flatten(), z_loss)


def attention_of(c):
    if c.pattern == "vanilla":
        return attention.causal
    if c.chunk and c.positions % c.chunk == 0 and not c.dense:
        seen = attention.visible(c.chunk, c.window, c.chunk)
        return lambda q, k, v: attention.ChunkedWindow.apply(q, k, v, seen)
    return attention.Dense(attention.visible(c.positions, c.window, c.chunk))
