#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs and experiments over the API of a real orthod with real workers. Prints TAP."""
import concurrent.futures
import csv
import hashlib
import io
import json
import os
import re
import shutil

from api import (
    ask, cancel, context, equal, expect, expect_problem, finish, finished_job, get, job,
    long_job, main, post, spec, Stream, submit, test, wait_for_state,
)


# --- jobs -----------------------------------------------------------------------------------


@test
def a_job_from_start_to_end():
    answer = expect(post("/jobs", spec("whole", labels={"a": "b"}, notes="n")), 201)
    made = answer.json()
    number = made["id"]
    equal(answer.headers["Location"], f"/api/v1/jobs/{number}")
    equal((made["name"], made["notes"], made["labels"]), ("whole", "n", {"a": "b"}))
    equal((made["experiment"], made["variant"]), (None, None))
    assert made["state"] in ("queued", "starting", "running"), made["state"]
    equal(made["spec"]["train"]["seed"], 42)
    equal(made["spec"]["residual"]["connection"], made["connection"])
    equal(made["plan"]["steps"], 10)
    done = finish(number)
    equal((done["progress"]["step"], done["progress"]["steps"]), (10, 10))
    equal((done["reason"], done["attempt"]), (None, 1))
    for name in ("created_at", "started_at", "ended_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", done[name]), done[name]
    figures = done["metrics"]["train/loss"]
    equal((figures["count"], figures["last_step"]), (10, 10))
    assert figures["min"] <= figures["last"] <= figures["max"]
    short = [one for one in get("/jobs").json()["jobs"] if one["id"] == number][0]
    assert "spec" not in short and "plan" not in short
    equal(set(short["metrics"]), {"train/loss", "val/loss", "val/acc@1"})
    equal(short["model"], done["model"])


@test
def a_dry_run_makes_nothing():
    before = get("/jobs").json()["jobs"]
    found = expect(post("/jobs?dry_run=true", spec()), 200).json()
    equal(set(found), {"spec", "plan"})
    assert found["plan"]["memory_bytes"] > 0 and found["spec"]["train"]["seed"] == 42
    equal([one["id"] for one in get("/jobs").json()["jobs"]], [one["id"] for one in before])


@test
def a_start_that_is_not_there():
    for path, detail in (("/none/model.safetensors", "No such file"), ("none", "is relative"), ("/etc", "has no model")):
        answer = post("/jobs", {**spec(), "init_from": path})
        expect_problem(answer, 422, "invalid-spec", ["/init_from"])
        assert detail in answer.json()["errors"][0]["detail"], answer.json()


@test
def idempotency():
    body = spec("once")
    first = expect(post("/jobs", body, headers={"Idempotency-Key": "k 1"}), 201)
    reordered = json.dumps(dict(reversed(list(body.items()))), indent=2)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post("/jobs", reordered,
                                               headers={"Idempotency-Key": "k 1"}), range(8)))
    for answer in answers:
        expect(answer, 201)
        equal(answer.json()["id"], first.json()["id"])
        equal(answer.headers["Location"], first.headers["Location"])
    expect_problem(post("/jobs", spec("other"), headers={"Idempotency-Key": "k 1"}), 422,
                   "idempotency-mismatch")
    for key in ("", "x" * 256, "\x01"):
        expect_problem(post("/jobs", body, headers={"Idempotency-Key": key}), 400,
                       "invalid-parameter", ["Idempotency-Key"])
    vary = {"name": "once", "base": spec(), "vary": {"train.seed": [0, 1]}}
    one = expect(post("/experiments", vary, headers={"Idempotency-Key": "k 1"}), 201).json()
    two = expect(post("/experiments", vary, headers={"Idempotency-Key": "k 1"}), 201).json()
    equal(one["jobs"], two["jobs"])
    for number in [first.json()["id"], *one["jobs"]]:
        finish(number)


@test
def a_key_outlives_what_its_request_needed():
    folder = os.path.join(context.daemon.folder, "images")
    shutil.copytree("/usr/share/datasets/fashion-mnist", folder)
    body = spec("kept", data={"dataset": "fashion-mnist", "root": folder, "limit_train": 640,
                              "limit_eval": 200})
    key = {"Idempotency-Key": "kept"}
    first = expect(post("/jobs", body, headers=key), 201)
    number = first.json()["id"]
    finish(number)
    cloned = expect(post(f"/jobs/{number}/clone", {"name": "copy"}, headers=key), 201)
    finish(cloned.json()["id"])
    vary = {"name": "kept", "base": body, "vary": {"train.seed": [0, 1]}}
    pair = expect(post("/experiments", vary, headers=key), 201)
    for one in pair.json()["jobs"]:
        finish(one)

    def ask_again():
        for path, again, answer in (("/jobs", body, first), (f"/jobs/{number}/clone",
                                                             {"name": "copy"}, cloned),
                                    ("/experiments", vary, pair)):
            found = expect(post(path, again, headers=key), 201, path)
            equal((found.body, found.headers["Location"]), (answer.body, answer.headers["Location"]))
            expect_problem(post(path, {**again, "name": "other"}, headers=key), 422,
                           "idempotency-mismatch")
            # A body that could not even be planned is another body all the same.
            expect_problem(post(path, {"x": 1}, headers=key), 422, "idempotency-mismatch")

    ask_again()
    shutil.rmtree(folder)
    expect_problem(post("/jobs", body), 422, "invalid-spec", ["/data/root"])
    ask_again()
    for one in (number, cloned.json()["id"], *pair.json()["jobs"]):
        expect(ask("DELETE", f"/api/v1/jobs/{one}"), 204)
    ask_again()
    expect_problem(get(f"/jobs/{number}"), 404, "not-found")
    # A dry run makes nothing, and is planned whatever the key stands for.
    expect_problem(post("/jobs?dry_run=true", body, headers=key), 422, "invalid-spec", ["/data/root"])


@test
def lists_and_pages():
    finished_job()
    everything = expect(get("/jobs?limit=500"), 200).json()
    ids = [one["id"] for one in everything["jobs"]]
    equal(ids, sorted(ids, reverse=True))
    equal(everything["next"], None)
    assert len(ids) > 3, ids
    paged = []
    path = "/api/v1/jobs?limit=2&state=succeeded,failed"
    while path:
        answer = expect(ask("GET", path), 200)
        page = answer.json()
        assert len(page["jobs"]) <= 2
        paged += [one["id"] for one in page["jobs"]]
        link = answer.headers["Link"]
        equal(link is None, page["next"] is None)
        found = re.fullmatch(r'<(/api/v1/jobs\?[^>]*)>; rel="next"', link) if link else None
        path = found.group(1) if found else None
        assert not path or ("limit=2" in path and "cursor=" + page["next"] in path), path
    equal(paged, [one["id"] for one in everything["jobs"] if one["state"] in ("succeeded", "failed")])
    labelled = expect(get("/jobs?label=kind=done"), 200).json()["jobs"]
    equal([one["id"] for one in labelled], [finished_job()])
    escaped = expect(get("/jobs?label=%C3%A9t%C3%A9=%C3%A9=1%262"), 200).json()["jobs"]
    equal([one["id"] for one in escaped], [finished_job()])
    equal(get("/jobs?label=kind=other").json()["jobs"], [])
    equal(get("/jobs?label=kind").status, 400)
    equal(get("/jobs?experiment=999999").json(), {"jobs": [], "next": None})
    equal(get("/jobs?cursor=1").json()["jobs"], [])


@test
def changes_and_deletion():
    number = submit(spec("to change", labels={"a": "1", "b": "2"}))
    path = f"/api/v1/jobs/{number}"
    changed = expect(ask("PATCH", path, {"name": "é", "labels": {"b": None, "c": "3"},
                                         "priority": 5}), 200).json()
    equal((changed["name"], changed["labels"]), ("é", {"a": "1", "c": "3"}))
    equal(changed["priority"], 5)
    equal(expect(ask("PATCH", path, {}), 200).json()["name"], "é")
    equal(expect(ask("PATCH", path, {"name": None, "labels": None}), 200).json()["labels"], {})
    expect_problem(ask("PATCH", path, {"state": "failed", "spec": {}, "name": 1,
                                       "labels": {"x": 1}, "priority": "high"}), 422,
                   "invalid-spec", ["/state", "/spec", "/name", "/labels/x", "/priority"])
    expect_problem(ask("PATCH", path, "{"), 400, "malformed-json")
    finish(number)
    folder = os.path.join(context.daemon.folder, "state", "runs", str(number))
    assert os.path.isdir(folder)
    expect(ask("DELETE", path), 204)
    expect_problem(ask("GET", path), 404, "not-found")
    expect_problem(ask("DELETE", path), 404, "not-found")
    for _ in range(10000):  # they go on another thread; each turn is a request
        if not os.path.exists(folder):
            break
        expect(ask("GET", "/healthz"), 200)
    assert not os.path.exists(folder)
    assert submit(spec("after")) > number


@test
def a_change_that_somebody_else_has_overtaken():
    number = submit(spec("shared"))
    path = f"/api/v1/jobs/{number}"
    tag = expect(ask("GET", path), 200).headers["ETag"]
    equal(tag, '"r1"')
    mine = expect(ask("PATCH", path, {"notes": "mine"}, {"If-Match": tag}), 200)
    equal(mine.headers["ETag"], '"r2"')
    for stale in (tag, 'W/"r2"', '"r22"', "r2", '"", "r1"', ""):
        problem = expect_problem(ask("PATCH", path, {"notes": "theirs"}, {"If-Match": stale}), 412,
                                 "precondition-failed")
        assert '"r2"' in problem["detail"], problem
    equal(job(number)["notes"], "mine")
    for good in ('"r2"', "*", '"x", "r4"', '"r5" ,"x"'):
        expect(ask("PATCH", path, {"notes": good}, {"If-Match": good}), 200, good)
    finish(number)
    equal(expect(ask("GET", path), 200).headers["ETag"], '"r6"')  # running changes nothing of it
    expect_problem(ask("DELETE", path, headers={"If-Match": '"r5"'}), 412, "precondition-failed")
    expect(ask("DELETE", path, headers={"If-Match": '"r6"'}), 204)
    expect_problem(ask("DELETE", path, headers={"If-Match": "*"}), 404, "not-found")


@test
def changes_that_meet_are_all_kept():
    changes = 32  # labels that a job may have
    number = submit(spec("shared"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def change(key):
            return ask("PATCH", f"/api/v1/jobs/{number}", {"labels": {f"k{key}": "v"}})
        for answer in pool.map(change, range(changes)):
            expect(answer, 200)
    equal(job(number)["labels"], {f"k{key}": "v" for key in range(changes)})
    finish(number)


@test
def transitions():
    number = long_job()
    wait_for_state(number, "running")
    expect_problem(ask("DELETE", f"/api/v1/jobs/{number}"), 409, "wrong-state")
    expect(post(f"/jobs/{number}/resume"), 202)  # it runs already
    problem = expect_problem(post(f"/jobs/{number}/retry"), 409, "wrong-state")
    assert "running" in problem["detail"], problem
    equal(expect(post(f"/jobs/{number}/pause"), 202).json()["id"], number)
    wait_for_state(number, "paused")
    step = job(number)["progress"]["step"]
    expect(post(f"/jobs/{number}/resume"), 202)
    stream = Stream(f"/jobs/{number}/events?after=0")
    stream.until(lambda e: e[1] == "metrics" and e[2]["attempt"] == 2)
    stream.close()
    assert job(number)["progress"]["step"] >= step
    cancel(number)
    for verb in ("cancel", "pause", "resume"):
        problem = expect_problem(post(f"/jobs/{number}/{verb}"), 409, "wrong-state", what=verb)
        assert "cancelled" in problem["detail"], problem
    expect(post(f"/jobs/{number}/retry"), 202)
    wait_for_state(number, "running")
    cancel_again = Stream(f"/jobs/{number}/events")
    expect(post(f"/jobs/{number}/cancel"), 202)
    equal(cancel_again.rest()[-1][2]["state"], "cancelled")
    cancel_again.close()
    equal(job(number)["state"], "cancelled")


@test
def clones():
    number = finished_job()
    same = expect(post(f"/jobs/{number}/clone"), 201)
    equal(same.json()["spec"], job(number)["spec"])
    equal(same.headers["Location"], f"/api/v1/jobs/{same.json()['id']}")
    other = expect(post(f"/jobs/{number}/clone", {"name": "copy", "train": {"seed": 7}}), 201).json()
    equal((other["name"], other["spec"]["train"]["seed"]), ("copy", 7))
    equal(other["spec"]["train"]["batch_size"], 64)
    expect_problem(post(f"/jobs/{number}/clone", {"train": {"epochs": 0}}), 422, "invalid-spec",
                   ["/train/epochs"])
    files = [f"/jobs/{finish(one)['id']}/checkpoints/final/model.safetensors"
             for one in (number, same.json()["id"], other["id"])]
    sums = [hashlib.sha256(expect(get(path), 200).body).hexdigest() for path in files]
    equal(sums[0], sums[1])
    assert sums[0] != sums[2]

# --- what a job has told --------------------------------------------------------------------


@test
def metrics_in_every_format():
    number = finished_job()
    found = expect(get(f"/jobs/{number}/metrics"), 200).json()
    equal(found["job"], number)
    loss = found["series"]["train/loss"]
    equal(loss["count"], 10)
    equal(loss["steps"], list(range(1, 11)))
    assert found["last_event_id"] > 0
    some = get(f"/jobs/{number}/metrics?series=train/l*,val/acc@?&from_step=3&to_step=5").json()
    equal(set(some["series"]), {"train/loss", "train/lr", "val/acc@1", "val/acc@5"})
    equal(some["series"]["train/loss"], {"count": 3, "steps": [3, 4, 5], "values": loss["values"][2:5]})
    equal(some["series"]["val/acc@1"], {"count": 0, "steps": [], "values": []})
    wanted = [("train/loss", step, value) for step, value in zip(loss["steps"], loss["values"])]
    table = expect(get(f"/jobs/{number}/metrics?series=train/loss&format=csv"), 200)
    assert table.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(table.body.decode())))
    equal(rows[0], ["series", "step", "value"])
    equal([(name, int(step), float(value)) for name, step, value in rows[1:]], wanted)
    lines = expect(get(f"/jobs/{number}/metrics?series=train/loss&format=ndjson"), 200)
    points = [json.loads(line) for line in lines.body.splitlines()]
    equal([(one["series"], one["step"], one["value"]) for one in points], wanted)
    few = get(f"/jobs/{number}/metrics?series=train/loss&max_points=6").json()["series"]["train/loss"]
    equal(few["count"], 10)
    assert len(few["steps"]) <= 6 and few["steps"][-1] == 10, few
    assert {min(loss["values"]), max(loss["values"])} <= set(few["values"]), few
    expect_problem(get(f"/jobs/{number}/metrics?series=train/los"), 404, "not-found")


@test
def a_log_with_ranges():
    number = finished_job()
    path = f"/jobs/{number}/log"
    whole = expect(get(path), 200)
    size = len(whole.body)
    equal(whole.headers["Accept-Ranges"], "bytes")
    assert whole.headers["Content-Type"].startswith("text/plain") and size > 20
    for wanted, first, last in (("0-0", 0, 0), ("2-9", 2, 9), (f"{size - 3}-", size - 3, size - 1),
                                ("-5", size - 5, size - 1), (f"3-{size * 2}", 3, size - 1)):
        part = expect(get(path, headers={"Range": "bytes=" + wanted}), 206, wanted)
        equal(part.body, whole.body[first:last + 1], wanted)
        equal(part.headers["Content-Range"], f"bytes {first}-{last}/{size}", wanted)
    for wanted in (f"{size}-", "-0", "99999999999999999999-"):
        refused = get(path, headers={"Range": "bytes=" + wanted})
        expect_problem(refused, 416, "range-not-satisfiable", what=wanted)
        equal(refused.headers["Content-Range"], f"bytes */{size}", wanted)
    for wanted in ("bytes=5-2", "bytes=x", "lines=1-2", "bytes=0-1,4-5"):
        equal(expect(get(path, headers={"Range": wanted}), 200, wanted).body, whole.body, wanted)
    etag = whole.headers["ETag"]
    expect(get(path, headers={"If-None-Match": etag}), 304)
    expect(get(path, headers={"Range": "bytes=0-1", "If-Range": etag}), 206)
    expect(get(path, headers={"Range": "bytes=0-1", "If-Range": '"x"'}), 200)


@test
def checkpoints():
    number = finished_job()
    path = f"/jobs/{number}/checkpoints"
    listed = expect(get(path), 200).json()["checkpoints"]
    equal([one["name"] for one in listed], ["best", "step-00000010", "final"])
    best = expect(get(f"{path}/best/state.json"), 200).json()
    equal([one["step"] for one in listed], [best["step"], 10, 10])
    series = get(f"/jobs/{number}/metrics?series=val/acc@1").json()["series"]["val/acc@1"]
    equal(best["accuracy"], max(series["values"]))
    for one in listed:
        for file in one["files"]:
            body = expect(get(f"{path}/{one['name']}/{file['name']}"), 200).body
            equal(len(body), file["bytes"])
            folder = os.path.join(context.daemon.folder, "state", "runs", str(number))
            folder = folder if one["name"] == "final" else os.path.join(folder, "checkpoints",
                                                                        one["name"])
            with open(os.path.join(folder, file["name"]), "rb") as real:
                equal(body, real.read(), file["name"])
    model = f"{path}/final/model.safetensors"
    size = listed[2]["files"][0]["bytes"]
    part = expect(get(model, headers={"Range": "bytes=8-15"}), 206)
    equal((len(part.body), part.headers["Content-Range"]), (8, f"bytes 8-15/{size}"))
    for name in ("final/state.json", "final/spec.json", "step-00000010/none", "step-1/model.safetensors",
                 "none/model.safetensors"):
        expect_problem(get(f"{path}/{name}"), 404, "not-found", what=name)


@test
def a_job_that_waits_has_an_empty_log():
    holders = [long_job(), long_job()]
    number = submit(spec("waits"))
    for one in holders:
        wait_for_state(one, "running")
    equal(job(number)["state"], "queued")
    equal(expect(get(f"/jobs/{number}/log"), 200).body, b"")
    equal(expect(get(f"/jobs/{number}/checkpoints"), 200).json(), {"checkpoints": []})
    equal(expect(get(f"/jobs/{number}/metrics?series=val/acc@1"), 200).json()["series"], {})
    equal(expect(get("/devices"), 200).json()["devices"][0]["slots_free"], 0)
    for one in [number, *holders]:
        cancel(one)

# --- experiments ----------------------------------------------------------------------------


def summary_of_two_pairs(made, jobs, found):
    """What the summary adds to means, against what the jobs themselves say."""
    metrics = [one["metrics"]["val/acc@1"] for one in jobs]
    for index, arm in enumerate(found["arms"]):
        mine = metrics[index::2]
        equal(arm["last"], [{"value": one["last"], "step": one["last_step"]} for one in mine])
        equal(arm["best"], [{"value": one["max"], "step": one["max_step"]} for one in mine])
    for series, best in (("train/loss", "min"), ("train/acc@1", "max")):
        asked = get(f"/experiments/{made['id']}/summary?series={series}").json()["arms"][0]
        metrics = [one["metrics"][series] for one in jobs[0::2]]
        assert all(one["min"] < one["max"] for one in metrics), metrics
        equal(asked["best"], [{"value": one[best], "step": one[best + "_step"]} for one in metrics])
    one, two = (pair["difference"] for pair in found["differences"][0]["pairs"])
    equal(found["differences"][0]["p_value"], 1 if one * two <= 0 else 0.5)
    asked = f"/experiments/{made['id']}/summary?half_width="
    wide = expect(get(asked + "1e3"), 200).json()["differences"][0]
    equal(wide["seeds_needed"], {"half_width": 1000, "count": 2, "more": 0})
    narrow = get(asked + repr(wide["std"] or 1)).json()["differences"][0]["seeds_needed"]
    # t(0.975, 6) = 2.447 <= sqrt(7), t(0.975, 5) = 2.571 > sqrt(6)
    equal((narrow["count"], narrow["more"]), (7, 5) if wide["std"] else (2, 0))
    for text in ("0", "-1", "nan", "inf", "0x1p3", "1%202", "1e999", "wide"):
        fault = expect(get(asked + text), 400, "invalid-parameter").json()
        equal([error["pointer"] for error in fault["errors"]], ["half_width"])


@test
def an_experiment():
    base = spec("pair")
    vary = {"residual.connection": ["linear", "orthogonal"], "train.seed": [0, 1]}
    answer = expect(post("/experiments", {"name": "pair", "base": base, "vary": vary}), 201)
    made = answer.json()
    equal(answer.headers["Location"], f"/api/v1/experiments/{made['id']}")
    equal((made["name"], made["vary"], made["state"]), ("pair", vary, "running"))
    equal(len(made["jobs"]), 4)
    equal(sum(made["states"].values()), 4)
    variants = [job(number)["variant"] for number in made["jobs"]]
    equal(variants, [{"residual.connection": connection, "train.seed": seed}
                     for seed in (0, 1) for connection in ("linear", "orthogonal")])
    empty = expect(get(f"/experiments/{made['id']}/summary?series=none"), 200).json()
    equal([one["count"] for one in empty["arms"]], [0, 0])
    jobs = [finish(number) for number in made["jobs"]]
    now = expect(get(f"/experiments/{made['id']}"), 200).json()
    equal((now["state"], now["states"]), ("succeeded", {"succeeded": 4}))
    found = expect(get(f"/experiments/{made['id']}/summary"), 200).json()
    values = [one["metrics"]["val/acc@1"]["last"] for one in jobs]
    equal(found["series"], "val/acc@1")
    equal([one["values"] for one in found["arms"]], [values[0::2], values[1::2]])
    equal([one["seeds"] for one in found["arms"]], [[0, 1], [0, 1]])
    for arm in found["arms"]:
        low, high = arm["values"]
        assert abs(arm["mean"] - (low + high) / 2) < 1e-12
        assert abs(arm["std"] - abs(low - high) / 2 ** 0.5) < 1e-12
    difference = found["differences"][0]
    equal([pair["difference"] for pair in difference["pairs"]],
          [values[1] - values[0], values[3] - values[2]])
    low, high = difference["interval"]
    assert low <= difference["mean"] <= high
    summary_of_two_pairs(made, jobs, found)
    filtered = get(f"/jobs?experiment={made['id']}").json()["jobs"]
    equal(sorted(one["id"] for one in filtered), made["jobs"])
    listed = expect(get("/experiments"), 200).json()
    equal(listed["next"], None)
    equal([one for one in listed["experiments"] if one["id"] == made["id"]], [now])
    both = expect(get(f"/compare?jobs={made['jobs'][1]},{made['jobs'][0]}&series=train/loss"), 200)
    curves = both.json()
    equal([one["job"] for one in curves["jobs"]], [made["jobs"][1], made["jobs"][0]])
    equal([one["connection"] for one in curves["jobs"]], ["orthogonal", "linear"])
    single = get(f"/jobs/{made['jobs'][0]}/metrics?series=train/loss").json()["series"]["train/loss"]
    equal({key: curves["jobs"][1][key] for key in single}, single)
    nothing = get(f"/compare?jobs={made['jobs'][0]}&series=none").json()["jobs"][0]
    equal((nothing["steps"], nothing["values"]), ([], []))


@test
def experiments_with_faults():
    before = len(get("/experiments").json()["experiments"])
    base = spec()
    for body, pointers in (
            ({}, ["/base", "/vary"]),
            ({"base": base, "vary": {}}, ["/vary"]),
            ({"base": base, "vary": {"train.sead": [1]}}, ["/vary/train.sead"]),
            ({"base": base, "vary": {"train.epochs": [1, 0]}}, ["/vary/train.epochs/1"]),
            ({"base": base, "vary": {"train.seed": [1, 1]}}, ["/vary/train.seed"]),
            ({"base": base, "vary": {"train.seed": [1]}, "x": 1}, ["/x"]),
            # What is wrong with "vary" hides nothing else.
            ({"base": {**base, "x": 1}, "vary": [1]}, ["/vary", "/base/x"]),
            ({"base": {**base, "x": 1}, "vary": {"train.seed": 3, "train.epochs": [0]}},
             ["/vary/train.seed", "/vary/train.epochs/0", "/base/x"]),
            ({"base": {**base, "x": 1, "resources": {"threads": 64}},
              "vary": {"train": [{"epochs": 1, "batch_size": 8}], "train.seed": [-1]}},
             ["/vary/train.seed", "/vary/train.seed/0", "/base/x", "/base/resources/threads"]),
            ({"base": {**base, "x": 1, "resources": {"threads": 64}},
              "vary": {"train.seed": list(range(600)), "train.epochs": [1, 0]}},
             ["/vary", "/vary/train.epochs/1", "/base/x", "/base/resources/threads"])):
        expect_problem(post("/experiments", body), 422, "invalid-spec", pointers, repr(body)[-60:])
    wrong = {"base": {**base, "model": {**base["model"], "width": 10}},
             "vary": {"train.seed": [0, 1]}}
    problem = expect_problem(post("/experiments", wrong), 422, "invalid-spec")
    assert all(fault["pointer"].startswith("/base/model") for fault in problem["errors"]), problem
    # The planner's and the queue's faults, beside those of the schema.
    busy = {**base, "resources": {"threads": 64}, "x": 1}
    expect_problem(post("/experiments", {
        "base": busy, "notes": 5,
        "vary": {"model.heads": [4, 3], "train.epochs": [1, 0], "queue.after": [[], [999999]],
                 "residual.blocks": [None, [0, 7]], "labels.a/b~c": ["x", 1]}}), 422, "invalid-spec",
        ["/notes", "/base/x", "/base/resources/threads", "/vary/model.heads/1",
         "/vary/train.epochs/1", "/vary/queue.after/1/0", "/vary/residual.blocks/1/1",
         "/vary/labels.a~1b~0c/1"])
    expect_problem(post("/experiments", {"base": base, "vary": {"resources.threads": [1, 64]}}), 422,
                   "invalid-spec", ["/vary/resources.threads/1"])
    expect_problem(post("/experiments", {"base": base, "vary": {"data.root": [None, "/none"],
                                                                "train.seed": [1, 1]}}), 422,
                   "invalid-spec", ["/vary/train.seed", "/vary/data.root/1"])
    many = {"base": base, "vary": {"train.seed": list(range(600)), "train.epochs": [1, 2]}}
    expect_problem(post("/experiments", many), 422, "invalid-spec")
    equal(len(get("/experiments").json()["experiments"]), before)


if __name__ == "__main__":
    main()
