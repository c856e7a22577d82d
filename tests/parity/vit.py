# SPDX-License-Identifier: Apache-2.0
"""The Vision Transformer and its residual connections in plain PyTorch (arXiv 2505.11881).

An implementation of its own, for numbers to compare orthod with. The names in state_dict() and the
shapes are those of the reference implementation (BootsofLagrangian/ortho-residual), so that a file
that load_state_dict(strict=True) takes here is one that it takes there.
"""
import dataclasses

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


def parts_of(x, f, kind, eps):
    """n, and what f has along x and across it."""
    square = _square(x, kind, eps)
    parallel = _inner(x, f) / square * x
    return square, parallel, f - parallel


def connect(x, f, kind, eps, pattern="default", scale=None):
    """The new stream. kind: linear, negative, feature or global; a row is the last axis.

    In a ViT "global" flattens from the last axis on, which leaves the row as it is. scale: the
    learnable scalar of a pattern, or the 1x1 convolution of rescale_stream as a function of x.
    """
    if kind == "global":
        return connect(x.flatten(-1), f.flatten(-1), "feature", eps, pattern,
                       scale).reshape(x.shape)
    if pattern == "default":
        if kind == "feature":
            return x + parts_of(x, f, kind, eps)[2]
        return x - f if kind == "negative" else x + f
    _, parallel, rest = parts_of(x, f, kind, eps)
    if pattern == "rezero":
        return x + scale * (f if kind == "linear" else rest)
    if pattern == "rezero_constrained":
        return x + torch.cos(scale) * parallel + torch.sin(scale) * rest
    return (scale(x) if callable(scale) else (1 + scale) * x) + rest


def clamped_norm(x, eps):
    return _inner(x, x).clamp_min(eps)


def _six(square, parallel, rest, added, dot, eps):
    """From the rows of a decomposition of `added`."""
    par2, rest2, added2 = (clamped_norm(v, eps) for v in (parallel, rest, added))
    rows = (square, par2, rest2, par2 / square, rest2 / square, dot / (square * added2).sqrt())
    return [row.mean().item() for row in rows]


@torch.no_grad()
def statistics_of(x, f, kind, eps, pattern="default", scale=None):
    """The six statistics of a connection, means over rows, and by name what a pattern adds."""
    square, parallel, rest = parts_of(x, f, kind, eps)
    dot = _inner(x, f)
    raw_parallel, raw_rest = (_inner(v, v).mean().item() for v in (parallel, rest))
    if pattern == "default" or (pattern, kind) == ("rezero", "linear"):
        extras = {} if pattern == "default" else {"pattern/alpha": scale.item()}
        return _six(square, parallel, rest, f, dot, eps), extras
    if pattern == "rezero":
        rest = scale * rest
        extras = {"pattern/alpha": scale.item(), "pattern/f_ortho_raw_norm2": raw_rest}
        return _six(square, parallel, rest, rest, _inner(x, rest), eps), extras
    if pattern == "rezero_constrained":
        parallel, rest = torch.cos(scale) * parallel, torch.sin(scale) * rest
        extras = {"pattern/theta": scale.item(), "pattern/alpha": torch.cos(scale).item(),
                  "pattern/beta": torch.sin(scale).item()}
        if kind != "linear":
            f = parallel + rest
            dot = _inner(x, f)
            extras |= {"pattern/f_par_raw_norm2": raw_parallel,
                       "pattern/f_ortho_raw_norm2": raw_rest}
        return _six(square, parallel, rest, f, dot, eps), extras
    scaled = scale(x) if callable(scale) else (1 + scale) * x
    scaled2 = clamped_norm(scaled, eps)
    f = scaled - x + rest
    extras = {"pattern/rescale_mode": float(callable(scale)),
              "pattern/f_par_raw_norm2": raw_parallel,
              "pattern/scaled_x_norm2": scaled2.mean().item(),
              "pattern/stream_scale_ratio": (scaled2 / square).mean().item()}
    if callable(scale):
        extras["pattern/rescale_conv_weight_norm"] = scale.weight.norm().item()
    else:
        extras["pattern/rescale_alpha"] = scale.item()
    return _six(square, scaled - x, rest, f, _inner(x, f), eps), extras


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

    def forward(self, x, drop=lambda y: y):
        return drop(self.fc2(drop(functional.gelu(self.fc1(x), approximate="tanh"))))


SCALARS = {"rezero": "alpha", "rezero_constrained": "theta", "rescale_stream": "rescale_alpha"}
TAGS = ("attn", "mlp")


@dataclasses.dataclass
class Options:
    """Of all blocks. The rates are of drop path and of dropout in the MLP."""

    eps: float = 1e-6
    pattern: str = "default"
    path_rate: float = 0
    mlp_rate: float = 0
    perturbation: float = 0


class Block(nn.Module):
    """Draws (drawn.Draws) come from outside before each forward; layers are numbered as orthod
    does: four dropping ones and two noises a block."""

    def __init__(self, index, width, heads, kind, options):
        super().__init__()
        self.index, self.kind, self.options = index, kind, options
        self.register_buffer("residual_eps", torch.tensor([options.eps], dtype=torch.float32))
        names = [f"{tag}_{SCALARS[options.pattern]}" for tag in TAGS
                 if options.pattern != "default"]
        self._pattern_params = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(1)) for name in names})
        self.attn = Attention(width, heads)
        self.mlp = Mlp(width)
        self.measure = True
        self.statistics = []
        self.draws = None

    def _drop(self, x, place, rate, whole):
        if not (self.training and rate):
            return x
        shape = (len(x), 1, 1) if whole else x.shape
        return x * self.draws.mask(4 * self.index + place, rate, shape).to(x.dtype)

    def _path(self, x, place):
        return self._drop(x, place, self.options.path_rate, True)

    def _mlp(self, x):
        places = iter((1, 2))
        out = self.mlp(x, lambda y: self._drop(y, next(places), self.options.mlp_rate, False))
        return self._path(out, 3)

    def _connect(self, tag, x, f):
        if self.options.perturbation:
            noise = self.draws.noise(2 * self.index + TAGS.index(tag), f.shape)
            f = f + self.options.perturbation * noise.to(f.dtype)
        pattern = self.options.pattern
        scale = None
        if pattern != "default":
            scale = self._pattern_params[f"{tag}_{SCALARS[pattern]}"]
        arguments = x, f, self.kind, self.residual_eps, pattern, scale
        if self.measure:
            self.statistics.append((tag, *statistics_of(*arguments)))
        return connect(*arguments)

    def forward(self, x):
        self.statistics = []
        shape = x.shape[-1:]
        x = self._connect("attn", x, self._path(self.attn(functional.layer_norm(x, shape, eps=1e-6)),
                                                0))
        return self._connect("mlp", x, self._mlp(functional.layer_norm(x, shape, eps=1e-6)))


class VisionTransformer(nn.Module):
    """kinds: the connection of each block; their number is the depth."""

    def __init__(self, image, patch, channels, classes, width, heads, kinds, options):
        super().__init__()
        self.patchify = nn.Conv2d(channels, width, patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, (image // patch) ** 2, width) * 0.02)
        self.blocks = nn.ModuleList(Block(index, width, heads, kind, options)
                                    for index, kind in enumerate(kinds))
        self.classifier = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, images):
        x = self.patchify(images).flatten(2).transpose(1, 2) + self.pos_embed
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x[:, 0])

    def statistics(self):
        """Of the last forward: (tag, block, six values, extras) in the order of the network."""
        return [
            (tag, index, values, extras)
            for index, block in enumerate(self.blocks)
            for tag, values, extras in block.statistics
        ]
