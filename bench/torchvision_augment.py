#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Images a second of processor time through the recipes of augment_bench in torchvision.

    torchvision_augment.py [SECONDS]     a recipe; 2 by default
"""
import sys
import time

import numpy
import torch
from PIL import Image
from torchvision import transforms as t

torch.set_num_threads(1)
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
NORMAL = t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
VIT = [t.RandAugment(9, 5), t.ColorJitter(0.4, 0.4, 0.4, 0.1)]
END = [t.ToTensor(), t.RandomErasing(0.25, value="random"), NORMAL]
CROP = [t.RandomCrop(32, padding=4, padding_mode="reflect"), t.RandomHorizontalFlip()]


def resized(size, least):
    return [t.RandomResizedCrop(size, (least, 1.0), (0.75, 1.33)), t.RandomHorizontalFlip()]


RECIPES = {
    ("cifar10", "vit", 32, 32): CROP + VIT + END,
    ("cifar10", "resnet18", 32, 32): CROP + [t.ToTensor(), NORMAL],
    ("tiny-imagenet", "vit", 64, 64): resized(64, 0.8) + VIT + END,
    ("tiny-imagenet", "resnet18", 64, 64): resized(64, 0.7) + [t.ToTensor(), NORMAL],
    ("imagenet1k", "vit", 500, 375): resized(224, 0.8) + VIT[::-1] + END,
    ("imagenet1k", "resnet18", 500, 375): resized(224, 0.7) + [t.ToTensor(), NORMAL],
}

for (dataset, arch, width, height), steps in RECIPES.items():
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [40 + 150 * y / height, 70 + 150 * x / height, 100 + 150 * y / height]
    noise = numpy.random.RandomState(0).randint(0, 20, (height, width, 3))
    image = Image.fromarray(((numpy.stack(planes, -1) % 230) + noise).astype(numpy.uint8))
    transform, count, begin = t.Compose(steps), 0, time.process_time()
    while time.process_time() - begin < SECONDS:
        transform(image)
        count += 1
    print(f"{dataset:14} {arch:9} {count / (time.process_time() - begin):8.0f} images/s")
