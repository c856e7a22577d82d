#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints how many samples a second PyTorch trains of a ViT, as bench/train_bench does for orthod.

A step is what ortho-worker does in one: forward, backward, Adam. The images are in memory, ready:
28x28 with one channel and patches of 7, or 32x32 with three and patches of 4. The second number is
samples per second of processor time, which a busy machine disturbs less.
"""
import argparse
import os
import statistics
import sys
import time

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "parity"))

import training  # noqa: E402  (both lie beside the parity tests)
import vit  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connection", choices=("linear", "orthogonal"), default="orthogonal")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--preset", choices=training.PRESETS, default="N")
    parser.add_argument("--image", type=int, choices=(28, 32), default=28)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    kind = "feature" if options.connection == "orthogonal" else "linear"
    width, depth, heads = training.PRESETS[options.preset]
    patch, channels = (7, 1) if options.image == 28 else (4, 3)
    model = vit.VisionTransformer(options.image, patch, channels, 10, width, heads, [kind] * depth)
    for block in model.blocks:
        block.measure = False
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    images = torch.randn(options.batch, channels, options.image, options.image)
    labels = torch.randint(10, (options.batch,))
    times, used = [], []
    for _ in range(options.steps):
        begin, begin_used = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bf16"):
            logits = model(images)
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - begin)
        used.append(time.process_time() - begin_used)
    skip = min(5, options.steps // 3)
    print(*(f"{options.batch / statistics.median(column[skip:]):.1f}" for column in (times, used)))


if __name__ == "__main__":
    main()
