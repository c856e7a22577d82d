# SPDX-License-Identifier: Apache-2.0
"""What the fault tests share: a folder with a data set, a daemon that dies and comes back at the same
address, requests, processes, and TAP.

Every file takes --seed N and --kills N and names of tests, prints the seed, and finds the programs in
ORTHOD and ORTHO_WORKER. Sleeping is for the moments of faults alone; every wait is for an event."""

import argparse
import fcntl
import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from daemon_test import diff, expected_curves, stored_curves, write_split  # noqa: E402,F401

ORTHOD = os.environ["ORTHOD"]
WORKER = os.environ["ORTHO_WORKER"]
SOURCES = os.environ.get("OD_SRCDIR", os.path.join(os.path.dirname(__file__), "..", ".."))
TIMEOUT_S = 120
FINAL = ("succeeded", "failed", "cancelled")
ACTIVE = ("starting", "running", "pausing", "cancelling")
# As the database has them.
STATES = ("queued", "starting", "running", "pausing", "paused", "cancelling", *FINAL)


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.body = body

    def json(self):
        return json.loads(self.body) if self.body else None


class Daemon:
    """One orthod process. Its log goes on in the place's."""

    def __init__(self, place, *options, env=None, worker=None, prefix=()):
        self.place = place
        self.listening = threading.Event()
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            [*prefix, ORTHOD, "--state-dir", place.state, "--listen", f"{place.host}:{place.port}",
             "--worker", worker or place.worker, "--cpu-slots", "8", "--retry-delay", "0", *options],
            stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.log = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)
            if 'msg="listening"' in line:
                self.listening.set()
            if 'msg="ready"' in line:
                self.ready.set()
        self.listening.set()
        self.ready.set()

    def wait_ready(self):
        assert self.ready.wait(TIMEOUT_S), "orthod does not get ready: " + "".join(self.log[-20:])
        assert self.process.poll() is None, "orthod ended: " + "".join(self.log[-20:])
        return self

    def end(self, number):
        self.process.send_signal(number)
        status = self.process.wait(TIMEOUT_S)
        self.reader.join(TIMEOUT_S)
        self.process.stderr.close()
        return status

    def kill(self):
        self.end(signal.SIGKILL)

    def said(self, pattern):
        return [line for line in self.log if re.search(pattern, line)]

    # What the comparisons of tests/system/daemon_test.py ask for.
    def request(self, method, path, body=None, expect=200, headers=None):
        answer = self.place.ask(method, path, body, headers)
        assert answer.status == expect, f"{method} {path}: {answer.status} {answer.body[:500]}"
        return answer.json()

    def job(self, number):
        return self.request("GET", f"/api/v1/jobs/{number}")

    def submit(self, spec):
        return self.request("POST", "/api/v1/jobs", spec, 201)["id"]

    def verb(self, number, verb, expect=202):
        return self.request("POST", f"/api/v1/jobs/{number}/{verb}", None, expect)

    def events(self, number):
        """A job's events from the first on, as they come. A stream ends with a final state, also one
        that the job has left by a retry: what comes behind it is in the next stream."""
        path, last, count = f"/api/v1/jobs/{number}/events", 0, 1
        while count > 0:
            count = 0
            for event in stream(self.place, path + ("" if last else "?after=0"), last or None):
                last, count = event[0], count + 1
                yield event

    def wait(self, number, test):
        for _, kind, data in self.events(number):
            if test(kind, data):
                return data
        raise AssertionError(f"the stream of job {number} ended; the job: {self.job(number)}")

    def wait_state(self, number, *states):
        return self.wait(number, lambda kind, data: kind == "state" and data["state"] in states)

    def wait_end(self, number):
        return self.wait_state(number, *FINAL)

    def wait_step(self, number, step):
        return self.wait(number, lambda kind, data: kind == "metrics" and data["step"] >= step)


def stream(place, path, last_id=None):
    """Events as (id, kind, data) until the connection ends, however it does."""
    connection = http.client.HTTPConnection(place.host, place.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers={} if last_id is None else
                           {"Last-Event-ID": str(last_id)})
        answer = connection.getresponse()
        assert answer.status in (200, 204), (path, answer.status, answer.read())
        event = {}
        for raw in answer:
            if not raw.endswith(b"\n"):
                return  # cut off in the middle of a line
            line = raw.decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if line and not line.startswith(":"):
                event[name] = value
            elif not line and "data" in event:
                yield int(event["id"]), event["event"], json.loads(event["data"])
                event = {}
            elif not line:
                event = {}
    finally:
        connection.close()


class Place:
    """A test's own folder, data, state directory and loopback address, which no other test has, so
    that a daemon comes back where it was."""

    def __init__(self, path, seed):
        self.path = path
        self.seed = seed
        self.random = random.Random(seed)
        self.state = f"{path}/state"
        self.worker = WORKER
        self.host = "127.{}.{}.{}".format(*os.getpid().to_bytes(4, "big")[1:3],
                                          1 + random.randrange(250))
        self.port = 18420
        self.daemons = []
        self.data = f"{path}/data"
        os.mkdir(self.data)
        write_split(self.data, "train", 96)
        write_split(self.data, "t10k", 24)

    def daemon(self, *options, **more):
        """Started, not yet ready."""
        self.daemons = [one for one in self.daemons if one.process.poll() is None]
        self.daemons.append(Daemon(self, *options, **more))
        return self.daemons[-1]

    def spec(self, epochs, name="fault", patch_size=14, every_steps=6, **queue):
        """12 steps an epoch, each logged. With patches of 14 a step takes a fraction of a
        millisecond, with patches of 2 some."""
        return {
            "name": name,
            "model": {"arch": "vit", "preset": "N", "width": 16, "depth": 2, "heads": 2,
                      "patch_size": patch_size},
            "data": {"dataset": "mnist", "root": self.data},
            "train": {"epochs": epochs, "batch_size": 8},
            "eval": {"every_epochs": max(1, epochs // 4)},
            "log": {"interval": 1, "residual_stats": False},
            "checkpoint": {"every_steps": every_steps, "every_epochs": None, "keep": 2},
            "resources": {"threads": 1},
            "queue": queue,
        }

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        try:
            headers = dict(headers or {})
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    # --- what is on the disk ----------------------------------------------------------------

    def lines(self, number):
        """The lines of a run's events.ndjson that are whole JSON."""
        out = []
        path = f"{self.state}/runs/{number}/events.ndjson"
        if not os.path.exists(path):
            return out
        with open(path, "rb") as file:
            for line in file:
                try:
                    out.append(json.loads(line))
                except ValueError:
                    pass  # a worker died in the middle of it
        return out

    def pid(self, number):
        """Of the newest attempt's worker."""
        return [line["pid"] for line in self.lines(number) if line["type"] == "start"][-1]

    def is_locked(self, number):
        path = f"{self.state}/runs/{number}/lock"
        if not os.path.exists(path):
            return False
        with open(path) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                return True

    def wait_unlocked(self, number):
        with open(f"{self.state}/runs/{number}/lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    def database(self):
        """Of a daemon that lives, or has ended in good order."""
        return sqlite3.connect(f"file:{self.state}/orthod.db?mode=ro", uri=True)

    def copy_of_database(self):
        """Of a daemon that was killed: what is in the WAL belongs to it, and looking at the original
        would empty that."""
        folder = tempfile.mkdtemp(prefix="copy-", dir=self.path)
        for name in ("orthod.db", "orthod.db-wal"):
            if os.path.exists(f"{self.state}/{name}"):
                shutil.copy(f"{self.state}/{name}", folder)
        database = sqlite3.connect(f"{folder}/orthod.db")
        database.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # read in
        return database

    # --- processes --------------------------------------------------------------------------

    def processes(self):
        """{pid: arguments} of all that has this place's folder in its command line."""
        out = {}
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                try:
                    with open(f"/proc/{name}/cmdline", "rb") as file:
                        arguments = file.read().decode(errors="replace").split("\0")
                except OSError:
                    continue
                if any(one.startswith(self.path) for one in arguments):
                    out[int(name)] = arguments
        return out

    def workers(self):
        """[(job, attempt, pid)] of the workers that live."""
        out = []
        for pid, arguments in self.processes().items():
            if arguments[:2] == ["ortho-worker", "run"]:
                folder = arguments[arguments.index("--dir") + 1]
                attempt = int(arguments[arguments.index("--attempt") + 1])
                out.append((int(os.path.basename(folder)), attempt, pid))
        return out

    def clean(self):
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def check_database(database):
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def check_curves(place, daemon, number):
    """The database has the points that the file has, each once, and its summaries are of those."""
    expected = expected_curves(place.lines(number))
    stored = stored_curves(daemon, number)
    assert stored == expected, f"job {number}: {diff(expected, stored)}"
    for name, summary in daemon.job(number)["metrics"].items():
        points = expected[name]
        assert summary["count"] == len(points), (number, name)
        assert summary["last_step"] == max(points), (number, name)
        assert (summary["last"], summary["min"], summary["max"]) == \
            (points[max(points)], min(points.values()), max(points.values())), (number, name)


def check_events(told, lines, number):
    """told, [(kind, step, attempt or time)], is what the file says, in its order."""
    said = [(line["type"], line["step"], line["at"]) for line in lines
            if line["type"] in ("metrics", "progress")]
    assert told == said, (number, len(told), len(said), [a for a in zip(told, said) if a[0] != a[1]][:3])


# --- TAP ----------------------------------------------------------------------------------

def long(test):
    """Leaves a test to the long form, and to those who name it."""
    test.is_long = True
    return test


def main(tests, kills=0, with_long=False):
    """Runs the functions test_* of a module's globals, or those that were named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "20250511")))
    parser.add_argument("--kills", type=int, default=int(os.environ.get("KILLS", kills)))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    found = [(name, test) for name, test in tests.items()
             if name.startswith("test_") and (name in options.names if options.names else
                                              with_long or not hasattr(test, "is_long"))]
    print(f"# seed {options.seed}\n1..{len(found)}", flush=True)
    failed = not found
    for i, (name, test) in enumerate(found, 1):
        path = tempfile.mkdtemp(prefix="od-fault-")
        place = Place(path, options.seed)
        place.kills = options.kills
        begin = time.monotonic()
        try:
            test(place)
            print(f"# {time.monotonic() - begin:.1f} s\nok {i} - {name}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {i} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            for line in place.daemons[-1].log[-40:] if place.daemons else []:
                print(f"# {line.rstrip()}")
            if os.environ.get("KEEP"):
                shutil.copytree(path, os.environ["KEEP"], dirs_exist_ok=True)
        finally:
            place.clean()
            shutil.rmtree(path, ignore_errors=True)
    return 1 if failed else 0
