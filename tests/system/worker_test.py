#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ortho-worker as a program: real runs of a tiny model on images made here, killed, stopped, resumed
and given everything that can be wrong. Prints TAP. The program is the one in ORTHO_WORKER."""

import errno
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

WORKER = os.environ["ORTHO_WORKER"]
TIMEOUT_S = 300
TRAIN, EVAL, SIDE = 96, 24, 28
STATISTICS = ["x_norm2", "f_par_norm2", "f_ortho_norm2", "rho_par", "rho_ortho", "cos_x_out"]


# --- material -----------------------------------------------------------------------------

def write_split(folder, prefix, count):
    """Images whose brightness tells the class, so that training has something to find."""
    labels = bytes(i * 7 % 10 for i in range(count))
    pixels = bytearray()
    for i in range(count):
        for p in range(SIDE * SIDE):
            pixels.append((labels[i] * 25 + (p * p + i * 31) % 23) & 255)
    with open(f"{folder}/{prefix}-images-idx3-ubyte", "wb") as file:
        file.write(struct.pack(">4I", 0x803, count, SIDE, SIDE) + pixels)
    with open(f"{folder}/{prefix}-labels-idx1-ubyte", "wb") as file:
        file.write(struct.pack(">2I", 0x801, count) + labels)


CIFAR_RECORD = 1 + 3 * 32 * 32


def write_cifar(folder, count):
    """The files of CIFAR-10 that are published, with count images in each of six."""
    for i, name in enumerate([*(f"data_batch_{part}" for part in range(1, 6)), "test_batch"]):
        with open(f"{folder}/{name}.bin", "wb") as file:
            for j in range(count):
                pixels = bytes((i * 31 + j * 17 + p) & 255 for p in range(CIFAR_RECORD - 1))
                file.write(bytes([(i + j) % 10]) + pixels)


class Place:
    """A test's own folder with a data set, and what a test does there."""

    def __init__(self, path):
        self.path = path
        self.data = f"{path}/data"
        os.mkdir(self.data)
        write_split(self.data, "train", TRAIN)
        write_split(self.data, "t10k", EVAL)

    def spec(self, **sections):
        """12 batches of 8 an epoch; sections are merged over the defaults of these tests."""
        spec = {
            "model": {"arch": "vit", "preset": "N", "width": 16, "depth": 2, "heads": 2, "patch_size": 14},
            "data": {"dataset": "mnist", "root": self.data},
            "train": {"epochs": 2, "batch_size": 8, "schedule": {"warmup_epochs": 0.5}},
            "log": {"interval": 5},
            "checkpoint": {"every_steps": 4, "every_epochs": None, "keep": 3},
            "resources": {"threads": 1},
        }
        for name, values in sections.items():
            spec[name] = {**spec.get(name, {}), **values} if isinstance(values, dict) else values
        return spec

    def write(self, spec, name="job.json"):
        path = f"{self.path}/{name}"
        with open(path, "w") as file:
            file.write(spec if isinstance(spec, str) else json.dumps(spec))
        return path

    def run(self, spec, folder="run", *options, **more):
        return call("run", self.write(spec), "--dir", f"{self.path}/{folder}", *options, **more)

    def succeed(self, spec, folder="run", *options):
        done = self.run(spec, folder, *options)
        assert done.returncode == 0, done.stderr
        return Run(f"{self.path}/{folder}")

    def start(self, spec, folder="run", full=False):
        return Background([WORKER, "run", self.write(spec), "--dir", f"{self.path}/{folder}"], full)


class Background:
    """A worker whose stderr is a pipe of one page: it cannot run far ahead of who reads it, so that a
    signal sent after a line finds it in the middle of its run, however slow this machine is. With a
    full pipe it waits in its first line, which comes before its first step."""

    def __init__(self, arguments, full):
        self.reader, writer = os.pipe()
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"\n" * (4095 if full else 0))
        self.process = subprocess.Popen(arguments, stderr=writer)
        os.close(writer)

    def wait_for_line(self, part):
        line = b""
        while part.encode() not in line:
            byte = os.read(self.reader, 1)
            assert byte, f"the worker ended without \"{part}\""
            line = byte if line.endswith(b"\n") else line + byte

    def wait_for_lock(self, path):
        """Reads the kernel's list; trying the lock would take it from the worker for a moment."""
        while True:
            inode = os.stat(path).st_ino if os.path.exists(path) else 0
            with open("/proc/locks") as locks:
                held = [line.split() for line in locks if " FLOCK " in line]
            if any(int(lock[4]) == self.process.pid and lock[5].endswith(f":{inode}")
                   for lock in held if "->" not in lock):
                return
            assert self.process.poll() is None, "the worker ended without its lock"
            time.sleep(0.001)
            os.sched_yield()

    def signal_and_wait(self, number):
        self.process.send_signal(number)
        while os.read(self.reader, 4096):
            pass
        os.close(self.reader)
        return self.process.wait(TIMEOUT_S)


def call(*arguments, **more):
    return subprocess.run([WORKER, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, **more)


def no_such_number(text):
    raise AssertionError(f"{text} is no JSON")


class Run:
    """A run directory as a reader sees it."""

    def __init__(self, path):
        self.path = path
        with open(f"{path}/events.ndjson") as file:
            self.events = [json.loads(line, parse_constant=no_such_number) for line in file]

    def of(self, kind):
        return [event for event in self.events if event["type"] == kind]

    def points(self):
        """{(step, series): value} of what is left when later attempts supersede earlier ones."""
        points = {}
        for event in self.events:
            if event["type"] == "start":
                points = {key: value for key, value in points.items() if key[0] <= event["step"]}
            elif event["type"] == "metrics":
                for series, value in event["values"].items():
                    assert (event["step"], series) not in points, f"{series} twice at {event['step']}"
                    points[event["step"], series] = value
        return points

    def exact_points(self):
        return {key: value for key, value in self.points().items() if key[1] != "train/samples_per_sec"}

    def steps(self, series):
        return sorted(step for step, name in self.points() if name == series)

    def model(self):
        with open(f"{self.path}/model.safetensors", "rb") as file:
            return file.read()

    def checkpoints(self):
        """All but the best, which every run that has validated has."""
        return sorted(set(os.listdir(f"{self.path}/checkpoints")) - {"best"})

    def best(self):
        """(step, accuracy) of checkpoints/best, whose files must be what its state.json says."""
        with open(f"{self.path}/checkpoints/best/state.json") as file:
            state = json.load(file)
        with open(f"{self.path}/checkpoints/best/model.safetensors", "rb") as file:
            model = file.read()
        assert list(state["files"]) == ["model.safetensors"], state
        assert state["files"]["model.safetensors"] == {"bytes": len(model), "crc32": f"{zlib.crc32(model):08x}"}
        return state["step"], state["accuracy"]

    def first_best(self):
        """The same from the points: the first of the best."""
        points = self.points()
        steps = self.steps("val/acc@1")
        best = max(steps, key=lambda step: (points[step, "val/acc@1"], -step))
        return best, points[best, "val/acc@1"]

    def end(self):
        ends = [event for event in self.of("end") if event["attempt"] == self.events[-1]["attempt"]]
        assert len(ends) == 1 and self.events[-1] is ends[0], self.events[-3:]
        return ends[0]


def one_line(done, *parts, status=1):
    assert done.returncode == status, (done.returncode, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ortho-worker: ")]
    assert len(lines) == 1, done.stderr
    for part in parts:
        assert part in lines[0], f"no \"{part}\" in \"{lines[0]}\""


# --- command line -------------------------------------------------------------------------

def test_help_and_version_succeed(place):
    for arguments in (["--help"], ["run", "--help"], ["plan", "--help"], ["eval", "--help"], ["export", "--help"],
                      ["features", "--help"]):
        done = call(*arguments)
        assert done.returncode == 0 and done.stdout.startswith("Usage: ortho-worker") and done.stderr == ""
    done = call("--version")
    assert done.returncode == 0 and done.stdout.startswith("ortho-worker "), done.stdout


def test_wrong_usage_is_told_in_one_line(place):
    path = place.write(place.spec())
    folder = f"{place.path}/run"
    for arguments, part in (
            ([], "no command"),
            (["walk"], "unknown command walk"),
            (["run", path, "--dir", folder, "--fast"], "unknown option --fast"),
            (["run", path, "--dir"], "--dir needs a value"),
            (["run", path], "--dir DIR"),
            (["run", "--dir", folder], "SPEC.json"),
            (["run", path, path, "--dir", folder], "SPEC.json"),
            (["run", path, "--dir", folder, "--threads", "0"], "--threads is \"0\""),
            (["run", path, "--dir", folder, "--attempt", "two"], "--attempt is \"two\""),
            (["run", path, "--dir", folder, "--lock-fd", "-4"], "--lock-fd is \"-4\""),
            (["run", path, "--dir", folder, "--backend", "tpu"], "tpu"),
            (["run", path, "--dir", folder, "--blas", "mkl"], "--blas is \"mkl\""),
            (["plan"], "SPEC.json"),
            (["plan", path, "--yaml"], "unknown option --yaml"),
            (["eval"], "give one CHECKPOINT"),
            (["eval", folder, path], "give one CHECKPOINT"),
            (["eval", folder, "--batch", "0"], "--batch is \"0\""),
            (["eval", folder, "--to", "hf"], "unknown option --to"),
            (["eval", folder, "--blas", "mkl"], "--blas is \"mkl\""),
            (["features", folder], "--out FILE"),
            (["features", folder, "--out", "x", "--split", "test"], "--split is \"test\""),
            (["export", folder, "--out", "x"], "--to LAYOUT"),
            (["export", folder, "--to", "hf"], "--out PATH"),
            (["export", folder, "--to", "onnx", "--out", "x"], "--to is \"onnx\"; give hf or reference")):
        one_line(call(*arguments), part, status=2)
    assert not os.path.exists(folder)


# --- a run --------------------------------------------------------------------------------

def test_a_run_says_all_that_it_does(place):
    run = place.succeed(place.spec())
    assert sorted(os.listdir(run.path)) == ["checkpoints", "events.ndjson", "lock", "model.safetensors", "spec.json"]
    for event in run.events:
        assert event["v"] == 1 and event["attempt"] == 1 and event["at"].endswith("Z"), event
    start, = run.of("start")
    assert run.events[0] is start
    assert (start["step"], start["steps"], start["steps_per_epoch"], start["threads"]) == (0, 24, 12, 1)
    assert start["backend"] == "cpu" and start["blas"] and start["version"] and start["pid"] > 0
    assert len(start["boot_id"]) == 36 and start["parameters"] > 0 and start["memory_bytes"] > 0
    end = run.end()
    assert (end["step"], end["outcome"], end["reason"]) == (24, "succeeded", None)
    progress = run.of("progress")
    assert (progress[0]["step"], progress[0]["eta_s"], progress[-1]["step"], progress[-1]["eta_s"]) == (0, None, 24, 0)
    assert progress[-1]["epoch"] == 1 and progress[-1]["steps"] == 24


def test_series_are_complete_and_on_time(place):
    run = place.succeed(place.spec())
    every = [5, 10, 15, 20, 24]  # multiples of the interval, and the rest at the end
    names = {"train/loss", "train/acc@1", "train/lr", "train/samples_per_sec", "train/grad/global_norm"}
    names |= {f"activation/{tag}/block{block:02d}/{s}" for tag in ("attn", "mlp") for block in range(2)
              for s in STATISTICS}
    names |= {f"activation/{tag}/mean/{s}" for tag in ("attn", "mlp", "all") for s in STATISTICS}
    validation = {"val/loss", "val/acc@1", "val/acc@5"}
    assert {name for _, name in run.points()} == names | validation
    for name in names:
        assert run.steps(name) == every, (name, run.steps(name))
    for name in validation:
        assert run.steps(name) == [12, 24], (name, run.steps(name))
    points = run.points()
    for s in STATISTICS:
        for step in every:
            blocks = [points[step, f"activation/{tag}/block{block:02d}/{s}"]
                      for tag in ("attn", "mlp") for block in range(2)]
            mean = points[step, f"activation/all/mean/{s}"]
            assert abs(mean - sum(blocks) / 4) <= 1e-9 * max(map(abs, blocks)), (s, step)
            mean = points[step, f"activation/mlp/mean/{s}"]
            assert abs(mean - sum(blocks[2:]) / 2) <= 1e-9 * max(map(abs, blocks)), (s, step)
    epochs = {event["step"]: event["epoch"] for event in run.of("metrics")}
    assert epochs[10] == 0 and epochs[12] == 0 and epochs[15] == 1 and epochs[24] == 1


def test_points_are_means_since_the_last(place):
    fine = place.succeed(place.spec(log={"interval": 1}), "fine").points()
    coarse = place.succeed(place.spec(log={"interval": 5}), "coarse").points()
    for name in ("train/loss", "train/acc@1"):
        for begin, end in ((0, 5), (5, 10), (10, 15), (15, 20), (20, 24)):
            mean = sum(fine[step, name] for step in range(begin + 1, end + 1)) / (end - begin)
            assert abs(mean - coarse[end, name]) < 1e-12, (name, end)
    for step in (5, 10, 24):
        assert fine[step, "train/lr"] == coarse[step, "train/lr"]
        assert fine[step, "train/grad/global_norm"] == coarse[step, "train/grad/global_norm"]


def test_validation_comes_when_asked(place):
    spec = place.spec(eval={"every_epochs": None, "every_steps": 7}, log={"interval": 50, "residual_stats": False})
    run = place.succeed(spec)
    assert run.steps("val/acc@1") == [7, 14, 21, 24]
    assert run.steps("train/loss") == [24]
    assert not any(name.startswith("activation/") for _, name in run.points())
    spec = place.spec(eval={"every_epochs": 1, "every_steps": 6})
    assert place.succeed(spec, "both").steps("val/loss") == [6, 12, 18, 24]


def test_checkpoints_come_when_asked_and_go(place):
    run = place.succeed(place.spec(checkpoint={"every_steps": 5, "keep": 2}))
    steps = [event["step"] for event in run.of("checkpoint") if event["name"] != "best"]
    assert steps == [5, 10, 15, 20, 24], steps
    assert run.checkpoints() == ["step-00000020", "step-00000024"]
    assert [event["name"] for event in run.of("checkpoint") if event["name"] != "best"][-2:] == run.checkpoints()
    for name in run.checkpoints():
        files = sorted(os.listdir(f"{run.path}/checkpoints/{name}"))
        assert files == ["model.safetensors", "optimizer.safetensors", "state.json"], files
    spec = place.spec(checkpoint={"every_steps": None, "every_epochs": 1, "keep": 5})
    assert place.succeed(spec, "epochs").checkpoints() == ["step-00000012", "step-00000024"]


def test_the_same_spec_gives_the_same_bits(place):
    first = place.succeed(place.spec(), "first")
    second = place.succeed(place.spec(), "second")
    other = place.succeed(place.spec(train={"epochs": 2, "batch_size": 8, "seed": 43}), "other")
    assert first.model() == second.model()
    assert first.exact_points() == second.exact_points()
    assert first.model() != other.model()


def test_the_model_file_is_one_for_others(place):
    run = place.succeed(place.spec())
    data = run.model()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    assert size % 8 == 0 and header.pop("__metadata__") == {"format": "pt"}
    assert header["patchify.weight"]["shape"] == [16, 1, 14, 14]
    assert header["blocks.1.attn.qkv.weight"]["shape"] == [48, 16]
    assert header["classifier.1.bias"]["shape"] == [10]
    assert max(entry["data_offsets"][1] for entry in header.values()) == len(data) - 8 - size


# --- ends and beginnings ------------------------------------------------------------------

RESNET = {"arch": "resnet18", "preset": None, "width": None, "depth": None, "heads": None, "patch_size": None}
LONG = {"epochs": 20, "batch_size": 8, "schedule": {"warmup_epochs": 0.5}}  # 240 steps


def test_killed_and_resumed_is_as_if_never_killed(place):
    spec = place.spec(train=LONG, checkpoint={"every_steps": 3, "keep": 2}, log={"interval": 10},
                      eval={"every_steps": 2})
    whole = place.succeed({**spec, "checkpoint": {"every_steps": None, "every_epochs": None}}, "whole")
    for step in (21, 102):
        worker = place.start(spec, "killed")
        worker.wait_for_line(f'msg="checkpoint" step={step}\n')
        assert worker.signal_and_wait(signal.SIGKILL) == -signal.SIGKILL
    assert not os.path.exists(f"{place.path}/killed/model.safetensors")
    resumed = place.succeed(spec, "killed")
    starts = resumed.of("start")
    assert [start["attempt"] for start in starts] == [1, 2, 3]
    assert starts[0]["step"] == 0 and 21 <= starts[1]["step"] < 102 <= starts[2]["step"] < 240, starts
    assert starts[1]["step"] % 3 == 0 and starts[2]["step"] % 3 == 0
    assert resumed.model() == whole.model()
    assert resumed.exact_points() == whole.exact_points()
    assert resumed.best() == whole.best() == whole.first_best()


def test_signals_wait_for_the_end_of_a_step(place):
    """One that comes while oneDNN computes corrupts the heap: no thread that computes may let it in."""
    worker = place.start(place.spec(train=LONG, resources={"threads": 2}))
    worker.wait_for_line('msg="checkpoint"')
    masks = {}
    for thread in os.listdir(f"/proc/{worker.process.pid}/task"):
        with open(f"/proc/{worker.process.pid}/task/{thread}/status") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        masks[int(thread)] = int(fields["SigBlk"], 16)
    wanted = 1 << signal.SIGTERM - 1 | 1 << signal.SIGINT - 1
    assert masks[worker.process.pid] & wanted == wanted, masks
    # Those of OpenBLAS are as old as the process, and no step is made by them.
    assert sum(mask & wanted == wanted for mask in masks.values()) >= 2, masks
    assert worker.signal_and_wait(signal.SIGTERM) == 3


def test_a_time_limit_by_hand(place):
    forever = {**LONG, "epochs": 10000}
    worker = place.start(place.spec(train=forever, resources={"time_limit_s": 1}), "limited")
    assert worker.signal_and_wait(0) == 3
    run = Run(f"{place.path}/limited")
    end = run.end()
    assert (end["outcome"], end["reason"]) == ("stopped", "the time limit"), end
    assert run.checkpoints()[-1] == f"step-{end['step']:08d}", run.checkpoints()


def test_stopped_by_a_signal_and_resumed(place):
    spec = place.spec(train=LONG, checkpoint={"every_steps": 100, "keep": 1}, log={"interval": 7},
                      eval={"every_steps": 2})
    whole = place.succeed(spec, "whole")
    before = 0
    for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
        worker = place.start(spec, "stopped")
        worker.wait_for_line(f'msg="validation" step={before + 20} ')
        assert worker.signal_and_wait(number) == 3
        run = Run(f"{place.path}/stopped")
        end = run.end()
        assert (end["outcome"], end["reason"]) == ("stopped", name), end
        assert before + 20 <= end["step"] < 240, end
        assert run.checkpoints() == [f"step-{end['step']:08d}"], run.checkpoints()
        before = end["step"] // 2 * 2
        assert run.of("progress")[-1]["step"] == end["step"]
    resumed = place.succeed(spec, "stopped")
    assert resumed.model() == whole.model()
    assert resumed.exact_points() == whole.exact_points()


def test_stopped_before_its_first_step(place):
    spec = place.spec(train=LONG, eval={"every_steps": 2})
    whole = place.succeed(spec, "whole")
    step = 0
    for _ in range(2):
        worker = place.start(spec, "stopped", full=True)
        worker.wait_for_lock(f"{place.path}/stopped/lock")
        assert worker.signal_and_wait(signal.SIGTERM) == 3
        run = Run(f"{place.path}/stopped")
        end = run.end()
        assert (end["outcome"], end["step"]) == ("stopped", step), end
        assert run.checkpoints() == ([f"step-{step:08d}"] if step > 0 else []), run.checkpoints()
        if step == 0:  # the second time it goes on from a checkpoint
            worker = place.start(spec, "stopped")
            worker.wait_for_line('msg="validation" step=2 ')
            assert worker.signal_and_wait(signal.SIGTERM) == 3
            step = Run(f"{place.path}/stopped").end()["step"]
            for name in Run(f"{place.path}/stopped").checkpoints():
                if name != f"step-{step:08d}":
                    shutil.rmtree(f"{place.path}/stopped/checkpoints/{name}")
    resumed = place.succeed(spec, "stopped")
    assert resumed.model() == whole.model() and resumed.exact_points() == whole.exact_points()


def test_a_finished_run_is_not_done_again(place):
    first = place.succeed(place.spec())
    model = first.model()
    again = place.succeed(place.spec())
    assert again.model() == model
    assert again.of("start")[-1]["step"] == 24 and again.of("start")[-1]["attempt"] == 2
    assert again.end()["outcome"] == "succeeded"
    assert again.points() == first.points()


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def edit_state(folder, **changes):
    with open(f"{folder}/state.json") as file:
        state = json.load(file)
    with open(f"{folder}/state.json", "w") as file:
        json.dump({key: value for key, value in {**state, **changes}.items() if value is not None}, file)


def damages(files):
    """{name: what breaks the checkpoint in a folder}"""
    ways = {}
    for name in files:
        ways[f"{name} is cut"] = lambda folder, name=name: os.truncate(f"{folder}/{name}", 39)
        ways[f"{name} is one byte short"] = lambda folder, name=name: os.truncate(
            f"{folder}/{name}", os.stat(f"{folder}/{name}").st_size - 1)
        ways[f"{name} is empty"] = lambda folder, name=name: os.truncate(f"{folder}/{name}", 0)
        ways[f"{name} is gone"] = lambda folder, name=name: os.unlink(f"{folder}/{name}")
        ways[f"{name} is a folder"] = lambda folder, name=name: (
            os.unlink(f"{folder}/{name}"), os.mkdir(f"{folder}/{name}"))
    for name in set(files) - {"state.json"}:
        ways[f"a bit of {name}'s data is flipped"] = lambda folder, name=name: flip(f"{folder}/{name}", -100)
        ways[f"a bit of {name}'s size is flipped"] = lambda folder, name=name: flip(f"{folder}/{name}", 2)
        ways[f"a bit of {name}'s header is flipped"] = lambda folder, name=name: flip(f"{folder}/{name}", 20)
    for change in ({"v": 2}, {"step": 23}, {"step": -1}, {"step": 1e300}, {"spec": "00000000"}, {"spec": None},
                   {"files": None}, {"files": {}}, {"threads": "1"}, {"backend": None}):
        ways[f"state.json has {change}"] = lambda folder, change=change: edit_state(folder, **change)
    return ways


def test_a_broken_checkpoint_is_set_aside(place):
    spec = place.spec(train={"epochs": 1, "batch_size": 8}, checkpoint={"every_steps": 5, "keep": 3})
    whole = place.succeed(spec, "whole")
    ways = damages(["model.safetensors", "optimizer.safetensors", "state.json"])
    ways["state.json has no interval"] = lambda folder: edit_state(folder, interval=None)
    for name, damage in ways.items():
        shutil.copytree(f"{place.path}/whole", f"{place.path}/again")
        os.unlink(f"{place.path}/again/model.safetensors")
        damage(f"{place.path}/again/checkpoints/step-00000012")
        run = place.succeed(spec, "again")
        assert run.of("start")[-1]["step"] == 10, name
        log, = run.of("log")
        assert log["level"] == "warning" and "step-00000012 is broken" in log["message"], (name, log)
        assert "step-00000012.broken" in run.checkpoints(), (name, run.checkpoints())
        assert run.model() == whole.model() and run.exact_points() == whole.exact_points(), name
        assert run.best() == whole.best(), name
        shutil.rmtree(run.path)


def test_the_best_model_stays(place):
    spec = place.spec(train=LONG, checkpoint={"every_steps": 10, "keep": 1}, eval={"every_steps": 4},
                      log={"interval": 100, "residual_stats": False})
    run = place.succeed(spec)
    assert run.best() == run.first_best(), (run.best(), run.first_best())
    assert len(set(value for (_, name), value in run.points().items() if name == "val/acc@1")) > 2
    bests = [event["step"] for event in run.of("checkpoint") if event["name"] == "best"]
    accuracies = [run.points()[step, "val/acc@1"] for step in bests]
    assert accuracies == sorted(set(accuracies)) and bests[-1] == run.best()[0], accuracies
    # It is that very model: a run that stops there ends with the same weights, and its last checkpoint
    # is the best, too, which is one file with two names.
    assert bests[-1] >= 12, bests
    stop = place.succeed({**spec, "train": {**LONG, "max_steps": bests[-1]}}, "short")
    name = f"{stop.path}/checkpoints/step-{bests[-1]:08d}/model.safetensors"
    for folder in (stop.path, run.path):
        with open(name, "rb") as one, open(f"{folder}/checkpoints/best/model.safetensors", "rb") as other:
            assert one.read() == other.read()
    assert os.path.samefile(name, f"{stop.path}/checkpoints/best/model.safetensors")
    # A resumed run keeps it.
    before = run.best()
    again = place.succeed(spec)
    assert again.best() == before and again.of("log") == []


def test_a_broken_best_is_set_aside(place):
    spec = place.spec(train={"epochs": 2, "batch_size": 8}, checkpoint={"every_steps": 5, "keep": 3})
    whole = place.succeed(spec, "whole")
    ways = damages(["model.safetensors", "state.json"])
    del ways["state.json has {'step': 23}"]  # nothing else tells the step
    ways["state.json has no accuracy"] = lambda folder: edit_state(folder, accuracy=None)
    ways["state.json has a strange accuracy"] = lambda folder: edit_state(folder, accuracy=7)
    for name, damage in ways.items():
        shutil.copytree(f"{place.path}/whole", f"{place.path}/again")
        damage(f"{place.path}/again/checkpoints/best")
        run = place.succeed(spec, "again")
        assert run.of("start")[-1]["step"] == 24, name
        log, = run.of("log")
        assert "checkpoint best is broken" in log["message"], (name, log)
        assert sorted(os.listdir(f"{run.path}/checkpoints"))[0] == "best.broken" and "best" not in os.listdir(
            f"{run.path}/checkpoints"), name
        shutil.rmtree(run.path)


def test_a_best_between_two_renames_is_found(place):
    # What a worker leaves that dies where folders cannot be exchanged at once.
    run = place.succeed(place.spec())
    before = run.best()
    os.rename(f"{run.path}/checkpoints/best", f"{run.path}/checkpoints/best.old")
    assert place.succeed(place.spec()).best() == before
    shutil.copytree(f"{run.path}/checkpoints/best", f"{run.path}/checkpoints/best.old")
    assert place.succeed(place.spec()).best() == before
    assert "best.old" not in os.listdir(f"{run.path}/checkpoints")


def test_all_checkpoints_broken_is_a_new_start(place):
    spec = place.spec(checkpoint={"every_steps": 10, "keep": 3})
    whole = place.succeed(spec, "whole")
    shutil.copytree(f"{place.path}/whole", f"{place.path}/broken")
    for name in whole.checkpoints():
        os.truncate(f"{place.path}/broken/checkpoints/{name}/optimizer.safetensors", 8)
    run = place.succeed(spec, "broken")
    assert run.of("start")[-1]["step"] == 0 and len(run.of("log")) == 3
    assert run.model() == whole.model() and run.exact_points() == whole.exact_points()


def test_a_checkpoint_that_fits_in_part_leaves_no_trace(place):
    spec = place.spec(checkpoint={"every_steps": None, "every_epochs": None})
    whole = place.succeed(spec, "whole")
    shutil.copytree(f"{place.path}/whole", f"{place.path}/odd")
    folder = f"{place.path}/odd/checkpoints/step-00000024"
    # The model is right, the optimizer's state has other names; sizes and checksums are right.
    shutil.copy(f"{folder}/model.safetensors", f"{folder}/optimizer.safetensors")
    with open(f"{folder}/state.json") as file:
        state = json.load(file)
    state["files"]["optimizer.safetensors"] = state["files"]["model.safetensors"]
    with open(f"{folder}/state.json", "w") as file:
        json.dump(state, file)
    run = place.succeed(spec, "odd")
    assert run.of("start")[-1]["step"] == 0 and "step-00000024 is broken" in run.of("log")[0]["message"]
    assert run.model() == whole.model() and run.exact_points() == whole.exact_points()


def test_leftovers_of_a_killed_worker_are_cleared(place):
    spec = place.spec()
    first = place.succeed(spec)
    os.makedirs(f"{first.path}/checkpoints/saving.tmp")
    with open(f"{first.path}/events.ndjson", "a") as file:
        file.write('{"type":"metrics","st')
    done = place.run(spec)
    assert done.returncode == 0, done.stderr
    assert "saving.tmp" not in os.listdir(f"{first.path}/checkpoints")
    with open(f"{first.path}/events.ndjson") as file:
        lines = file.read().split("\n")
    torn = lines.index('{"type":"metrics","st')
    assert json.loads(lines[torn + 1])["type"] == "start" and json.loads(lines[torn + 1])["attempt"] == 2
    assert lines[-1] == ""


def test_threads_and_attempt_are_the_callers(place):
    spec = place.spec(resources={"threads": None})
    start, = place.succeed(spec, "run", "--threads", "2", "--attempt", "7").of("start")
    assert (start["threads"], start["attempt"]) == (2, 7)


# --- locks --------------------------------------------------------------------------------

def test_a_held_lock_is_respected(place):
    run = place.succeed(place.spec())
    before = os.stat(f"{run.path}/events.ndjson").st_size
    with open(f"{run.path}/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one_line(place.run(place.spec()), f"{run.path}/lock is held")
    assert os.stat(f"{run.path}/events.ndjson").st_size == before


def test_a_lock_can_be_inherited(place):
    folder = f"{place.path}/run"
    os.mkdir(folder)
    with open(f"{folder}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = place.run(place.spec(), "run", "--lock-fd", str(lock.fileno()), pass_fds=[lock.fileno()])
        assert done.returncode == 0, done.stderr
    other = open(f"{place.path}/other", "w")
    done = place.run(place.spec(), "run", "--lock-fd", str(other.fileno()), pass_fds=[other.fileno()])
    one_line(done, "--lock-fd", f"is not {folder}/lock")
    one_line(place.run(place.spec(), "run", "--lock-fd", "999"), "--lock-fd 999: Bad file descriptor")
    other.close()


# --- bad input ----------------------------------------------------------------------------

def test_a_bad_spec_leaves_nothing(place):
    one_line(place.run('{"model": {"arch": "vit",}}'), "job.json: line 1, column 26")
    one_line(place.run(""), "job.json: line 1, column 1")
    one_line(place.run("[]"), "job.json: ")
    one_line(place.run({"data": {"dataset": "mnist", "root": place.data}, "train": {"batch_size": 8}}), "/model is missing")
    one_line(call("run", f"{place.path}/none.json", "--dir", f"{place.path}/run"), "none.json", "No such file")
    one_line(place.run(place.spec(train={"epochs": 0})), "/train/epochs is 0; the minimum is 1")
    one_line(place.run(place.spec(train={"epochs": 1, "batch_size": 97})),
             "/train/batch_size is 97; the training split has 96 images: give at most that")
    done = place.run(place.spec(model={"heads": 5, "patch_size": 5}, train={"precision": "fp16", "batch_size": 8}))
    assert done.returncode == 1
    line, = done.stderr.splitlines()
    assert [word for word in line.split() if word.startswith(("/train/", "/model/"))] == [
        "/train/precision", "/model/heads", "/model/patch_size"], done.stderr
    assert not os.path.exists(f"{place.path}/run")


def test_a_spec_too_large_for_the_machine_is_refused(place):
    spec = place.spec(model={"arch": "vit", "preset": None, "width": 16384, "depth": 128, "heads": 256, "patch_size": 1})
    one_line(place.run(spec), "/train/batch_size", "MiB of memory; this machine has")


def test_a_missing_data_set_is_named(place):
    os.unlink(f"{place.data}/t10k-labels-idx1-ubyte")
    one_line(place.run(place.spec()), "/data/root", f"{place.data}/t10k-labels-idx1-ubyte(.gz) is not there")
    assert not os.path.exists(f"{place.path}/run")
    cifar = place.spec(data={"dataset": "cifar10", "augment": "none", "root": None})
    cifar["model"]["patch_size"] = 4
    one_line(place.run(cifar),
             "/data/dataset", "cifar10: /usr/share/datasets/cifar10/data_batch_1.bin is not there")
    # A folder that somebody made for this run learns the reason.
    os.mkdir(f"{place.path}/run")
    shutil.copy(place.write(place.spec()), f"{place.path}/run/spec.json")
    assert place.run(place.spec()).returncode == 1
    end = Run(f"{place.path}/run").end()
    assert end["outcome"] == "failed" and "t10k-labels-idx1-ubyte(.gz) is not there" in end["reason"], end


def test_corrupt_data_is_refused_by_plan_and_run(place):
    path = f"{place.data}/train-images-idx3-ubyte"
    with open(path, "rb") as file:
        good = file.read()
    for bad, part in ((good[:-1], "is truncated"), (good + b"\0", "trailing bytes"), (good[:9], "IDX header"),
                      (b"", "IDX header"), (b"\x1f\x8b" + good, "gzip stream")):
        with open(path, "wb") as file:
            file.write(bad)
        one_line(place.run(place.spec()), path, part)
        one_line(call("plan", place.write(place.spec())), path, part)
        assert not os.path.exists(f"{place.path}/run")
    with open(path, "wb") as file:
        file.write(good)
    place.succeed(place.spec())


def test_cifar10_trains(place):
    write_cifar(place.data, 24)
    spec = place.spec(data={"dataset": "cifar10", "augment": "none"}, train={"epochs": 1, "batch_size": 40})
    spec["model"]["patch_size"] = 16
    run = place.succeed(spec)
    assert run.of("start")[0]["steps"] == 3
    assert run.end()["outcome"] == "succeeded"
    assert (3, "val/acc@1") in run.points()
    path = f"{place.data}/data_batch_2.bin"
    with open(path, "r+b") as file:
        file.truncate(24 * CIFAR_RECORD - 1)
    one_line(call("plan", place.write(spec)), "/data/root", path, "no multiple of a record's 3073")


def digests(run):
    return [(event["step"], event["epoch"], event["samples"], event["digest"], event["skipped"])
            for event in run.of("data")]


def test_arms_see_the_same_data(place):
    arms = [place.succeed(place.spec(residual={"connection": name}), name) for name in ("linear", "orthogonal")]
    first, second = digests(arms[0])
    assert digests(arms[1]) == [first, second]
    assert first[:3] == (12, 0, TRAIN) and second[:3] == (24, 1, TRAIN), (first, second)
    assert len(first[3]) == 16 and int(first[3], 16) and first[3] != second[3]
    other = place.succeed(place.spec(train={"epochs": 2, "batch_size": 8, "seed": 1}), "other")
    assert not {row[3] for row in digests(other)} & {first[3], second[3]}
    # Stopped in the middle of an epoch and resumed: the whole epoch, all the same.
    whole = place.spec(residual={"connection": "linear"})
    background = place.start(whole, "stopped")
    background.wait_for_line("checkpoint\" step=4")
    assert background.signal_and_wait(signal.SIGTERM) == 3
    assert digests(place.succeed(whole, "stopped"))[-2:] == [first, second]


def jpeg(name):
    with open(f"{os.path.dirname(os.path.abspath(__file__))}/../parity/data/images/{name}", "rb") as file:
        return file.read()


def write_tiny_imagenet(folder):
    """One image in each class's folder and three for validation, all 29 pixels wide and 21 high."""
    image = jpeg("rgb444.jpg")
    for c in range(200):
        os.makedirs(f"{folder}/train/n{c:04}/images")
        with open(f"{folder}/train/n{c:04}/images/0.JPEG", "wb") as file:
            file.write(image)
    os.makedirs(f"{folder}/val/images")
    for i in range(3):
        with open(f"{folder}/val/images/{i}.JPEG", "wb") as file:
            file.write(image)
    with open(f"{folder}/val/val_annotations.txt", "w") as file:
        file.writelines(f"{i}.JPEG\tn{i * 50:04}\t0\t0\t1\t1\n" for i in range(3))


def test_an_undecodable_image_fails_or_is_left_out(place):
    os.environ["XDG_CACHE_HOME"] = f"{place.path}/cache"
    write_tiny_imagenet(place.data)
    bad = [f"{place.data}/train/n0007/images/0.JPEG", f"{place.data}/val/images/2.JPEG"]
    for path in bad:
        with open(path, "wb") as file:
            file.write(jpeg("rgb444.jpg")[:-40])
    spec = place.spec(data={"dataset": "tiny-imagenet"}, train={"epochs": 2, "batch_size": 40})
    spec["model"]["patch_size"] = 32
    spec["data"]["shuffle"] = False
    one_line(place.run(spec), bad[0], "is damaged", "give data.on_error \"skip\"")
    assert os.listdir(f"{place.path}/cache/orthod")
    end = Run(f"{place.path}/run").end()
    assert end["outcome"] == "failed" and bad[0] in end["reason"], end
    spec["data"]["on_error"] = "skip"
    runs = []
    for threads in (1, 4):
        spec["resources"] = {"threads": threads}
        runs.append(place.succeed(spec, f"skip-{threads}"))
    assert digests(runs[0]) == digests(runs[1])
    assert [row[:3] + row[4:] for row in digests(runs[0])] == [(5, 0, 200, 1), (10, 1, 200, 1)], digests(runs[0])
    lines = [event["message"] for event in runs[0].of("log") if "left out" in event["message"]]
    assert len(lines) == 2, lines
    assert lines[0].startswith(f"left out 1 image in training: {bad[0]}: the image is damaged"), lines
    assert lines[1].startswith(f"left out 1 image in validation: {bad[1]}: the image is damaged"), lines


def test_another_spec_in_the_same_folder_is_refused(place):
    run = place.succeed(place.spec())
    before = os.stat(f"{run.path}/events.ndjson").st_size
    one_line(place.run(place.spec(train={"epochs": 3, "batch_size": 8})), f"{run.path}/spec.json is another spec")
    assert os.stat(f"{run.path}/events.ndjson").st_size == before
    with open(f"{run.path}/spec.json", "w") as file:
        file.write("{")
    one_line(place.run(place.spec()), f"{run.path}/spec.json: line 1")


def test_an_unwritable_folder_is_told(place):
    open(f"{place.path}/file", "w").close()
    one_line(place.run(place.spec(), "file/run"), f"{place.path}/file", "Not a directory")
    one_line(place.run(place.spec(), "file"), f"{place.path}/file", "not a folder")


def limit_files_to(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def test_a_file_that_cannot_grow_fails_the_run_at_its_end(place):
    # A file that may not grow stands for a disk without room: write(2) fails in the same place.
    done = place.run(place.spec(), "run", preexec_fn=limit_files_to(16384), restore_signals=False)
    one_line(done, "run/checkpoints/saving.tmp/model.safetensors", "File too large")
    run = Run(f"{place.path}/run")
    assert run.end()["outcome"] == "failed" and run.checkpoints() == [], run.checkpoints()
    assert run.end()["step"] == 24  # it did all it could
    assert place.succeed(place.spec()).end()["outcome"] == "succeeded"
    # A line of metrics that fits only in part is taken back; there is room for the end.
    spec = place.spec(checkpoint={"every_steps": 100})
    done = place.run(spec, "tiny", preexec_fn=limit_files_to(2500), restore_signals=False)
    one_line(done, "tiny/events.ndjson: cannot write")
    assert Run(f"{place.path}/tiny").end()["step"] == 5


class SmallDisk:
    """A file system of its own with a few pages; needs root."""

    def __init__(self, path, kib):
        self.path = path
        os.mkdir(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", path], check=True)

    def fill(self, leave_bytes):
        with open(f"{self.path}/ballast", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError as full:
                assert full.errno == errno.ENOSPC, full
            size = file.tell() - leave_bytes
            assert size > 0, size
            file.truncate(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)  # a failed test may leave a worker in it


def whole_checkpoint(folder):
    with open(f"{folder}/state.json") as file:
        state = json.load(file)
    for name, wanted in state["files"].items():
        with open(f"{folder}/{name}", "rb") as file:
            data = file.read()
        assert wanted == {"bytes": len(data), "crc32": f"{zlib.crc32(data):08x}"}, (folder, name)
    return state["step"]


def test_a_disk_that_fills_up_costs_checkpoints_alone(place):
    spec = place.spec(train=LONG, checkpoint={"every_steps": 20, "keep": 100}, eval={"every_epochs": 5},
                      log={"interval": 40, "residual_stats": False})
    whole = place.succeed(spec, "whole")
    one = sum(os.stat(f"{whole.path}/checkpoints/step-00000020/{name}").st_size
              for name in ("model.safetensors", "optimizer.safetensors", "state.json"))
    # Room for about four of twelve checkpoints: those that fit are whole, the run does all its steps
    # and fails at the one it must have.
    with SmallDisk(f"{place.path}/disk", 5 * one // 1024) as disk:
        done = place.run(spec, "disk/run")
        one_line(done, "No space left on device", "saving.tmp")
        run = Run(f"{disk.path}/run")
        end = run.end()
        assert (end["outcome"], end["step"]) == ("failed", 240) and "No space left" in end["reason"], end
        names = os.listdir(f"{run.path}/checkpoints")
        assert "saving.tmp" not in names and "best" in names, names
        steps = sorted(whole_checkpoint(f"{run.path}/checkpoints/{name}") for name in run.checkpoints())
        assert steps and steps == list(range(20, steps[-1] + 1, 20)) and steps[-1] < 240, steps
        whole_checkpoint(f"{run.path}/checkpoints/best")
        told = [event["message"] for event in run.of("log")]
        assert f"the checkpoint of step {steps[-1] + 20} could not be saved" in told[0], told
        assert f"the last checkpoint is that of step {steps[-1]}" in told[0], told
        assert "could not be saved" in done.stderr
        assert not any(name.endswith(".tmp") for _, _, files in os.walk(run.path) for name in files)
        # With room again it goes on from the last good one.
        subprocess.run(["mount", "-o", "remount,size=64m", disk.path], check=True)
        done = place.run(spec, "disk/run")
        assert done.returncode == 0, done.stderr
        run = Run(f"{disk.path}/run")
        assert run.of("start")[-1]["step"] == steps[-1]
        assert run.model() == whole.model() and run.exact_points() == whole.exact_points()
        assert run.best() == whole.best()


def test_a_disk_with_room_again_has_later_checkpoints(place):
    spec = place.spec(train=LONG, checkpoint={"every_steps": 6, "keep": 2}, eval={"every_steps": 2},
                      log={"interval": 100, "residual_stats": False})
    whole = place.succeed(spec, "whole")
    with SmallDisk(f"{place.path}/disk", 2048) as disk:
        worker = place.start(spec, "disk/run")
        worker.wait_for_line('msg="checkpoint" step=6\n')
        disk.fill(20 * 1024)
        # Which one it is depends on how far the worker was by then: what a page holds of its lines.
        worker.wait_for_line("the checkpoint of step")
        os.unlink(f"{disk.path}/ballast")
        worker.wait_for_line('msg="checkpoint" step=')
        while os.read(worker.reader, 4096):
            pass
        assert worker.process.wait(TIMEOUT_S) == 0
        run = Run(f"{disk.path}/run")
        assert run.end()["outcome"] == "succeeded" and len(run.checkpoints()) == 2
        for name in os.listdir(f"{run.path}/checkpoints"):
            whole_checkpoint(f"{run.path}/checkpoints/{name}")
        assert run.model() == whole.model()


def test_a_loss_that_is_not_finite_fails_the_run(place):
    spec = place.spec(train={"epochs": 20, "batch_size": 8, "optimizer": {"type": "sgd", "lr": 1000},
                             "schedule": {"warmup_epochs": 0}})
    one_line(place.run(spec), "the loss of step")
    end = Run(f"{place.path}/run").end()
    assert end["outcome"] == "failed" and "the loss of step" in end["reason"] and end["step"] > 0, end


# --- plan ---------------------------------------------------------------------------------

def test_a_plan_is_what_the_run_says(place):
    spec = place.spec(train={"epochs": 3, "batch_size": 40})
    done = call("plan", place.write(spec), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    plan = answer["plan"]
    assert answer["ok"] and set(answer) == {"ok", "spec", "plan"}
    assert (plan["steps"], plan["steps_per_epoch"], plan["threads"]) == (6, 2, 1)  # the last batch is dropped
    assert set(plan["memory"]) == {"parameters", "gradients", "optimizer", "activations", "batch", "data"}
    assert sum(plan["memory"].values()) == plan["memory_bytes"]
    assert plan["memory"]["data"] == (TRAIN + EVAL) * (SIDE * SIDE + 4)
    run = place.succeed(spec)
    start, = run.of("start")
    for name in ("steps", "steps_per_epoch", "parameters", "memory_bytes"):
        assert start[name] == plan[name], name
    with open(f"{run.path}/spec.json") as file:
        assert json.load(file) == answer["spec"]
    # The defaulted spec is the same job.
    assert place.succeed(answer["spec"]).of("start")[-1]["step"] == 6


def test_a_plan_names_all_faults(place):
    spec = place.spec(model={"heads": 5}, train={"precision": "fp16", "batch_size": 8})
    done = call("plan", place.write(spec), "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and done.stderr == "" and not answer["ok"] and set(answer) == {"ok", "errors"}
    assert [error["pointer"] for error in answer["errors"]] == ["/train/precision", "/model/heads"]
    done = call("plan", place.write("{,"), "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and answer["errors"][0]["pointer"] == "" and "line 1, column 2" in str(answer)
    one_line(call("plan", place.write("{,")), "line 1, column 2")


def test_many_plans_come_in_order(place):
    specs = [place.spec(train={"epochs": epochs, "batch_size": 8}) for epochs in (1, 0, 3)]
    done = call("plan", place.write(specs), "--json")
    answers = json.loads(done.stdout)
    assert done.returncode == 1 and [answer["ok"] for answer in answers] == [True, False, True]
    assert answers[2]["plan"]["steps"] == 36 and answers[1]["errors"][0]["pointer"] == "/train/epochs"
    done = call("plan", place.write(specs[::2]), "--json")
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 2
    assert call("plan", place.write([]), "--json").stdout == "[]\n"


def test_a_plan_reads_standard_input_of_any_kind(place):
    text = json.dumps(place.spec())
    assert json.loads(call("plan", "-", "--json", input=text).stdout)["ok"]
    ours, theirs = socket.socketpair()
    worker = subprocess.Popen([WORKER, "plan", "-", "--json"], stdin=theirs, stdout=subprocess.PIPE, text=True)
    theirs.close()
    ours.sendall(text.encode())
    ours.close()
    output, _ = worker.communicate(timeout=TIMEOUT_S)
    assert worker.returncode == 0 and json.loads(output)["ok"], output


def test_a_plan_for_people_is_a_table(place):
    done = call("plan", place.write(place.spec()))
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(None, 1) for line in done.stdout.splitlines() if not line.startswith("FLOP"))
    assert rows["model"] == "vit 16/2/2, patch 14" and rows["steps"] == "24 (12 an epoch)", rows


def test_a_plan_names_a_resnet_without_sizes(place):
    done = call("plan", place.write(place.spec(model=RESNET)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["model", "resnet18"], done.stdout


# --- recipes ------------------------------------------------------------------------------

RECIPE = """# one option a line, as the reference implementation has them
seed: 7
dataset: fashion-mnist
model: vit
preset: N
max_train_steps: 2
global_batch_size: 64
grad_clip: None
lr: 1.0e-3
torch_compile: true
learning_rate: 1
"""


def test_a_recipe_is_planned_and_run(place):
    for name in ("recipe.yaml", "recipe.yml"):
        done = call("plan", place.write(RECIPE, name), "--json")
        spec = json.loads(done.stdout)["spec"]
        assert done.returncode == 0 and spec["train"]["seed"] == 7 and spec["train"]["grad_clip"] is None, spec
        assert spec["train"]["optimizer"]["lr"] == 0.001 and spec["residual"]["connection"] == "linear"
        assert f"{name}: /learning_rate line 11: no option has this name" in done.stderr, done.stderr
    done = call("run", f"{place.path}/recipe.yaml", "--dir", f"{place.path}/run", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert Run(f"{place.path}/run").end()["step"] == 2
    with open(f"{place.path}/run/spec.json") as file:
        assert json.load(file) == spec
    assert call("plan", f"{place.path}/recipe.yaml").stdout.startswith("model ")


def test_faults_of_a_recipe_name_its_keys_and_lines(place):
    text = "model: vit\nlr: fast\ndataset: fashion-mnist\nepochs: 0\n"
    done = call("plan", place.write(text, "bad.yaml"), "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["errors"] == [
        {"pointer": "/lr", "detail": 'line 2: is "fast"; give a decimal number'},
        {"pointer": "/epochs", "detail": "line 4: is 0; the minimum is 1"}], done.stdout
    done = call("run", f"{place.path}/bad.yaml", "--dir", f"{place.path}/run")
    assert done.returncode == 1 and "; /epochs line 4: is 0" in done.stderr, done.stderr
    assert not os.path.exists(f"{place.path}/run")
    text = "model: vit\npreset: N\ndataset: fashion-mnist\nglobal_batch_size: 60002\ngrad_accumulate_steps: 4\n"
    done = call("plan", place.write(text, "rules.yml"))
    assert done.returncode == 1 and "/global_batch_size line 4: is 60002; the training split has" in done.stderr
    assert "/grad_accumulate_steps line 5: is 4 and does not divide" in done.stderr, done.stderr
    one_line(call("plan", place.write("a: [", "broken.yaml")), "broken.yaml: line ")
    one_line(call("plan", place.write("", "empty.yaml")), "empty.yaml: line 1: the text is no mapping")
    one_line(call("plan", f"{place.path}/absent.yaml"), "absent.yaml")
    done = call("plan", f"{place.path}/broken.yaml", "--json")
    assert json.loads(done.stdout)["errors"][0]["pointer"] == "", done.stdout


# --- TAP ----------------------------------------------------------------------------------

def main(functions):
    tests = [(name[5:], function) for name, function in functions.items() if name.startswith("test_")]
    wanted = sys.argv[1:]
    tests = [test for test in tests if not wanted or test[0] in wanted]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="od-worker-") as path:
            try:
                function(Place(path))
                print(f"ok {number} - {name}", flush=True)
            except Exception:  # whatever a test raises is its failure, not the end of the others
                failed += 1
                print(f"not ok {number} - {name}")
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(globals()))
