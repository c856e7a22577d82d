#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disk of the database and the disk of the runs filled to the last byte, apart from each other, on
file systems of their own (tmpfs, so root is needed). Prints TAP."""

import errno
import os
import subprocess
import sys
from contextlib import closing, contextmanager

from harness import check_curves, check_database, long, main

LONG = {"epochs": 5000, "patch_size": 2}
# The WAL is emptied at 4 MiB: it must fit beside the database, or room that was made is full again.
DATABASE_KIB = 16384


class SmallDisk:
    """A file system of its own."""

    def __init__(self, path, kib):
        self.path = path
        self.kib = kib
        self.ballast = f"{path}/ballast"

    def fill(self):
        with open(self.ballast, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError as full:
                assert full.errno == errno.ENOSPC, full

    def make_room(self):
        os.unlink(self.ballast)

    @contextmanager
    def mounted(self):
        os.makedirs(self.path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.kib}k", "tmpfs", self.path],
                       check=True)
        try:
            yield self
        finally:
            subprocess.run(["umount", "-l", self.path], check=True)  # a worker may still be in it


def separate_runs(place):
    """The runs on a disk that is not the database's."""
    os.makedirs(f"{place.path}/runs")
    os.makedirs(place.state, exist_ok=True)
    os.symlink(f"{place.path}/runs", f"{place.state}/runs")


def fill_until_refused(place, daemon, disk):
    """What fits into pages that the database has already is still stored, and answered with 201. The
    jobs that were stored and paused, those (one at most) whose pause was refused, and the refusal."""
    acknowledged = []
    disk.fill()
    for _ in range(2000):
        answer = place.ask("POST", "/api/v1/jobs", {**place.spec(1), "notes": "x" * 20000})
        if answer.status != 201:
            return acknowledged, [], answer
        number = answer.json()["id"]
        answer = place.ask("POST", f"/api/v1/jobs/{number}/pause")
        if answer.status != 202:
            return acknowledged, [number], answer
        acknowledged.append(number)
    raise AssertionError("a full disk stores everything")


def assert_unavailable(answer):
    assert answer.status == 503, (answer.status, answer.body)
    problem = answer.json()
    assert problem["type"] == "/problems/unavailable" and "full" in problem["detail"], problem


def test_the_disk_of_the_database_is_full(place):
    with SmallDisk(place.state, DATABASE_KIB).mounted() as disk:
        separate_runs(place)
        daemon = place.daemon("--cpu-slots", "3").wait_ready()
        # The first one is to end some seconds after the disk is full.
        running = [daemon.submit(place.spec(250)), daemon.submit(place.spec(**LONG))]
        blocker = daemon.submit({**place.spec(**LONG)})
        for number in (*running, blocker):
            daemon.wait_step(number, 1)
        acknowledged, unpaused, answer = fill_until_refused(place, daemon, disk)
        assert_unavailable(answer)
        assert_unavailable(place.ask("POST", f"/api/v1/jobs/{blocker}/cancel"))
        assert_unavailable(place.ask("PATCH", f"/api/v1/jobs/{blocker}", {"notes": "y" * 20000}))
        # It reads and serves, and training goes on: the run that ends does so behind its back.
        assert place.ask("GET", "/healthz").status == 200
        assert daemon.job(blocker)["state"] == "running"
        place.wait_unlocked(running[0])
        assert daemon.job(running[0])["state"] == "running"  # what it knows for certain
        disk.make_room()
        assert daemon.wait_end(running[0])["state"] == "succeeded"
        check_curves(place, daemon, running[0])
        later = daemon.submit(place.spec(1))
        for number in (blocker, running[1]):
            daemon.verb(number, "cancel")
            assert daemon.wait_end(number)["state"] == "cancelled"
            check_curves(place, daemon, number)
        assert daemon.wait_end(later)["state"] == "succeeded"
        for number in acknowledged:
            assert daemon.job(number)["state"] == "paused"
        for number in unpaused:
            assert daemon.wait_end(number)["state"] == "succeeded"
        with closing(place.database()) as database:
            check_database(database)
            assert database.execute("SELECT count(*) FROM jobs").fetchone() == (
                4 + len(acknowledged) + len(unpaused),)
        daemon.end(15)


@long
def test_a_daemon_is_killed_and_started_on_a_full_disk(place):
    """It serves, or says why it cannot; with room again all is there."""
    with SmallDisk(place.state, DATABASE_KIB).mounted() as disk:
        separate_runs(place)
        daemon = place.daemon("--cpu-slots", "1").wait_ready()
        number = daemon.submit(place.spec(**LONG))
        daemon.wait_step(number, 1)
        acknowledged, _, _ = fill_until_refused(place, daemon, disk)
        daemon.kill()
        daemon = place.daemon("--cpu-slots", "1")
        assert daemon.ready.wait(60)
        if daemon.process.poll() is None:
            assert daemon.job(number)["state"] == "running"
            daemon.kill()
        else:
            assert daemon.process.returncode == 1 and daemon.said("full"), daemon.log
        disk.make_room()
        daemon = place.daemon("--cpu-slots", "1").wait_ready()
        assert [daemon.job(one)["state"] for one in acknowledged] == ["paused"] * len(acknowledged)
        daemon.verb(number, "cancel")
        assert daemon.wait_end(number)["state"] == "cancelled"
        check_curves(place, daemon, number)
        daemon.end(15)


@long
def test_the_disk_of_the_runs_is_full(place):
    """A run that cannot write ends, with the reason; a job that waits goes on waiting for room."""
    with SmallDisk(f"{place.path}/runs", 2048).mounted() as disk:
        os.makedirs(place.state)
        os.symlink(disk.path, f"{place.state}/runs")
        daemon = place.daemon("--cpu-slots", "1").wait_ready()
        first = daemon.submit(place.spec(**LONG, retries=0))
        waiting = [daemon.submit(place.spec(1, retries=0)) for _ in range(2)]
        daemon.wait_step(first, 1)
        disk.fill()
        end = daemon.wait_end(first)
        assert end["state"] == "failed" and "No space left on device" in end["reason"], end
        back = daemon.wait(waiting[0], lambda kind, data: kind == "state" and
                           data["state"] == "queued" and data["attempt"] == 1)
        assert "No space left on device" in back["reason"], back
        later = daemon.submit(place.spec(1))  # the database has room
        disk.make_room()
        for number in (*waiting, later):
            assert daemon.wait_end(number)["state"] == "succeeded"
            check_curves(place, daemon, number)
        daemon.verb(first, "retry")
        daemon.wait(first, lambda kind, data: kind == "state" and data["state"] == "running" and
                    data["attempt"] == 2)
        daemon.verb(first, "cancel")
        daemon.wait_state(first, "cancelled")
        check_curves(place, daemon, first)
        daemon.end(15)


if __name__ == "__main__":
    sys.exit(main(globals()))
