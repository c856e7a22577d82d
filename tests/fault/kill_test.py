#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers killed by SIGKILL at random moments, in the middle of a step, of a checkpoint or of their
start, and started again: every run ends with the bits of one that nobody touched. Prints TAP.

KILLS in the environment is the number of kills (default 4), RESNET_KILLS that of a ResNet (default 2),
whose checkpoints are large and whose images are augmented, by threads of their own; SEED names the
moments."""

import os
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from worker_test import main, write_cifar  # noqa: E402

KILLS = int(os.environ.get("KILLS", "4"))
RESNET_KILLS = int(os.environ.get("RESNET_KILLS", "2"))
SEED = int(os.environ.get("SEED", "20250511"))
# Many checkpoints of some size: most moments fall into the writing of one.
VIT = {"model": {"width": 64, "depth": 4, "heads": 4, "patch_size": 7},
       "residual": {"connection": "orthogonal"},
       "train": {"epochs": 8, "batch_size": 8, "schedule": {"warmup_epochs": 0.5}},
       "checkpoint": {"every_steps": 2, "keep": 2}, "eval": {"every_steps": 3}, "log": {"interval": 5}}
RESNET = {"model": {"arch": "resnet18", "preset": None, "width": None, "depth": None, "heads": None,
                    "patch_size": None},
          "residual": {"connection": "orthogonal"},
          "data": {"dataset": "cifar10", "augment": "auto", "limit_train": 16, "limit_eval": 6},
          "train": {"epochs": 4, "batch_size": 4, "optimizer": {"type": "sgd", "lr": 0.01},
                    "schedule": {"warmup_epochs": 0.5}},
          "checkpoint": {"every_steps": 3, "keep": 1}, "eval": {"every_steps": 6}, "log": {"interval": 5},
          "resources": {"threads": 4}}


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


def kill_and_resume(place, spec, wanted, is_slow=False):
    """A run that ends before its next kill is compared, and another one is begun. is_slow: too few
    kills for one to come after a checkpoint by itself, so that the first of a run waits for one."""
    moments = random.Random(SEED)
    begin = time.monotonic()
    whole = place.succeed(spec, "whole")
    took = time.monotonic() - begin
    kills, starts = 0, []
    while kills < wanted:
        is_new = not os.path.exists(f"{place.path}/killed")
        worker = place.start(spec, "killed")
        if is_slow and is_new:
            worker.wait_for_line('msg="checkpoint"')
        time.sleep(moments.uniform(0, 0.4 * took))
        status = worker.signal_and_wait(signal.SIGKILL)
        assert status in (0, -signal.SIGKILL), status
        kills += status != 0
        if status == 0 or kills == wanted:
            run = place.succeed(spec, "killed")
            starts.append([event["step"] for event in run.of("start")])
            equals(run, whole)
            shutil.rmtree(run.path)
    print(f"# steps that attempts started from: {starts}")
    assert max(map(max, starts)) > 0, starts


def test_a_vit_ends_with_the_same_bits(place):
    kill_and_resume(place, place.spec(**VIT), KILLS)


def test_a_resnet_ends_with_the_same_bits(place):
    write_cifar(place.data, 4)
    kill_and_resume(place, place.spec(**RESNET), RESNET_KILLS, is_slow=True)


if __name__ == "__main__":
    sys.exit(main(globals()))
