"""A decoder in plain PyTorch, as somebody writes it who wants it compiled: LLaMA, GPT-2, StarCoder.

One matrix for queries, keys and values, one for gate and up, a cache that is allocated once, and
nothing that leaves the device. test_peers.py holds it against Hugging Face transformers.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import attention


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    # Longest sequence.
    most_tokens: int
    # Base of the rotary positions; None: learned positions, layer norms, biases, GELU, tied output.
    rope_theta: float | None = None
    epsilon: float = 1e-5

    @property
    def head_width(self):
        return self.width // self.heads

    def cache_bytes(self, batch, tokens, dtype):
        return 2 * self.layers * batch * self.kv_heads * tokens * self.head_width * dtype.itemsize


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape, rotary = shape, shape.rope_theta is not None
        norm = nn.RMSNorm if rotary else nn.LayerNorm
        kv_width = shape.kv_heads * shape.head_width
        self.norm_1 = norm(shape.width, eps=shape.epsilon)
        self.qkv = nn.Linear(shape.width, shape.width + 2 * kv_width, bias=not rotary)
        self.out = nn.Linear(shape.width, shape.width, bias=not rotary)
        self.norm_2 = norm(shape.width, eps=shape.epsilon)
        self.up = nn.Linear(shape.width, shape.inner * (2 if rotary else 1), bias=not rotary)
        self.down = nn.Linear(shape.inner, shape.width, bias=not rotary)

    def forward(self, x, delta, positions, rotations, keys, values):
        """The residual stream, and what the caller has to add to it: sums are made where they are
        normalised, so that the compiler makes one kernel of both though it sees a block alone."""
        shape = self.shape
        x = x + delta
        kv_width = shape.kv_heads * shape.head_width
        query, key, value = self.qkv(self.norm_1(x)).split([shape.width, kv_width, kv_width], dim=-1)
        query = attention.split(query, shape.heads)
        key, value = attention.split(key, shape.kv_heads), attention.split(value, shape.kv_heads)
        if rotations is not None:
            query, key = rotated(query, *rotations), rotated(key, *rotations)
        keys.index_copy_(2, positions, key)
        values.index_copy_(2, positions, value)
        if x.shape[1] > 1:
            attended = attention.whole(query, key, value, causal=True)
        else:
            attended = attention.one(query, keys, values, positions)
        x = x + self.out(attention.joined(attended))
        inner = self.up(self.norm_2(x))
        if shape.rope_theta is None:
            return x, self.down(functional.gelu(inner, approximate="tanh"))
        gate, up = inner.chunk(2, dim=-1)
        return x, self.down(functional.silu(gate) * up)


def rotated(x, cosine, sine):
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1).to(x.dtype)


class Head(nn.Module):
    """Logits of the last token; the output layer is the embedding where there are learned positions."""

    def __init__(self, shape):
        super().__init__()
        rotary = shape.rope_theta is not None
        self.norm = (nn.RMSNorm if rotary else nn.LayerNorm)(shape.width, eps=shape.epsilon)
        self.output = nn.Linear(shape.width, shape.vocabulary, bias=False) if rotary else None

    def forward(self, x, delta, embedding):
        weight = embedding if self.output is None else self.output.weight
        return functional.linear(self.norm((x + delta)[:, -1]), weight)


class Decoder(nn.Module):
    """Prompts start at position 0 and are of equal length; a step reads one token of each."""

    def __init__(self, shape):
        super().__init__()
        self.shape, rotary = shape, shape.rope_theta is not None
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.position_embedding = None if rotary else nn.Embedding(shape.most_tokens, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.head = Head(shape)

    def compiled_parts(self):
        return [*self.blocks, self.head]

    def allocate(self, batch, tokens, frequencies=None):
        """Caches and rotations for so many tokens of each sequence."""
        shape, weight = self.shape, self.embedding.weight
        size = (batch, shape.kv_heads, tokens, shape.head_width)
        self.caches = [
            tuple(torch.zeros(size, dtype=weight.dtype, device=weight.device) for _ in range(2)) for _ in self.blocks
        ]
        self.rotations = None
        if shape.rope_theta is not None:
            if frequencies is None:
                half = torch.arange(0, shape.head_width, 2, dtype=torch.float64) / shape.head_width
                frequencies = shape.rope_theta**-half
            angles = torch.outer(torch.arange(tokens, dtype=torch.float64), frequencies.double())
            self.rotations = (angles.cos().float().to(weight.device), angles.sin().float().to(weight.device))

    def forward(self, tokens, positions):
        """Logits of the last of `tokens` [batch, n], which stand at `positions` [n]."""
        x = self.embedding(tokens)
        if self.position_embedding is not None:
            x = x + self.position_embedding(positions)
        delta = torch.zeros_like(x)
        rotations = self.rotations and tuple(table[positions] for table in self.rotations)
        for block, (keys, values) in zip(self.blocks, self.caches):
            x, delta = block(x, delta, positions, rotations, keys, values)
        return self.head(x, delta, self.embedding.weight)
