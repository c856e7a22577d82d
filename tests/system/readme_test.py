#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The README's commands, run as they stand there, all from one folder that looks like the project's
root after a build: only the port and the folder of a run differ. Each example is introduced by a comment `<!-- example: NAME -->`. Prints TAP."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ORTHOD = os.environ["ORTHOD"]
WORKER = os.environ["ORTHO_WORKER"]
SOURCE = os.path.realpath(os.environ["OD_SRCDIR"])
PATIENCE_S = 300


def examples():
    """{name: [command, ...]}; a command may span lines."""
    text = open(os.path.join(SOURCE, "README.md"), encoding="utf-8").read()
    found = {}
    for name, block in re.findall(r"<!-- example: (\S+) -->\n((?:    .*\n)+)", text):
        code = re.sub(r"^    ", "", block, flags=re.M)
        found[name] = [line for line in re.split(r"\n(?=curl|\./)", code.strip())]
    return found


class Readme:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="readme-")
        os.symlink(os.path.join(SOURCE, "recipes"), os.path.join(self.folder, "recipes"))
        os.mkdir(os.path.join(self.folder, "build"))
        os.symlink(os.path.realpath(WORKER), os.path.join(self.folder, "build", "ortho-worker"))
        self.log = os.path.join(self.folder, "orthod.log")
        self.examples = examples()
        with open(self.log, "wb") as log:
            self.daemon = subprocess.Popen(
                [ORTHOD, "--listen", "127.0.0.1:0", "--state-dir", self.folder + "/state"],
                stderr=log, start_new_session=True)
        self.address = self.wait_for_address()

    def wait_for_address(self):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = re.search(r'msg="listening" address="?(127\.0\.0\.1:\d+)', open(self.log).read())
            if found:
                return found.group(1)
            assert self.daemon.poll() is None, open(self.log).read()
            time.sleep(0.05)
        raise AssertionError("orthod does not say where it listens")

    def run(self, command, **more):
        command = command.replace("127.0.0.1:8420", self.address)
        command = command.replace("/tmp/run", self.folder + "/run")
        fail = "" if "curl -f" in command else "--fail-with-body "
        command = command.replace("curl ", "curl -sS --noproxy '*' " + fail, 1)
        return subprocess.run(["sh", "-c", command], cwd=self.folder, timeout=PATIENCE_S,
                              capture_output=True, text=True, **more)

    def json(self, command):
        done = self.run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}") as answer:
            return json.load(answer)

    def wait_for_end(self, job):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = self.get(f"/api/v1/jobs/{job}")
            if found["ended_at"] is not None:
                return found
            time.sleep(0.2)
        raise AssertionError(f"job {job} does not end: {found}")

    def close(self):
        for job in self.get("/api/v1/jobs")["jobs"]:
            if job["ended_at"] is None:
                subprocess.run(["curl", "-s", "--noproxy", "*", "-X", "POST",
                                f"http://{self.address}/api/v1/jobs/{job['id']}/cancel"],
                               stdout=subprocess.DEVNULL, check=True)
                self.wait_for_end(job["id"])
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(PATIENCE_S)
        shutil.rmtree(self.folder)


def test_submit(readme):
    (command,) = readme.examples["submit"]
    job = readme.json(command)
    assert job["id"] == 1 and job["spec"]["residual"]["eps"] == 1e-6, job
    assert readme.wait_for_end(1)["state"] == "succeeded"


def test_look(readme):
    show, events, metrics, log = readme.examples["look"]
    assert readme.json(show)["state"] == "succeeded"
    stream = readme.run(events).stdout
    assert "event: metrics" in stream and '"state":"succeeded"' in stream, stream[-500:]
    lines = readme.run(metrics).stdout.splitlines()
    assert lines[0] == "series,step,value", lines[0]
    assert {line.split(",")[0] for line in lines[1:]} == {"train/loss", "val/acc@1"}, lines
    assert "succeeded" in readme.run(log).stdout


def test_weights(readme):
    (command,) = readme.examples["weights"]
    assert readme.run(command).returncode == 0
    stored = os.path.join(readme.folder, "state/runs/1/model.safetensors")
    with open(stored, "rb") as one, open(readme.folder + "/model.safetensors", "rb") as other:
        assert one.read() == other.read()


def test_experiment(readme):
    submit, summary = readme.examples["experiment"]
    made = readme.json(submit)
    assert len(made["jobs"]) == 4, made
    arms = readme.json(summary)["arms"]
    assert [arm["variant"]["residual.connection"] for arm in arms] == ["linear", "orthogonal"]


def test_cancel(readme):
    (command,) = readme.examples["cancel"]
    assert readme.json(command)["id"] == 2
    assert readme.wait_for_end(2)["state"] == "cancelled"
    refused = readme.run(command)
    assert refused.returncode == 22 and "/problems/wrong-state" in refused.stdout, refused


def test_worker(readme):
    plan, run = readme.examples["worker"]
    done = readme.run(plan)
    assert done.returncode == 0 and "parameters" in done.stdout, done
    done = readme.run(run)
    assert done.returncode == 0, done
    assert os.path.exists(readme.folder + "/run/model.safetensors")


def test_every_example_is_tested(readme):
    assert set(readme.examples) == {"submit", "look", "weights", "experiment", "cancel", "worker"}


def main():
    tests = [test_submit, test_look, test_weights, test_experiment, test_cancel, test_worker,
             test_every_example_is_tested]
    print(f"1..{len(tests)}", flush=True)
    readme = Readme()
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test(readme)
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception as error:  # a test that breaks has failed
            failed += 1
            print(f"not ok {number} - {test.__name__}", flush=True)
            print("# " + repr(error).replace("\n", "\n# "), flush=True)
    readme.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
