#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./quickstart --once as a newcomer runs it, but on a port and state directory of its own: the
experiment must reach the accuracy that it is there to show. Needs two cores. Prints TAP."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from api import Daemon, get, SOURCES

LEAST = 0.855  # of val/acc@1, every job
SLACK = 0.003  # by which the orthogonal mean may be below the linear one
LIMIT_S = 3600
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Result:
    """What quickstart said, and what is in its state directory afterwards."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.done = subprocess.run(
            [os.path.join(SOURCES, "quickstart"), "--once", "--port", str(port), "--state-dir",
             folder + "/state", "--orthod", os.environ["ORTHOD"]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)
        daemon = Daemon(folder)
        self.jobs = get("/jobs?limit=500", daemon=daemon).json()["jobs"]
        self.arms = get("/experiments/1/summary", daemon=daemon).json()["arms"]
        daemon.stop()

    def of(self, connection):
        return [job for job in self.jobs if job["connection"] == connection]


@test
def it_ends_well(result):
    assert result.done.returncode == 0, result.done.stdout
    assert len(result.jobs) == 4 and all(job["state"] == "succeeded" for job in result.jobs), result.jobs


@test
def every_run_is_accurate(result):
    found = {job["id"]: job["metrics"]["val/acc@1"]["last"] for job in result.jobs}
    print(f"# val/acc@1: {found}")
    assert len(found) == 4 and min(found.values()) >= LEAST, found


@test
def orthogonal_is_no_worse(result):
    means = {arm["variant"]["residual.connection"]: arm["mean"] for arm in result.arms}
    print(f"# means: {means}")
    assert means["orthogonal"] >= means["linear"] - SLACK, means


@test
def both_arms_train_at_the_same_time(result):
    pairs = [(one, other) for one in result.of("linear") for other in result.of("orthogonal")
             if one["started_at"] < other["ended_at"] and other["started_at"] < one["ended_at"]]
    assert len(pairs) >= 2, [(job["id"], job["started_at"], job["ended_at"]) for job in result.jobs]


def main():
    folder = tempfile.mkdtemp(prefix="quickstart-")
    print(f"1..{len(TESTS)}", flush=True)
    failed = False
    try:
        result = Result(folder)
        for number, one in enumerate(TESTS, 1):
            try:
                one(result)
                print(f"ok {number} - {one.__name__}", flush=True)
            except Exception as error:
                failed = True
                print(f"not ok {number} - {one.__name__}", flush=True)
                print("# " + repr(error).replace("\n", "\n# "), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
