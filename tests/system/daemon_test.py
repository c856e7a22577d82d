#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real daemon with real workers: runs that are killed, left alone, found again, cancelled, paused.
What the database says in the end is compared with events.ndjson line by line. Prints TAP. The
programs are those in ORTHOD and ORTHO_WORKER."""

import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback

ORTHOD = os.environ["ORTHOD"]
WORKER = os.environ["ORTHO_WORKER"]
TIMEOUT_S = 120
TRAIN, EVAL, SIDE = 96, 24, 28
FINAL = ("succeeded", "failed", "cancelled")


# --- material -----------------------------------------------------------------------------

def write_split(folder, prefix, count):
    pixels = bytes((i * 31 + p * 7) & 255 for i in range(count) for p in range(SIDE * SIDE))
    labels = bytes(i % 10 for i in range(count))
    with open(f"{folder}/{prefix}-images-idx3-ubyte", "wb") as file:
        file.write(struct.pack(">4I", 0x803, count, SIDE, SIDE) + pixels)
    with open(f"{folder}/{prefix}-labels-idx1-ubyte", "wb") as file:
        file.write(struct.pack(">2I", 0x801, count) + labels)


class Daemon:
    """An orthod that has said it is ready."""

    def __init__(self, state, *options, env=None, programs=None):
        orthod, worker = programs or (ORTHOD, WORKER)
        command = [orthod, "--state-dir", state, "--listen", "127.0.0.1:0", "--worker", worker,
                   "--cpu-slots", "2", *options]
        self.state = state
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})})
        self.log = []
        self.port = None
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r'msg="listening" address=127\.0\.0\.1:(\d+)', line)
            self.port = int(found.group(1)) if found else self.port
            if 'msg="ready"' in line:
                break
        else:
            raise AssertionError(f"orthod ended: {''.join(self.log)}")
        # Nobody may block on a full pipe.
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr))
        self.reader.start()

    def end(self, number):
        self.process.send_signal(number)
        status = self.process.wait(TIMEOUT_S)
        self.reader.join()
        self.process.stderr.close()
        return status

    def kill(self):
        self.end(signal.SIGKILL)

    def request(self, method, path, body=None, expect=200):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == expect, f"{method} {path}: {answer.status} {text}"
        return json.loads(text) if text else None

    def submit(self, spec):
        return self.request("POST", "/api/v1/jobs", spec, 201)["id"]

    def job(self, number):
        return self.request("GET", f"/api/v1/jobs/{number}")

    def events(self, number):
        """A job's events from the first on, as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        connection.request("GET", f"/api/v1/jobs/{number}/events?after=0")
        answer = connection.getresponse()
        event = {}
        while line := answer.readline().decode().rstrip("\n"):
            while line:
                name, _, value = line.partition(":")
                event[name] = value.strip()
                line = answer.readline().decode().rstrip("\n")
            if "data" in event:
                yield int(event["id"]), event["event"], json.loads(event["data"])
            event = {}
        connection.close()

    def wait(self, number, test):
        """Returns the data of the first event that passes test(kind, data)."""
        for _, kind, data in self.events(number):
            if test(kind, data):
                return data
        raise AssertionError(f"the stream of job {number} ended; the job: {self.job(number)}")

    def wait_state(self, number, state):
        return self.wait(number, lambda kind, data: kind == "state" and data["state"] == state)

    def wait_end(self, number):
        return self.wait(number, lambda kind, data: kind == "state" and data["state"] in FINAL)

    def wait_step(self, number, step):
        return self.wait(number, lambda kind, data: kind == "metrics" and data["step"] >= step)


class Place:
    """A test's own folder, data and state directory; its daemons and workers end with it."""

    def __init__(self, path):
        self.path = path
        self.state = f"{path}/state"
        self.daemons = []
        self.data = f"{path}/data"
        os.mkdir(self.data)
        write_split(self.data, "train", TRAIN)
        write_split(self.data, "t10k", EVAL)

    def daemon(self, *options, **more):
        self.daemons.append(Daemon(self.state, *options, **more))
        return self.daemons[-1]

    def spec(self, epochs, **queue):
        """12 steps an epoch, each logged, a checkpoint every 10. Many tokens make a step last some
        milliseconds, so that a test that waited for a step acts long before the last one."""
        return {
            "name": "small",
            "model": {"arch": "vit", "preset": "N", "width": 16, "depth": 2, "heads": 2,
                      "patch_size": 2},
            "data": {"dataset": "mnist", "root": self.data},
            "train": {"epochs": epochs, "batch_size": 8},
            "eval": {"every_epochs": max(1, epochs // 4)},
            "log": {"interval": 1},
            "checkpoint": {"every_steps": 10, "every_epochs": None, "keep": 2},
            "resources": {"threads": 1},
            "queue": queue,
        }

    def lines(self, number):
        """The lines of a run's events.ndjson."""
        with open(f"{self.state}/runs/{number}/events.ndjson") as file:
            return [json.loads(line) for line in file]

    def pid(self, number):
        """Of the newest attempt's worker."""
        return [line["pid"] for line in self.lines(number) if line["type"] == "start"][-1]

    def install(self, folder, change=b""):
        """Both programs, as `make install` puts them there: by new files in place of the old ones.
        change makes another file of the same program."""
        os.makedirs(folder, exist_ok=True)
        paths = [f"{folder}/{os.path.basename(program)}" for program in (ORTHOD, WORKER)]
        for program, path in zip((ORTHOD, WORKER), paths):
            shutil.copy(program, path + ".new")
            with open(path + ".new", "ab") as file:
                file.write(change)
            os.replace(path + ".new", path)
        return paths

    def wait_line(self, number, test):
        """Waits for a line of events.ndjson, with or without a daemon, as long as the worker lives."""
        path = f"{self.state}/runs/{number}/events.ndjson"
        command = ["tail", "-n", "+1", "-f", f"--pid={self.pid(number)}", path]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as tail:
            try:
                for line in map(json.loads, tail.stdout):
                    if test(line):
                        return line
            finally:
                tail.kill()
        raise AssertionError(f"the worker of run {number} ended: {self.lines(number)[-2:]}")

    def is_alive(self, number):
        with open(f"{self.state}/runs/{number}/lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                return True

    def clean(self):
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        runs = f"{self.state}/runs"
        for number in os.listdir(runs) if os.path.isdir(runs) else []:
            if os.path.exists(f"{runs}/{number}/lock") and self.is_alive(number):
                os.kill(self.pid(number), signal.SIGKILL)


def start_and_fail(*options):
    """orthod that cannot start: its exit status and the one line it says."""
    done = subprocess.run([ORTHOD, "--worker", WORKER, *options], capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    said = done.stderr.splitlines()
    assert len(said) == 1 and said[0].startswith("orthod: "), done.stderr
    assert done.stdout == "", done.stdout
    return done.returncode, said[0]


# --- the comparison -----------------------------------------------------------------------

def expected_curves(lines):
    """{series: {step: value}} by the rule of the run directory: an attempt that starts from step S
    supersedes what earlier ones said of steps beyond it."""
    curves = {}
    for line in lines:
        if line["type"] == "start":
            for points in curves.values():
                for step in [step for step in points if step > line["step"]]:
                    del points[step]
        elif line["type"] == "metrics":
            for name, value in line["values"].items():
                assert line["step"] not in curves.setdefault(name, {}), "a step was said twice"
                curves[name][line["step"]] = value
    return {name: points for name, points in curves.items() if points}


def stored_curves(daemon, number):
    answer = daemon.request("GET", f"/api/v1/jobs/{number}/metrics?series=*&max_points=100000")
    curves = {}
    for name, series in answer["series"].items():
        assert series["count"] == len(series["steps"]) == len(set(series["steps"])), name
        assert series["steps"] == sorted(series["steps"]), name
        curves[name] = dict(zip(series["steps"], series["values"]))
    return curves


def assert_told_once(place, daemon, number, last_step):
    """The database has what the file has: no hole, no double, in points, summaries and events."""
    lines = place.lines(number)
    expected = expected_curves(lines)
    stored = stored_curves(daemon, number)
    assert stored == expected, diff(expected, stored)
    assert sorted(expected["train/loss"]) == list(range(1, last_step + 1))
    for name, summary in daemon.job(number)["metrics"].items():
        points = expected[name]
        assert summary["count"] == len(points), name
        assert summary["last_step"] == max(points) and summary["last"] == points[max(points)], name
        assert summary["min"] == min(points.values()), name
        assert summary["max"] == max(points.values()), name
    events = list(daemon.events(number))
    numbers = [number for number, _, _ in events]
    assert numbers == sorted(set(numbers))
    for kind in ("metrics", "progress"):
        told = [(data["step"], data["at"]) for _, name, data in events if name == kind]
        said = [(line["step"], line["at"]) for line in lines if line["type"] == kind]
        assert told == said, f"{kind}: {len(told)} events, {len(said)} lines"


def diff(expected, stored):
    for name in sorted(set(expected) | set(stored)):
        a, b = expected.get(name, {}), stored.get(name, {})
        if a != b:
            return (f"{name}: missing {sorted(set(a) - set(b))}, too many {sorted(set(b) - set(a))}, "
                    f"different {[s for s in a if s in b and a[s] != b[s]]}")
    return ""


# --- runs ---------------------------------------------------------------------------------

def test_a_run_is_told_line_by_line(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(4))
    assert daemon.wait_end(number)["state"] == "succeeded"
    assert_told_once(place, daemon, number, 48)
    states = [data["state"] for _, kind, data in daemon.events(number) if kind == "state"]
    assert states == ["queued", "starting", "running", "succeeded"], states


def test_two_runs_at_the_same_time(place):
    daemon = place.daemon()
    numbers = [daemon.submit(place.spec(40)) for _ in range(2)]
    for number in numbers:
        daemon.wait_step(number, 1)
    assert all(place.is_alive(number) for number in numbers)
    for number in numbers:
        assert daemon.wait_end(number)["state"] == "succeeded"
        assert_told_once(place, daemon, number, 480)


def test_workers_outlive_a_killed_daemon(place):
    number = None
    epochs, kills = 60, 4
    for i in range(kills):
        daemon = place.daemon()
        number = number or daemon.submit(place.spec(epochs))
        if daemon.job(number)["state"] not in FINAL:
            daemon.wait_step(number, 12 * epochs * i // (kills + 2) + 3)
        daemon.kill()
    daemon = place.daemon()
    assert daemon.wait_end(number)["state"] == "succeeded"
    assert daemon.job(number)["attempt"] == 1
    assert_told_once(place, daemon, number, 12 * epochs)


def test_a_run_that_ended_while_nobody_looked(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(30))
    daemon.wait_step(number, 5)
    pid = place.pid(number)
    os.kill(pid, signal.SIGSTOP)
    daemon.kill()
    os.kill(pid, signal.SIGCONT)
    with open(f"{place.state}/runs/{number}/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # comes when the worker has ended
    daemon = place.daemon()
    assert daemon.job(number)["state"] == "succeeded"  # known when it is ready
    assert_told_once(place, daemon, number, 360)


def test_a_stop_leaves_workers_alone(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(30))
    daemon.wait_step(number, 5)
    pid = place.pid(number)
    os.kill(pid, signal.SIGSTOP)
    assert daemon.end(signal.SIGTERM) == 0
    assert place.is_alive(number)
    daemon = place.daemon()
    assert daemon.job(number)["state"] == "running"
    os.kill(pid, signal.SIGCONT)
    assert daemon.wait_end(number)["state"] == "succeeded"
    assert_told_once(place, daemon, number, 360)


def test_an_upgrade_under_two_running_jobs(place):
    """What the unit does at an upgrade: new programs, SIGTERM to the main process alone, a start."""
    programs = place.install(f"{place.path}/bin")
    old = place.daemon(programs=programs)
    numbers = [old.submit(place.spec(80)) for _ in range(2)]
    waiting = old.submit(place.spec(1))
    for number in numbers:
        old.wait_step(number, 5)
    workers = [place.pid(number) for number in numbers]
    place.install(f"{place.path}/bin", change=b"upgraded")
    assert old.end(signal.SIGTERM) == 0
    # They train on with nobody there, each with the program that it was started with.
    for number, worker in zip(numbers, workers):
        seen = max(line["step"] for line in place.lines(number) if line["type"] == "metrics")
        place.wait_line(number, lambda line: line["type"] == "metrics" and line["step"] > seen)
        assert os.readlink(f"/proc/{worker}/exe") == f"{programs[1]} (deleted)"
    new = place.daemon(programs=programs)
    assert os.readlink(f"/proc/{new.process.pid}/exe") == programs[0]
    assert [new.job(number)["state"] for number in numbers] == ["running"] * 2
    assert new.job(waiting)["state"] == "queued"
    for number, worker in zip(numbers, workers):
        assert new.wait_end(number)["state"] == "succeeded"
        assert new.job(number)["attempt"] == 1 and place.pid(number) == worker
        assert [line["step"] for line in place.lines(number) if line["type"] == "start"] == [0]
        assert_told_once(place, new, number, 960)
    assert new.wait_end(waiting)["state"] == "succeeded"
    assert_told_once(place, new, waiting, 12)


def test_a_killed_worker_goes_on_from_its_checkpoint(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(30, retries=1))
    daemon.wait_step(number, 25)
    os.kill(place.pid(number), signal.SIGKILL)
    assert daemon.wait_end(number)["state"] == "succeeded"
    assert daemon.job(number)["attempt"] == 2
    starts = [line["step"] for line in place.lines(number) if line["type"] == "start"]
    assert starts[0] == 0 and starts[1] >= 20 and starts[1] % 10 == 0, starts
    assert_told_once(place, daemon, number, 360)
    reasons = [data["reason"] for _, kind, data in daemon.events(number) if kind == "state"]
    assert any(reason and "killed by signal 9" in reason for reason in reasons), reasons


def test_a_worker_killed_while_nobody_looked_goes_on(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(30, retries=1))
    daemon.wait_step(number, 25)
    daemon.kill()
    os.kill(place.pid(number), signal.SIGKILL)
    daemon = place.daemon()
    assert daemon.wait_end(number)["state"] == "succeeded"
    assert daemon.job(number)["attempt"] == 2
    assert_told_once(place, daemon, number, 360)


def test_a_worker_without_retries_fails(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(1000, retries=0))
    daemon.wait_step(number, 3)
    os.kill(place.pid(number), signal.SIGKILL)
    end = daemon.wait_end(number)
    assert end["state"] == "failed" and "killed by signal 9" in end["reason"], end


def test_cancel(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(1000))
    daemon.wait_step(number, 3)
    answer = daemon.request("POST", f"/api/v1/jobs/{number}/cancel", {}, 202)
    assert answer["state"] in ("cancelling", "cancelled"), answer
    assert daemon.wait_end(number)["state"] == "cancelled"
    assert not place.is_alive(number)
    daemon.request("POST", f"/api/v1/jobs/{number}/cancel", {}, 409)


def test_cancel_of_an_adopted_worker(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(1000))
    daemon.wait_step(number, 3)
    daemon.kill()
    daemon = place.daemon()
    daemon.request("POST", f"/api/v1/jobs/{number}/cancel", {}, 202)
    assert daemon.wait_end(number)["state"] == "cancelled"
    assert not place.is_alive(number)


def test_pause_and_resume(place):
    daemon = place.daemon()
    number = daemon.submit(place.spec(30))
    daemon.wait_step(number, 15)
    daemon.request("POST", f"/api/v1/jobs/{number}/pause", {}, 202)
    daemon.wait_state(number, "paused")
    assert not place.is_alive(number)
    daemon.request("POST", f"/api/v1/jobs/{number}/resume", {}, 202)
    assert daemon.wait_end(number)["state"] == "succeeded"
    assert_told_once(place, daemon, number, 360)


def weights(place, number):
    with open(f"{place.state}/runs/{number}/model.safetensors", "rb") as file:
        return file.read()


def test_a_run_that_makes_room_loses_no_step(place):
    daemon = place.daemon("--preempt", "yes")
    number = daemon.submit(place.spec(30))
    daemon.wait_step(number, 15)
    urgent = {**place.spec(1, priority=1), "resources": {"threads": 2}}
    assert daemon.wait_end(daemon.submit(urgent))["state"] == "succeeded"
    assert daemon.wait_end(number)["state"] == "succeeded"
    first, second = daemon.job(number)["attempts"]
    assert (first["code"], second["code"]) == ("preempted", "succeeded"), (first, second)
    lines = place.lines(number)
    stopped = next(line["step"] for line in lines if line["type"] == "end")
    assert stopped >= 15 and second["from_step"] == stopped, (stopped, second)
    assert_told_once(place, daemon, number, 360)
    alone = daemon.submit(place.spec(30))
    assert daemon.wait_end(alone)["state"] == "succeeded"
    assert weights(place, alone) == weights(place, number)


def test_a_time_limit_ends_with_a_checkpoint(place):
    daemon = place.daemon()
    number = daemon.submit({**place.spec(1000), "resources": {"threads": 1, "time_limit_s": 3}})
    daemon.wait_end(number)
    end = daemon.job(number)
    assert (end["state"], end["reason_code"]) == ("failed", "time_limit"), end
    stopped = next(line["step"] for line in place.lines(number) if line["type"] == "end")
    assert f"at step {stopped} of" in end["reason"], (stopped, end["reason"])
    daemon.request("POST", f"/api/v1/jobs/{number}/retry", {}, 202)
    again = place.wait_line(number, lambda line: line["type"] == "start" and line["attempt"] == 2)
    assert again["step"] == stopped, (again, stopped)


def test_an_acknowledged_job_survives_a_kill(place):
    daemon = place.daemon()
    numbers = []
    for _ in range(5):
        numbers.append(daemon.submit(place.spec(1)))
        daemon.kill()
        daemon = place.daemon()
    assert numbers == [1, 2, 3, 4, 5]
    for number in numbers:
        assert daemon.wait_end(number)["state"] == "succeeded"
        assert_told_once(place, daemon, number, 12)


# --- starts that fail ---------------------------------------------------------------------

def test_a_second_daemon_is_refused(place):
    place.daemon()
    status, said = start_and_fail("--state-dir", place.state, "--listen", "127.0.0.1:0")
    assert status == 1 and "another orthod uses" in said and place.state in said, said


def test_a_port_that_is_taken(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, said = start_and_fail("--state-dir", place.state, "--listen", address)
        assert status == 1 and address in said, said
        assert not os.path.exists(place.state), os.listdir(place.state)
        status, said = start_and_fail("--state-dir", f"{place.path}/new/folders", "--listen", address)
        assert status == 1 and not os.path.exists(f"{place.path}/new"), said
        # The second address: the first one's socket goes too, and what was there before stays.
        os.mkdir(place.state)
        status, said = start_and_fail("--state-dir", place.state, "--listen",
                                      f"unix:{place.state}/socket", "--listen", address)
        assert status == 1 and address in said, said
        assert os.listdir(place.state) == [], os.listdir(place.state)


def test_a_socket_in_a_new_state_directory(place):
    daemon = place.daemon("--listen", f"unix:{place.state}/socket")
    assert os.path.exists(f"{place.state}/socket")
    daemon.end(signal.SIGTERM)
    assert not os.path.exists(f"{place.state}/socket")


def test_a_state_directory_that_cannot_be(place):
    with open(f"{place.path}/file", "w"):
        pass
    status, said = start_and_fail("--state-dir", f"{place.path}/file/state")
    assert status == 1 and f"{place.path}/file" in said, said


def test_a_database_of_a_newer_version(place):
    import sqlite3
    place.daemon().end(signal.SIGTERM)
    with sqlite3.connect(f"{place.state}/orthod.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    status, said = start_and_fail("--state-dir", place.state, "--listen", "127.0.0.1:0")
    assert status == 1 and "newer orthod" in said, said


def test_wrong_usage(place):
    for options in (["--colour"], ["--listen", "0.0.0.0:80"], ["--cpu-slots", "many"], ["serve"]):
        status, said = start_and_fail("--state-dir", place.state, *options)
        assert status == 2, said
    assert not os.path.exists(place.state)


def test_backup_under_a_running_job(place):
    """The copy has the job with its points so far, and a daemon goes on from it."""
    import sqlite3
    daemon = place.daemon()
    number = daemon.submit(place.spec(30))
    daemon.wait_step(number, 20)
    copy = f"{place.path}/copy.db"
    command = [ORTHOD, "backup", copy, "--state-dir", place.state, "--worker", WORKER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    with sqlite3.connect(copy) as database:
        points = database.execute("SELECT count(DISTINCT step) FROM points").fetchone()[0]
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    assert 20 <= points <= 360, points
    again = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert again.returncode == 1 and "is there already" in again.stderr, again
    assert daemon.wait_end(number)["state"] == "succeeded"
    daemon.end(signal.SIGTERM)
    os.replace(copy, f"{place.state}/orthod.db")
    daemon = place.daemon()
    assert daemon.job(number)["state"] == "succeeded"
    assert_told_once(place, daemon, number, 360)


def test_a_backup_that_cannot_be(place):
    for options, status, text in (([], 2, "name the new file"), (["--colour"], 2, "--colour"),
                                  ([f"{place.path}/copy"], 1, "orthod.db")):
        done = subprocess.run([ORTHOD, "backup", *options, "--state-dir", place.state, "--worker",
                               WORKER], capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == status and text in done.stderr, done
        assert done.stderr.count("\n") == 1 and os.listdir(place.path) == ["data"], done


def test_check_config(place):
    def check(*options):
        done = subprocess.run([ORTHOD, "check-config", "--state-dir", place.state, *options],
                              capture_output=True, text=True, timeout=TIMEOUT_S)
        return done.returncode, done.stdout, done.stderr.splitlines()

    path = f"{place.path}/orthod.conf"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# mine\ncpu-slots = 2\nworker = {WORKER}\nlisten = 127.0.0.1:0\n")
    assert check("--config", path) == (0, "ok\n", [])
    with open(path, "a", encoding="utf-8") as file:
        file.write("colour = red\nlisten = everywhere:80\n")
    status, said, faults = check("--config", path, "--cpu-slots", "many")
    assert (status, said, len(faults)) == (2, "", 3), faults
    assert faults[0] == f"orthod: {path}, line 5: there is no option colour", faults
    assert faults[1].startswith(f"orthod: {path}, line 6: --listen everywhere:80"), faults
    assert faults[2].startswith("orthod: --cpu-slots many"), faults
    tokens = f"{place.path}/tokens"
    reached = ("--listen", "0.0.0.0:80", "--worker", WORKER)
    for options, text in ((reached, "needs --token-file"),
                          ((*reached, "--token-file", tokens), "--host NAME"),
                          ((*reached, "--token-file", tokens, "--host", "lab"), f"token file {tokens}")):
        status, said, faults = check(*options)
        assert (status, said) == (2, "") and text in faults[0], faults
    with open(tokens, "w", encoding="utf-8") as file:
        file.write("alice root\n")
    os.chmod(tokens, 0o600)
    status, said, faults = check(*reached, "--token-file", tokens, "--host", "lab")
    assert status == 2 and "tokens, line 1: is not NAME ROLE HASH" in faults[0], faults
    os.truncate(tokens, 0)
    assert check(*reached, "--token-file", tokens, "--host", "lab") == (0, "ok\n", [])
    os.remove(tokens)
    assert check("--help")[0] == 0
    assert sorted(os.listdir(place.path)) == ["data", "orthod.conf"]


def test_help_and_version(place):
    for option, text in (("--help", "Usage: orthod"), ("--version", "orthod 0.")):
        done = subprocess.run([ORTHOD, option], capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0 and text in done.stdout and done.stderr == "", done


# --- TAP ----------------------------------------------------------------------------------

def main():
    wanted = sys.argv[1:]
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    tests = [(name, test) for name, test in tests if not wanted or name in wanted]
    print(f"1..{len(tests)}", flush=True)
    failed = False
    for i, (name, test) in enumerate(tests, 1):
        path = tempfile.mkdtemp(prefix="od-daemon-")
        place = Place(path)
        try:
            test(place)
            print(f"ok {i} - {name}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {i} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
            for daemon in place.daemons:
                for line in daemon.log:
                    print(f"# {line.rstrip()}", flush=True)
        finally:
            place.clean()
            shutil.rmtree(path)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
