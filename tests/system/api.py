# SPDX-License-Identifier: Apache-2.0
"""What the tests of the API share: a daemon, requests, streams, small jobs, and TAP.

ORTHOD and ORTHO_WORKER name the programs, OD_SRCDIR the sources. The tests of a file share one
daemon (context.daemon) in a temporary folder, on a port that the kernel chooses, and run in the
order of the file; each makes the jobs that it needs. Every wait is for an event, with a limit that
only a fault reaches.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ORTHOD = os.environ["ORTHOD"]
WORKER = os.environ["ORTHO_WORKER"]
SOURCES = os.environ.get("OD_SRCDIR", os.path.join(os.path.dirname(__file__), "..", ".."))
WAIT_S = 120
TESTS = []


class Context:
    """What tests may replace."""

    daemon = None


context = Context()


def test(function):
    TESTS.append(function)
    return function


# --- the daemon -----------------------------------------------------------------------------

class Daemon:
    """orthod on a free port and a unix socket; its log is kept."""

    def __init__(self, folder, *options, worker=WORKER):
        self.folder = folder
        self.socket_path = os.path.join(folder, "socket")
        self.log = []
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            [ORTHOD, "--listen", "127.0.0.1:0", "--listen", "[::1]:0",
             "--listen", "unix:" + self.socket_path, "--state-dir", os.path.join(folder, "state"),
             "--worker", worker, "--cpu-slots", "2", *options],
            stderr=subprocess.PIPE, text=True)
        self.addresses = []
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        if not self.ready.wait(WAIT_S) or self.process.poll() is not None:
            raise AssertionError("orthod did not start: " + "".join(self.log))
        self.port = int(self.addresses[0].rpartition(":")[2])
        self.host = self.addresses[0]

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r'msg="listening" address=(\S+)', line)
            if found:
                self.addresses.append(found.group(1))
            if 'msg="ready"' in line:
                self.ready.set()
        self.ready.set()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        self.process.stderr.close()
        return status


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    def json(self):
        return json.loads(self.body)


def ask(method, path, body=None, headers=None, daemon=None):
    """One request on a connection of its own. path goes out as it is."""
    daemon = daemon or context.daemon
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=WAIT_S)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": daemon.host, **(headers or {})}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response, response.read())
    finally:
        connection.close()


def get(path, **more):
    return ask("GET", "/api/v1" + path, **more)


def post(path, body=None, **more):
    return ask("POST", "/api/v1" + path, body, **more)


def equal(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}, not {wanted!r}")


def expect(answer, status, what=""):
    equal(answer.status, status, f"{what} {answer.body[:300]!r}: the status")
    return answer


def expect_problem(answer, status, kind, pointers=None, what=""):
    expect(answer, status, what)
    equal(answer.headers["Content-Type"], "application/problem+json", what)
    problem = answer.json()
    equal(problem["type"], "/problems/" + kind, what)
    equal(problem["status"], status, what)
    assert problem["title"] and problem["detail"] and problem["instance"].startswith("/"), problem
    if pointers is not None:
        equal(sorted(fault["pointer"] for fault in problem["errors"]), sorted(pointers), what)
        assert all(fault["detail"] for fault in problem["errors"]), problem
    return problem

# --- jobs -----------------------------------------------------------------------------------

def spec(name="small", limit=640, epochs=1, **more):
    """A run of limit/64 steps an epoch, a second or two long."""
    out = {
        "name": name,
        "model": {"arch": "vit", "preset": "N", "patch_size": 14, "depth": 1},
        "data": {"dataset": "fashion-mnist", "augment": "none", "limit_train": limit,
                 "limit_eval": 200},
        "train": {"epochs": epochs, "batch_size": 64},
        "log": {"interval": 1},
        "resources": {"threads": 1},
    }
    out.update(more)
    return out


def submit(body):
    return expect(post("/jobs", body), 201).json()["id"]


def long_job(name="long"):
    """A job that only a request ends."""
    return submit(spec(name, limit=6400, epochs=10000))


def job(number):
    return expect(get(f"/jobs/{number}"), 200).json()


class Stream:
    """An event stream: next() is (id, event, data), or None at its end."""

    def __init__(self, path, last_id=None, daemon=None, receive_bytes=None, headers=None):
        daemon = daemon or context.daemon
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(("127.0.0.1", daemon.port))
        extra = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        extra += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.socket.sendall(f"GET /api/v1{path} HTTP/1.1\r\nHost: {daemon.host}\r\n{extra}\r\n"
                            .encode())
        self.response = http.client.HTTPResponse(self.socket)
        self.response.begin()
        self.status = self.response.status
        self.comments = 0
        self.retry = None

    def next(self, deadline=None):
        """The next event, None at the end. Heartbeats and other events never end by themselves, so
        whoever waits for a certain one gives a deadline (time.monotonic)."""
        fields = {}
        while True:
            if deadline is not None and time.monotonic() > deadline:
                raise AssertionError(f"not within {WAIT_S} s")
            line = self.response.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                assert name not in fields, "two lines of " + name
                fields[name] = value
            elif "retry" in fields:
                self.retry = int(fields["retry"])
                fields = {}
            elif fields:
                return int(fields["id"]), fields["event"], json.loads(fields["data"])

    def until(self, condition):
        out = []
        deadline = time.monotonic() + WAIT_S
        while True:
            event = self.next(deadline)
            if event is None:
                raise AssertionError(f"the stream ended after {out[-3:]}")
            out.append(event)
            if condition(event):
                return out

    def rest(self):
        return list(iter(self.next, None))

    def close(self):
        self.response.close()
        self.socket.close()


def wait_for_state(number, *states):
    stream = Stream(f"/jobs/{number}/events?after=0")
    try:
        if stream.status == 200:
            stream.until(lambda event: event[1] == "state" and event[2]["state"] in states)
    finally:
        stream.close()
    return job(number)


def finish(number):
    found = wait_for_state(number, "succeeded", "failed", "cancelled")
    equal(found["state"], "succeeded", found["reason"])
    return found


def cancel(number):
    expect(post(f"/jobs/{number}/cancel"), 202)
    wait_for_state(number, "cancelled")


FINISHED = []


def finished_job():
    """A job that has succeeded, made once."""
    if not FINISHED:
        FINISHED.append(submit(spec("finished", labels={"kind": "done", "été": "é=1&2"})))
        finish(FINISHED[0])
    return FINISHED[0]


# --- running ---------------------------------------------------------------------------------


def run(function, number):
    try:
        function()
        print(f"ok {number} - {function.__name__}", flush=True)
        return True
    except Exception:
        for line in traceback.format_exc().splitlines():
            print("# " + line)
        print(f"not ok {number} - {function.__name__}", flush=True)
        return False


def end_all_jobs():
    for one in get("/jobs?limit=500&state=queued,starting,running,paused").json()["jobs"]:
        post(f"/jobs/{one['id']}/cancel")
        wait_for_state(one["id"], "cancelled", "succeeded", "failed")


def main():
    """Runs all tests of the file, or those named as arguments, in a daemon's folder of their own."""
    folder = tempfile.mkdtemp(prefix="orthod-api-")
    wanted = sys.argv[1:]
    tests = [function for function in TESTS if not wanted or function.__name__ in wanted]
    print(f"1..{len(tests)}", flush=True)
    context.daemon = Daemon(folder)
    good = False
    try:
        good = all([run(function, number) for number, function in enumerate(tests, 1)])
        end_all_jobs()
    finally:
        status = context.daemon.stop()
        if not good or status != 0:
            print(f"# orthod ended with {status}\n# " + "# ".join(context.daemon.log[-30:]))
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good and status == 0 else 1)
