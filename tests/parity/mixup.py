# SPDX-License-Identifier: Apache-2.0
"""Mixup and CutMix in PyTorch as timm's batch mode defines them, with parameters drawn from the
streams of core/data/mixup.h."""
import math

import torch
from torch.nn import functional

import philox


def _unit(stream):
    return (stream.next() + 1.0) * 2.0**-32


def _log_gamma(stream, alpha):
    """The logarithm of a gamma draw (Marsaglia and Tsang)."""
    d = (alpha + 1 if alpha < 1 else alpha) - 1 / 3
    c = 1 / math.sqrt(9 * d)
    while True:
        x = stream.normal()
        v = (1 + c * x) ** 3
        u = _unit(stream)
        if v > 0 and math.log(u) < x * x / 2 + d - d * v + d * math.log(v):
            return math.log(d * v) + (math.log(_unit(stream)) / alpha if alpha < 1 else 0)


def _beta(stream, alpha):
    own, other = _log_gamma(stream, alpha), _log_gamma(stream, alpha)
    return 1 / (1 + math.exp(other - own))


def _box(stream, lam, height, width):
    """Rows and columns of CutMix's box, and what is left of the image."""
    ratio = math.sqrt(1 - lam)
    spans = []
    for size in (height, width):
        half = int(size * ratio) // 2
        center = stream.below(size)
        spans.append((max(center - half, 0), min(center + half, size)))
    (top, bottom), (left, right) = spans
    return (top, bottom, left, right), 1 - (bottom - top) * (right - left) / (height * width)


def draw(options, seed, epoch, batch, height, width):
    """The ratio, and the box or None."""
    stream = philox.Stream(seed, philox.MIXUP, epoch, batch)
    if stream.uniform() >= options["prob"]:
        return 1.0, None
    cutmix = options["alpha"] <= 0
    if options["alpha"] > 0 and options["cutmix_alpha"] > 0:
        cutmix = stream.uniform() < options["switch_prob"]
    lam = _beta(stream, options["cutmix_alpha" if cutmix else "alpha"])
    if not cutmix:
        return lam, None
    box, lam = _box(stream, lam, height, width)
    return lam, box


def batch(options, train, epoch, number, images, labels):
    """The mixed images [n, channels, height, width] and their targets [n, 10]."""
    lam, box = draw(options, train["seed"], epoch, number, *images.shape[-2:])
    mixed = images.clone()
    if box:
        top, bottom, left, right = box
        mixed[:, :, top:bottom, left:right] = images.flip(0)[:, :, top:bottom, left:right]
    elif lam < 1:
        mixed = images * lam + images.flip(0) * (1 - lam)
    smoothing = train["label_smoothing"]
    sure = functional.one_hot(labels, 10).to(images.dtype) * (1 - smoothing) + smoothing / 10
    return mixed, sure * lam + sure.flip(0) * (1 - lam)
