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


class Block(nn.Module):
    def __init__(self, channels, width, stride, bottleneck, kind, eps):
        super().__init__()
        self.kind = kind
        self.channels = 4 * width if bottleneck else width
        self.register_buffer("residual_eps", torch.tensor(eps, dtype=torch.float32))
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

    def forward(self, x):
        f, x = self.residual(x), self.shortcut(x)
        # One pixel is one row; channels last, as vit.connect takes it.
        rows, outputs = x.permute(0, 2, 3, 1), f.permute(0, 2, 3, 1)
        if self.measure:
            statistics = vit.statistics_of(rows, outputs, self.kind, self.residual_eps)
            self.statistics = [("conv", statistics)]
        return vit.connect(rows, outputs, self.kind, self.residual_eps).permute(0, 3, 1, 2)


class ResNet(nn.Module):
    """kinds: the connection of each block, through all stages."""

    def __init__(self, arch, channels, classes, kinds, eps=1e-6, layernorm_head=False):
        super().__init__()
        counts, bottleneck = RECIPES[arch]
        self.pre = nn.Sequential(nn.Conv2d(channels, 64, 3, padding=1), nn.BatchNorm2d(64),
                                 nn.ReLU())
        kinds, stream = iter(kinds), 64
        for stage, count in enumerate(counts):
            blocks = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                block = Block(stream, 64 << stage, stride, bottleneck, next(kinds), eps)
                blocks.append(block)
                stream = block.channels
            setattr(self, f"stage{stage + 1}", nn.Sequential(*blocks))
        linear = nn.Linear(stream, classes)
        self.linear = nn.Sequential(nn.LayerNorm(stream), linear) if layernorm_head else linear

    def blocks(self):
        return [block for stage in (self.stage1, self.stage2, self.stage3, self.stage4)
                for block in stage]

    def forward(self, images):
        x = self.pre(images)
        for block in self.blocks():
            x = block(x)
        return self.linear(x.mean((2, 3)))

    def statistics(self):
        """Of the last forward: (tag, block, six values) in the order of the network."""
        return [
            (tag, index, values)
            for index, block in enumerate(self.blocks())
            for tag, values in block.statistics
        ]
