#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the training runs of ResNets that the parity tests hold orthod against.

    resnet_cases.py [CASE...]  writes data/CASE.json beside this file, without an argument all
    resnet_cases.py --verify   computes them anew and compares with data/, printing TAP

A ResNet-18 has 11 million weights, so that no file holds any: images and start weights come from a
hash of their index, which resnet_run.c computes too, and of the end each tensor leaves the
length of its update and a few sums of its elements with random signs.

The kinks of ReLU magnify rounding: one input that rounding moves over zero in the last stage changes
the gradients of all stages before by 1 to 2%. So batch norms start with biases of +-NORM_BIAS, which
leave half of the channels firmly on and half firmly off. A bias in front of a batch norm has no
gradient but rounding; weight decay gives it an update.
"""
import copy
import json
import os
import sys
import tempfile

import torch
from torch import nn

import generate
import training

SIDE, CLASSES, SAMPLES, EVAL_SAMPLES = 10, 10, 40, 24
SKETCH, SKETCH_SEED, NORM_SEED = 8, 1000, 500
NORM_BIAS = 3
EXACT_STEPS = 2
MASK = 0xFFFFFFFF

CONNECTIONS = {"linear": generate.LINEAR, "negative": generate.NEGATIVE,
               "feature": generate.FEATURE, "global": generate.GLOBAL}
PATTERNS = {
    "rezero": {"residual.pattern": "rezero"},
    "rezero_constrained": {"residual.pattern": "rezero_constrained"},
    "rescale_stream": {"residual.pattern": "rescale_stream"},
    "conv1x1": {"residual.pattern": "rescale_stream", "residual.rescale_mode": "conv1x1"},
}
OPTIMIZERS = {
    "sgd": {"train.optimizer.type": "sgd", "train.optimizer.lr": 1e-3},
    "adam": {"train.optimizer.type": "adam", "train.optimizer.lr": 1e-4},
}
BF16 = {"train.precision": "bf16"}
_COMMON = {"model.arch": "resnet18", "data.limit_train": SAMPLES, "data.limit_eval": EVAL_SAMPLES,
           "train.batch_size": 8, "train.epochs": 4, "train.optimizer.weight_decay": 0.5}

# name: channels of the images, changes to the specification
CASES = {
    f"resnet18-{connection}-{optimizer}": (3, {**CONNECTIONS[connection], **OPTIMIZERS[optimizer]})
    for connection in CONNECTIONS for optimizer in OPTIMIZERS
}
# Each pattern with either optimizer and with either kind of branch.
_PATTERNED = {"rezero": ("linear", "feature"), "rezero_constrained": ("feature", "linear"),
              "rescale_stream": ("linear", "global"), "conv1x1": ("global", "feature")}
CASES |= {
    f"resnet18-{pattern}-{connection}-{optimizer}": (3, {
        **PATTERNS[pattern], **CONNECTIONS[connection], **OPTIMIZERS[optimizer]})
    for pattern, connections in _PATTERNED.items()
    for optimizer, connection in zip(OPTIMIZERS, connections)
}
CASES |= {
    # Batches of eight in two pairs and one alone an epoch.
    "resnet18-accumulate": (1, {**CONNECTIONS["feature"], **OPTIMIZERS["sgd"],
                                "model.layernorm_head": True, "train.label_smoothing": 0.1,
                                "train.batch_size": 16, "train.grad_accumulate_steps": 2,
                                "residual.blocks": [0, 3, 6], "residual.eps": 0.5,
                                "train.epochs": 7, "train.max_steps": 20}),
    "resnet18-drawn": (3, {**CONNECTIONS["global"], **PATTERNS["rezero"], **OPTIMIZERS["adam"],
                           "residual.probability": 0.5, "residual.perturbation": 0.1}),
    "resnet18-bf16-linear-sgd": (3, {**CONNECTIONS["linear"], **OPTIMIZERS["sgd"], **BF16}),
    "resnet18-bf16-feature-adam": (3, {**CONNECTIONS["feature"], **OPTIMIZERS["adam"], **BF16}),
    "resnet50-feature-sgd": (3, {**CONNECTIONS["feature"], **OPTIMIZERS["sgd"],
                                 "model.arch": "resnet50"}),
}
# Of these many tensors no digests are kept: what updates do shows in the steps after.
DEEP = {
    f"{arch}-{connection}-{optimizer}": (3, {**CONNECTIONS[connection], **OPTIMIZERS[optimizer],
                                             "model.arch": arch, "train.max_steps": 3})
    for arch, connection, optimizer in (("resnet34", "feature", "adam"),
                                        ("resnet101", "global", "sgd"),
                                        ("resnet152", "linear", "adam"))
}
CASES |= DEEP


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


def signs(bits):
    return 1 - 2 * (bits >> 31).float()


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
    """Uniform in PyTorch's bounds; what PyTorch starts at 0, 1 or an identity is shaken a little, and
    a batch norm's biases are moved up or down."""
    bounds, norms = {}, set()
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            norms.add(f"{name}.bias")
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = torch.tensor(float(module.weight[0].numel()))
            bounds[name] = 1 / fan_in.sqrt()
    weights = model.state_dict()
    for index, (name, tensor) in enumerate(weights.items()):
        module = name.rpartition(".")[0]
        drawn = noise(tensor.numel(), 100 + index).reshape(tensor.shape)
        if name.endswith("conv_rescale_proj.weight"):
            weights[name] = tensor + drawn / 16
        elif module in bounds:
            weights[name] = drawn * bounds[module]
        elif tensor.dim() == 1:
            weights[name] = tensor + drawn / 4
        if name in norms:
            weights[name] += NORM_BIAS * signs(hashed(tensor.numel(), NORM_SEED + index))
    return weights


def digests(start, end):
    """name: [the length of the update, sums of its elements with signs...]."""
    found = {}
    for index, (name, begin) in enumerate(start.items()):
        if begin.dim() == 0:
            continue
        update = (end[name].double() - begin.double()).flatten()
        bits = hashed(update.numel(), SKETCH_SEED + index)
        sums = torch.zeros(SKETCH, dtype=torch.float64)
        sums.index_add_(0, bits % SKETCH, signs(bits) * update)
        found[name] = rounded([update.norm().item(), *sums.tolist()], 6)
    return found


def rounded(values, digits):
    return [float(f"{value:.{digits}g}") for value in values]


def short(step):
    """A step with statistics in fewer digits."""
    rows = []
    for row in step["statistics"]:
        row = {**row, "values": rounded(row["values"], 8)}
        if "extras" in row:
            row["extras"] = dict(zip(row["extras"], rounded(row["extras"].values(), 8)))
        rows.append(row)
    return {**step, "statistics": rows}


def train(spec, start, images, steps=None, dtype=torch.float32):
    """The run itself and its steps."""
    run = training.Run(spec, start, dtype, images["train"])
    return run, [run.advance() for _ in range(steps or run.steps)]


def train_better(spec, start, images):
    """What the case is compared with for rounding: of float32 float64, of bf16 float32."""
    if spec["train"]["precision"] == "fp32":
        return train(spec, start, images, EXACT_STEPS, torch.float64)
    spec = copy.deepcopy(spec)
    generate.put(spec, "train.precision", "fp32")
    return train(spec, start, images)


def evaluate(run, images):
    return training.evaluate(run.model, None, run.micro, run.train["seed"], run.step,
                             images["test"], precision=run.train["precision"])


def drift_of(start, rounded_run, better_run, images):
    """What bfloat16 does to PyTorch's own run: the largest relative differences from float32, but of
    cosines, which may be near 0, absolute ones."""
    (run, steps), (better, better_steps) = rounded_run, better_run
    relative, pairs = generate.relative, list(zip(steps, better_steps))
    rows = [(row["values"], better_row["values"]) for step, better_step in pairs
            for row, better_row in zip(step["statistics"], better_step["statistics"])]
    end, better_end = run.model.state_dict(), better.model.state_dict()
    return {
        "loss": max(relative(a["loss"], b["loss"]) for a, b in pairs),
        "grad_norm": max(relative(a["grad_norm"], b["grad_norm"]) for a, b in pairs),
        "statistics": max(relative(*pair) for a, b in rows for pair in zip(a[:-1], b[:-1])),
        "cosines": max(abs(a[-1] - b[-1]) for a, b in rows),
        "eval_loss": relative(evaluate(run, images)["loss"], evaluate(better, images)["loss"]),
        "updates": max(generate.apart(begin, end[name], better_end[name])
                       for name, begin in start.items() if begin.dim() > 0),
    }


def case_of(name):
    spec, channels = spec_of(name), CASES[name][0]
    start = start_weights(training.build(spec, channels))
    images = {split: images_of(split, channels) for split in ("train", "test")}
    run, steps = train(spec, start, images)
    better, better_steps = train_better(spec, start, images)
    end = run.model.state_dict()
    found = {
        "case": name,
        "torch": torch.__version__,
        "spec": spec,
        "images": {"side": SIDE, "channels": channels, "classes": CLASSES},
        "norm_bias": NORM_BIAS,
        "steps": [short(step) for step in steps],
        "eval": evaluate(run, images),
        "batches_tracked": end["pre.1.num_batches_tracked"].item(),
        "float64": {"losses": [step["loss"] for step in better_steps[:EXACT_STEPS]]},
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "digests": None if name in DEEP else digests(start, end),
    }
    if spec["train"]["precision"] == "bf16":
        found["drift"] = drift_of(start, (run, steps), (better, better_steps), images)
    return found


def write(folder, name):
    generate.write_text(os.path.join(folder, f"{name}.json"), case_of(name))


def differing_digests(folder, name):
    """Tensors whose end is not the committed one, as a list of sentences."""
    cases = []
    for place in (generate.DATA, folder):
        with open(os.path.join(place, f"{name}.json"), encoding="ascii") as file:
            cases.append(json.load(file))
    old, new = (case["digests"] or {} for case in cases)
    if old.keys() != new.keys():
        return ["other tensors"]
    bound = cases[0]["drift"]["updates"] if "drift" in cases[0] else 1e-3
    return [f"the update of {tensor} differs" for tensor, digest in old.items()
            if max(abs(a - b) for a, b in zip(digest, new[tensor])) > bound * digest[0]]


def verify():
    print(f"1..{len(CASES)}")
    failed = 0
    for number, name in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, name)
            found = generate.differences(folder, name) + differing_digests(folder, name)
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
