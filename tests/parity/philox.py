# SPDX-License-Identifier: Apache-2.0
"""The streams of core/rng/philox.h, for generators that have to draw what orthod draws."""
import math
import struct

AUGMENT, MIXUP = 3, 4


def _word(value):
    return value & 0xFFFFFFFF


def block(counter, key):
    """philox4x32-10 (Salmon et al., SC'11)."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        even, odd = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (odd >> 32) ^ c1 ^ k0, _word(odd), (even >> 32) ^ c3 ^ k1, _word(even)
        k0, k1 = _word(k0 + 0x9E3779B9), _word(k1 + 0xBB67AE85)
    return c0, c1, c2, c3


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


class Stream:
    def __init__(self, seed, purpose, epoch, index):
        name = index | purpose << 56
        self.key = (_word(seed), seed >> 32)
        self.counter = [0, epoch, _word(name), name >> 32]
        self.words = []

    def next(self):
        if not self.words:
            self.words = list(block(self.counter, self.key))
            self.counter[0] += 1
        return self.words.pop(0)

    def uniform(self):
        """[0, 1) in 24 bits."""
        return (self.next() >> 8) * 2.0**-24

    def between(self, low, high):
        """In float32, as C computes low + (high - low) * uniform."""
        low, high = float32(low), float32(high)
        return float32(low + float32(float32(high - low) * self.uniform()))

    def normal(self):
        radius = (self.next() + 1.0) * 2.0**-32
        angle = self.next() * 2.0**-32
        return float32(math.sqrt(-2.0 * math.log(radius)) * math.cos(2.0 * math.pi * angle))

    def below(self, n):
        reject_below = (2**32 - n) % n
        while True:
            product = self.next() * n
            if _word(product) >= reject_below:
                return product >> 32
