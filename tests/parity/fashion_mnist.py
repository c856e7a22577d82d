# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST from the files of Debian's package dataset-fashion-mnist, normalised."""
import gzip
import os
import struct

import torch

ROOT = "/usr/share/datasets/fashion-mnist"
MEAN, STD = 0.2860, 0.3530
_FILES = {"train": "train", "test": "t10k"}


def _idx(name, magic, rank, count):
    path = os.path.join(ROOT, name)
    if not os.path.exists(path):
        raise SystemExit(f"{path} is missing: apt-get install dataset-fashion-mnist")
    with gzip.open(path) as file:
        found, *shape = struct.unpack(f">{1 + rank}I", file.read(4 * (1 + rank)))
        if found != magic:
            raise SystemExit(f"{path}: magic {found:#x}, expected {magic:#x}")
        shape[0] = shape[0] if count is None else min(count, shape[0])
        size = 1
        for extent in shape:
            size *= extent
        return torch.frombuffer(bytearray(file.read(size)), dtype=torch.uint8).reshape(shape)


def load(split, count=None):
    """(images [n, 1, 28, 28] float32, labels [n] int64) of the first count samples in file order."""
    images = _idx(f"{_FILES[split]}-images-idx3-ubyte.gz", 0x803, 3, count)
    labels = _idx(f"{_FILES[split]}-labels-idx1-ubyte.gz", 0x801, 1, count)
    pixels = images.unsqueeze(1).to(torch.float32) / 255
    return (pixels - MEAN) / STD, labels.to(torch.int64)
