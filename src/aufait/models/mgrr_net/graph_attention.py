"""Multi-head graph attention over the shared feature map: among its channels, and among its pixels.

Paper: MGRR-Net section III-B2 and eq. 3-5. The paper prints U_o for the key and for the value; we read U_q query, U_k key, U_o
value. Every token attends to all tokens. The paper places the convolution that saves parameters before the pixel level
(III-B2) and before the channel level (IV-A); the default is both. No residual connection, as printed.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class GraphAttention(nn.Module):
    """Tokens (B, T, inner) -> (B, T, out): scaled dot-product attention of several heads, a linear map, ReLU (eq. 4).

    Args:
        inner: length of a token.
        out: length of a token afterwards.
        dim: width D of queries, keys and values, a multiple of ``heads``.
        heads: number L of heads.
        norm: whether tokens pass a LayerNorm first.
    """

    def __init__(self, inner: int, out: int, dim: int, heads: int, *, norm: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(inner) if norm else nn.Identity()
        self.projections = nn.Linear(inner, 3 * dim)  # queries, keys and values in one product
        self.output = nn.Linear(dim, out)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, inner) -> (B, T, out), not negative."""
        projected = self.projections(self.norm(tokens)).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, L, d)
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, L, T, d)
        attended = F.scaled_dot_product_attention(query, key, value)  # divides by sqrt(d)
        return F.relu(self.output(attended.transpose(1, 2).flatten(2)))


def reduction(channels: int, stride: int) -> nn.Module:
    """3x3 convolution with stride 2 that halves the sides of a map; nothing for stride 1."""
    return nn.Conv2d(channels, channels, 3, stride, padding=1) if stride > 1 else nn.Identity()


class ChannelAttention(nn.Module):
    """C_G: the channels of the map are the tokens, each as long as the (reduced) map has pixels.

    Args:
        channels: channels C of the map.
        size: its side M.
        dim, heads, norm: see ``GraphAttention``.
        stride: 2 halves the map first.
    """

    def __init__(self, channels: int, size: int, dim: int, heads: int, *, stride: int = 2, norm: bool = False) -> None:
        super().__init__()
        self.reduce = reduction(channels, stride)
        self.attention = GraphAttention((size // stride) ** 2, size**2, dim, heads, norm=norm)

    def forward(self, global_map: Tensor) -> Tensor:
        """(B, C, M, M) -> the same shape."""
        tokens = self.reduce(global_map).flatten(2)  # (B, C, pixels)
        return self.attention(tokens).view_as(global_map)


class PixelAttention(nn.Module):
    """P_G: the pixels of the (reduced) map are the tokens, each with its channels; a deconvolution restores the size.

    Arguments as in ``ChannelAttention``, without the size.
    """

    def __init__(self, channels: int, dim: int, heads: int, *, stride: int = 2, norm: bool = False) -> None:
        super().__init__()
        self.reduce = reduction(channels, stride)
        self.attention = GraphAttention(channels, channels, dim, heads, norm=norm)
        self.restore = nn.ConvTranspose2d(channels, channels, 4, stride, padding=1) if stride > 1 else nn.Identity()

    def forward(self, global_map: Tensor) -> Tensor:
        """(B, C, M, M) -> the same shape."""
        reduced = self.reduce(global_map)
        attended = self.attention(reduced.flatten(2).transpose(1, 2))  # (B, pixels, C)
        return self.restore(attended.transpose(1, 2).reshape(reduced.shape))
