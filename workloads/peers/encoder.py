"""BERT and RoBERTa with a classification head in plain PyTorch, written for the compiler.

Every sequence has the same length and there is no padding. test_peers.py holds it against Hugging
Face transformers.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import attention

CLASSES = 2


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int
    inner: int
    layers: int
    heads: int
    positions: int
    # The position of the first token: RoBERTa keeps two for padding.
    first_position: int
    segments: int
    epsilon: float

    @property
    def most_tokens(self):
        return self.positions - self.first_position


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.norm_1 = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.up = nn.Linear(shape.width, shape.inner)
        self.down = nn.Linear(shape.inner, shape.width)
        self.norm_2 = nn.LayerNorm(shape.width, eps=shape.epsilon)

    def forward(self, x):
        query, key, value = (attention.split(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        attended = attention.joined(attention.whole(query, key, value, causal=False))
        x = self.norm_1(x + self.out(attended))
        return self.norm_2(x + self.down(functional.gelu(self.up(x))))


class Embeddings(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.first_position = shape.first_position
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.segments = nn.Embedding(shape.segments, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=shape.epsilon)

    def forward(self, ids):
        positions = self.positions.weight[self.first_position : self.first_position + ids.shape[1]]
        return self.norm(self.words(ids) + self.segments.weight[0] + positions)


class Head(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.pool = nn.Linear(shape.width, shape.width)
        self.classify = nn.Linear(shape.width, CLASSES)

    def forward(self, x):
        return self.classify(torch.tanh(self.pool(x[:, 0])))


class Classifier(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embeddings = Embeddings(shape)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.head = Head(shape)

    def compiled_parts(self):
        return [self.embeddings, *self.blocks, self.head]

    def forward(self, ids):
        """Logits of the classes, from ids [batch, tokens]; all tokens are of the first segment."""
        x = self.embeddings(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)
