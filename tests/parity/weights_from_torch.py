#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's weights, under its names and Hugging Face's, must evaluate in the worker to what PyTorch
says: by ortho-worker eval, and as what a run starts from. Prints TAP; finds the worker in
ORTHO_WORKER."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    sys.exit("PyTorch is missing: apt-get install python3-torch")

import fashion_mnist
import load_in_torch
import safetensors_file
import training

RUNS = {name: {"residual.connection": name} for name in ("linear", "orthogonal")}
RUNS |= {
    "resnet18": {**load_in_torch.RESNET, "model.arch": "resnet18",
                 "residual.connection": "orthogonal", "residual.method": "global",
                 "data.limit_eval": 200},
    "resnet50": {**load_in_torch.RESNET, "model.arch": "resnet50", "residual.connection": "linear",
                 "data.limit_eval": 200},
}


def apart(found, result):
    """Where numbers of the worker are not those of PyTorch, as a list of sentences."""
    expected = {"val/loss": result["loss"], "val/acc@1": result["acc1"], "val/acc@5": result["acc5"]}
    # An accuracy may differ by one image whose two best logits are equal to rounding.
    bounds = {"val/loss": 1e-5 * result["loss"], "val/acc@1": 1.01 / result["samples"],
              "val/acc@5": 1.01 / result["samples"]}
    faults = []
    for series, want in expected.items():
        off = abs(found[series] - want)
        print(f"# {series}: ortho-worker {found[series]:.9g}, PyTorch {want:.9g}")
        if not off <= bounds[series]:
            faults.append(f"{series} is {off:.2g} apart, {bounds[series]:.2g} allowed")
    return faults


def evaluate(*arguments):
    """ortho-worker eval, under the names of the series."""
    command = [os.environ["ORTHO_WORKER"], "eval", *arguments]
    result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {f"val/{key}": result[key] for key in ("loss", "acc@1", "acc@5")}


HF_MODULES = {"attn.proj": "attention.output.dense", "mlp.fc1": "intermediate.dense",
              "mlp.fc2": "output.dense"}
HF_NAMES = {"patchify": "vit.embeddings.patch_embeddings.projection", "classifier.0": "vit.layernorm",
            "classifier.1": "classifier"}


def hf_tensors(weights, position):
    """weights under Hugging Face's names, with a position taken off the class token."""
    found = {"vit.embeddings.cls_token": weights["cls_token"] - position,
             "vit.embeddings.position_embeddings": torch.cat((position, weights["pos_embed"]), 1)}
    for name, tensor in weights.items():
        module, _, kind = name.rpartition(".")
        if module in HF_NAMES:
            found[f"{HF_NAMES[module]}.{kind}"] = tensor
        elif name.startswith("blocks.") and kind != "residual_eps":
            _, block, inner = module.split(".", 2)
            layer = f"vit.encoder.layer.{block}"
            if inner == "attn.qkv":
                for part, third in zip(("query", "key", "value"), tensor.chunk(3)):
                    found[f"{layer}.attention.attention.{part}.{kind}"] = third
            else:
                found[f"{layer}.{HF_MODULES[inner]}.{kind}"] = tensor
    return found


def write_hf(folder, spec, weights):
    os.mkdir(folder)
    width = weights["cls_token"].shape[-1]
    config = {"model_type": "ortho_vit", "image_size": 28, "patch_size": spec["model"]["patch_size"],
              "num_channels": 1, "hidden_size": width, "intermediate_size": 4 * width,
              "num_hidden_layers": spec["model"]["depth"],
              "num_attention_heads": spec["model"]["heads"], "hidden_act": "gelu_fast",
              "layer_norm_eps": 1e-6, "residual_connection": spec["residual"]["connection"],
              "id2label": {str(i): str(i) for i in range(10)}}
    with open(os.path.join(folder, "config.json"), "w", encoding="ascii") as file:
        json.dump(config, file)
    safetensors_file.write(os.path.join(folder, "model.safetensors"),
                           hf_tensors(weights, torch.randn(1, 1, width)))


def see_batch(model, spec, first):
    """A batch in training mode, which is all that a step at a rate of zero leaves traces of: in the
    running statistics of batch norms."""
    size = spec["train"]["batch_size"]
    images, _ = fashion_mnist.load("train", first + size)
    with torch.no_grad():
        model(images[first:])


def shaken(spec):
    """Weights off their start, by less where wide layers would let values explode."""
    size = 0.05 if spec["model"]["arch"] == "vit" else 0.03
    torch.manual_seed(11)
    model = training.build(spec)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    see_batch(model, spec, spec["train"]["batch_size"])
    return model


def faults_of_theirs(changes):
    """PyTorch's weights here: by eval, and as what a run starts from at a rate of zero."""
    spec = load_in_torch.spec_of({**changes, "train.optimizer.lr": 0, "train.max_steps": 1})
    sizes = spec["data"]["limit_eval"], spec["train"]["batch_size"]
    model = shaken(spec)
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, "names.safetensors")]
        safetensors_file.write(files[0], model.state_dict())
        if spec["model"]["arch"] == "vit":
            files.append(os.path.join(folder, "hf"))
            write_hf(files[1], spec, model.state_dict())
        path = os.path.join(folder, "spec.json")
        with open(path, "w", encoding="ascii") as file:
            json.dump(spec, file)
        want = training.evaluate(model, *sizes)
        for weights in files:
            faults += apart(evaluate(weights, "--spec", path), want)
        see_batch(model, spec, 0)
        want = training.evaluate(model, *sizes)
        for weights in files:
            with tempfile.TemporaryDirectory() as place:
                _, values = load_in_torch.train({**spec, "init_from": weights}, place)
                faults += apart(values, want)
    return faults


def main():
    torch.set_num_threads(1)
    print(f"1..{len(RUNS)}")
    failed = 0
    for number, (name, changes) in enumerate(RUNS.items(), 1):
        try:
            faults = faults_of_theirs(changes)
        except (subprocess.CalledProcessError, RuntimeError, ValueError, KeyError) as fault:
            faults = str(fault).splitlines()
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - PyTorch's {name} weights agree here")
        for line in faults:
            print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
