#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints how many samples a second PyTorch trains of the ViT 64/6/4, patch 7, on 28x28 images.

A step is what ortho-worker does in one: forward, backward, Adam. The images are in memory, ready.
"""
import argparse
import os
import statistics
import sys
import time

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "parity"))

import vit  # noqa: E402  (lies beside the parity tests)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connection", choices=("linear", "orthogonal"), default="orthogonal")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    kind = "feature" if options.connection == "orthogonal" else "linear"
    model = vit.VisionTransformer(28, 7, 1, 10, 64, 4, [kind] * 6)
    for block in model.blocks:
        block.measure = False
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    images = torch.randn(options.batch, 1, 28, 28)
    labels = torch.randint(10, (options.batch,))
    times = []
    for _ in range(options.steps):
        begin = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - begin)
    print(f"{options.batch / statistics.median(times[5:]):.1f}")


if __name__ == "__main__":
    main()
