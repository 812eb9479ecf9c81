"""Whisper in plain PyTorch, written for the compiler. test_peers.py holds it against transformers."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import attention


@dataclass(frozen=True)
class Shape:
    layers: int
    width: int
    heads: int
    mel_bins: int = 80
    vocabulary: int = 51_865
    sounds: int = 1500
    positions: int = 448
    inner: int | None = None

    @property
    def inner_width(self):
        return self.inner or 4 * self.width

    def cache_bytes(self, batch, tokens, dtype):
        return 2 * self.layers * batch * (tokens + self.sounds) * self.width * dtype.itemsize


class Attention(nn.Module):
    """Self attention: one matrix for queries, keys and values. Keys have no bias: it stays zero."""

    def __init__(self, shape):
        super().__init__()
        self.heads = shape.heads
        self.norm = nn.LayerNorm(shape.width)
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)

    def forward(self, x, positions=None, keys=None, values=None):
        query, key, value = (
            attention.split(part, self.heads) for part in self.qkv(self.norm(x)).chunk(3, dim=-1)
        )
        if positions is not None:
            keys.index_copy_(2, positions, key)
            values.index_copy_(2, positions, value)
        if positions is None or x.shape[1] > 1:
            attended = attention.whole(query, key, value, causal=positions is not None)
        else:
            attended = attention.one(query, keys, values, positions)
        return self.out(attention.joined(attended))


class CrossAttention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.heads = shape.heads
        self.norm = nn.LayerNorm(shape.width)
        self.query = nn.Linear(shape.width, shape.width)
        self.kv = nn.Linear(shape.width, 2 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)

    def forward(self, x, keys, values):
        query = attention.split(self.query(self.norm(x)), self.heads)
        if x.shape[1] > 1:
            attended = attention.whole(query, keys, values, causal=False)
        else:
            attended = attention.one(query, keys, values)
        return self.out(attention.joined(attended))


class FeedForward(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.norm = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, shape.inner_width)
        self.down = nn.Linear(shape.inner_width, shape.width)

    def forward(self, x):
        return self.down(functional.gelu(self.up(self.norm(x))))


class Hearing(nn.Module):
    """A block of the encoder. As in decoder.py, the last sum is left to the next block."""

    def __init__(self, shape):
        super().__init__()
        self.own, self.feed = Attention(shape), FeedForward(shape)

    def forward(self, x, delta):
        x = x + delta
        x = x + self.own(x)
        return x, self.feed(x)


class Speaking(nn.Module):
    """A block of the decoder; what it hears lies in `sound`."""

    def __init__(self, shape):
        super().__init__()
        self.own, self.cross, self.feed = Attention(shape), CrossAttention(shape), FeedForward(shape)

    def forward(self, x, delta, positions, cache, sound):
        x = x + delta
        x = x + self.own(x, positions, *cache)
        x = x + self.cross(x, *sound)
        return x, self.feed(x)


class Front(nn.Module):
    """Two convolutions."""

    def __init__(self, shape):
        super().__init__()
        self.conv_1 = nn.Conv1d(shape.mel_bins, shape.width, 3, padding=1)
        self.conv_2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)

    def forward(self, features, sinusoids):
        x = functional.gelu(self.conv_2(functional.gelu(self.conv_1(features))))
        return x.transpose(1, 2).contiguous() + sinusoids


class Last(nn.Module):
    """The norm behind the blocks of the encoder."""

    def __init__(self, shape):
        super().__init__()
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, x, delta):
        return self.norm(x + delta)


class Head(Last):
    """Logits of the last token, by the embedding."""

    def forward(self, x, delta, embedding):
        return functional.linear(self.norm((x + delta)[:, -1]), embedding)


class Whisper(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.front = Front(shape)
        self.encoder = nn.ModuleList(Hearing(shape) for _ in range(shape.layers))
        self.encoder_last = Last(shape)
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.decoder = nn.ModuleList(Speaking(shape) for _ in range(shape.layers))
        self.head = Head(shape)

    def compiled_parts(self):
        return [self.front, *self.encoder, self.encoder_last, *self.decoder, self.head]

    def allocate(self, batch, tokens):
        shape, weight = self.shape, self.words.weight

        def pairs(places):
            size = (batch, shape.heads, places, shape.width // shape.heads)
            return [
                tuple(torch.zeros(size, dtype=weight.dtype, device=weight.device) for _ in range(2))
                for _ in range(shape.layers)
            ]

        self.caches, self.cross = pairs(tokens), pairs(shape.sounds)
        # Sines, then cosines, of wavelengths from 2π to 20,000π.
        rates = torch.exp(-math.log(10_000) / (shape.width // 2 - 1) * torch.arange(shape.width // 2))
        angles = torch.arange(shape.sounds)[:, None] * rates
        self.sinusoids = torch.cat([angles.sin(), angles.cos()], dim=1).to(weight)

    def encode(self, features):
        """Log-mel features [batch, bins, frames] into the keys and values of the cross attention."""
        x = self.front(features, self.sinusoids)
        delta = torch.zeros_like(x)
        for block in self.encoder:
            x, delta = block(x, delta)
        x = self.encoder_last(x, delta)
        for block, (keys, values) in zip(self.decoder, self.cross):
            key, value = (attention.split(part, self.shape.heads) for part in block.cross.kv(x).chunk(2, dim=-1))
            keys.copy_(key)
            values.copy_(value)

    def forward(self, tokens, positions):
        """Logits of the last of `tokens` [batch, n], which stand at `positions` [n]."""
        x = self.words(tokens) + self.positions(positions)
        delta = torch.zeros_like(x)
        for block, cache, sound in zip(self.decoder, self.caches, self.cross):
            x, delta = block(x, delta, positions, cache, sound)
        return self.head(x, delta, self.words.weight)
