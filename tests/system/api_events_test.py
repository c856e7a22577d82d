#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The event streams and the load that a real orthod bears. Prints TAP."""
import concurrent.futures
import http.client
import os
import socket

from api import (
    ask, cancel, context, Daemon, equal, expect, finish, finished_job, get, job, long_job, main,
    post, spec, Stream, submit, test, wait_for_state, WAIT_S,
)


@test
def a_stream_from_start_to_end():
    number = submit(spec("streamed"))
    stream = Stream(f"/jobs/{number}/events?after=0")
    equal(stream.response.headers["Content-Type"], "text/event-stream")
    equal(stream.response.headers["Cache-Control"], "no-store")
    events = stream.rest()
    stream.close()
    equal(stream.retry, 2000)
    ids = [event[0] for event in events]
    equal(ids, sorted(set(ids)))
    assert all(event[2]["job"] == number for event in events)
    states = [event[2]["state"] for event in events if event[1] == "state"]
    equal(states, ["queued", "starting", "running", "succeeded"])
    equal(events[-1][2]["state"], "succeeded")
    steps = [event[2]["step"] for event in events if event[1] == "metrics"]
    losses = [event[2]["values"]["train/loss"] for event in events
              if event[1] == "metrics" and "train/loss" in event[2]["values"]]
    equal(steps, sorted(steps))
    curve = get(f"/jobs/{number}/metrics?series=train/loss").json()["series"]["train/loss"]
    equal(losses, curve["values"])
    assert any(event[1] == "progress" for event in events)
    # Nothing is left to tell.
    for path in (f"/jobs/{number}/events", f"/jobs/{number}/events?after={ids[-1]}"):
        expect(get(path), 204)
    equal(Stream(f"/jobs/{number}/events?after=0").rest(), events)


@test
def replay_in_the_middle_has_no_hole_and_no_double():
    number = submit(spec("cut", limit=6400, epochs=3))
    seen = []
    last = 0
    cuts = 0
    while not seen or not (seen[-1][1] == "state" and seen[-1][2]["state"] == "succeeded"):
        stream = Stream(f"/jobs/{number}/events?after=0", last_id=last)
        # Leaves in the middle of what is coming, with the connection full of unread events.
        for _ in range(7 + cuts % 5):
            event = stream.next()
            if event is None:
                break
            seen.append(event)
            last = event[0]
        stream.close()
        cuts += 1
    assert cuts > 10, cuts
    equal(Stream(f"/jobs/{number}/events?after=0").rest(), seen)
    merged = [event for event in Stream(f"/events?after={seen[0][0] - 1}")
              .until(lambda event: event[0] == seen[-1][0]) if event[2]["job"] == number]
    equal(merged, seen)


@test
def a_snapshot_and_the_stream_behind_it_fit():
    number = submit(spec("snapshot", limit=6400, epochs=3))
    wait_for_state(number, "running")
    found = get(f"/jobs/{number}/metrics?series=train/loss").json()
    steps = list(found["series"].get("train/loss", {"steps": []})["steps"])
    stream = Stream(f"/jobs/{number}/events?after={found['last_event_id']}")
    steps += [event[2]["step"] for event in stream.rest()
              if event[1] == "metrics" and "train/loss" in event[2]["values"]]
    stream.close()
    equal(steps, list(range(1, 301)))


@test
def an_unknown_id_is_a_reset():
    stream = Stream("/events?after=999999999")
    number, kind, data = stream.next()
    equal((kind, data), ("reset", {}))
    stream.close()
    equal(Stream("/events", last_id=number + 1000000).next()[1], "reset")


@test
def the_header_counts_more_than_the_parameter():
    newest = get(f"/jobs/{finished_job()}/metrics").json()["last_event_id"]
    stream = Stream("/events?after=0", last_id=newest - 1)
    equal(stream.next()[0], newest)
    stream.close()


with open(os.environ["ORTHOD"], "rb") as program:
    SANITIZED = b"__asan_init" in program.read()


def resident_bytes():
    with open(f"/proc/{context.daemon.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@test
def slow_readers_cost_nothing_and_lose_nothing():
    first = get(f"/jobs/{finished_job()}/metrics").json()["last_event_id"]
    slow = [Stream(f"/events?after={first}", receive_bytes=4096) for _ in range(50)]
    before = resident_bytes()
    number = submit(spec("much", limit=6400, epochs=10))
    finish(number)
    grown = resident_bytes() - before
    # A sanitizer keeps freed memory for a while.
    assert grown < (500e6 if SANITIZED else 30e6), grown
    reference = Stream(f"/jobs/{number}/events?after=0").rest()
    assert len(reference) > 1000, len(reference)
    for stream in slow:
        events = stream.until(lambda event: event[0] == reference[-1][0])
        equal([event for event in events if event[2]["job"] == number], reference)
        stream.close()


@test
def many_streams_at_once():
    number = long_job("many")
    wait_for_state(number, "running")
    streams = [Stream(f"/jobs/{number}/events") for _ in range(300)]
    expect(post(f"/jobs/{number}/cancel"), 202)
    ends = [stream.rest()[-1] for stream in streams]
    equal({(event[1], event[2]["state"]) for event in ends}, {("state", "cancelled")})
    equal(len({event[0] for event in ends}), 1)
    for stream in streams:
        stream.close()


@test
def clients_that_leave():
    number = long_job("left")
    wait_for_state(number, "running")
    for i in range(200):
        connection = socket.create_connection(("127.0.0.1", context.daemon.port))
        head = f"Host: {context.daemon.host}\r\n"
        connection.sendall([
            f"GET /api/v1/events?after=0 HTTP/1.1\r\n{head}\r\n",
            f"GET /api/v1/jobs HTTP/1.1\r\n{head}\r\n",
            f"POST /api/v1/jobs HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\n{{",
            f"GET /api/v1/jobs/{number}/checkpoints HTTP/1.1\r\n{head}",
            "GET /",
        ][i % 5].encode())
        if i % 2:  # a reset instead of an orderly end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    expect(ask("GET", "/healthz"), 200)
    cancel(number)


@test
def thousands_of_requests_on_one_connection():
    connection = http.client.HTTPConnection("127.0.0.1", context.daemon.port, timeout=WAIT_S)
    for i in range(5000):
        path = "/healthz" if i % 5 else f"/api/v1/jobs/{finished_job()}"
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        equal(response.status, 200)
    own = connection.sock.getsockname()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    equal(connection.sock.getsockname(), own)
    connection.close()


@test
def requests_side_by_side():
    number = finished_job()
    paths = ["/jobs", f"/jobs/{number}", f"/jobs/{number}/metrics", "/devices", "/experiments",
             f"/jobs/{number}/checkpoints", "/datasets", f"/jobs/{number}/log"]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda i: get(paths[i % len(paths)]).status, range(1000)))
    equal(set(answers), {200})


@test
def a_quiet_stream_is_kept_alive():
    stream = Stream("/events")
    lines = []
    while not lines or not lines[-1].startswith(b":"):
        lines.append(stream.response.readline())
        assert lines[-1], "the stream ended"
    equal(lines, [b"retry: 2000\n", b"\n", lines[-1]])
    stream.close()


@test
def a_restart_keeps_everything():
    before = get("/jobs?limit=500").json()
    last = get(f"/jobs/{finished_job()}/metrics").json()["last_event_id"]
    number = long_job("survivor")
    wait_for_state(number, "running")
    stream = Stream(f"/events?after={last}")
    stream.until(lambda event: event[1] == "metrics")
    equal(context.daemon.stop(), 0)
    told = stream.rest()  # the end of the stream, and not a broken connection
    stream.close()
    assert not os.path.exists(context.daemon.socket_path)
    context.daemon = Daemon(context.daemon.folder)
    equal(get("/jobs?limit=500&cursor=%d" % number).json(), before)
    equal(job(number)["state"], "running")
    again = Stream("/events", last_id=told[-1][0] if told else last)
    assert again.next()[0] > last
    again.close()
    cancel(number)
    series = get(f"/jobs/{number}/metrics?series=train/loss&max_points=100000").json()["series"]
    steps = series["train/loss"]["steps"]
    equal(steps, list(range(1, len(steps) + 1)))
    assert submit(spec("next")) > number


if __name__ == "__main__":
    main()
