#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts of the daemon next to others and on what others left. Prints TAP."""

import fcntl
import os
import signal
import socket
import sys
import time

from harness import check_curves, long, main


@long
def test_many_daemons_on_one_state_directory(place):
    """One of them gets ready; the others say why they do not, and leave it alone."""
    others = 5
    daemons = []
    for i in range(1 + others):
        place.port += 1
        daemons.append(place.daemon())
    for daemon in daemons:
        assert daemon.ready.wait(60)
    alive = [i for i, daemon in enumerate(daemons) if daemon.said('msg="ready"')]
    assert len(alive) == 1, alive
    for i, daemon in enumerate(daemons):
        if i != alive[0]:
            assert daemon.process.wait(60) == 1
            assert daemon.said(f"^orthod: another orthod uses {place.state}; "), daemon.log
    place.port += alive[0] - others
    winner = daemons[alive[0]]
    number = winner.submit(place.spec(5000, patch_size=2))
    winner.wait_step(number, 2)
    place.port += 10
    second = place.daemon()
    assert second.process.wait(60) == 1
    place.port -= 10
    assert winner.job(number)["state"] == "running"
    winner.kill()
    daemon = place.daemon().wait_ready()
    daemon.verb(number, "cancel")
    assert daemon.wait_end(number)["state"] == "cancelled"
    check_curves(place, daemon, number)


def test_what_a_killed_daemon_leaves_for_a_moment(place):
    """A child between its fork and its exec has the daemon's sockets and its lock. Here a child of
    this test has them for as long, as far as the start can tell."""
    place.daemon().wait_ready().kill()
    with socket.socket() as taken, open(f"{place.state}/orthod.lock") as lock:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((place.host, place.port))
        taken.listen()
        fcntl.flock(lock, fcntl.LOCK_EX)
        daemon = place.daemon()
        time.sleep(0.2)
    with open(f"{place.state}/orthod.lock") as lock:
        daemon.wait_ready()
    assert daemon.end(signal.SIGTERM) == 0


def test_a_start_that_fails_leaves_nothing_in_the_way(place):
    """The file of the lock stays: to remove it would let two others have one each."""
    daemon = place.daemon().wait_ready()
    number = daemon.submit(place.spec(1))
    assert daemon.wait_end(number)["state"] == "succeeded"
    assert daemon.end(signal.SIGTERM) == 0
    os.rename(f"{place.state}/orthod.db", f"{place.path}/kept.db")
    with open(f"{place.state}/orthod.db", "wb") as file:
        file.write(b"garbage" * 1000)
    before = sorted(os.listdir(place.state))
    daemon = place.daemon()
    assert daemon.process.wait(60) == 1
    assert daemon.said("^orthod: .*orthod.db: "), daemon.log
    assert sorted(os.listdir(place.state)) == before, os.listdir(place.state)
    with open(f"{place.state}/orthod.db", "rb") as file:
        assert file.read() == b"garbage" * 1000
    os.replace(f"{place.path}/kept.db", f"{place.state}/orthod.db")
    daemon = place.daemon().wait_ready()
    assert daemon.job(number)["state"] == "succeeded"


if __name__ == "__main__":
    sys.exit(main(globals()))
