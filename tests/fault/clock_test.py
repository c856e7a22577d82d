#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The wall clock set back and forth under a daemon and its workers (shifted_clock.c, by LD_PRELOAD: the
machine's own stays as it is). What is told in durations does not notice; times are those of the clock.
Prints TAP."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone

from harness import SOURCES, check_curves, long, main, stream

HOUR, DAY = 3600, 86400
JUMPS = (DAY, -DAY, 400 * DAY, -3650 * DAY, HOUR, 0)


class Clock:
    def __init__(self, place):
        self.file = f"{place.path}/clock"
        self.set(0)
        library = f"{place.path}/shifted_clock.so"
        subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O1", "-shared", "-fPIC", "-o", library,
                        f"{SOURCES}/tests/fault/shifted_clock.c"], check=True)
        self.env = {"LD_PRELOAD": library, "SHIFTED_CLOCK": self.file}
        # Of the daemon's environment workers get a few variables only.
        worker = f"{place.path}/worker"
        with open(worker, "w") as file:
            file.write(f"#!/bin/sh\nLD_PRELOAD={library} SHIFTED_CLOCK={self.file} "
                       f"exec {place.worker} \"$@\"\n")
        os.chmod(worker, 0o755)
        place.worker = worker

    def set(self, seconds):
        with open(self.file + ".new", "w") as file:
            file.write(str(seconds))
        os.replace(self.file + ".new", self.file)
        self.shift = seconds

    def is_now(self, text):
        """Whether a time that was just told is what this clock shows."""
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), text
        at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        return abs(at.timestamp() - time.time() - self.shift) < 60


def uptime(place):
    return float(re.search(r"^orthod_uptime_seconds (\S+)$",
                           place.ask("GET", "/metrics").body.decode(), re.M).group(1))


def test_a_clock_that_jumps_under_running_jobs(place):
    clock = Clock(place)
    begin = time.monotonic()
    daemon = place.daemon("--cpu-slots", "1", env=clock.env).wait_ready()
    blocker = daemon.submit(place.spec(5000, patch_size=2))
    daemon.wait_step(blocker, 3)
    waiting = []
    for i, jump in enumerate(JUMPS):
        clock.set(jump)
        body, key = place.spec(1), {"Idempotency-Key": f"key {i}"}
        waiting.append(daemon.request("POST", "/api/v1/jobs", body, 201, key)["id"])
        assert clock.is_now(daemon.job(waiting[-1])["created_at"]), daemon.job(waiting[-1])
        again = daemon.request("POST", "/api/v1/jobs", body, 201, key)
        assert again["id"] == waiting[-1], "a key is forgotten"
        # Training and its events go on, at the same speed.
        step = max(line["step"] for line in place.lines(blocker) if line["type"] == "metrics")
        told = daemon.wait_step(blocker, step + 10)
        assert clock.is_now(told["at"]), told
        progress = daemon.job(blocker)["progress"]
        assert 0 < progress["eta_s"] < 60000 * 10, progress
        assert 0 <= uptime(place) <= time.monotonic() - begin + 1, uptime(place)
    daemon.verb(blocker, "cancel")
    assert daemon.wait_end(blocker)["state"] == "cancelled"
    for number in waiting:
        assert daemon.wait_end(number)["state"] == "succeeded"
        check_curves(place, daemon, number)
    check_curves(place, daemon, blocker)
    starts = []
    for number, kind, data in stream(place, "/api/v1/events?after=0"):
        if kind == "state" and data["state"] == "starting":
            starts.append(data["job"])
        if kind == "state" and data["job"] == waiting[-1] and data["state"] == "succeeded":
            break
    assert starts == [blocker, *waiting], "the queue goes by the order of submits, not by times"
    assert not daemon.said("level=error"), daemon.said("level=error")


@long
def test_a_daemon_that_starts_in_the_past(place):
    """It adopts what was started in its future, and numbers and events go on."""
    clock = Clock(place)
    daemon = place.daemon(env=clock.env).wait_ready()
    numbers = [daemon.submit(place.spec(5000, patch_size=2)) for _ in range(2)]
    for number in numbers:
        daemon.wait_step(number, 3)
    last = max(number for number, _, _ in take_until_quiet(place))
    daemon.kill()
    clock.set(-3650 * DAY)
    daemon = place.daemon(env=clock.env).wait_ready()
    assert [daemon.job(number)["state"] for number in numbers] == ["running"] * 2
    later = daemon.submit(place.spec(1))
    assert later == numbers[-1] + 1
    assert daemon.wait_end(later)["state"] == "succeeded"
    assert min(number for number, _, _ in daemon.events(later)) > last
    for number in numbers:
        daemon.verb(number, "cancel")
        assert daemon.wait_end(number)["state"] == "cancelled"
        check_curves(place, daemon, number)
    assert daemon.end(signal.SIGTERM) == 0


@long
def test_a_retry_waits_as_long_as_it_was_meant_to(place):
    """Also when the clock is set back by years while it waits, with the same daemon and the next one."""
    clock = Clock(place)
    options = ("--retry-delay", "2")
    daemon = place.daemon(*options, env=clock.env).wait_ready()
    for starts_anew in (False, True):
        clock.set(0)
        number = daemon.submit(place.spec(5000, patch_size=2, retries=1))
        daemon.wait_step(number, 3)
        os.kill(place.pid(number), signal.SIGKILL)
        daemon.wait(number, lambda kind, data: kind == "state" and data["state"] == "queued" and
                    data["attempt"] == 1)
        clock.set(-3650 * DAY)
        if starts_anew:
            daemon.kill()
            daemon = place.daemon(*options, env=clock.env).wait_ready()
        daemon.wait(number, lambda kind, data: kind == "state" and data["state"] == "running" and
                    data["attempt"] == 2)
        daemon.verb(number, "cancel")
        assert daemon.wait_end(number)["state"] == "cancelled"


def take_until_quiet(place):
    """The events so far: up to one that comes after this was called."""
    metrics = place.ask("GET", "/api/v1/jobs/1/metrics").json()
    out = []
    for event in stream(place, "/api/v1/events?after=0"):
        out.append(event)
        if event[0] >= metrics["last_event_id"]:
            return out
    raise AssertionError("the stream ended")


def test_sessions_last_seven_days_of_the_servers_own(place):
    """Nobody is thrown out by a clock that is set, and no session lasts for ever by it."""
    clock = Clock(place)
    tokens = f"{place.path}/tokens"
    secret = subprocess.run([os.environ["ORTHOD"], "token", "add", "alice", "read", "--token-file",
                             tokens], check=True, capture_output=True, text=True).stdout.strip()
    place.daemon("--token-file", tokens, env=clock.env).wait_ready()
    cookie = login(place, secret)
    for jump in JUMPS:
        clock.set(jump)
        answer = place.ask("GET", "/api/v1/jobs", headers={"Cookie": cookie})
        assert answer.status == 200, (jump, answer.status)
        assert login(place, secret) != cookie


def login(place, secret):
    import http.client
    connection = http.client.HTTPConnection(place.host, place.port, timeout=60)
    connection.request("POST", "/api/v1/login", f'{{"token": "{secret}"}}',
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 204, (answer.status, answer.read())
    connection.close()
    return answer.headers["Set-Cookie"].partition(";")[0]


if __name__ == "__main__":
    sys.exit(main(globals()))
