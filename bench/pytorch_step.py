#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints how many samples a second PyTorch trains, as bench/train_bench does for orthod.

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

import resnet  # noqa: E402  (these lie beside the parity tests)
import training  # noqa: E402
import vit  # noqa: E402

CLASSES = 10


def model_of(preset, image, connection):
    kind = "feature" if connection == "orthogonal" else "linear"
    patch, channels = (7, 1) if image == 28 else (4, 3)
    if preset in resnet.RECIPES:
        blocks = sum(resnet.RECIPES[preset][0])
        return resnet.ResNet(preset, channels, CLASSES, [kind] * blocks, vit.Options())
    width, depth, heads = training.PRESETS[preset]
    return vit.VisionTransformer(image, patch, channels, CLASSES, width, heads, [kind] * depth,
                                 vit.Options())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connection", choices=("linear", "orthogonal"), default="orthogonal")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--preset", choices=(*training.PRESETS, *resnet.RECIPES), default="N")
    parser.add_argument("--image", type=int, choices=(28, 32), default=28)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--channels-last", action="store_true",
                        help="PyTorch's own advice for convolutions on the CPU")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = model_of(options.preset, options.image, options.connection)
    for block in model.blocks:
        block.measure = False
    images = torch.randn(options.batch, 1 if options.image == 28 else 3, options.image,
                         options.image)
    if options.channels_last:
        model, images = (thing.to(memory_format=torch.channels_last) for thing in (model, images))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    labels = torch.randint(CLASSES, (options.batch,))
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
