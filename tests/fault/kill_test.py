#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers killed by SIGKILL at random moments, in the middle of a step, of a checkpoint or of their
start, and started again: every run ends with the bits of one that nobody touched. Prints TAP.

KILLS in the environment is the number of kills (default 4), SEED that of the moments. The short form
has a ViT alone; kill_long_test.py has a ResNet, too."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from worker_test import WORKER, Run, main  # noqa: E402

KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("SEED", "20250511"))
# Many checkpoints of some size: most moments fall into the writing of one.
VIT = {"model": {"width": 64, "depth": 4, "heads": 4, "patch_size": 7},
       "residual": {"connection": "orthogonal"},
       "train": {"epochs": 8, "batch_size": 8, "schedule": {"warmup_epochs": 0.5}},
       "checkpoint": {"every_steps": 2, "keep": 2}, "eval": {"every_steps": 3}, "log": {"interval": 5}}
RESNET = {"model": {"arch": "resnet18", "preset": None, "width": None, "depth": None, "heads": None,
                    "patch_size": None},
          "residual": {"connection": "orthogonal"}, "data": {"limit_train": 16, "limit_eval": 6},
          "train": {"epochs": 4, "batch_size": 4, "schedule": {"warmup_epochs": 0.5}},
          "checkpoint": {"every_steps": 2, "keep": 1}, "eval": {"every_steps": 3}, "log": {"interval": 5}}


def start(place, spec, folder):
    command = [WORKER, "run", place.write(spec), "--dir", f"{place.path}/{folder}"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def equals(run, whole):
    assert run.model() == whole.model()
    assert run.exact_points() == whole.exact_points()
    assert run.best() == whole.best() == whole.first_best()
    assert run.checkpoints() == whole.checkpoints(), run.checkpoints()
    assert not any("broken" in event["message"] for event in run.of("log")), run.of("log")
    for name in run.checkpoints():
        for leaf in ("model.safetensors", "optimizer.safetensors"):
            with open(f"{run.path}/checkpoints/{name}/{leaf}", "rb") as one, \
                    open(f"{whole.path}/checkpoints/{name}/{leaf}", "rb") as other:
                assert one.read() == other.read(), (name, leaf)


def kill_and_resume(place, spec):
    """A run that ends before its next kill is compared, and another one is begun."""
    moments = random.Random(SEED)
    begin = time.monotonic()
    whole = place.succeed(spec, "whole")
    took = time.monotonic() - begin
    kills, starts = 0, []
    while kills < KILLS:
        worker = start(place, spec, "killed")
        time.sleep(moments.uniform(0, 0.4 * took))
        worker.send_signal(signal.SIGKILL)
        status = worker.wait()
        assert status in (0, -signal.SIGKILL), status
        kills += status != 0
        if status == 0 or kills == KILLS:
            run = place.succeed(spec, "killed")
            starts.append([event["step"] for event in run.of("start")])
            equals(run, whole)
            shutil.rmtree(run.path)
    print(f"# steps that attempts started from: {starts}")
    assert max(map(max, starts)) > 0, starts


def test_a_vit_ends_with_the_same_bits(place):
    kill_and_resume(place, place.spec(**VIT))


def test_a_resnet_ends_with_the_same_bits(place):
    kill_and_resume(place, place.spec(**RESNET))


if __name__ == "__main__":
    sys.exit(main({"test_a_vit": test_a_vit_ends_with_the_same_bits}))
