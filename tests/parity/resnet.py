# SPDX-License-Identifier: Apache-2.0
"""Pre-activation ResNets and their residual connections in plain PyTorch (arXiv 1603.05027, with the
connections of arXiv 2505.11881).

An implementation of its own, for numbers to compare orthod with. The names in state_dict() and the
shapes are those of the reference implementation (BootsofLagrangian/ortho-residual), so that a file
that load_state_dict(strict=True) takes here is one that it takes there.
"""
import torch
from torch import nn

import vit

RECIPES = {
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
    "resnet152": ((3, 8, 36, 3), True),
}


def _layers(channels, outputs, kernel, stride=1):
    """Batch norm, ReLU, convolution."""
    conv = nn.Conv2d(channels, outputs, kernel, stride=stride, padding=kernel // 2)
    return nn.BatchNorm2d(channels), nn.ReLU(), conv


def pixels(x):
    """Channels last: one pixel is one row, as vit.connect takes it."""
    return x.permute(0, 2, 3, 1)


class Block(nn.Module):
    """options: vit.Options; convolves: rescale_stream with a 1x1 convolution of the stream."""

    def __init__(self, index, channels, width, stride, bottleneck, kind, options,
                 convolves=False):
        super().__init__()
        self.index, self.kind, self.options, self.convolves = index, kind, options, convolves
        self.channels = 4 * width if bottleneck else width
        self.register_buffer("residual_eps", torch.tensor(options.eps, dtype=torch.float32))
        self._pattern_params, self._pattern_modules = nn.ParameterDict(), nn.ModuleDict()
        if convolves:
            scale = nn.Conv2d(self.channels, self.channels, 1, bias=False)
            scale.weight.data = torch.eye(self.channels)[:, :, None, None].clone()
            self._pattern_modules["conv_rescale_proj"] = scale
        elif options.pattern != "default":
            name = f"conv_{vit.SCALARS[options.pattern]}"
            self._pattern_params[name] = nn.Parameter(torch.zeros(1))
        if bottleneck:
            layers = (*_layers(channels, width, 1, stride), *_layers(width, width, 3),
                      *_layers(width, self.channels, 1))
        else:
            layers = (*_layers(channels, width, 3, stride), *_layers(width, width, 3))
        self.residual = nn.Sequential(*layers)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != self.channels:
            self.shortcut = nn.Conv2d(channels, self.channels, 1, stride=stride)
        self.measure = True
        self.statistics = []
        self.draws = None

    def _scale(self, shape):
        """What the pattern has learnt; the convolution as a function of rows."""
        if not self.convolves:
            return next(iter(self._pattern_params.values()), None)
        convolution = self._pattern_modules["conv_rescale_proj"]
        if shape is None:
            return convolution_of_pixels(convolution)
        return convolution_of_samples(convolution, shape)

    def forward(self, x):
        f, x = self.residual(x), self.shortcut(x)
        if self.options.perturbation:
            # Drawn for channels last, as orthod lays pixels out.
            noise = self.draws.noise(self.index, pixels(f).shape).permute(0, 3, 1, 2)
            f = f + self.options.perturbation * noise.to(f.dtype)
        rows, outputs, kind, shape = pixels(x), pixels(f), self.kind, None
        if kind == "global":
            rows, outputs, kind, shape = x.flatten(1), f.flatten(1), "feature", x.shape
        arguments = (rows, outputs, kind, self.residual_eps, self.options.pattern,
                     self._scale(shape))
        if self.measure:
            self.statistics = [("conv", *vit.statistics_of(*arguments))]
        y = vit.connect(*arguments)
        return y.permute(0, 3, 1, 2) if shape is None else y.reshape(shape)


def convolution_of_pixels(convolution):
    def scale(rows):
        return pixels(convolution(rows.permute(0, 3, 1, 2)))

    scale.weight = convolution.weight
    return scale


def convolution_of_samples(convolution, shape):
    def scale(rows):
        return convolution(rows.reshape(shape)).flatten(1)

    scale.weight = convolution.weight
    return scale


class ResNet(nn.Module):
    """kinds: the connection of each block, through all stages."""

    def __init__(self, arch, channels, classes, kinds, options, layernorm_head=False,
                 convolves=False):
        super().__init__()
        counts, bottleneck = RECIPES[arch]
        self.pre = nn.Sequential(nn.Conv2d(channels, 64, 3, padding=1), nn.BatchNorm2d(64),
                                 nn.ReLU())
        kinds, stream = enumerate(kinds), 64
        for stage, count in enumerate(counts):
            blocks = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                number, kind = next(kinds)
                block = Block(number, stream, 64 << stage, stride, bottleneck, kind, options,
                              convolves)
                blocks.append(block)
                stream = block.channels
            setattr(self, f"stage{stage + 1}", nn.Sequential(*blocks))
        linear = nn.Linear(stream, classes)
        self.linear = nn.Sequential(nn.LayerNorm(stream), linear) if layernorm_head else linear

    @property
    def blocks(self):
        return [block for stage in (self.stage1, self.stage2, self.stage3, self.stage4)
                for block in stage]

    def forward(self, images):
        x = self.pre(images)
        for block in self.blocks:
            x = block(x)
        return self.linear(x.mean((2, 3)))

    def statistics(self):
        """Of the last forward: (tag, block, six values, extras) in the order of the network."""
        return [
            (tag, index, values, extras)
            for index, block in enumerate(self.blocks)
            for tag, values, extras in block.statistics
        ]
