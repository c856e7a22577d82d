#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints samples a second of the same training step by PyTorch and by ortho-worker, and the ratio.

    bench/compare.py BUILD/ortho-worker [--model vit-n|vit-s|resnet18]... [--precision fp32|bf16]...
                     [--connection linear|orthogonal]... [--rounds 3] [--threads 1]
                     [--blas onednn|openblas]

The two take turns, so that a machine that is busy is busy for both; the best round of each counts.
vit-n trains on Fashion-MNIST, the others on 32x32 images of noise in CIFAR-10's format; the batch is
128, the optimizer Adam. PyTorch's convolutions are channels-last, which is the faster way there.
OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE, which hold OpenBLAS back, are taken out of both environments.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 128
CIFAR_RECORD = 1 + 3 * 32 * 32

# model: what the job spec says, PyTorch's arguments, steps of a round
MODELS = {
    "vit-n": ({"arch": "vit", "preset": "N"}, ["--preset", "N", "--image", "28"], 200),
    "vit-s": ({"arch": "vit", "preset": "S"}, ["--preset", "S", "--image", "32"], 12),
    "resnet18": ({"arch": "resnet18"}, ["--preset", "resnet18", "--image", "32",
                                        "--channels-last"], 12),
}


def write_noise(folder, steps):
    """Training files and a test file as CIFAR-10 has them."""
    for number in range(1, 6):
        count = steps * BATCH if number == 1 else 1
        with open(os.path.join(folder, f"data_batch_{number}.bin"), "wb") as file:
            for _ in range(count):
                file.write(bytes([os.urandom(1)[0] % 10]) + os.urandom(CIFAR_RECORD - 1))
    with open(os.path.join(folder, "test_batch.bin"), "wb") as file:
        file.write(bytes(CIFAR_RECORD))


def spec_of(case, options, root):
    model, connection, precision = case
    arch, _, steps = MODELS[model]
    data = {"dataset": "fashion-mnist"} if model == "vit-n" else {"dataset": "cifar10",
                                                                  "root": root}
    return {
        "name": "bench",
        "model": arch,
        "residual": {"connection": connection},
        "data": {**data, "augment": "none", "mixup": None, "limit_train": steps * BATCH,
                 "limit_eval": 1},
        "train": {"epochs": 1, "batch_size": BATCH, "precision": precision,
                  "optimizer": {"type": "adam", "lr": 1e-3, "weight_decay": 1e-4}},
        "log": {"interval": max(1, steps // 12), "residual_stats": False},
        "resources": {"device": "cpu", "threads": options.threads},
    }


def clean_environment():
    held_back = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    return {key: value for key, value in os.environ.items() if key not in held_back}


def pytorch(case, options):
    model, connection, precision = case
    _, arguments, steps = MODELS[model]
    command = [sys.executable, os.path.join(HERE, "pytorch_step.py"), *arguments,
               "--connection", connection, "--precision", precision, "--batch", str(BATCH),
               "--steps", str(min(steps, 60)), "--threads", str(options.threads)]
    environment = {**clean_environment(), "OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE)
    return float(done.stdout.split()[0])


def worker(case, options):
    with tempfile.TemporaryDirectory() as folder:
        path, run = os.path.join(folder, "job.json"), os.path.join(folder, "run")
        if case[0] != "vit-n":
            write_noise(folder, MODELS[case[0]][2])
        with open(path, "w", encoding="ascii") as file:
            json.dump(spec_of(case, options, folder), file)
        command = [options.worker, "run", path, "--dir", run,
                   *(["--blas", options.blas] if options.blas else [])]
        subprocess.run(command, check=True, env=clean_environment(), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        with open(os.path.join(run, "events.ndjson"), encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
    series = "train/samples_per_sec"
    return statistics.median(event["values"][series] for event in events
                             if event["type"] == "metrics" and series in event["values"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worker")
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--precision", choices=("fp32", "bf16"), action="append")
    parser.add_argument("--connection", choices=("linear", "orthogonal"), action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blas", choices=("onednn", "openblas"))
    options = parser.parse_args()
    cases = [(model, connection, precision) for model in options.model or ["vit-n"]
             for precision in options.precision or ["fp32"]
             for connection in options.connection or ("linear", "orthogonal")]
    print("model    precision connection   PyTorch  ortho-worker  ratio"
          "   (samples/s, best of rounds)")
    for case in cases:
        pairs = [(pytorch(case, options), worker(case, options)) for _ in range(options.rounds)]
        theirs, ours = (max(column) for column in zip(*pairs))
        print(f"{case[0]:8} {case[2]:9} {case[1]:10} {theirs:9.1f} {ours:13.1f} "
              f"{ours / theirs:6.2f}", flush=True)


if __name__ == "__main__":
    main()
