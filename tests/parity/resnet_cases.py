#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the training runs of ResNets that the parity tests hold orthod against.

    resnet_cases.py [CASE...]  writes data/CASE.json beside this file, without an argument all
    resnet_cases.py --verify   computes them anew and compares with data/, printing TAP

A ResNet-18 has 11 million weights, so that no file holds any: images and start weights come from a
hash of their index, which resnet_parity_test.c computes too, and of the end each tensor leaves the
length of its update and its inner products with a few vectors of signs.

Batch norms over few samples and the kinks of ReLU magnify rounding. Images of 12 x 12 in batches of 8
leave 32 values a channel in the last stage, and the learning rates are so small that the losses of
PyTorch's float32 run and its float64 run differ by 1e-5 at most, but by 3e-4 in ResNet-50 (`drift` in
the fixtures). Updates drift by more: one ReLU whose input rounding moves over zero in the last stage
changes the gradients of all stages before by 1 to 2%, and a bias in front of a batch norm has no
gradient but rounding.
"""
import copy
import os
import sys
import tempfile

import torch
from torch import nn

import generate
import training

SIDE, CLASSES, SAMPLES, EVAL_SAMPLES = 12, 10, 40, 24
SIGN_VECTORS = 8
MASK = 0xFFFFFFFF

_ORTHOGONAL = {"residual.connection": "orthogonal", "residual.method": "feature"}
_LINEAR = {"residual.connection": "linear"}
_SGD = {"train.optimizer.type": "sgd", "train.optimizer.lr": 1e-3}
_ADAM = {"train.optimizer.type": "adam", "train.optimizer.lr": 1e-5}
_COMMON = {"data.limit_train": SAMPLES, "data.limit_eval": EVAL_SAMPLES, "train.batch_size": 8,
           "train.epochs": 4}

# name: channels of the images, changes to the specification
CASES = {
    "resnet18-linear-sgd": (3, {**_LINEAR, **_SGD, "model.arch": "resnet18",
                                "train.max_steps": 6}),
    "resnet18-feature-sgd": (3, {**_ORTHOGONAL, **_SGD, "model.arch": "resnet18",
                                 "train.optimizer.lr": 1e-4}),
    "resnet18-feature-adam": (3, {**_ORTHOGONAL, **_ADAM, "model.arch": "resnet18",
                                  "train.max_steps": 6}),
    "resnet18-accumulate": (1, {**_ORTHOGONAL, **_SGD, "model.arch": "resnet18",
                                "model.layernorm_head": True, "train.label_smoothing": 0.1,
                                "train.batch_size": 16, "train.grad_accumulate_steps": 2,
                                "residual.blocks": [0, 3, 6], "train.max_steps": 4,
                                "train.optimizer.lr": 3e-4}),
    "resnet50-feature-sgd": (3, {**_ORTHOGONAL, **_SGD, "model.arch": "resnet50",
                                 "train.max_steps": 3, "train.optimizer.lr": 1e-4}),
}


def spec_of(name):
    spec = copy.deepcopy(generate.BASE)
    spec["name"] = name
    for path, value in {**_COMMON, **CASES[name][1]}.items():
        generate.put(spec, path, value)
    return spec


def hashed(count, seed):
    """32 bits of noise for each index."""
    x = (torch.arange(count) * 0x9E3779B1 + seed * 0x85EBCA77) & MASK
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        x = ((x ^ (x >> shift)) * factor) & MASK
    return x ^ (x >> 15)


def noise(count, seed):
    """float32 in [-1, 1), each exact."""
    return ((hashed(count, seed) >> 8).float() - 2**23) / 2**23


def images_of(split, channels):
    """As orthod loads them, [n, channels, height, width]; mean 0.5 and deviation 0.25."""
    count = SAMPLES if split == "train" else EVAL_SAMPLES
    seed = 1 if split == "train" else 2
    pixels = hashed(count * SIDE * SIDE * channels, seed) >> 25
    pixels = pixels.reshape(count, SIDE, SIDE, channels)
    labels = hashed(count, seed + 2) % CLASSES
    pixels[torch.arange(count), labels] += 128  # classes differ by the row that is brighter
    images = (pixels.float() / 255 - 0.5) / 0.25
    return images.permute(0, 3, 1, 2).contiguous(), labels


def start_weights(model):
    """Uniform in PyTorch's bounds; what PyTorch starts at 0 or 1 is shaken a little."""
    bounds = {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = torch.tensor(float(module.weight[0].numel()))
            bounds[name] = 1 / fan_in.sqrt()
    weights = model.state_dict()
    for index, (name, tensor) in enumerate(weights.items()):
        module = name.rpartition(".")[0]
        drawn = noise(tensor.numel(), 100 + index).reshape(tensor.shape)
        if module in bounds:
            weights[name] = drawn * bounds[module]
        elif tensor.dim() == 1:
            weights[name] = tensor + drawn / 4
    return weights


def digests(start, end32, end64):
    """name: [the length of the update, how far rounding moved it, products with signs...]."""
    found = {}
    for index, (name, begin) in enumerate(start.items()):
        if begin.dim() == 0:
            continue
        update = (end32[name].double() - begin.double()).flatten()
        drift = (end32[name].double() - end64[name].double()).norm().item()
        signs = [1 - 2 * (hashed(update.numel(), 1000 * (index + 1) + k) >> 31).double()
                 for k in range(SIGN_VECTORS)]
        products = [(update * sign).sum().item() for sign in signs]
        found[name] = [float(f"{value:.8g}") for value in (update.norm().item(), drift, *products)]
    return found


def train(spec, weights, dtype, images):
    run = training.Run(spec, weights, dtype, images["train"])
    steps = [run.advance() for _ in range(run.steps)]
    return steps, training.evaluate(run.model, data=images["test"]), run.model.state_dict()


def farthest(steps32, steps64, key):
    return max(generate.relative(a[key], b[key]) for a, b in zip(steps32, steps64))


def case_of(name):
    spec, channels = spec_of(name), CASES[name][0]
    start = start_weights(training.build(spec, channels))
    images = {split: images_of(split, channels) for split in ("train", "test")}
    steps32, eval32, end32 = train(spec, start, torch.float32, images)
    steps64, eval64, end64 = train(spec, start, torch.float64, images)
    shown = (1, 2, len(steps32))
    return {
        "case": name,
        "torch": torch.__version__,
        "spec": spec,
        "images": {"side": SIDE, "channels": channels, "classes": CLASSES},
        "steps": [{key: value for key, value in step.items()
                   if key != "statistics" or step["step"] in shown} for step in steps32],
        "eval": eval32,
        "batches_tracked": end32["pre.1.num_batches_tracked"].item(),
        "float64": {"losses": [step["loss"] for step in steps64], "eval_loss": eval64["loss"]},
        "drift": {"loss": farthest(steps32, steps64, "loss"),
                  "grad_norm": farthest(steps32, steps64, "grad_norm"),
                  "eval_loss": generate.relative(eval32["loss"], eval64["loss"])},
        "digests": digests(start, end32, end64),
    }


def write(folder, name):
    generate.write_text(os.path.join(folder, f"{name}.json"), case_of(name))


def verify():
    print(f"1..{len(CASES)}")
    failed = 0
    for number, name in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, name)
            found = generate.differences(folder, name)
        failed += bool(found)
        print(f"{'not ok' if found else 'ok'} {number} - {name}")
        for line in found:
            print(f"# {line}")
    return 1 if failed else 0


def main():
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--verify"]:
        return verify()
    for name in sys.argv[1:] or CASES:
        write(generate.DATA, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
