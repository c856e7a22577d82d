# SPDX-License-Identifier: Apache-2.0
"""The Vision Transformer and its residual connections in plain PyTorch (arXiv 2505.11881).

An implementation of its own, for numbers to compare orthod with. The names in state_dict() and the
shapes are those of the reference implementation (BootsofLagrangian/ortho-residual), so that a file
that load_state_dict(strict=True) takes here is one that it takes there.
"""
import torch
from torch import nn
from torch.nn import functional

STATISTICS = ("x_norm2", "f_par_norm2", "f_ortho_norm2", "rho_par", "rho_ortho", "cos_x_out")


def _inner(a, b):
    return (a * b).sum(-1, keepdim=True)


def _square(x, kind, eps):
    """What divides <x,f>: <x,x> + eps for the orthogonal connection, clamped by eps for others."""
    square = _inner(x, x)
    return square + eps if kind in ("feature", "global") else square.clamp_min(eps)


def connect(x, f, kind, eps):
    """The new stream. kind: linear, negative, feature or global; a row is the last axis.

    In a ViT "global" flattens from the last axis on, which leaves the row as it is.
    """
    if kind == "global":
        return connect(x.flatten(-1), f.flatten(-1), "feature", eps).reshape(x.shape)
    if kind == "feature":
        return x + (f - _inner(x, f) / _square(x, kind, eps) * x)
    return x - f if kind == "negative" else x + f


@torch.no_grad()
def statistics_of(x, f, kind, eps):
    """The six statistics of a connection, means over rows."""
    square, dot = _square(x, kind, eps), _inner(x, f)
    parallel = dot / square * x
    rest = f - parallel
    par2, rest2, f2 = (_inner(v, v).clamp_min(eps) for v in (parallel, rest, f))
    rows = (square, par2, rest2, par2 / square, rest2 / square, dot / (square * f2).sqrt())
    return [row.mean().item() for row in rows]


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(functional.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads, kind, eps):
        super().__init__()
        self.kind = kind
        self.register_buffer("residual_eps", torch.tensor([eps], dtype=torch.float32))
        self.attn = Attention(width, heads)
        self.mlp = Mlp(width)
        self.measure = True
        self.statistics = []

    def forward(self, x):
        self.statistics = []
        for tag, module in (("attn", self.attn), ("mlp", self.mlp)):
            f = module(functional.layer_norm(x, x.shape[-1:], eps=1e-6))
            if self.measure:
                statistics = statistics_of(x, f, self.kind, self.residual_eps)
                self.statistics.append((tag, statistics))
            x = connect(x, f, self.kind, self.residual_eps)
        return x


class VisionTransformer(nn.Module):
    """kinds: the connection of each block; their number is the depth."""

    def __init__(self, image, patch, channels, classes, width, heads, kinds, eps=1e-6):
        super().__init__()
        self.patchify = nn.Conv2d(channels, width, patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, (image // patch) ** 2, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, kind, eps) for kind in kinds)
        self.classifier = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, images):
        x = self.patchify(images).flatten(2).transpose(1, 2) + self.pos_embed
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x[:, 0])

    def statistics(self):
        """Of the last forward: (tag, block, six values) in the order of the network."""
        return [
            (tag, index, values)
            for index, block in enumerate(self.blocks)
            for tag, values in block.statistics
        ]
