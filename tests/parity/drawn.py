# SPDX-License-Identifier: Apache-2.0
"""The masks and the noise that a run of orthod draws, for the same run in PyTorch: philox.py for whole
tensors at once."""
import math

import numpy
import torch

DROP, CONNECT, NOISE, EVAL_NOISE = 5, 6, 7, 8
_MASK = numpy.uint64(0xFFFFFFFF)
_HALF = numpy.uint64(32)


def words(seed, purpose, epoch, index, count):
    """The first `count` draws of a stream, uint64 values below 2^32."""
    name = index | purpose << 56
    c = [numpy.arange(-(-count // 4), dtype=numpy.uint64)]
    c += [numpy.full_like(c[0], part) for part in (epoch, name & 0xFFFFFFFF, name >> 32)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        even, odd = numpy.uint64(0xD2511F53) * c[0], numpy.uint64(0xCD9E8D57) * c[2]
        k0, k1 = (numpy.uint64(part) for part in key)
        c = [odd >> _HALF ^ c[1] ^ k0, odd & _MASK, even >> _HALF ^ c[3] ^ k1, even & _MASK]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return numpy.stack(c, 1).reshape(-1)[:count]


def uniforms(*name, count):
    """In [0, 1), multiples of 2^-24, exact in float32."""
    return torch.from_numpy((words(*name, count) >> numpy.uint64(8)).astype("f8") * 2.0**-24)


def normals(*name, count):
    """By Box and Muller, two of two draws."""
    draws = words(*name, count + count % 2).astype("f8").reshape(-1, 2)
    radius = numpy.sqrt(-2 * numpy.log((draws[:, 0] + 1) * 2.0**-32))
    angle = 2 * math.pi * draws[:, 1] * 2.0**-32
    pairs = numpy.stack((radius * numpy.cos(angle), radius * numpy.sin(angle)), 1)
    return torch.from_numpy(pairs.reshape(-1)[:count])


class Draws:
    """All randomness of one micro-batch of a training run, or of one batch of an evaluation."""

    def __init__(self, seed, index, training):
        self.seed, self.index, self.training = seed, index, training

    def mask(self, layer, rate, shape):
        """What dropping multiplies with: 1 / (1 - rate), or 0 with probability rate."""
        count = math.prod(shape)
        kept = uniforms(self.seed, DROP, layer, self.index, count=count) >= numpy.float32(rate)
        return (kept.double() / (1 - rate)).reshape(shape)

    def noise(self, layer, shape):
        purpose = NOISE if self.training else EVAL_NOISE
        name = (self.seed, purpose, layer, self.index)
        return normals(*name, count=math.prod(shape)).reshape(shape)


def is_orthogonal(seed, block, step, probability):
    """Whether a block is orthogonal in a step (from 0)."""
    return uniforms(seed, CONNECT, block, step, count=1).item() < numpy.float32(probability)
