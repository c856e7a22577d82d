#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./quickstart with a built orthod and a tiny experiment, on a port of its own. Prints TAP."""
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import urllib.request

ORTHOD = os.environ["ORTHOD"]
SOURCES = os.path.realpath(os.environ["OD_SRCDIR"])
WAIT_S = 300


def experiment(epochs):
    return {"name": "tiny", "base": {
        "model": {"arch": "vit", "preset": "N", "patch_size": 14, "depth": 1},
        "data": {"dataset": "fashion-mnist", "limit_train": 640, "limit_eval": 100},
        "train": {"epochs": epochs, "batch_size": 64}, "log": {"interval": 1},
        "resources": {"threads": 1}},
        "vary": {"residual.connection": ["linear", "orthogonal"], "train.seed": [0, 1]}}


class Quickstart:
    """A running ./quickstart in a process group of its own, as a terminal would start it."""

    def __init__(self, place, recipe, *options):
        self.process = subprocess.Popen(
            [os.path.join(SOURCES, "quickstart"), "--port", str(place.port), "--state-dir",
             place.path + "/state", "--orthod", ORTHOD, "--recipe", recipe, *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            # A shell cannot trap a signal that was ignored when it started, as in background jobs.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.lines = []
        self.waiting = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            self.waiting.put(line)
        self.waiting.put(None)

    def until(self, text):
        while (line := self.waiting.get(timeout=WAIT_S)) is not None:
            if text in line:
                return line
        raise AssertionError(f"it ended without \"{text}\": {''.join(self.lines)}")

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self):
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        return status, "".join(self.lines)


class Place:
    """A folder and a port; whatever a test has started in it ends with the test."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="quickstart-")
        self.started = []
        self.port = free_port()

    def quickstart(self, body, *options):
        recipe = f"{self.path}/recipe-{len(self.started)}.json"
        with open(recipe, "w", encoding="utf-8") as file:
            json.dump(body, file)
        self.started.append(Quickstart(self, recipe, *options))
        return self.started[-1]

    def get(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.load(answer)

    def workers(self):
        """Process ids of the runs in this place."""
        found = []
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if name.isdigit() and f"{self.path}/state".encode() in file.read():
                        found.append(int(name))
            except OSError:
                pass  # it has ended, or is no process
        return found

    def clean(self):
        for one in self.started:
            if one.process.poll() is None:
                os.killpg(one.process.pid, signal.SIGKILL)
                one.process.wait(WAIT_S)
        for pid in self.workers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.path, ignore_errors=True)


def test_once_succeeds_and_prints_both_arms(place):
    status, said = place.quickstart(experiment(1), "--once").end()
    assert status == 0, said
    assert "linear " in said and "orthogonal " in said and "(n = 2:" in said, said
    assert "orthod has stopped." in said, said
    assert os.path.exists(place.path + "/state/orthod.db"), said


def test_once_fails_when_the_experiment_fails(place):
    running = place.quickstart(experiment(100000), "--once")
    running.until("is queued")
    for job in place.get("/api/v1/jobs")["jobs"]:
        place.get(f"/api/v1/jobs/{job['id']}/cancel", method="POST")
    status, said = running.end()
    assert status == 1 and "ended as 'failed'" in said and "cancelled on request" in said, (status, said)


def test_a_refused_experiment_is_told(place):
    status, said = place.quickstart(experiment(0), "--once").end()
    assert status == 1 and "the experiment was refused" in said and "/base/train/epochs" in said, said


def test_a_second_one_says_that_orthod_runs_and_ctrl_c_ends_both(place):
    first = place.quickstart(experiment(100000))
    first.until("is queued")
    second = place.quickstart(experiment(100000))
    second.until("An orthod is already running on")
    second.until("is not used")
    second.until("is queued")
    second.interrupt()
    status, said = second.end()
    assert status == 130 and "orthod has stopped" not in said, (status, said)
    assert place.get("/healthz")["status"] == "ok"  # the first one's
    first.interrupt()
    status, said = first.end()
    assert status == 130 and "orthod has stopped." in said, (status, said)
    try:
        place.get("/healthz")
    except OSError:
        return
    raise AssertionError("orthod still answers")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_one_in_the_way_leaves_the_log_of_the_first(place):
    first = place.quickstart(experiment(100000))
    first.until("is queued")
    with open(place.path + "/state/orthod.log", encoding="utf-8") as file:
        before = file.read()
    assert "ready" in before, before
    status, said = place.quickstart(experiment(1), "--once", "--port", str(free_port())).end()
    assert status == 1 and "another orthod uses" in said, (status, said)
    with open(place.path + "/state/orthod.log", encoding="utf-8") as file:
        assert file.read().startswith(before)
    first.interrupt()
    assert first.end()[0] == 130


def test_a_server_that_is_none_of_ours_is_told(place):
    with socket.create_server(("127.0.0.1", place.port)) as foreign:
        def answer():
            while True:
                try:
                    client, _ = foreign.accept()
                except OSError:
                    return
                with client:
                    client.recv(4096)
                    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        threading.Thread(target=answer, daemon=True).start()
        status, said = place.quickstart(experiment(1), "--once").end()
        assert status == 1, said  # whichever it notices first
        assert "is no orthod" in said or "another program listens there" in said, said


def test_wrong_usage(place):
    for options in (["--what"], ["--port"], ["--recipe", "/nonexistent"], ["--recipe", "/tmp"],
                    ["--port", "abc"], ["--port", "0"], ["--port", "65536"], ["--port", "999999"]):
        done = subprocess.run([os.path.join(SOURCES, "quickstart"), *options], capture_output=True,
                              text=True, timeout=WAIT_S)
        assert done.returncode == 2 and done.stderr.startswith("quickstart: "), (options, done)
        assert len(done.stderr.splitlines()) == 1, done
    assert not place.workers()


def main():
    wanted = sys.argv[1:]
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    tests = [(name, test) for name, test in tests if not wanted or name in wanted]
    print(f"1..{len(tests)}", flush=True)
    failed = False
    for number, (name, test) in enumerate(tests, 1):
        place = Place()
        try:
            test(place)
            print(f"ok {number} - {name}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
        finally:
            place.clean()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
