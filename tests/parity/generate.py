#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the numbers that the parity tests hold orthod against, computed by PyTorch.

    generate.py            writes data/ beside this file
    generate.py --verify   computes them anew and compares with data/, printing TAP

Needs Debian's python3-torch, python3-torchvision and dataset-fashion-mnist. Every case trains in float32, as PyTorch
does by default, and again in float64. What the two runs differ by is what rounding alone does to
PyTorch, and is stored as `drift`: the tests allow no less than that. A case in bf16 trains under
torch.autocast, and its drift is what that differs by from PyTorch's float32 run.
"""
import argparse
import copy
import json
import os
import sys
import tempfile

import torch

import golden_ops
import golden_patterns
import golden_pixels
import safetensors_file
import training

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
EXTRAS_AT = (1, 2, 10, 20)
OPERATIONS = {"ops": golden_ops, "patterns": golden_patterns}

BASE = {
    "name": "", "notes": "", "labels": {},
    "model": {"arch": "vit", "preset": "N", "width": 24, "depth": 2, "heads": 3, "patch_size": 7,
              "drop_path": 0, "mlp_dropout": 0, "layernorm_head": False},
    "residual": {"connection": "linear", "method": "feature", "pattern": "default",
                 "rescale_mode": "scalar", "eps": 1e-6, "blocks": None, "probability": None,
                 "perturbation": None},
    # Ten batches of 16 an epoch; five samples are left over and dropped.
    "data": {"dataset": "fashion-mnist", "root": None, "shuffle": False, "augment": "none",
             "limit_train": 165, "limit_eval": 250, "mixup": None, "randaugment": None,
             "random_erase": 0},
    "train": {"epochs": 2, "max_steps": None, "batch_size": 16, "grad_accumulate_steps": 1,
              "precision": "fp32", "seed": 1,
              "optimizer": {"type": "adam", "lr": 1e-3, "weight_decay": 1e-4, "beta1": 0.9,
                            "beta2": 0.999, "momentum": 0.9},
              "schedule": {"type": "const", "warmup_epochs": 0, "warmup_type": "linear",
                           "min_lr": None, "decay_epochs": [80, 120], "decay_ratio": 0.2},
              "grad_clip": None, "label_smoothing": 0, "gradient_checkpointing": False},
    "eval": {"every_epochs": None, "every_steps": None},
    "log": {"interval": 1, "residual_stats": True},
    "checkpoint": {"every_steps": None, "every_epochs": None, "keep": 1},
    "init_from": None,
    "resources": {"device": "cpu", "count": 1, "threads": 2, "time_limit_s": None},
    "queue": {"priority": 0, "after": [], "retries": 0},
}

LINEAR = {"residual.connection": "linear"}
NEGATIVE = {"residual.connection": "linear", "residual.method": "negative"}
FEATURE = {"residual.connection": "orthogonal", "residual.method": "feature"}
GLOBAL = {"residual.connection": "orthogonal", "residual.method": "global"}
SGD = {"train.optimizer.type": "sgd", "train.optimizer.lr": 0.01}
# A narrower model, to keep the folder small.
NARROW = {"model.width": 12}

CASES = {
    "linear-adam": {**LINEAR},
    "linear-sgd": {**LINEAR, **SGD},
    "negative-adam": {**NEGATIVE},
    "negative-sgd": {**NEGATIVE, **SGD},
    "feature-adam": {**FEATURE},
    "feature-sgd": {**FEATURE, **SGD},
    "global-adam": {**GLOBAL},
    "global-sgd": {**GLOBAL, **SGD},
    "adamw": {**FEATURE, "train.optimizer.type": "adamw", "train.optimizer.weight_decay": 0.5,
              "train.optimizer.beta1": 0.8, "train.optimizer.beta2": 0.95},
    "smoothing": {**NARROW, **FEATURE, "train.label_smoothing": 0.1},
    "clip": {**NARROW, **FEATURE, **SGD, "train.grad_clip": 1.0},
    "mixup": {**FEATURE, "train.label_smoothing": 0.1,
              "data.mixup": {"alpha": 0.8, "cutmix_alpha": 1.0, "prob": 0.9, "switch_prob": 0.5}},
    # Seven batches of eight an epoch: three pairs and one alone.
    "accumulate": {**FEATURE, "train.grad_accumulate_steps": 2, "data.limit_train": 60,
                   "train.epochs": 5},
    "blocks": {**NARROW, **FEATURE, "residual.blocks": [0]},
    "eps": {**NARROW, **FEATURE, **SGD, "residual.eps": 0.1},
    "warmup-cos": {**NARROW, **FEATURE, "train.schedule.type": "cos",
                   "train.schedule.warmup_epochs": 0.5},
    "cos-min": {**NARROW, **LINEAR, **SGD, "train.schedule.type": "cos",
                "train.schedule.min_lr": 1e-3, "train.schedule.warmup_epochs": 0.25},
    "warmup-lin": {**NARROW, **LINEAR, "train.schedule.type": "lin",
                   "train.schedule.warmup_epochs": 1, "train.schedule.min_lr": 1e-4},
    "warmup-step": {**NARROW, **LINEAR, **SGD, "train.schedule.type": "step",
                    "train.schedule.warmup_epochs": 0.5, "train.schedule.warmup_type": "const",
                    "train.schedule.decay_epochs": [1, 1.5]},
    "bf16": {**FEATURE, "train.precision": "bf16"},
    "bf16-linear": {**LINEAR, **SGD, "train.precision": "bf16", "train.label_smoothing": 0.1},
    # Two pairs of batches and one alone an epoch, clipped together.
    "accumulate-clip": {**LINEAR, **SGD, "train.grad_accumulate_steps": 2, "data.limit_train": 40,
                        "train.epochs": 4, "train.grad_clip": 0.5,
                        "train.schedule.type": "lin", "train.schedule.warmup_epochs": 0.5},
    "warmup-const": {**NARROW, **LINEAR, **SGD, "train.schedule.warmup_epochs": 0.35,
                     "train.schedule.min_lr": 1e-3},
    "step-min": {**NARROW, **LINEAR, **SGD, "train.schedule.type": "step",
                 "train.schedule.min_lr": 2e-3, "train.schedule.warmup_epochs": 0.25,
                 "train.schedule.decay_epochs": [0.5, 1.25]},
    "max-steps": {**NARROW, **LINEAR, "train.schedule.type": "cos", "train.max_steps": 7,
                  "train.schedule.warmup_epochs": 0.5},
}

# Patterns, and what is drawn. Learnable scalars start away from the zero that they would have, where
# half of the terms would vanish.
CONNECTIONS = {"linear": LINEAR, "feature": FEATURE}
PATTERNS = ("rezero", "rezero_constrained", "rescale_stream")
CASES |= {
    f"{pattern}-{connection}-{optimizer}": {**NARROW, **CONNECTIONS[connection], **changes,
                                            "residual.pattern": pattern}
    for pattern in PATTERNS for connection in CONNECTIONS
    for optimizer, changes in (("adam", {}), ("sgd", SGD))
}
CASES |= {
    "probability": {**NARROW, **FEATURE, "residual.probability": 0.5},
    # Two batches a step see the same choice and masks of their own.
    "probability-rezero": {**NARROW, **FEATURE, **SGD, "residual.probability": 0.5,
                           "residual.blocks": [1], "residual.pattern": "rezero",
                           "train.grad_accumulate_steps": 2, "model.drop_path": 0.1},
    "drops": {**NARROW, **FEATURE, "model.drop_path": 0.2, "model.mlp_dropout": 0.3,
              "train.seed": 2**53 - 1},
    "perturbation": {**NARROW, **FEATURE, "residual.perturbation": 0.1},
}

def put(spec, dotted, value):
    """Sets what is there already: a path that leads nowhere is a mistake."""
    *parents, key = dotted.split(".")
    for parent in parents:
        spec = spec[parent]
    if key not in spec:
        raise KeyError(dotted)
    spec[key] = value


def spec_of(name):
    spec = copy.deepcopy(BASE)
    spec["name"] = name
    for path, value in CASES[name].items():
        put(spec, path, value)
    return spec


def start_file_of(spec):
    """Cases with the same tensors share their start."""
    if spec["model"]["width"] == BASE["model"]["width"]:
        return "start.safetensors"
    return f"start-{spec['residual']['pattern']}.safetensors"


def start_weights(spec):
    torch.manual_seed(20250511)
    model = training.build(spec)
    with torch.no_grad():
        scalars = [p for name, p in model.named_parameters() if "_pattern_params" in name]
        for number, scalar in enumerate(scalars):
            scalar.fill_(0.75 - 0.375 * number)
    return model.state_dict()


def relative(a, b):
    return abs(a - b) / max(abs(b), 1e-30)


def train(spec, weights, dtype):
    run = training.Run(spec, weights, dtype)
    steps = [run.advance() for _ in range(run.steps)]
    evaluation = training.evaluate(run.model, spec["data"]["limit_eval"], run.micro,
                                   spec["train"]["seed"], run.step,
                                   precision=spec["train"]["precision"])
    return steps, evaluation, run.model.state_dict()


def train_better(spec, weights):
    """The run that the case's drift is measured from: of float32 float64, of bf16 float32."""
    if spec["train"]["precision"] == "fp32":
        return train(spec, weights, torch.float64)
    spec = copy.deepcopy(spec)
    put(spec, "train.precision", "fp32")
    return train(spec, weights, torch.float32)


def parts_of(name, tensor):
    """The tensor, or, of a fused qkv bias, its thirds. The key third is a matter of its own: adding
    the same to all keys changes no attention, so its gradient is zero but for rounding."""
    if not name.endswith("qkv.bias"):
        return {name: tensor}
    return {f"{name}[{part}]": third
            for part, third in zip(("query", "key", "value"), tensor.chunk(3))}


def apart(begin, end32, end64):
    """How far rounding has taken the float32 run from the float64 one, in units of the update."""
    moved = (end64.double() - begin.double()).norm().item()
    return (end32.double() - end64.double()).norm().item() / moved if moved > 0 else 0.0


def drift_of(start, single, double):
    """What float32 rounding does to PyTorch's own run: the largest relative differences."""
    (steps32, eval32, weights32), (steps64, eval64, weights64) = single, double
    statistics = [
        relative(a, b)
        for step32, step64 in zip(steps32, steps64)
        for row32, row64 in zip(step32["statistics"], step64["statistics"])
        for a, b in zip(row32["values"], row64["values"])
    ]
    updates = {}
    for name, begin in start.items():
        parts = (parts_of(name, tensor) for tensor in (begin, weights32[name], weights64[name]))
        begins, ends32, ends64 = parts
        updates.update({part: apart(begins[part], ends32[part], ends64[part]) for part in begins})
    return {
        "loss": max(relative(a["loss"], b["loss"]) for a, b in zip(steps32, steps64)),
        "grad_norm": max(relative(a["grad_norm"], b["grad_norm"])
                         for a, b in zip(steps32, steps64)),
        "statistics": max(statistics),
        "eval_loss": relative(eval32["loss"], eval64["loss"]),
        "updates": updates,
    }


def short(step):
    """A step with a row of six numbers a connection; what patterns add, in the rows of some steps."""
    found = {**step, "statistics": [[float(f"{value:.6g}") for value in row["values"]]
                                    for row in step["statistics"]]}
    if step["step"] in EXTRAS_AT:
        found["extras"] = [row.get("extras", {}) for row in step["statistics"]]
    return found


def case_of(name):
    spec = spec_of(name)
    start = training.with_eps(start_weights(spec), spec)
    single = train(spec, start, torch.float32)
    double = train_better(spec, start)
    steps, evaluation, weights = single
    result = {
        "case": name,
        "torch": torch.__version__,
        "spec": spec,
        "start_weights": start_file_of(spec),
        "final_weights": f"{name}.safetensors",
        "connections": [[row["tag"], row["block"]] for row in steps[0]["statistics"]],
        "steps": [short(step) for step in steps],
        "eval": evaluation,
        "float64": {"losses": [step["loss"] for step in double[0]],
                    "eval_loss": double[1]["loss"]},
        "drift": drift_of(start, single, double),
    }
    return result, weights


def write_text(path, value):
    with open(path, "w", encoding="ascii") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")


def write_all(folder):
    written = {}
    for name in CASES:
        spec = spec_of(name)
        start = os.path.join(folder, start_file_of(spec))
        if not os.path.exists(start):
            safetensors_file.write(start, start_weights(spec))
        result, weights = case_of(name)
        # Cases that PyTorch ends with the same bits share a file.
        bits = b"".join(tensor.numpy().tobytes() for tensor in weights.values())
        result["final_weights"] = written.setdefault(bits, result["final_weights"])
        if result["final_weights"] == f"{name}.safetensors":
            safetensors_file.write(os.path.join(folder, f"{name}.safetensors"), weights)
        write_text(os.path.join(folder, f"{name}.json"), result)
    for name, goldens in OPERATIONS.items():
        goldens.write(os.path.join(folder, f"{name}.safetensors"))
    golden_pixels.write(folder)


def farthest(a, b):
    """The largest relative difference of two JSON values; infinite where their shapes differ."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return max((farthest(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return max((farthest(*pair) for pair in zip(a, b)), default=0.0)
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) / max(abs(a), abs(b), 1e-6)
    return 0.0 if a == b else float("inf")


def differences(folder, name):
    """What the committed case and the one in folder differ by, as a list of sentences."""
    found = []
    with open(os.path.join(DATA, f"{name}.json"), encoding="ascii") as file:
        old = json.load(file)
    with open(os.path.join(folder, f"{name}.json"), encoding="ascii") as file:
        new = json.load(file)
    # Float32 rounds differently on other processors; float64 shows nothing of it.
    bounds = {"spec": 0, "steps": 1e-3, "eval": 1e-4, "float64": 1e-9}
    if old["spec"]["train"]["precision"] == "bf16":
        bounds = {"spec": 0, "eval": 0.1, "float64": 1e-4}  # statistics near 0 are rounding alone
    for key, bound in bounds.items():
        far = farthest(old[key], new[key])
        if far > bound:
            found.append(f"{key}: {far:.2g} apart")
    return found


def same_tensors(folder, name):
    paths = (os.path.join(place, name) for place in (DATA, folder))
    (old, old_meta), (new, new_meta) = (safetensors_file.read(path) for path in paths)
    return old_meta == new_meta and old.keys() == new.keys() and all(
        torch.allclose(old[name].double(), new[name].double(), rtol=1e-6, atol=1e-7)
        for name in old
    )


def same_bytes(folder, name):
    contents = []
    for place in (DATA, folder):
        with open(os.path.join(place, name), "rb") as file:
            contents.append(file.read())
    return contents[0] == contents[1]


def verify():
    with tempfile.TemporaryDirectory() as folder:
        write_all(folder)
        print(f"1..{len(CASES) + len(OPERATIONS) + 2}")
        failed = 0
        for number, name in enumerate(CASES, 1):
            found = differences(folder, name)
            failed += bool(found)
            print(f"{'not ok' if found else 'ok'} {number} - {name}")
            for line in found:
                print(f"# {line}")
        for number, name in enumerate((*OPERATIONS, "pipelines"), len(CASES) + 1):
            same = same_tensors(folder, f"{name}.safetensors")
            failed += not same
            print(f"{'ok' if same else 'not ok'} {number} - {name}")
        same = all(same_bytes(folder, name) for name in ("pixels.json", "pixels.bin"))
        failed += not same
        print(f"{'ok' if same else 'not ok'} {len(CASES) + len(OPERATIONS) + 2} - pixels")
        return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verify", action="store_true", help="compare with data/, write nothing")
    torch.set_num_threads(1)
    if parser.parse_args().verify:
        return verify()
    os.makedirs(DATA, exist_ok=True)
    write_all(DATA)
    return 0


if __name__ == "__main__":
    sys.exit(main())
