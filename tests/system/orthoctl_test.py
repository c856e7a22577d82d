#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""orthoctl with a real daemon. Prints TAP."""
import json
import os
import re
import socket
import subprocess
import threading

from api import (ORTHOD, SOURCES, WAIT_S, WORKER, cancel, context, equal, finished_job, get, job, long_job, main, spec,
                 test, wait_for_state)

ORTHOCTL = os.environ["ORTHOCTL"]
RECIPE = """model: vit
preset: N
dataset: fashion-mnist
global_batch_size: 64
epochs: 1
"""


def ctl(*arguments, status=0, text="", environment=None, server=None):
    """Runs orthoctl; (stdout, stderr)."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("ORTHOD_")}
    variables["ORTHOD_SERVER"] = server or f"http://127.0.0.1:{context.daemon.port}"
    variables.update(environment or {})
    done = subprocess.run([ORTHOCTL, *map(str, arguments)], input=text.encode(), env=variables,
                          capture_output=True, timeout=WAIT_S, check=False)
    out, complaint = done.stdout.decode(), done.stderr.decode()
    equal(done.returncode, status, f"{arguments}: {out!r} {complaint!r}: the exit status")
    if status != 0:
        equal(complaint.count("\n"), 1, f"lines of {complaint!r}")
        assert complaint.startswith("orthoctl: "), complaint
    return out, complaint


def submit(body, *options):
    return json.loads(ctl("submit", "-", "--json", *options, text=json.dumps(body))[0])


@test
def help_and_version():
    out, _ = ctl("--help")
    verbs = [line.split()[0] for line in out.split("\n\n")[2].splitlines()]
    assert {"submit", "list", "show", "watch", "logs", "cancel", "compare",
            "export"} <= set(verbs), verbs
    for verb in verbs:
        assert ctl(verb, "--help")[0].startswith(f"Usage: orthoctl {verb} "), verb
        equal(ctl(verb, "--version")[0], ctl("--version")[0])
    assert ctl("--version")[0].startswith("orthoctl "), ctl("--version")


@test
def wrong_usage_is_2():
    for arguments in ([], ["lst"], ["list", "--nothing"], ["list", "x"], ["show"], ["show", "x"],
                      ["show", "0"], ["show", "1", "2"], ["list", "--limit", "0"], ["submit"],
                      ["list", "--server", "127.0.0.1:1"], ["cancel"], ["cancel", "1", "x"], ["set", "1"],
                      ["set", "1", "--label", "x"], ["export", "1", "--format", "xml"], ["compare"], ["submit", "-", "--set", "x"]):
        ctl(*arguments, status=2, text="{}")
    assert "did you mean list?" in ctl("lst", status=2)[1]


@test
def without_a_server_it_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        _, complaint = ctl("list", status=1, server=f"http://127.0.0.1:{port}")
    assert f"http://127.0.0.1:{port}: " in complaint and "--server" in complaint, complaint
    ctl("list", status=1, server="unix:/nowhere/socket")


@test
def a_unix_socket_is_a_server():
    ctl("list", "--server", "unix:" + context.daemon.socket_path)


@test
def submit_list_show():
    number = submit(spec("its name"))["id"]
    out, _ = ctl("list", "--limit", 1)
    head, line = out.splitlines()[:2]
    assert head.split()[:3] == ["ID", "NAME", "STATE"], head
    assert line.startswith(f"{number:2}  its name  "), line
    equal(json.loads(ctl("list", "--json", "-n1")[0])["jobs"][0]["id"], number)
    shown, _ = ctl("show", number)
    assert "name        its name\n" in shown and "memory " in shown, shown
    equal(json.loads(ctl("show", number, "--json")[0])["spec"], job(number)["spec"])
    out, _ = ctl("show", finished_job())
    assert "succeeded" in out and "train/loss " in out, out
    assert "\x1b" not in ctl("show", submit(spec("a\x1b[31mb"))["id"])[0]


@test
def what_is_submitted_follows_from_the_contents():
    out, _ = ctl("submit", "-", text=json.dumps(spec("line")))
    assert out.startswith("job ") and out.endswith(": line\n"), out
    found = submit({"name": "two", "base": spec(), "vary": {"train.seed": [0, 1]}})
    equal(len(found["jobs"]), 2)
    out, complaint = ctl("submit", "-", "--set", "seed=7", "--json", text=RECIPE)
    equal(json.loads(out)["spec"]["train"]["seed"], 7)
    _, complaint = ctl("submit", "-", "--dry-run", text=RECIPE + "wrong: 1\n")
    assert complaint.startswith("orthoctl: warning: /wrong: line 6"), complaint
    found = submit(spec(), "--set", "train.seed=5", "--set", "name=other")
    equal((found["spec"]["train"]["seed"], found["name"]), (5, "other"))
    found = submit(spec(), "--dry-run")
    assert found["plan"]["parameters"] > 0, found


@test
def problems_are_one_line_with_all_pointers():
    broken = spec()
    broken["train"]["epochs"] = 0
    broken["model"]["heads"] = "x"
    _, complaint = ctl("submit", "-", status=1, text=json.dumps(broken))
    assert "/train/epochs: is 0" in complaint and "/model/heads: " in complaint, complaint
    assert "999999" in ctl("show", 999999, status=1)[1]
    assert "line 1" in ctl("submit", "-", status=1, text="{x")[1]
    ctl("submit", "/nowhere/spec.json", status=1)


class Lossy(threading.Thread):
    """A server that takes requests to the daemon, and loses the first answers."""

    def __init__(self, losses):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.losses = losses
        self.requests = []

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", context.daemon.port)) as server:
                request = self.read_request(client)
                self.requests.append(request)
                server.sendall(request.replace(f"127.0.0.1:{self.port}".encode(),
                                               context.daemon.host.encode())
                               .replace(b"Accept: */*", b"Connection: close"))
                answer = b"".join(iter(lambda: server.recv(65536), b""))
                if self.losses > 0:
                    self.losses -= 1
                else:
                    client.sendall(answer)

    @staticmethod
    def read_request(client):
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += client.recv(65536)
        return head + b"\r\n\r\n" + body


@test
def a_lost_answer_queues_nothing_twice():
    lossy = Lossy(2)
    lossy.start()
    out, _ = ctl("submit", "-", "--json", text=json.dumps(spec("once")),
                 server=f"http://127.0.0.1:{lossy.port}")
    equal(len(lossy.requests), 3)
    jobs = json.loads(ctl("list", "--json", "-n", 500)[0])["jobs"]
    equal([one["id"] for one in jobs if one["name"] == "once"], [json.loads(out)["id"]])
    lossy.listener.close()


@test
def a_token_is_sent_and_never_shown():
    lossy = Lossy(0)
    lossy.start()
    address = f"http://127.0.0.1:{lossy.port}"
    path = os.path.join(context.daemon.folder, "token")
    with open(path, "w", encoding="ascii") as file:
        file.write("from-file\n")
    ctl("list", server=address)
    ctl("list", server=address, environment={"ORTHOD_TOKEN": "s3cret"})
    ctl("list", "--token-file", path, server=address, environment={"ORTHOD_TOKEN": "s3cret"})
    found = [line for request in lossy.requests for line in request.decode().split("\r\n")
             if line.startswith("Authorization")]
    equal(found, ["Authorization: Bearer s3cret", "Authorization: Bearer from-file"])
    _, complaint = ctl("list", status=2, environment={"ORTHOD_TOKEN": "s3cret x"})
    assert "s3cret" not in complaint, complaint
    lossy.listener.close()


@test
def watch_ends_with_the_job():
    out, _ = ctl("watch", finished_job())
    equal(out, f"job {finished_job()} succeeded\n")
    number = submit(spec("watched"))["id"]
    out, _ = ctl("watch", number)
    assert out.endswith(f"job {number} succeeded\n"), out
    assert "val/acc@1 0." in out and "step " in out and "\r" not in out, out
    equal(len(set(out.splitlines())), len(out.splitlines()), out)
    number = long_job()
    cancel(number)
    _, complaint = ctl("watch", number, status=1)
    assert f"job {number} cancelled" in complaint, complaint
    ctl("watch", 999999, status=1)


def start(*arguments):
    """orthoctl running. Its pipes are not buffered: what readline had read too much, communicate would lose."""
    variables = {**os.environ, "ORTHOD_SERVER": f"http://127.0.0.1:{context.daemon.port}"}
    return subprocess.Popen([ORTHOCTL, *map(str, arguments)], env=variables,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)


def end(process):
    """(stdout, stderr) of what it has yet to say."""
    return [text.decode() for text in process.communicate(timeout=WAIT_S)]


@test
def watch_and_logs_follow_a_running_job():
    number = long_job()
    wait_for_state(number, "running")
    watch, logs, events = start("watch", number), start("logs", "-f", number), start(
        "watch", "--json", number)
    equal(watch.stdout.readline().decode(), f"job {number} running\n")
    first = logs.stdout.readline().decode()
    assert first, end(logs)
    assert json.loads(events.stdout.readline())["job"] == number
    ctl("cancel", number)
    out, complaint = end(watch)
    equal((watch.returncode, complaint.count("\n")), (1, 1), out + complaint)
    assert f"job {number} cancelled" in out, out
    rest, _ = end(logs)
    equal(logs.returncode, 0)
    equal(first + rest, get(f"/jobs/{number}/log").body.decode(), "the log, each byte once")
    last = end(events)[0].splitlines()[-1]
    equal((events.returncode, json.loads(last)["state"]), (1, "cancelled"))


@test
def logs_are_the_servers():
    out, _ = ctl("logs", finished_job())
    assert out, "the log is empty"
    equal(ctl("logs", "-f", finished_job())[0], out)


@test
def jobs_are_steered():
    one, two = long_job(), long_job()
    out, _ = ctl("cancel", one, two)
    equal(len(out.splitlines()), 2)
    wait_for_state(one, "cancelled")
    wait_for_state(two, "cancelled")
    _, complaint = ctl("pause", one, status=1)
    assert f"job {one}: " in complaint and "cancelled" in complaint, complaint
    equal(ctl("delete", one), ("", ""))
    ctl("show", one, status=1)
    three = long_job()
    wait_for_state(three, "running")
    ctl("pause", three)
    wait_for_state(three, "paused")
    out, _ = ctl("resume", three)
    assert re.match(f"job {three} (queued|starting|running): ", out), out
    cancel(three)
    out, _ = ctl("retry", two)
    assert out.startswith(f"job {two} "), out
    cancel(two)
    out, _ = ctl("clone", finished_job(), "--set", "train.seed=9", "--set", "name=copy")
    assert out.endswith(": copy\n"), out


@test
def jobs_are_described():
    number = finished_job()
    ctl("set", number, "--name", "renamed", "--notes", "n", "--label", "a=b", "--label", "kind=")
    found = job(number)
    equal((found["name"], found["notes"], found["labels"].get("a"), "kind" in found["labels"]),
          ("renamed", "n", "b", False))
    equal(len(json.loads(ctl("list", "--label", "a=b", "--json")[0])["jobs"]), 1)


@test
def numbers_come_out():
    number = finished_job()
    rows = ctl("export", number, "--series", "train/loss")[0].splitlines()
    equal((rows[0], len(rows)), ("series,step,value", 11))
    rows = ctl("export", number, "--series", "train/loss", "--format", "ndjson", "--from-step", 4)
    equal(json.loads(rows[0].splitlines()[0])["step"], 4)
    equal(json.loads(ctl("export", number, "--format", "json")[0])["job"], number)
    other = submit(spec("other"))["id"]
    out, _ = ctl("compare", number, other, "--series", "train/loss")
    lines = out.splitlines()
    equal((lines[0].split()[:2], lines[1].split()[:1], len(lines)), (["JOB", "NAME"], [str(number)], 3))
    equal(len(json.loads(ctl("compare", number, other, "--json")[0])["jobs"]), 2)


@test
def what_the_server_has():
    assert "fashion-mnist" in ctl("datasets")[0]
    assert "cpu" in ctl("devices")[0]
    assert "fashion-mnist-pair" in ctl("recipes")[0]
    number = submit({"name": "pair", "base": spec(), "vary": {"train.seed": [0, 1]}})["id"]
    assert " pair " in ctl("experiments")[0]
    out, _ = ctl("summary", number)
    assert out.startswith(f"experiment {number} running: pair: val/acc@1\nARM "), out
    arms = {"name": "arms", "base": spec(),
            "vary": {"residual.connection": ["linear", "orthogonal"], "train.seed": [0, 1]}}
    made = submit(arms)
    number = made["id"]
    for job in made["jobs"]:
        ctl("watch", job)
    out, _ = ctl("summary", number, "--series", "train/loss", "--half-width", "0.25")
    assert out.startswith(f"experiment {number} succeeded: arms: train/loss\n"), out
    head, row = out.splitlines()[-2:]
    equal(head.split()[-4:], ["P", "SEEDS", "FOR", "+-"])
    p, seeds, half_width = row.split()[-3:]
    assert p in ("0.5", "1") and int(seeds) >= 2 and half_width == "0.25", row
    _, complaint = ctl("summary", number, "--half-width", "wide", status=1)
    assert "half_width" in complaint and "number above 0" in complaint, complaint


def complete(*words):
    """What bash offers for the last of the words."""
    script = ("source \"$COMPLETION\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _orthoctl; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    variables = {**os.environ, "COMPLETION": os.path.join(SOURCES, "cli", "orthoctl.bash"),
                 "ORTHOD_SERVER": "unix:" + context.daemon.socket_path}
    done = subprocess.run(["bash", "-euc", script, "bash", ORTHOCTL, *map(str, words)],
                          env=variables, capture_output=True, text=True, timeout=WAIT_S, check=True)
    return done.stdout.split()


@test
def bash_completes_commands_options_and_ids():
    equal(complete("sh"), ["show"])
    assert {"submit", "watch", "devices"} <= set(complete("")), complete("")
    equal(complete("--server", "x", "wa"), ["watch"])
    equal(complete("list", "--st"), ["--state"])
    equal(complete("export", "1", "--format", "n"), ["ndjson"])
    assert "--token-file" in complete("show", "--"), complete("show", "--")
    assert str(finished_job()) in complete("show", ""), complete("show", "")
    equal(complete("--server", "http://127.0.0.1:1", "show", ""), [])


def page(name):
    """A man page as text; its warnings are failures."""
    done = subprocess.run(["man", "--warnings", "-E", "ascii", "-l",
                           os.path.join(SOURCES, "docs", "man", name)],
                          env={**os.environ, "MANWIDTH": "1000", "MANPAGER": "cat"},
                          capture_output=True, text=True, timeout=WAIT_S, check=True)
    equal(done.stderr, "", name)
    return done.stdout


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


@test
def man_pages_name_every_command_and_option():
    text = page("orthoctl.1")
    for line in ctl("--help")[0].split("\n\n")[2].splitlines():
        verb = line.split()[0]
        assert re.search(rf"^ +{verb}\b", text, re.M), verb
        missing = options_of(ctl(verb, "--help")[0]) - options_of(text)
        equal(missing, set(), verb)
    daemon = subprocess.run([ORTHOD, "--help"], capture_output=True, text=True, check=True).stdout
    equal(options_of(daemon) - options_of(page("orthod.8")), set())
    worker = subprocess.run([WORKER, "--help"], capture_output=True, text=True, check=True).stdout
    for verb in re.findall(r"^  ([a-z]+) ", worker, re.M):
        assert re.search(rf"^ +{verb} ", page("ortho-worker.1"), re.M), verb


if __name__ == "__main__":
    main()
