#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""orthod and its units as systemd sees them, without a running systemd: the units are checked by
systemd-analyze; a socket of the test is the service manager's end. Prints TAP."""
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
import traceback

ORTHOD = os.environ["ORTHOD"]
WORKER = os.environ["ORTHO_WORKER"]
SOURCES = os.environ["OD_SRCDIR"]
WAIT_S = 120
# Hands the sockets over as a service manager does: from descriptor 3 on, to the process that
# orthod becomes.
HAND_OVER = """
import os, sys
given = [os.dup(int(fd)) for fd in sys.argv[1].split(",")]
given = [os.dup2(fd, 60 + i) for i, fd in enumerate(given)]
for i, fd in enumerate(given):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ["LISTEN_FDS"] = str(len(given))
os.environ["LISTEN_PID"] = os.environ.get("FAKE_LISTEN_PID", str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Daemon:
    """An orthod that a manager started, perhaps with sockets."""

    def __init__(self, command, sockets, env):
        if sockets:
            numbers = ",".join(str(one.fileno()) for one in sockets)
            command = [sys.executable, "-c", HAND_OVER, numbers, *command]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                        pass_fds=[one.fileno() for one in sockets],
                                        env={**os.environ, **env})
        self.log = []
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)
            if 'msg="ready"' in line:
                self.ready.set()
        self.ready.set()

    def addresses(self):
        assert self.ready.wait(WAIT_S) and self.process.poll() is None, "".join(self.log)
        return re.findall(r'msg="listening" address=(\S+)', "".join(self.log))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        self.process.stderr.close()
        return status


class Place:
    """A test's folder, its daemons, and the service manager's end of the notify socket."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="orthod-systemd-")
        self.state = self.path + "/state"
        self.daemons = []
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(self.path + "/notify")
        self.manager.settimeout(WAIT_S)

    def daemon(self, *options, sockets=(), env=None):
        command = [ORTHOD, "--state-dir", self.state, "--worker", WORKER, "--cpu-slots", "1",
                   *options]
        self.daemons.append(Daemon(command, sockets, env or {}))
        return self.daemons[-1]

    def notifying(self, **env):
        return self.daemon("--listen", "127.0.0.1:0",
                           env={"NOTIFY_SOCKET": self.path + "/notify", **env})

    def hear(self, wanted):
        """The lines of the messages up to the first that has a line that begins like this."""
        lines = []
        while not any(line.startswith(wanted) for line in lines):
            lines += self.manager.recv(4096).decode().splitlines()
        return lines

    def unit(self, name):
        """The unit as it is installed, but for the program, which is the built one."""
        folder = os.path.join(os.path.dirname(ORTHOD), "systemd")
        if not os.path.exists(os.path.join(folder, name)):
            folder = os.path.join(SOURCES, "systemd")
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"^ExecStart=\S+", "ExecStart=" + ORTHOD, text, flags=re.M)
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as file:
            file.write(text)
        return os.path.join(self.path, name), text

    def clean(self):
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.end(signal.SIGKILL)
        self.manager.close()
        shutil.rmtree(self.path)


def listener(address=("127.0.0.1", 0)):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    out = socket.socket(family)
    out.bind(address)
    out.listen()
    return out


def get(address, path="/readyz", body=None):
    """The status and the body of an answer from 127.0.0.1:PORT."""
    post = body is not None
    connection = http.client.HTTPConnection(address, timeout=WAIT_S)
    try:
        connection.request("POST" if post else "GET", path, json.dumps(body) if post else None,
                           {"Content-Type": "application/json"} if post else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True,
                          text=True, timeout=WAIT_S)
    return done.returncode, done.stdout + done.stderr


# --- units ----------------------------------------------------------------------------------


@test
def the_units_are_sound(place):
    paths = [place.unit(name)[0] for name in ("orthod.service", "orthod.socket")]
    status, said = analyze("verify", "--man=no", "--recursive-errors=yes", *paths)
    assert (status, said) == (0, ""), said


@test
def the_service_is_hardened(place):
    path, _ = place.unit("orthod.service")
    status, said = analyze("security", "--offline=yes", "--threshold=20", path)
    assert status == 0, said


@test
def the_service_leaves_workers_what_they_need(place):
    _, text = place.unit("orthod.service")
    settings = dict(line.split("=", 1) for line in text.splitlines() if re.match("[A-Z]", line))
    assert settings["KillMode"] == "process" and settings["OOMPolicy"] == "continue", settings
    assert settings["RemoveIPC"] == "no" and settings["User"] == "orthod", settings
    assert settings["Type"] == "notify" and int(settings["WatchdogSec"]) > 0, settings
    for name in ("DynamicUser", "PrivateTmp", "PrivateDevices", "MemoryDenyWriteExecute"):
        assert name not in settings, name


@test
def the_user_can_be_made(place):
    done = subprocess.run(["systemd-sysusers", "--dry-run", "--root=" + place.path,
                           os.path.join(SOURCES, "systemd/orthod.sysusers")],
                          capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0 and "orthod" in done.stderr + done.stdout, done


# --- what the manager hears -----------------------------------------------------------------


@test
def ready_comes_when_it_answers(place):
    daemon = place.notifying()
    first = place.manager.recv(4096).decode().splitlines()
    assert first == ["READY=1", "STATUS=0 running, 0 queued"], first
    assert get(daemon.addresses()[0]) == (200, {"status": "ready", "drained": False})


@test
def the_status_tells_of_jobs(place):
    daemon = place.notifying()
    place.hear("READY=1")
    spec = {"name": "long", "model": {"arch": "vit", "preset": "N", "patch_size": 14, "depth": 1},
            "data": {"dataset": "fashion-mnist", "augment": "none", "limit_train": 6400},
            "train": {"epochs": 10000, "batch_size": 64}, "resources": {"threads": 1}}
    address = daemon.addresses()[0]
    numbers = [get(address, "/api/v1/jobs", spec)[1]["id"] for _ in range(2)]
    place.hear("STATUS=1 running, 1 queued")
    for number in reversed(numbers):
        get(address, f"/api/v1/jobs/{number}/cancel", {})
    place.hear("STATUS=0 running, 0 queued")


@test
def the_watchdog_is_fed_by_the_loop(place):
    daemon = place.notifying(WATCHDOG_USEC="200000")
    for _ in range(5):
        place.hear("WATCHDOG=1")
    assert daemon.end() == 0
    lines = place.hear("STOPPING=1")
    assert "STOPPING=1" in lines, lines


@test
def the_watchdog_of_another_process_is_let_alone(place):
    daemon = place.notifying(WATCHDOG_USEC="2000", WATCHDOG_PID="1")
    place.hear("READY=1")
    get(daemon.addresses()[0])
    assert daemon.end() == 0
    assert "WATCHDOG=1" not in place.hear("STOPPING=1")


@test
def stopping_is_told_at_once(place):
    daemon = place.notifying()
    place.hear("READY=1")
    assert daemon.end() == 0
    assert place.hear("STOPPING=1")[-2:] == ["STOPPING=1", "STATUS=stopping; workers go on"]


# --- sockets --------------------------------------------------------------------------------


@test
def handed_sockets_take_the_place_of_listen(place):
    path = place.path + "/socket"
    with listener() as tcp, listener(path) as local:
        daemon = place.daemon("--listen", f"unix:{place.path}/mine", sockets=[tcp, local])
        address = f"127.0.0.1:{tcp.getsockname()[1]}"
        assert daemon.addresses() == [address, "unix:" + path], daemon.addresses()
        assert get(address)[0] == 200
        assert not os.path.exists(place.path + "/mine")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(WAIT_S)
            client.connect(path)
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert daemon.end() == 0
        assert os.path.exists(path)  # it is the manager's


@test
def a_request_between_two_daemons_is_answered(place):
    with listener() as held:
        first = place.daemon(sockets=[held])
        address = first.addresses()[0]
        assert first.end() == 0
        with socket.create_connection(held.getsockname(), WAIT_S) as client:
            client.sendall(f"GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            place.daemon(sockets=[held])
            assert client.recv(100).startswith(b"HTTP/1.1 200")


@test
def sockets_for_another_process_are_let_alone(place):
    with listener() as held:
        daemon = place.daemon("--listen", f"unix:{place.path}/mine", sockets=[held],
                              env={"FAKE_LISTEN_PID": "1"})
        assert daemon.addresses() == [f"unix:{place.path}/mine"], daemon.addresses()


@test
def what_is_no_listening_socket_is_refused(place):
    idle = socket.socket()
    idle.bind(("127.0.0.1", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    file = open(os.devnull, "rb")
    good = listener()
    for bad, why in ((idle, "it does not listen"), (datagrams, "it is no stream socket"),
                     (file, "it is no socket")):
        daemon = place.daemon(sockets=[good, bad])
        status, said = daemon.wait(), "".join(daemon.log)
        assert status == 1, (status, said)
        assert "file descriptor 4, from the service manager" in said and why in said, said
        assert said.count("\n") == 1 and not os.path.exists(place.state), said
        bad.close()
    with listener(("0.0.0.0", 0)) as everywhere:
        daemon = place.daemon(sockets=[good, everywhere])
        status, said = daemon.wait(), "".join(daemon.log)
        assert status == 1 and "socket 0.0.0.0:" in said and "--token-file" in said, said
        assert said.count("\n") == 1 and not os.path.exists(place.state), said
    good.close()


# --- TAP ------------------------------------------------------------------------------------


def main():
    tests = [one for one in TESTS if not sys.argv[1:] or one.__name__ in sys.argv[1:]]
    print(f"1..{len(tests)}", flush=True)
    failed = False
    for number, one in enumerate(tests, 1):
        place = Place()
        try:
            one(place)
            print(f"ok {number} - {one.__name__}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {one.__name__}", flush=True)
            said = traceback.format_exc() + "".join("".join(d.log) for d in place.daemons)
            print("\n".join("# " + line for line in said.splitlines()), flush=True)
        finally:
            place.clean()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
