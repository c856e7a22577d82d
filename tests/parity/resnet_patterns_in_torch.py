#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The second step of ResNets that ortho-worker trains, computed by PyTorch from the checkpoint of the
first: loss, gradient norm and every statistic of every connection, for rows of whole samples and a convolved stream; then the
evaluation of the final model. Prints TAP; finds the worker in ORTHO_WORKER."""
import copy
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    sys.exit("PyTorch is missing: apt-get install python3-torch")

import drawn
import fashion_mnist
import generate
import resnet
import safetensors_file
import training
import vit

BATCH, EVAL, STEPS = 16, 40, 2
CHANGES = {"model.arch": "resnet18", "model.preset": None, "model.width": None,
           "model.depth": None, "model.heads": None, "model.patch_size": None,
           "data.limit_train": BATCH * STEPS, "data.limit_eval": EVAL, "train.batch_size": BATCH,
           "train.epochs": 1, "train.optimizer.type": "sgd", "train.optimizer.lr": 0.02,
           "eval.every_epochs": 1, "checkpoint.every_steps": 1, "checkpoint.keep": 2,
           "resources.threads": 1}
GLOBAL = {"residual.connection": "orthogonal", "residual.method": "global"}
CONVOLVED = {"residual.pattern": "rescale_stream", "residual.rescale_mode": "conv1x1"}
RUNS = {
    "global": GLOBAL,
    "conv1x1": {"residual.connection": "orthogonal", **CONVOLVED},
}


def spec_of(changes):
    spec = copy.deepcopy(generate.BASE)
    for path, value in {**CHANGES, **changes}.items():
        generate.put(spec, path, value)
    return spec


def train(spec, folder):
    """Runs the worker; the values of the last step."""
    path, run = os.path.join(folder, "job.json"), os.path.join(folder, "run")
    with open(path, "w", encoding="ascii") as file:
        json.dump(spec, file)
    command = [os.environ["ORTHO_WORKER"], "run", path, "--dir", run]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    values = {}
    with open(os.path.join(run, "events.ndjson"), encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if event["type"] == "metrics" and event["step"] == STEPS:
                values.update(event["values"])
    return run, values


def load(spec, path):
    residual = spec["residual"]
    kinds = [training._kind(residual, index) for index in range(8)]
    options = vit.Options(residual["eps"], residual["pattern"], 0, 0, residual["perturbation"] or 0)
    model = resnet.ResNet("resnet18", 1, 10, kinds, options, False,
                          residual["rescale_mode"] == "conv1x1")
    model.load_state_dict(safetensors_file.read(path)[0], strict=True)
    for index, block in enumerate(model.blocks):
        if residual["probability"] is not None and not drawn.is_orthogonal(
                spec["train"]["seed"], index, STEPS - 1, residual["probability"]):
            block.kind = "linear"
    return model


def forward(spec, model, images, index, is_training):
    model.train(is_training)
    for block in model.blocks:
        block.draws = drawn.Draws(spec["train"]["seed"], index, is_training)
    return model(images)


def second_step(spec, model):
    """What the worker reports of it."""
    images, labels = fashion_mnist.load("train", BATCH * STEPS)
    logits = forward(spec, model, images[BATCH:], 1, True)
    loss = torch.nn.functional.cross_entropy(logits, labels[BATCH:])
    loss.backward()
    squares = sum(p.grad.square().sum() for p in model.parameters())
    expected = {"train/loss": loss.item(), "train/grad/global_norm": squares.sqrt().item()}
    for tag, block, six, extras in model.statistics():
        statistics = {**dict(zip(vit.STATISTICS, six)), **extras}
        expected.update({f"activation/{tag}/block{block:02d}/{name}": value
                         for name, value in statistics.items()})
    return expected


@torch.no_grad()
def evaluation(spec, model):
    images, labels = fashion_mnist.load("test", EVAL)
    parts = images.split(BATCH)
    logits = [forward(spec, model, part, STEPS * len(parts) + number, False)
              for number, part in enumerate(parts)]
    return torch.nn.functional.cross_entropy(torch.cat(logits), labels).item()


def faults_of(changes):
    spec = spec_of(changes)
    with tempfile.TemporaryDirectory() as folder:
        run, values = train(spec, folder)
        places = os.path.join(run, "checkpoints")
        first = min(name for name in os.listdir(places) if name.startswith("step-"))
        expected = second_step(spec, load(spec, os.path.join(places, first, "model.safetensors")))
        final = load(spec, os.path.join(run, "model.safetensors"))
        expected["val/loss"] = evaluation(spec, final)
    bounds = {"train/loss": 1e-4, "val/loss": 1e-4}
    faults = [f"{name} is {values.get(name)}, PyTorch has {want}"
              for name, want in expected.items()
              if name not in values
              or not abs(values[name] - want) <= bounds.get(name, 1e-3) * abs(want) + 1e-6]
    of_blocks = [name for name in values if "/block" in name]
    faults += [f"PyTorch has no {name}" for name in of_blocks if name not in expected]
    return faults


def main():
    torch.set_num_threads(1)
    print(f"1..{len(RUNS)}")
    failed = 0
    for number, (name, changes) in enumerate(RUNS.items(), 1):
        try:
            faults = faults_of(changes)
        except (subprocess.CalledProcessError, RuntimeError, ValueError, KeyError) as fault:
            faults = str(fault).splitlines()
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {name}: PyTorch agrees")
        for line in faults:
            print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
