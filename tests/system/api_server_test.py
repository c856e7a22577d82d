#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a real orthod serves besides jobs, and what it refuses. Prints TAP."""
import http.client
import json
import os
import re
import shutil
import socket
import stat
import tempfile

from api import (
    ask, cancel, context, Daemon, equal, expect, expect_problem, finished_job, get, job, main,
    post, SOURCES, spec, test, wait_for_state, WAIT_S,
)


# --- server ---------------------------------------------------------------------------------


@test
def health_and_readiness():
    equal(expect(ask("GET", "/healthz"), 200).json(), {"status": "ok"})
    equal(expect(ask("GET", "/readyz?x=1"), 200).json(), {"status": "ready", "drained": False})


@test
def prometheus_text():
    answer = expect(ask("GET", "/metrics"), 200)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.body.decode().splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"\})? -?[0-9.e+]+', line), line
    assert b'orthod_jobs{state="queued"} ' in answer.body


@test
def the_dashboard():
    answer = expect(ask("GET", "/"), 200)
    equal(answer.headers["Content-Type"], "text/html; charset=utf-8")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    equal(answer.headers["X-Content-Type-Options"], "nosniff")
    etag = answer.headers["ETag"]
    again = expect(ask("GET", "/", headers={"If-None-Match": etag}), 304)
    equal(again.body, b"")
    expect(ask("GET", "/", headers={"If-None-Match": '"other"'}), 200)
    equal(expect(ask("GET", "/index.html?v=1"), 200).body, answer.body)
    for path in re.findall(r'(?:src|href)="(/?[\w./-]+)"', answer.body.decode()):
        expect(ask("GET", "/" + path.lstrip("/")), 200, path)
    expect_problem(ask("GET", "/none.js"), 404, "not-found")
    expect_problem(ask("POST", "/none"), 404, "not-found")
    expect_problem(ask("POST", "/index.html"), 405, "method-not-allowed")


@test
def what_the_server_has():
    device = expect(get("/devices"), 200).json()["devices"][0]
    equal((device["id"], device["kind"], device["slots"]), ("cpu", "cpu", 2))
    assert device["memory_bytes"] > 1e8 and device["model"]
    datasets = {one["name"]: one for one in expect(get("/datasets"), 200).json()["datasets"]}
    equal(datasets["fashion-mnist"]["package"], "dataset-fashion-mnist")
    assert datasets["fashion-mnist"]["available"], datasets
    for name in ("cifar10", "cifar100", "tiny-imagenet", "imagenet1k"):
        one = datasets[name]
        equal(one["root"], f"/usr/share/datasets/{name}")
        assert one["available"] or f"{one['root']}/" in one["detail"], one
    recipes = expect(get("/recipes"), 200).json()["recipes"]
    for recipe in recipes:
        with open(os.path.join(SOURCES, "recipes", recipe["name"] + ".json")) as file:
            equal(recipe["body"], json.load(file))
        equal(recipe["kind"], "experiment" if "base" in recipe["body"] else "job")
    for name in ("job", "experiment"):
        with open(os.path.join(SOURCES, "schemas", name + ".schema.json"), "rb") as file:
            equal(expect(get("/schemas/" + name), 200).body, file.read())
    expect_problem(get("/schemas/none"), 404, "not-found")


@test
def every_documented_route_exists():
    document = expect(get("/openapi.json"), 200).json()
    count = 0
    for path, item in document["paths"].items():
        methods = {name.upper() for name in item if name != "parameters"}
        real = re.sub(r"\{\w+\}", "1", path)
        answer = expect(ask("OPTIONS", real), 204, path)
        allowed = set(answer.headers["Allow"].split(", "))
        wanted = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        equal(allowed, wanted, path)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "BREW"):
            if method not in allowed:
                refused = ask(method, real)
                expect_problem(refused, 405, "method-not-allowed", what=method + " " + path)
                equal(set(refused.headers["Allow"].split(", ")), allowed)
        count += len(methods)
    assert count >= 28, count


@test
def head_is_get_without_a_body():
    number = finished_job()
    for path in ("/healthz", "/", "/api/v1/jobs", f"/api/v1/jobs/{number}",
                 f"/api/v1/jobs/{number}/log", "/api/v1/none",
                 f"/api/v1/jobs/{number}/checkpoints/final/model.safetensors"):
        full = ask("GET", path)
        head = expect(ask("HEAD", path), full.status, path)
        equal(head.body, b"", path)
        equal(head.headers["Content-Length"], full.headers["Content-Length"], path)
        equal(head.headers["Content-Type"], full.headers["Content-Type"], path)
    expect(ask("HEAD", "/api/v1/events"), 200)


@test
def hosts_and_origins():
    for host in ("evil.example", "evil.example:%d" % context.daemon.port, "localhost", "localhost:1", "", None):
        expect_problem(ask("GET", "/api/v1/jobs", headers={"Host": host}), 403, "forbidden-host",
                       what=host)
    for host in ("localhost:%d", "127.0.0.1:%d", "[::1]:%d", "LOCALHOST:%d"):
        expect(ask("GET", "/api/v1/jobs", headers={"Host": host % context.daemon.port}), 200, host)
    before = len(expect(get("/jobs"), 200).json()["jobs"])
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                    {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}):
        for method, path in (("POST", "/api/v1/jobs"), ("DELETE", "/api/v1/jobs/1"),
                             ("PATCH", "/api/v1/jobs/1"), ("POST", "/api/v1/jobs/1/cancel"),
                             ("POST", "/api/v1/experiments")):
            expect_problem(ask(method, path, spec(), headers=headers), 403, "forbidden-host")
    equal(len(expect(get("/jobs"), 200).json()["jobs"]), before)
    own = {"Origin": "http://" + context.daemon.host, "Sec-Fetch-Site": "same-origin"}
    answer = expect(post("/jobs?dry_run=true", spec(), headers=own), 200)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    expect(get("/jobs", headers={"Origin": "http://evil.example"}), 200)


@test
def other_listeners():
    equal(stat.S_IMODE(os.stat(context.daemon.socket_path).st_mode), 0o600)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(context.daemon.socket_path)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n")
    response = http.client.HTTPResponse(connection)
    response.begin()
    equal(response.status, 200)
    connection.close()
    port = int(context.daemon.addresses[1].rpartition(":")[2])
    v6 = http.client.HTTPConnection("::1", port, timeout=WAIT_S)
    v6.request("GET", "/healthz")
    equal(v6.getresponse().status, 200)
    v6.close()

# --- bad requests ---------------------------------------------------------------------------


@test
def malformed_json():
    for body in ("", "{", '{"a":1,}', "{'a':1}", '{"a":1} x', '{"a":1,"a":2}', "\ufeff{}", '"\ud800"',
                 '{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"a":NaN}', '{"a":01}', '{"a":1e999}',
                 "[" * 100000, '{"a":' * 100 + "1" + "}" * 100, b'{"a":"\xff"}', b"\x00", "nul"):
        body = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        for path in ("/jobs", "/experiments"):
            problem = expect_problem(post(path, body), 400, "malformed-json", what=repr(body[:40]))
            assert re.search(r"line \d+, column \d+", problem["detail"]), problem


@test
def bodies_that_are_no_object():
    for body in ("[]", "1", "null", '"text"', "true"):
        expect_problem(post("/jobs", body), 422, "invalid-spec", [""], body)
        expect_problem(post("/experiments", body), 422, "invalid-spec", [""], body)


@test
def media_types():
    body = json.dumps(spec())
    for kind in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON",
                 "application/x-www-form-urlencoded", None):
        expect(post("/jobs?dry_run=true", body, headers={"Content-Type": kind}), 200, kind)
    for kind in ("text/plain", "application/xml", "application/jsonx", "multipart/form-data"):
        expect_problem(post("/jobs?dry_run=true", body, headers={"Content-Type": kind}), 415,
                       "unsupported-media-type", what=kind)


@test
def large_bodies():
    padding = " " * ((1 << 20) - len(json.dumps(spec())))
    expect(post("/jobs?dry_run=true", json.dumps(spec()) + padding), 200)
    expect_problem(post("/jobs?dry_run=true", json.dumps(spec()) + padding + " "), 413, "too-large")
    expect_problem(post("/jobs", b"x" * (5 << 20)), 413, "too-large")


@test
def all_faults_at_once():
    body = spec()
    body["train"].update({"epochs": 0, "batch_size": "many", "sead": 1})
    body["model"]["arch"] = "cnn"
    body["residual"] = {"eps": -1}
    body["unknown"] = None
    del body["data"]
    problem = expect_problem(post("/jobs", body), 422, "invalid-spec",
                             ["/data", "/train/epochs", "/train/batch_size", "/train/sead",
                              "/model/arch", "/residual/eps", "/unknown"])
    text = json.dumps(problem["errors"])
    assert "seed" in text and "minimum" in text, text


@test
def what_only_the_planner_knows():
    body = spec(model={"arch": "vit", "preset": "N", "width": 10, "heads": 3})
    problem = expect_problem(post("/jobs", body), 422, "invalid-spec")
    assert problem["errors"][0]["pointer"].startswith("/model"), problem
    body = spec(data={"dataset": "fashion-mnist", "root": "/nonexistent"})
    problem = expect_problem(post("/jobs", body), 422, "invalid-spec")
    assert "/nonexistent" in problem["errors"][0]["detail"], problem
    body = spec(resources={"threads": 64})
    for query in ("", "?dry_run=true"):
        expect_problem(post("/jobs" + query, body), 422, "invalid-spec", ["/resources/threads"])


@test
def one_answer_has_the_faults_of_all_checks():
    body = spec(model={"arch": "vit", "preset": "N", "heads": 3, "patch_size": 5},
                resources={"threads": 64}, queue={"after": [999998, 999999], "priority": "high"},
                unknown=1)
    body["train"].update({"epochs": 0, "precision": "fp16"})
    body["data"]["limit_train"] = 10
    pointers = ["/unknown", "/train/epochs", "/queue/priority",  # the schema
                "/resources/threads", "/queue/after/0", "/queue/after/1",  # the queue
                "/model/heads", "/model/patch_size", "/train/precision", "/train/batch_size"]
    for query in ("", "?dry_run=true"):
        expect_problem(post("/jobs" + query, body), 422, "invalid-spec", pointers, query)
    number = finished_job()
    expect_problem(post(f"/jobs/{number}/clone", {"queue": {"after": [999999]},
                                                  "train": {"epochs": 0}, "model": {"heads": 3}}),
                   422, "invalid-spec", ["/queue/after/0", "/train/epochs", "/model/heads"])


@test
def faults_that_follow_from_another_are_not_told():
    for change, pointers in (
            ({"model": {"arch": "cnn", "heads": 5}, "train": {"batch_size": 64, "grad_accumulate_steps": 3}},
             ["/model/arch", "/train/grad_accumulate_steps"]),
            ({"train": {"batch_size": "64", "grad_accumulate_steps": 3}}, ["/train/batch_size"]),
            ({"model": {"arch": "vit", "width": "wide", "heads": 5}, "train": {"batch_size": 64}},
             ["/model/width"]),
            ({"model": 3, "queue": {"after": [999999]}}, ["/model", "/queue/after/0"]),
            ({"train": {"batch_size": 1e300}}, ["/train/batch_size"]),
            ({"train": {"seed": 2**53, "epochs": 2**53 + 2, "batch_size": 64}},
             ["/train/seed", "/train/epochs"]),
            ({"resources": {"threads": 1e300}}, ["/resources/threads"]),
            ({"queue": {"after": [1, 1, "x", 1e300]}},
             ["/queue/after", "/queue/after/2", "/queue/after/3"]),
            ({"queue": {"after": list(range(1, 2000))}}, ["/queue/after"]),
            ({"queue": 5, "labels": {"x=": "x", "y": 1}}, ["/queue", "/labels/x=", "/labels/y"]),
            ({"data": {"dataset": "fashion-mnist", "root": 5, "limit_train": 1}}, ["/data/root"]),
            ({"data": {}}, ["/data/dataset"]),
            ({"data": None}, ["/data"])):
        expect_problem(post("/jobs", spec(**change)), 422, "invalid-spec", pointers, repr(change)[:80])


@test
def more_faults_than_are_listed():
    body = spec(**{f"key{i}": i for i in range(500)})
    problem = expect_problem(post("/jobs", body), 422, "invalid-spec")
    equal(len(problem["errors"]), 101)
    problem = expect_problem(post("/experiments", {"base": body, "vary": {"train.seed": [1, 2]}}),
                             422, "invalid-spec")
    equal(len(problem["errors"]), 101)


@test
def a_dry_run_asks_the_queue():
    expect_problem(post("/jobs?dry_run=true", spec(queue={"after": [999999]})), 422, "invalid-spec",
                   ["/queue/after/0"])
    expect(post("/jobs?dry_run=true", spec(queue={"after": [finished_job()]})), 200)


@test
def what_is_drained_starts_nothing_and_jobs_say_so():
    equal(expect(post("/devices/cpu/drain"), 200).json()["devices"][0]["drained"], True)
    made = expect(post("/jobs", spec("drained")), 201).json()
    equal((made["waiting"], made["expected_start_at"], made["attempts"]), (None, None, []))
    waiting = job(made["id"])["waiting"]
    equal((waiting["code"], waiting["job"], waiting["until"], waiting["position"]),
          ("drained", None, None, 1))
    listed = expect(get("/jobs?state=queued"), 200).json()["jobs"][0]
    equal((listed["id"], listed["waiting"]), (made["id"], waiting))
    equal(expect(post("/drain"), 200).json()["drained"], True)
    equal(expect(ask("GET", "/readyz"), 200).json(), {"status": "ready", "drained": True})
    expect(post("/devices/cpu/undrain"), 200)
    assert "server" in job(made["id"])["waiting"]["detail"]
    equal(expect(post("/undrain"), 200).json()["drained"], False)
    wait_for_state(made["id"], "succeeded")
    done = job(made["id"])
    equal((done["waiting"], done["expected_end_at"], done["reason_code"]), (None, None, None))
    equal([(one["attempt"], one["from_step"], one["devices"], one["code"])
           for one in done["attempts"]], [(1, 0, ["cpu"], "succeeded")])
    expect_problem(post("/devices/none/drain"), 404, "not-found")


@test
def a_run_that_no_device_can_hold_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(folder, "--memory", "64M")
        before, context.daemon = context.daemon, daemon
        try:
            deep = {"arch": "vit", "preset": "N"}
            large = spec(model=deep, train={"epochs": 1, "batch_size": 640})
            for path in ("/jobs?dry_run=true", "/jobs"):
                problem = expect_problem(post(path, large), 422, "invalid-spec",
                                         ["/train/batch_size"])
                assert "gives 0.06 GiB" in problem["errors"][0]["detail"], problem
            expect_problem(post("/experiments", {"base": spec(model=deep), "vary": {
                "train.batch_size": [16, 640]}}), 422, "invalid-spec",
                ["/vary/train.batch_size/1"])
        finally:
            context.daemon = before
            daemon.stop()


@test
def what_is_refused_leaves_nothing_behind():
    before = get("/jobs").json()["jobs"]
    runs = os.path.join(context.daemon.folder, "state", "runs")
    folders = sorted(os.listdir(runs)) if os.path.isdir(runs) else []
    post("/jobs", spec(train={"epochs": 0}))
    post("/experiments", {"base": spec(), "vary": {"train.epochs": [1, 0]}})
    post("/jobs?dry_run=true", spec())
    equal([one["id"] for one in get("/jobs").json()["jobs"]], [one["id"] for one in before])
    equal(sorted(os.listdir(runs)) if os.path.isdir(runs) else [], folders)


@test
def parameters():
    number = finished_job()
    bad = {
        "/jobs": ["state=none", "state=running,none", "label=x", "label==x", "experiment=x",
                  "experiment=0", "limit=0", "limit=501", "limit=-1", "limit=1.5", "limit=01",
                  "limit=9999999999999999999999", "cursor=x", "cursor=-1", "cursor=%20", "what=1"],
        f"/jobs/{number}/metrics": ["from_step=-1", "to_step=x", "max_points=2", "max_points=1e3",
                                    "format=xml", "serie=x"],
        f"/jobs/{number}/events": ["after=x", "after=-1", "after=1.0", "x="],
        "/events": ["after=%00", "after=0x10"],
        "/compare": ["jobs=1&serie=x", "jobs=&series=x", "jobs=1,&series=x", "jobs=1,1&series=x",
                     "jobs=a&series=x", "series=x", f"jobs={number}", f"jobs={number}&series="],
        "/experiments": ["limit=1"],
        "/devices": ["x=1"],
    }
    for path, queries in bad.items():
        for query in queries:
            problem = expect_problem(get(f"{path}?{query}"), 400, "invalid-parameter",
                                     what=path + query)
            names = {part.partition("=")[0] for part in query.split("&")} | {"jobs", "series", "url"}
            assert {fault["pointer"] for fault in problem["errors"]} <= names, problem
    problem = expect_problem(get("/jobs?a=1&b=2&limit=1&limit=2"), 400, "invalid-parameter",
                             ["a", "b", "limit"])
    for path, query, names in (
            ("/jobs", "state=x&label=x&experiment=x&limit=0&cursor=x&what=1",
             ["state", "label", "experiment", "limit", "cursor", "what"]),
            (f"/jobs/{number}/metrics", "from_step=-1&to_step=x&max_points=2&format=xml&x=1",
             ["from_step", "to_step", "max_points", "format", "x"]),
            ("/compare", "jobs=x&max_points=0&x=1", ["jobs", "series", "max_points", "x"])):
        expect_problem(get(f"{path}?{query}"), 400, "invalid-parameter", names, query)
    expect_problem(post("/jobs?dry_run=yes&x=1", spec()), 400, "invalid-parameter", ["dry_run", "x"])
    for path in ("/jobs/1", f"/jobs/{number}/log", "/experiments/1/summary", "/recipes", "/datasets",
                 "/openapi.json", f"/jobs/{number}/checkpoints", "/schemas/job"):
        expect_problem(get(path + "?nonsense=1"), 400, "invalid-parameter", ["nonsense"], path)
    expect_problem(get("/events", headers={"Last-Event-ID": "x"}), 400, "invalid-parameter",
                   ["Last-Event-ID"])
    expect_problem(post("/jobs?dry_run=yes", spec()), 400, "invalid-parameter", ["dry_run"])
    expect(get("/jobs?state=&label=&limit=&cursor="), 200)


@test
def many_parameters_are_answered():
    for count in (33, 300, 3000):
        query = "&".join(["a"] * count)
        expect_problem(get("/jobs?" + query), 400, "invalid-parameter", ["url"], count)
        expect_problem(ask("GET", "/none?" + query), 400, "invalid-parameter", ["url"], count)


@test
def things_that_are_not_there():
    for path in ("/jobs/999999", "/jobs/0", "/jobs/-1", "/jobs/01", "/jobs/x", "/jobs/1e3", "/jobs/",
                 "/jobs/99999999999999999999", "/jobs/999999/metrics", "/jobs/999999/events",
                 "/jobs/999999/log", "/jobs/999999/checkpoints", "/experiments/999999",
                 "/experiments/999999/summary", "/compare?jobs=999999&series=x", "/none", ""):
        expect_problem(get(path), 404, "not-found", what=path)
    for verb in ("cancel", "pause", "resume", "retry", "clone"):
        expect_problem(post(f"/jobs/999999/{verb}"), 404, "not-found", what=verb)
    expect_problem(ask("PATCH", "/api/v1/jobs/999999", {"name": "x"}), 404, "not-found")
    expect_problem(ask("DELETE", "/api/v1/jobs/999999"), 404, "not-found")


@test
def traversal():
    number = finished_job()
    base = f"/api/v1/jobs/{number}"
    names = ("..", "%2e%2e", "%252e%252e", ".", "..%2f..%2forthod.db", "..%5c..%5corthod.db",
             "%2fetc%2fpasswd", "/etc/passwd", "..;", "step-00000010%00", "%c0%ae%c0%ae", "%zz",
             "..%00/", "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a" * 5000)
    for name in names:
        for path in (f"{base}/checkpoints/{name}/model.safetensors",
                     f"{base}/checkpoints/{name}/orthod.db", f"{base}/checkpoints/final/{name}",
                     f"{base}/checkpoints/{name}/{name}", f"{base}/log/{name}", f"/{name}/passwd",
                     f"/{name}", f"/vendor/{name}/{name}/etc/passwd"):
            answer = ask("GET", path)
            assert answer.status in (400, 404, 414), (path[:200], answer.status)
            assert b"root:" not in answer.body and b"SQLite" not in answer.body, path
    # Links and what is no checkpoint do not lead out either.
    run = os.path.join(context.daemon.folder, "state", "runs", str(number))
    os.symlink("/etc", os.path.join(run, "checkpoints", "out"))
    os.symlink("/etc/passwd", os.path.join(run, "checkpoints", "step-00000010", "passwd"))
    expect_problem(ask("GET", f"{base}/checkpoints/out/passwd"), 404, "not-found")
    expect_problem(ask("GET", f"{base}/checkpoints/step-00000010/passwd"), 404, "not-found")
    listed = expect(ask("GET", f"{base}/checkpoints"), 200).json()["checkpoints"]
    equal([one["name"] for one in listed if one["name"] != "best"], ["step-00000010", "final"])
    assert "passwd" not in json.dumps(listed)
    os.unlink(os.path.join(run, "checkpoints", "out"))
    os.unlink(os.path.join(run, "checkpoints", "step-00000010", "passwd"))


@test
def a_fault_of_the_server():
    folder = tempfile.mkdtemp(prefix="orthod-api-")
    worker = os.path.join(folder, "worker")
    with open(worker, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 7\n")
    os.chmod(worker, 0o755)
    broken = Daemon(folder, worker=worker)
    try:
        problem = expect_problem(post("/jobs", spec(), daemon=broken), 500, "internal")
        # What is known without the planner is told without it.
        expect_problem(post("/jobs", spec(train={"epochs": 0}), daemon=broken), 422, "invalid-spec",
                       ["/train/epochs"])
        assert worker not in problem["detail"], problem
        equal(get("/jobs", daemon=broken).json()["jobs"], [])
    finally:
        equal(broken.stop(), 0)
        assert "request failed" in "".join(broken.log), broken.log
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
