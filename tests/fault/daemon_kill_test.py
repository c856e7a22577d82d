#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon killed by SIGKILL at random moments under load: in the middle of requests, commits,
starts of workers, and of its own start. What was acknowledged is there, and true. Prints TAP.

--kills N says how often (or KILLS), --seed N at which moments (or SEED)."""

import os
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing

from harness import (ACTIVE, SOURCES, STATES, check_curves, check_database, check_events,
                     main)
from load import Load

CLIENTS = 5
LOADED_S = 0.7       # at most, from ready to the kill
KILLS_A_ROUND = 100  # then all settles, and is looked at


def check_dead(place):
    """Between a kill and the next start: no worker without the row that it was started for."""
    with closing(place.copy_of_database()) as database:
        check_database(database)
        rows = {number: (STATES[state], attempt) for number, state, attempt in
                database.execute("SELECT id, state, attempt FROM jobs")}
    workers = place.workers()
    assert len({job for job, _, _ in workers}) == len(workers), workers
    for job, attempt, pid in workers:
        state, current = rows.get(job, (None, None))
        # One that has ended by itself since it was listed proves nothing.
        assert (state in ACTIVE and current == attempt) or not os.path.exists(f"/proc/{pid}"), \
            (job, attempt, state, current)


def check_log(daemon):
    """A worker leaves by itself, or by a SIGTERM that came before it was listening for it."""
    odd = [line for line in daemon.said("worker ended.* signal=") if "=0\n" not in line[-4:] and
           "=15\n" not in line[-4:]]
    assert odd == [], odd


def check_job(place, daemon, load, job, row):
    name, notes, priority, state, crashes = row
    assert job.name in (None, name), (job.id, name)
    assert (notes, priority) == (job.notes, job.priority), (job.id, row, vars(job))
    assert state in job.ends(), (job.id, state, job.wishes)
    assert crashes == 0, (job.id, "nobody has killed a worker")
    assert not place.is_locked(job.id), job.id
    assert load.states[job.id] == state, (job.id, state, load.states[job.id])
    if not job.checked:
        check_curves(place, daemon, job.id)
        check_events(load.told.get(job.id, []), place.lines(job.id), job.id)
        job.checked = True


def check_settled(place, daemon, load):
    """Nothing runs, and the database is compared with what clients know and with the files."""
    with closing(place.database()) as database:
        check_database(database)
        rows = {number: (name, notes, priority, STATES[state], crashes)
                for number, name, notes, priority, state, crashes in
                database.execute("SELECT id, name, notes, priority, state, crashes FROM jobs")}
        tail = dict(database.execute("SELECT id, tail_offset FROM jobs"))
        removals = {number for number, in database.execute("SELECT job FROM removals")}
    known = {job.id: job for job in load.jobs()}
    maybe = {name for one in load.clients for name in one.maybe}
    names = [row[0] for number, row in rows.items() if number not in known]
    assert set(names) <= maybe and len(set(names)) == len(names), (names, "made without an answer")
    for number, job in known.items():
        assert (number in rows) != job.deleted, (number, job.deleted)
        if not job.deleted:
            check_job(place, daemon, load, job, rows[number])
    for number, offset in tail.items():
        path = f"{place.state}/runs/{number}/events.ndjson"
        assert offset == (os.path.getsize(path) if os.path.exists(path) else 0), number
    folders = {int(name) for name in os.listdir(f"{place.state}/runs")}
    assert folders <= set(rows) | removals, folders - set(rows)
    assert place.workers() == [], place.workers()


def time_of_a_start(place):
    """Until ready, when there is time."""
    begin = time.monotonic()
    daemon = place.daemon().wait_ready()
    took = time.monotonic() - begin
    assert daemon.end(signal.SIGTERM) == 0
    return took


def kill_at_a_random_moment(place, load, start_s):
    """One start and its end. A fourth of the starts does not get done."""
    daemon = place.daemon()
    if place.random.random() < 0.25:
        load.came_up(daemon)
        time.sleep(place.random.uniform(0, 2 * start_s))
    else:
        daemon.wait_ready()
        load.came_up(daemon)
        time.sleep(place.random.uniform(0, LOADED_S))
    assert daemon.process.poll() is None, "orthod ended: " + "".join(daemon.log[-20:])
    load.went_down()
    daemon.kill()
    check_log(daemon)


def settle(place, load):
    """A round's end. Also the daemon's: a stop in good order leaves nothing behind."""
    daemon = place.daemon().wait_ready()
    load.came_up(daemon)
    load.stop()
    load.wait(load.at_rest)
    check_settled(place, daemon, load)
    load.went_down()
    assert daemon.end(signal.SIGTERM) == 0
    check_log(daemon)
    assert not os.path.exists(f"{place.state}/orthod.db-wal")


def test_a_daemon_killed_at_random_moments_under_load(place):
    time_of_a_start(place)
    start_s = time_of_a_start(place)
    load = Load(place, CLIENTS)
    load.start()
    begin = time.monotonic()
    for i in range(place.kills):
        load.go()
        kill_at_a_random_moment(place, load, start_s)
        load.check()
        if i % 10 == 0:
            check_dead(place)
        if (i + 1) % KILLS_A_ROUND == 0 or i + 1 == place.kills:
            settle(place, load)
    load.finish()
    took = time.monotonic() - begin
    states = [load.states[job.id] for job in load.jobs()]
    print(f"# {place.kills} kills in {took:.0f} s, {60 * place.kills / took:.0f} a minute; "
          f"{load.requests} requests, {load.lost} answers lost; {load.last_id} events; jobs:",
          {state: states.count(state) for state in sorted(set(states))})
    assert place.processes() == {}, place.processes()


def test_a_daemon_killed_during_an_upgrade(place):
    """An upgrade happened or did not; the rows are there in both cases, and so is the way back."""
    with open(f"{SOURCES}/tests/unit/daemon/fixtures/orthod-v1.sql", encoding="utf-8") as file:
        script = file.read()
    old = sqlite3.connect(f"{place.path}/old.db")
    old.executescript(script)
    old.close()
    def go_back():
        shutil.rmtree(place.state, ignore_errors=True)
        os.mkdir(place.state)
        shutil.copy(f"{place.path}/old.db", f"{place.state}/orthod.db")

    go_back()
    start_s = time_of_a_start(place)
    killed = {False: 0, True: 0}
    for _ in range(max(5, place.kills // 5)):
        go_back()
        daemon = place.daemon()
        time.sleep(place.random.uniform(0, 1.5 * start_s))
        daemon.kill()
        for name in os.listdir(place.state):
            if name.endswith(".bak"):  # it appears whole
                with closing(sqlite3.connect(f"{place.state}/{name}")) as backup:
                    check_database(backup)
                    assert backup.execute("SELECT id FROM jobs").fetchall() == [(3,)]
        with closing(place.copy_of_database()) as database:
            killed[database.execute("PRAGMA user_version").fetchone() > (1,)] += 1
        daemon = place.daemon().wait_ready()
        assert daemon.job(3)["notes"] is not None
        assert daemon.end(signal.SIGTERM) == 0
        assert "orthod.db.v1.bak" in os.listdir(place.state), os.listdir(place.state)
        left = [name for name in os.listdir(place.state) if ".bak." in name]
        assert left == [], left
    print(f"# killed before the upgrade was done: {killed[False]}, after: {killed[True]}; "
          f"a start took {1000 * start_s:.0f} ms")


if __name__ == "__main__":
    sys.exit(main(globals(), kills=10))
