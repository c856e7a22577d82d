#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints samples a second of the same training step by PyTorch and by ortho-worker, and the ratio.

    bench/compare.py BUILD/ortho-worker [--rounds 3] [--threads 1] [--blas onednn|openblas]

The two take turns, so that a machine that is busy is busy for both; the best round of each counts.
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
STEPS, BATCH = 200, 128


def spec_of(connection, threads):
    return {
        "name": "bench",
        "model": {"arch": "vit", "preset": "N"},
        "residual": {"connection": connection},
        "data": {"dataset": "fashion-mnist", "limit_train": STEPS * BATCH, "limit_eval": BATCH},
        "train": {"epochs": 1, "batch_size": BATCH,
                  "optimizer": {"type": "adam", "lr": 1e-3, "weight_decay": 1e-4}},
        "log": {"interval": 20, "residual_stats": False},
        "resources": {"device": "cpu", "threads": threads},
    }


def clean_environment():
    held_back = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    return {key: value for key, value in os.environ.items() if key not in held_back}


def pytorch(connection, threads):
    command = [sys.executable, os.path.join(HERE, "pytorch_step.py"), "--connection", connection,
               "--batch", str(BATCH), "--threads", str(threads)]
    environment = {**clean_environment(), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE)
    return float(done.stdout.split()[0])


def worker(program, connection, threads, blas):
    with tempfile.TemporaryDirectory() as folder:
        path, run = os.path.join(folder, "job.json"), os.path.join(folder, "run")
        with open(path, "w", encoding="ascii") as file:
            json.dump(spec_of(connection, threads), file)
        command = [program, "run", path, "--dir", run, *(["--blas", blas] if blas else [])]
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blas", choices=("onednn", "openblas"))
    options = parser.parse_args()
    print("connection   PyTorch  ortho-worker  ratio   (samples/s, best of rounds)")
    for connection in ("linear", "orthogonal"):
        pairs = [(pytorch(connection, options.threads),
                  worker(options.worker, connection, options.threads, options.blas))
                 for _ in range(options.rounds)]
        theirs, ours = (max(column) for column in zip(*pairs))
        print(f"{connection:10} {theirs:9.0f} {ours:13.0f} {ours / theirs:6.2f}")


if __name__ == "__main__":
    main()
