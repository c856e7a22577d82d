#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files that ortho-worker wrote, loaded into the PyTorch model with strict=True, must evaluate to
what the worker itself reported. Prints TAP; finds the worker in ORTHO_WORKER."""
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

import generate
import safetensors_file
import training

# Weights that have left their start, and a loss over enough images to notice.
CHANGES = {"data.limit_train": 1280, "data.limit_eval": 2000, "train.batch_size": 64,
           "train.epochs": 1, "checkpoint.every_steps": 10, "checkpoint.keep": 2,
           "resources.threads": 1}
# Nothing of a ViT, and less to compute.
RESNET = {**dict.fromkeys(("model.preset", "model.width", "model.depth", "model.heads",
                           "model.patch_size")),
          "data.limit_train": 128, "data.limit_eval": 400, "train.batch_size": 16,
          "train.optimizer.type": "sgd", "train.optimizer.lr": 0.02, "checkpoint.every_steps": 4}
RUNS = {
    "linear": {"residual.connection": "linear"},
    "orthogonal": {"residual.connection": "orthogonal"},
    "negative": {"residual.connection": "linear", "residual.method": "negative"},
    "rezero": {"residual.connection": "orthogonal", "residual.pattern": "rezero"},
    "constrained": {"residual.connection": "linear", "residual.pattern": "rezero_constrained"},
    "rescaled": {"residual.connection": "orthogonal", "residual.pattern": "rescale_stream"},
    "drawn": {"residual.connection": "orthogonal", "residual.probability": 0.5,
              "residual.perturbation": 0.1, "model.drop_path": 0.1, "model.mlp_dropout": 0.1},
    "resnet18": {**RESNET, "model.arch": "resnet18", "residual.connection": "orthogonal",
                 "residual.method": "global"},
    "resnet34": {**RESNET, "model.arch": "resnet34", "residual.connection": "linear",
                 "residual.pattern": "rezero", "model.layernorm_head": True,
                 "data.limit_train": 64, "data.limit_eval": 200, "checkpoint.every_steps": 2},
    "resnet50": {**RESNET, "model.arch": "resnet50", "residual.connection": "orthogonal",
                 "residual.pattern": "rescale_stream", "residual.rescale_mode": "conv1x1",
                 "data.limit_train": 64, "data.limit_eval": 200, "checkpoint.every_steps": 2},
}


def spec_of(changes):
    spec = copy.deepcopy(generate.BASE)
    spec["name"] = "load-in-torch"
    for path, value in {**CHANGES, **changes}.items():
        generate.put(spec, path, value)
    return spec


def train(spec, folder):
    """Runs the worker; the last values of every series it reported."""
    path = os.path.join(folder, "job.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(spec, file)
    run = os.path.join(folder, "run")
    command = [os.environ["ORTHO_WORKER"], "run", path, "--dir", run]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    values = {}
    with open(os.path.join(run, "events.ndjson"), encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if event["type"] == "metrics":
                values.update(event["values"])
    return run, values


def load(spec, path):
    model = training.build(spec)
    weights, _ = safetensors_file.read(path)
    model.load_state_dict(weights, strict=True)
    return model


def faults_of(changes):
    """What is wrong with one run, as a list of sentences."""
    spec = spec_of(changes)
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        run, values = train(spec, folder)
        model = load(spec, os.path.join(run, "model.safetensors"))
        steps = spec["data"]["limit_train"] // spec["train"]["batch_size"]
        training.draw_connections(model, spec, steps - 1)
        result = training.evaluate(model, spec["data"]["limit_eval"], spec["train"]["batch_size"],
                                   spec["train"]["seed"], steps)
        expected = {"val/loss": result["loss"], "val/acc@1": result["acc1"],
                    "val/acc@5": result["acc5"]}
        # An accuracy may differ by one image whose two best logits are equal to rounding.
        bounds = {"val/loss": 1e-5 * result["loss"], "val/acc@1": 1.01 / result["samples"],
                  "val/acc@5": 1.01 / result["samples"]}
        for series, want in expected.items():
            apart = abs(values[series] - want)
            print(f"# {series}: ortho-worker {values[series]:.9g}, PyTorch {want:.9g}")
            if not apart <= bounds[series]:
                faults.append(f"{series} is {apart:.2g} apart, {bounds[series]:.2g} allowed")
        names = sorted(os.listdir(os.path.join(run, "checkpoints")))
        if not names:
            faults.append("the worker wrote no checkpoint")
        for name in names:
            load(spec, os.path.join(run, "checkpoints", name, "model.safetensors"))
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
        print(f"{'not ok' if faults else 'ok'} {number} - {name} loads into PyTorch and agrees")
        for line in faults:
            print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
