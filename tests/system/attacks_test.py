#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What was done to other systems of this kind, done to this one: docs/security.md has the list.
Prints TAP."""
import glob
import json
import os
import re
import shutil
import socket
import tempfile

from api import (
    ask, context, Daemon, equal, expect, expect_problem, finish, finished_job, get, job, long_job, main, post,
    SOURCES, spec, submit, test, WAIT_S, cancel,
)

METHODS = ("POST", "PUT", "PATCH", "DELETE", "PROPFIND")


def raw(text, port=None):
    """What the server answers to these bytes, up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port or context.daemon.port), WAIT_S) as client:
        out = b""
        try:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                out += part
        except OSError:
            pass  # it ends a connection in the middle of what it refuses
        return out


def alive():
    expect(ask("GET", "/healthz"), 200)


# --- the table ------------------------------------------------------------------------------


@test
def every_row_names_tests_that_exist():
    with open(os.path.join(SOURCES, "docs", "security.md"), encoding="utf-8") as file:
        table = file.read().partition("## Attacks")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]  # behind its head
    assert len(rows) >= 20, len(rows)
    for row in rows:
        cell = row.strip("|").split("|")[-1]
        names = re.findall(r"`([^`]+)`", cell)
        path = None
        found = 0
        for name in names:
            if "/" in name:
                path = os.path.join(SOURCES, name)
                assert os.path.isfile(path), (row, name)
                continue
            assert path, row
            with open(path, encoding="utf-8") as file:
                text = file.read()
            definition = rf"^(def|static void|int) {re.escape(name)}\(|^test\(\"{re.escape(name)}\""
            assert re.search(definition, text, re.M), f"{path} has no {name}: {row}"
            found += 1
        assert found, f"no test: {row}"


# --- requests of other people's pages -------------------------------------------------------


@test
def cross_site_requests_of_every_method():
    """CSRF, on every route, with every method that may change something, whatever the User-Agent."""
    count = 0
    for path in expect(get("/openapi.json"), 200).json()["paths"]:
        real = re.sub(r"\{\w+\}", "1", path)
        for method in METHODS:
            for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "file://"},
                            {"Sec-Fetch-Site": "cross-site", "User-Agent": "curl/8"},
                            {"Origin": f"http://{context.daemon.host}.evil.example"},
                            {"Origin": f"http://evil.example#{context.daemon.host}"}):
                refused = ask(method, real, headers=headers)
                expect_problem(refused, 403, "forbidden-host", what=(method, real, headers))
                assert "Access-Control-Allow-Origin" not in refused.headers
                count += 1
    assert count > 800, count


@test
def a_page_may_load_nothing_from_elsewhere():
    policy = expect(ask("GET", "/"), 200).headers["Content-Security-Policy"]
    for part in ("default-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert part in policy, policy
    assert "unsafe" not in policy and "*" not in policy, policy
    number = finished_job()
    for path in ("/", "/api/v1/jobs", f"/api/v1/jobs/{number}/log", "/none", "/metrics"):
        answer = ask("GET", path)
        equal(answer.headers["Content-Security-Policy"], policy, path)
        equal(answer.headers["X-Content-Type-Options"], "nosniff", path)
        assert path == "/" or "html" not in answer.headers["Content-Type"], path


# --- paths ----------------------------------------------------------------------------------


@test
def traversal_of_every_form():
    """As MLflow, Ray, Aim and Polyaxon had it: encoded once and twice, other slashes, cut names."""
    number = finished_job()
    secret = os.path.join(context.daemon.folder, "secret")
    with open(secret, "w", encoding="utf-8") as file:
        file.write("root:x:0:0")
    ups = ("..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%25%32%65%25%32%65", "..%c0%af", "%c0%ae%c0%ae",
           "..;", "..%00", "..%23", "..%3f", "....", "..%5c", "..\\", "%5c..", "~", "%ef%bc%8e%ef%bc%8e")
    rest = f"{'/..' * 3}/secret"
    for start in ("/", "/vendor/", "/js/", f"/api/v1/jobs/{number}/", f"/api/v1/jobs/{number}/log/",
                  f"/api/v1/jobs/{number}/checkpoints/", f"/api/v1/jobs/{number}/checkpoints/final/",
                  "/api/v1/schemas/", "/api/v1/jobs/"):
        for up in ups:
            for path in (f"{start}{up}", f"{start}{up}/secret", f"{start}{up}%2fsecret", f"{start}{up}{rest}",
                         f"{start}{'/'.join([up] * 4)}/secret", f"{start}{'%2f'.join([up] * 4)}%2fsecret",
                         f"{start}{up}/{secret}", f"{start}{secret}", f"{start}/{secret}", f"{start}%2f{secret}",
                         f"{start}{up}?path={secret}#{secret}"):
                if any(ord(letter) <= 32 for letter in path):
                    continue
                for method in ("GET", "DELETE"):
                    answer = ask(method, path)
                    assert answer.status in (400, 404, 405), (method, path, answer.status)
                    assert b"root:" not in answer.body and b"SQLite" not in answer.body, path
    for segment in (f"{number}%00", f"{number}%20", f"0{number}", f"+{number}", f"{number};x", f"{number}%2f",
                    f"{number}%0a", f"..%2fjobs%2f{number}", f"%2e/{number}"):
        answer = ask("DELETE", f"/api/v1/jobs/{segment}")
        assert answer.status in (400, 404, 405), (segment, answer.status)
    expect(get(f"/jobs/{number}"), 200)
    os.remove(secret)


@test
def deleting_a_job_follows_no_link():
    """MLflow's and Slurm's clean-up deleted outside of its folder."""
    number = submit(spec("linked"))
    finish(number)
    outside = tempfile.mkdtemp(prefix="orthod-outside-")
    for name in ("kept", "model.safetensors", "checkpoint.json"):
        with open(os.path.join(outside, name), "w", encoding="utf-8") as file:
            file.write("root:x:0:0")
    run = os.path.join(context.daemon.folder, "state", "runs", str(number))
    os.symlink(outside, os.path.join(run, "link"))
    shutil.rmtree(os.path.join(run, "checkpoints"))
    os.symlink(outside, os.path.join(run, "checkpoints"))
    base = f"/api/v1/jobs/{number}/checkpoints"
    for path in (base, base + "/final/kept", base + "/link/kept", base + "/../kept"):
        assert b"root:" not in ask("GET", path).body, path
    os.remove(os.path.join(run, "worker.log"))
    os.symlink(os.path.join(outside, "kept"), os.path.join(run, "worker.log"))
    assert b"root:" not in get(f"/jobs/{number}/log").body
    expect(ask("DELETE", f"/api/v1/jobs/{number}"), 204)
    expect_problem(get(f"/jobs/{number}"), 404, "not-found")
    equal(sorted(os.listdir(outside)), ["checkpoint.json", "kept", "model.safetensors"])
    shutil.rmtree(outside)


# --- what is run ----------------------------------------------------------------------------


@test
def a_spec_is_data():
    """Nothing in a spec is a command, a module, an address or a variable, and nothing gets to be one."""
    for key, value in (("command", ["touch", "/tmp/x"]), ("entrypoint", "sh"), ("env", {"LD_PRELOAD": "/x.so"}),
                       ("runtime_env", {"pip": ["x"]}), ("working_dir", "/"), ("callback", "http://127.0.0.1/"),
                       ("webhook", "http://169.254.169.254/"), ("__class__", {}), ("$ref", "file:///etc/passwd")):
        expect_problem(post("/jobs", spec(**{key: value})), 422, "invalid-spec", ["/" + key])
        changed = spec()
        changed["data"][key] = value
        expect_problem(post("/jobs", changed), 422, "invalid-spec", [f"/data/{key}"])
    for root in ("http://127.0.0.1/", "s3://bucket", "$HOME", "`id`", "$(id)", "-x", "--help", "|id"):
        changed = spec()
        changed["data"]["root"] = root
        expect_problem(post("/jobs", changed), 422, "invalid-spec", ["/data/root"], root)
        expect_problem(post("/jobs", spec(init_from=root)), 422, "invalid-spec", ["/init_from"], root)


def processes_of(number):
    """(arguments, environment) of the job's workers."""
    folder = f"{context.daemon.folder}/state/runs/{number}".encode()
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                arguments = file.read().split(b"\0")[:-1]
            if any(one.startswith(folder) for one in arguments):
                with open(os.path.join(os.path.dirname(path), "environ"), "rb") as file:
                    yield arguments, file.read().split(b"\0")[:-1]
        except (FileNotFoundError, ProcessLookupError):
            pass


@test
def workers_have_fixed_arguments_and_a_clean_environment():
    name = "$(touch x); `id` --dir=/ \\ \" ' % %s %n <b> \u202e \U0001f600"
    number = long_job(name)
    while job(number)["state"] != "running":
        pass
    found = list(processes_of(number))
    equal(len(found), 1)
    arguments, environment = found[0]
    run = f"{context.daemon.folder}/state/runs/{number}/"
    equal([one.decode() for one in arguments],
          ["ortho-worker", "run", run + "spec.json", "--dir", run[:-1], "--attempt", "1", "--threads", "1", "--lock-fd", "3"])
    names = {one.split(b"=")[0].decode() for one in environment}
    assert not names & {"ORTHOD_TOKEN", "LD_PRELOAD", "BASH_ENV", "ORTHOD", "PYTHONPATH", "SECRET_OF_TEST"}, names
    equal(job(number)["name"], name)
    cancel(number)


@test
def text_is_never_sql():
    """Slurm took a cluster's name for SQL; Aim evaluated its search."""
    hostile = ("'; DROP TABLE jobs; --", "\" OR 1=1 --", "x' UNION SELECT 1 --", "%' OR '1'='1", "__import__('os')",
               "{{7*7}}", "${jndi:ldap://127.0.0.1/}")
    for text in hostile:
        number = submit(spec(text, labels={"kind": text[:60]}, notes=text, resources={"threads": 2}))
        equal((job(number)["name"], job(number)["notes"]), (text, text))
        expect(post(f"/jobs/{number}/cancel"), 202)
    from urllib.parse import quote
    for text in hostile:
        found = expect(get("/jobs?label=kind=" + quote(text[:60])), 200).json()["jobs"]
        equal([one["name"] for one in found], [text])
        for query in ("state=", "cursor=", "limit=", "experiment="):
            expect_problem(get("/jobs?" + query + quote(text)), 400, "invalid-parameter")
        for query in (f"/compare?jobs=1&series={quote(text)}", f"/jobs/1/metrics?series={quote(text)}"):
            assert get(query).status in (200, 404), query
    assert len(expect(get("/jobs?limit=500"), 200).json()["jobs"]) >= len(hostile)


# --- too much -------------------------------------------------------------------------------


@test
def oversized_input_is_refused():
    host = f"Host: {context.daemon.host}\r\n"
    for text in (f"GET /healthz HTTP/1.1\r\n{host}X: {'a' * 70000}\r\n\r\n",
                 f"GET /healthz HTTP/1.1\r\n{host}" + "".join(f"X{i}: a\r\n" for i in range(20000)) + "\r\n",
                 f"GET /{'a' * 100000} HTTP/1.1\r\n{host}\r\n", f"{'A' * 100000} / HTTP/1.1\r\n{host}\r\n",
                 f"GET /healthz HTTP/1.1\r\nHost: {'a' * 9000}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\0" * 50000,
                 f"POST /api/v1/jobs HTTP/1.1\r\n{host}Content-Length: 99999999999999999999999\r\n\r\n",
                 f"POST /api/v1/jobs HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n",
                 f"POST /api/v1/jobs HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"):
        answer = raw(text.encode())
        assert not answer.startswith(b"HTTP/1.1 2"), (text[:60], answer[:100])
        alive()
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        body = opening * 100000 + "1" + closing * 100000
        equal(ask("POST", "/api/v1/jobs", body, {"Content-Type": "application/json"}).status, 400)
    for body, pointer in ((spec("a" * 500000), "/name"), (spec(notes="a" * 900000), "/notes"),
                          (spec(labels={f"k{i}": "v" for i in range(20000)}), "/labels"),
                          (spec(queue={"after": list(range(1, 50000))}), "/queue/after")):
        expect_problem(post("/jobs", body), 422, "invalid-spec", [pointer], pointer)
    expect_problem(post("/jobs", "a" * (2 << 20)), 413, "too-large")
    many = {"base": spec(), "vary": {"train.seed": list(range(1000)), "train.epochs": list(range(1, 1000))}}
    expect(post("/experiments", many), 422)
    alive()


@test
def an_oversized_environment_reaches_no_worker():
    """Slurm 26.09: an oversized variable overflowed a stack."""
    folder = tempfile.mkdtemp(prefix="orthod-api-")
    added = {f"OMP_X{i}": "a" * 1000 for i in range(300)}
    added.update({"LC_BIG": "a" * 100000, "SECRET_OF_TEST": "s" * 100000, "XDG_STATE_HOME": "/" + "a" * 8000})
    os.environ.update(added)
    try:
        server = Daemon(folder)
    finally:
        for name in added:
            del os.environ[name]
    before = context.daemon
    try:
        context.daemon = server
        finish(submit(spec("environment")))
    finally:
        context.daemon = before
        equal(server.stop(), 0)
        shutil.rmtree(folder)


@test
def a_request_has_one_end():
    """Request smuggling: two lengths, or a length and chunks, must not leave a second request over."""
    host = f"Host: {context.daemon.host}\r\n"
    hidden = f"GET /api/v1/jobs HTTP/1.1\r\n{host}\r\n"
    for headers, body in (
            (f"Content-Length: 0\r\nContent-Length: {len(hidden)}\r\n", hidden),
            (f"Content-Length: {len(hidden) + 5}\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden),
            ("Content-Length: 5, 6\r\n", "12345" + hidden), ("Content-Length: +5\r\n", "12345" + hidden),
            ("Content-Length : 5\r\n", "12345" + hidden), ("Content-Length: 0x5\r\n", "12345" + hidden)):
        answer = raw(f"POST /api/v1/logout HTTP/1.1\r\n{host}{headers}\r\n{body}".encode())
        assert b'"jobs"' not in answer, (headers, answer[:400])
        alive()


@test
def what_is_sent_is_not_executed_or_echoed_as_a_page():
    """Names and notes come back as JSON, with every sign that HTML or a terminal would obey in a string."""
    hostile = "<script>alert(1)</script>\x1b]0;x\x07\u2028</style>"
    number = submit(spec(hostile, notes=hostile))
    expect(post(f"/jobs/{number}/cancel"), 202)
    answer = expect(get(f"/jobs/{number}"), 200)
    equal(answer.headers["Content-Type"], "application/json")
    equal(answer.json()["name"], hostile)
    assert b"\x1b" not in answer.body and b"\x07" not in answer.body
    problem = ask("GET", "/%3Cscript%3Ealert(1)%3C/script%3E")
    equal(problem.headers["Content-Type"], "application/problem+json")
    assert b"<script>" not in problem.body, problem.body
    assert json.loads(problem.body)["status"] == 404


if __name__ == "__main__":
    main()
