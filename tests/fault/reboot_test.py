#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The machine goes down in the middle and boots anew: all processes are gone at once, the last lines of
files are cut off, and the boot has another id. The id is a file that stands in place of the kernel's in
a mount namespace of the daemon and its workers (so root is needed). Prints TAP."""

import os
import signal
import sys
import uuid

from harness import check_curves, check_events, main

BOOT_ID = "/proc/sys/kernel/random/boot_id"
LONG = {"epochs": 5000, "patch_size": 2}


class Machine:
    """Daemons of one boot."""

    def __init__(self, place):
        self.place = place
        self.id = str(uuid.UUID(int=place.random.getrandbits(128)))
        path = f"{place.path}/boot-{self.id}"
        with open(path, "w") as file:
            file.write(self.id + "\n")
        self.prefix = ["unshare", "--mount", "sh", "-c",
                       f'mount --bind "$0" {BOOT_ID} && exec "$@"', path]

    def daemon(self, *options):
        return self.place.daemon(*options, prefix=self.prefix).wait_ready()

    def goes_down(self, daemon, running):
        """What was written last did not get to the disk as a whole."""
        daemon.kill()
        for _, _, pid in self.place.workers():
            os.kill(pid, signal.SIGKILL)
        for number in running:
            self.place.wait_unlocked(number)
            with open(f"{self.place.state}/runs/{number}/events.ndjson", "a") as file:
                file.write('{"type":"metrics","step":99')


def has(kind, state, attempt):
    return lambda found, data: found == kind and data["state"] == state and data["attempt"] == attempt


def test_a_machine_that_boots_anew(place):
    first = Machine(place)
    daemon = first.daemon("--cpu-slots", "3")
    goes_on = daemon.submit(place.spec(200, patch_size=2, retries=1))
    daemon.wait_step(goes_on, 15)
    os.kill(place.pid(goes_on), signal.SIGSTOP)  # it does not end before the machine goes down
    ends, cancelled = [
        daemon.submit(place.spec(**LONG, retries=0)), daemon.submit(place.spec(**LONG, retries=1))]
    running = [goes_on, ends, cancelled]
    queued, paused = [daemon.submit(place.spec(2)) for _ in range(2)]
    daemon.verb(paused, "pause")
    for number in running:
        daemon.wait_step(number, 15)
    assert {line["boot_id"] for number in running for line in place.lines(number)
            if line["type"] == "start"} == {first.id}
    first.goes_down(daemon, running)

    daemon = Machine(place).daemon("--cpu-slots", "3")
    back = daemon.wait(goes_on, has("state", "queued", 1))
    assert "booted anew" in back["reason"], back
    assert daemon.wait_end(goes_on)["state"] == "succeeded"
    starts = [line["step"] for line in place.lines(goes_on) if line["type"] == "start"]
    assert len(starts) == 2 and starts[1] >= 12, starts
    end = daemon.wait_end(ends)
    assert end["state"] == "failed" and "booted anew" in end["reason"], end
    assert daemon.job(ends)["reason_code"] == "reboot"
    assert daemon.wait_end(queued)["state"] == "succeeded"
    assert daemon.job(paused)["state"] == "paused"
    daemon.verb(paused, "resume")
    assert daemon.wait_end(paused)["state"] == "succeeded"
    daemon.wait(cancelled, has("state", "running", 2))
    daemon.verb(cancelled, "cancel")
    assert daemon.wait_end(cancelled)["state"] == "cancelled"
    for number in (*running, queued, paused):
        check_curves(place, daemon, number)
        told = [(kind, data["step"], data["at"]) for _, kind, data in daemon.events(number)
                if kind in ("metrics", "progress")]
        check_events(told, place.lines(number), number)


def test_a_restart_in_the_same_boot_is_no_reboot(place):
    machine = Machine(place)
    daemon = machine.daemon()
    number = daemon.submit(place.spec(**LONG, retries=0))
    daemon.wait_step(number, 3)
    daemon.kill()
    os.kill(place.pid(number), signal.SIGKILL)
    place.wait_unlocked(number)
    daemon = machine.daemon()
    assert "ended while the server was away" in daemon.wait_end(number)["reason"]
    assert daemon.job(number)["reason_code"] == "lost"


if __name__ == "__main__":
    sys.exit(main(globals()))
