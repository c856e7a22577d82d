#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers that are killed, that are stopped without being told, and that cannot be started, seen from
the daemon. Prints TAP. --kills N says how many workers are killed (KILLS_MAX at most), --seed N when."""

import os
import shutil
import signal
import sys
import time

from harness import (FINAL, STATES, check_curves, check_events, long, main)

LONG = {"epochs": 5000, "patch_size": 2}
KILLS_MAX = 100


def stop(pid):
    """SIGSTOP, and until it counts."""
    os.kill(pid, signal.SIGSTOP)
    while True:
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "T":
                return
        os.sched_yield()


def told(daemon, number):
    events = list(daemon.events(number))
    return [(kind, data["step"], data["at"]) for _, kind, data in events
            if kind in ("metrics", "progress")]


def test_workers_killed_at_random_moments(place):
    daemon = place.daemon().wait_ready()
    numbers = [daemon.submit(place.spec(8 * min(place.kills, KILLS_MAX), retries=KILLS_MAX))
               for _ in range(8)]
    kills = set()
    wanted = min(place.kills, KILLS_MAX)
    while len(kills) < wanted:
        time.sleep(place.random.uniform(0, 0.1))
        workers = sorted(place.workers())
        if not workers:
            break
        number, attempt, pid = place.random.choice(workers)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        kills.add((number, attempt))
    for number in numbers:
        assert daemon.wait_end(number)["state"] == "succeeded"
        check_curves(place, daemon, number)
        check_events(told(daemon, number), place.lines(number), number)
        reasons = [data["reason"] for _, kind, data in daemon.events(number)
                   if kind == "state" and data["reason"] is not None]
        assert all("was killed by signal 9" in reason for reason in reasons), reasons
        # One that was killed after its last line has succeeded all the same.
        assert len(reasons) <= sum(job == number for job, _ in kills), (number, reasons)
        assert daemon.job(number)["attempt"] == 1 + len(reasons)
    print(f"# {len(kills)} workers killed, {sum(daemon.job(n)['attempt'] for n in numbers)} attempts")
    assert len(kills) >= wanted // 2, kills


@long
def test_workers_told_to_stop_at_random_moments(place):
    """They leave by themselves, whatever they were at. The product of matrices is long enough for many
    signals to come in the middle of one."""
    daemon = place.daemon().wait_ready()
    numbers = [daemon.submit(place.spec(**LONG)) for _ in range(4)]
    rounds = max(1, min(place.kills, KILLS_MAX) // len(numbers))
    for i in range(rounds):
        for number in numbers:
            daemon.wait(number, lambda kind, data: kind == "metrics" and data["attempt"] == i + 1)
        time.sleep(place.random.uniform(0, 0.3))
        last = i + 1 == rounds
        for number in numbers:
            daemon.verb(number, "cancel" if last else "pause")
        for number in numbers:
            daemon.wait(number, lambda kind, data: kind == "state" and data["attempt"] == i + 1 and
                        data["state"] == ("cancelled" if last else "paused"))
            assert place.lines(number)[-1]["type"] == "end", place.lines(number)[-1]
            if not last:
                daemon.verb(number, "resume")
    for number in numbers:
        check_curves(place, daemon, number)
    assert daemon.said("worker ended") == daemon.said("worker ended.* status=3 signal=0"), daemon.log


def test_a_stopped_worker_is_not_dead(place):
    """It holds its lock: its job runs, for this daemon and for the next one."""
    daemon = place.daemon().wait_ready()
    number = daemon.submit(place.spec(**LONG))
    daemon.wait_step(number, 3)
    stop(place.pid(number))
    assert daemon.job(number)["state"] == "running"
    daemon.kill()
    daemon = place.daemon().wait_ready()
    job = daemon.job(number)
    assert (job["state"], job["attempt"], job["reason"]) == ("running", 1, None), job
    step = max(line["step"] for line in place.lines(number) if line["type"] == "metrics")
    os.kill(place.pid(number), signal.SIGCONT)
    daemon.wait_step(number, step + 1)
    daemon.verb(number, "cancel")
    assert daemon.wait_end(number)["state"] == "cancelled"


def cancelled_and_paused(place, daemon, numbers):
    """Both of two stopped workers hear of it at once, and leave by themselves."""
    for number in numbers:
        stop(place.pid(number))
    daemon.verb(numbers[0], "cancel")
    daemon.verb(numbers[1], "pause")
    assert daemon.wait_end(numbers[0])["reason"] == "cancelled on request"
    daemon.wait_state(numbers[1], "paused")
    assert [place.lines(number)[-1]["outcome"] for number in numbers] == ["stopped"] * 2


def two_long_jobs(place, daemon):
    numbers = [daemon.submit(place.spec(**LONG)) for _ in range(2)]
    for number in numbers:
        daemon.wait_step(number, 3)
    return numbers


@long
def test_a_stopped_worker_is_cancelled_and_paused(place):
    daemon = place.daemon().wait_ready()
    cancelled_and_paused(place, daemon, two_long_jobs(place, daemon))


def test_a_stopped_worker_of_a_former_daemon_is_cancelled_and_paused(place):
    daemon = place.daemon().wait_ready()
    numbers = two_long_jobs(place, daemon)
    daemon.kill()
    cancelled_and_paused(place, place.daemon().wait_ready(), numbers)


def test_a_worker_that_cannot_be_started(place):
    """A job fails once, with the reason, whatever its retries; and it can be tried again later."""
    place.worker = f"{place.path}/ortho-worker"
    shutil.copy(os.environ["ORTHO_WORKER"], place.worker)
    daemon = place.daemon("--cpu-slots", "1").wait_ready()
    first = daemon.submit(place.spec(**LONG))
    waiting = [daemon.submit(place.spec(1, retries=5)) for _ in range(2)]
    daemon.wait_step(first, 1)
    os.rename(place.worker, place.worker + ".away")
    answer = place.ask("POST", "/api/v1/jobs", place.spec(1))
    assert answer.status == 500 and daemon.said("cannot start: no such file"), answer.body
    daemon.verb(first, "cancel")
    for number in waiting:
        end = daemon.wait_end(number)
        assert end["state"] == "failed" and end["attempt"] == 1, end
        assert end["reason"] == f"{place.worker}: cannot start: no such file or directory", end
    os.rename(place.worker + ".away", place.worker)
    os.chmod(place.worker, 0o644)
    for number in waiting:
        daemon.verb(number, "retry")
        daemon.wait(number, lambda kind, data: kind == "state" and data["state"] == "failed" and
                    data["attempt"] == 2 and "permission denied" in data["reason"])
    os.chmod(place.worker, 0o755)
    for number in waiting:
        daemon.verb(number, "retry")
        daemon.wait_state(number, "succeeded")
        check_curves(place, daemon, number)
    with place.database() as database:
        states = database.execute("SELECT DISTINCT state FROM jobs").fetchall()
    assert all(STATES[state] in FINAL for state, in states), states


if __name__ == "__main__":
    sys.exit(main(globals(), kills=8))
