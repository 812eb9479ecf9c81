"""Attention as the compiled peers use it. Shapes: [batch, heads, tokens, width of a head]."""

import torch
from torch.nn import functional


def whole(query, keys, values, causal):
    """Every token at once, by the fused kernel that PyTorch picks (flash where it can)."""
    grouped = query.shape[1] != keys.shape[1]
    return functional.scaled_dot_product_attention(query, keys, values, is_causal=causal, enable_gqa=grouped)


def one(query, keys, values, position=None):
    """One token over a cache whose places after `position` are not filled yet.

    Written as products and a softmax: Inductor makes better kernels of that for a single query
    than the fused ones with a mask are. Query heads that share a key head are rows of one product.
    """
    batch, heads, _, width = query.shape
    rows = query.view(batch, keys.shape[1], heads // keys.shape[1], width)
    scores = (rows @ keys.transpose(2, 3)).float() * width**-0.5
    if position is not None:
        filled = torch.arange(keys.shape[2], device=keys.device) <= position
        scores = scores.masked_fill(~filled, float("-inf"))
    return (scores.softmax(-1).to(values.dtype) @ values).view(batch, heads, 1, width)


def joined(heads):
    """[batch, heads, tokens, width] to [batch, tokens, heads × width]."""
    return heads.transpose(1, 2).flatten(2)


def split(x, heads):
    """[batch, tokens, heads × width] to [batch, heads, tokens, width]."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)
