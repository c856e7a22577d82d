#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The reference's recipe files over curl and the API of a real orthod. Prints TAP."""
import json
import os
import subprocess
import tempfile

from api import ask, context, equal, expect, expect_problem, finish, get, job, main, post, test

RECIPE = """# options in an order of their own
log_interval: 1
dataset: fashion-mnist
project: ortho-classifier
preset: N
model: vit
grad_clip:         None
max_train_steps: 2
global_batch_size: 64
lr: 1.0e-3
learning_rate: 3
log_activations: true
"""
YAML = {"Content-Type": "application/yaml"}


def recipe(text, query="", **more):
    more.setdefault("headers", YAML)
    return post("/jobs" + query, text, **more)


def curl(path, *arguments):
    """(status, body) of a request that curl makes."""
    done = subprocess.run(["curl", "-sS", "-w", "\\n%{http_code}", *arguments,
                           f"http://127.0.0.1:{context.daemon.port}/api/v1{path}"],
                          capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


@test
def a_recipe_file_is_trained():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vit_n.yaml")
        with open(path, "w") as file:
            file.write(RECIPE)
        status, made = curl("/jobs?seed=3&orthogonal_residual=true", "-H",
                            "Content-Type: application/yaml", "--data-binary", "@" + path)
    equal(status, 201)
    equal(made["name"], "vit-n-fashion-mnist")
    equal(made["warnings"], [{"pointer": "/learning_rate",
                              "detail": "line 11: no option has this name; it is left aside"}])
    spec = made["spec"]
    equal((spec["train"]["seed"], spec["residual"]["connection"]), (3, "orthogonal"))
    equal((spec["train"]["grad_clip"], spec["train"]["optimizer"]["lr"]), (None, 0.001))
    equal((spec["train"]["epochs"], spec["model"]["preset"]), (30, "N"))
    equal(finish(made["id"])["progress"]["step"], 2)
    assert "warnings" not in job(made["id"])


@test
def a_dry_run_shows_the_spec():
    for kind in ("application/yaml", "text/yaml; charset=utf-8", "Application/X-YAML"):
        found = expect(recipe(RECIPE, "?dry_run=true", headers={"Content-Type": kind}), 200).json()
        equal(set(found), {"spec", "plan", "warnings"})
        equal(found["plan"]["steps"], 2)
        equal(found["spec"]["residual"]["connection"], "linear")
    expect(post("/jobs?dry_run=true", found["spec"]), 200)
    equal(expect(recipe(RECIPE, "?dry_run=true&log_interval=7"), 200).json()["spec"]["log"]["interval"], 7)
    before = get("/jobs").json()["jobs"]
    expect(recipe(RECIPE, "?dry_run=true"), 200)
    equal(len(get("/jobs").json()["jobs"]), len(before))


@test
def faults_name_keys_and_lines():
    text = ("model: vit\ndataset: fashion-mnist\nlr: fast\nepochs: 0\n"
            "orthogonal_pattern: 1,1.5\npreset: [S]\n")
    problem = expect_problem(recipe(text, "?seed=-1"), 422, "invalid-spec",
                             ["/lr", "/epochs", "/orthogonal_pattern", "/preset", "/seed"])
    details = {fault["pointer"]: fault["detail"] for fault in problem["errors"]}
    equal(details["/lr"], 'line 3: is "fast"; give a decimal number')
    equal(details["/epochs"], "line 4: is 0; the minimum is 1")
    equal(details["/preset"], "line 6: is a list or a mapping; give a name")
    equal(details["/seed"], "parameter: is -1; the minimum is 0")
    assert details["/orthogonal_pattern"].startswith("line 5: "), details


@test
def faults_that_the_planner_finds_do_too():
    text = "model: vit\npreset: N\ndataset: fashion-mnist\nglobal_batch_size: 66\ngrad_accumulate_steps: 4\n"
    for query in ("", "?dry_run=true"):
        problem = expect_problem(recipe(text, query), 422, "invalid-spec", ["/grad_accumulate_steps"])
        assert problem["errors"][0]["detail"].startswith("line 5: is 4 and"), problem
    problem = expect_problem(recipe(text.replace("66", "64"), "?orthogonal_pattern=77"), 422,
                             "invalid-spec", ["/orthogonal_pattern"])
    assert problem["errors"][0]["detail"].startswith("parameter: is 77;"), problem


@test
def what_is_no_recipe_is_refused():
    for text, part in (("", "no mapping"), ("- a", "no mapping"), ("a: 1\na: 2", "line 2"),
                       ("a: &a [*a]", "line 1: an anchor"), ("a: !!python/object:x y", "line 1: a tag"),
                       ("a: [", "line "), ("a: 1\n---\nb: 2", "second document"),
                       ("a: " + "[" * 60000, "nested"), ("a: \x01", "control characters")):
        problem = expect_problem(recipe(text), 400, "malformed-yaml", what=text[:40])
        assert part in problem["detail"], problem
    expect_problem(recipe("a: " + "x" * 65536), 413, "too-large")
    expect_problem(recipe(RECIPE, "?sead=3"), 400, "invalid-parameter", ["sead"])
    expect_problem(recipe(RECIPE, "?seed=3&seed=4"), 400, "invalid-parameter", ["seed"])
    expect_problem(recipe(RECIPE, "?dry_run=yes"), 400, "invalid-parameter", ["dry_run"])


@test
def yaml_is_for_jobs_alone():
    expect_problem(post("/experiments", RECIPE, headers=YAML), 415, "unsupported-media-type")
    expect_problem(post("/jobs?seed=3", {"model": {}}), 400, "invalid-parameter", ["seed"])
    problem = expect_problem(recipe(RECIPE, headers={"Content-Type": "text/plain"}), 415,
                             "unsupported-media-type")
    assert "application/yaml" in problem["detail"], problem
    expect_problem(ask("POST", "/api/v1/jobs", RECIPE), 400, "malformed-json")


@test
def idempotency_counts_what_the_recipe_stands_for():
    headers = {**YAML, "Idempotency-Key": "recipe"}
    first = expect(recipe(RECIPE, headers=headers), 201).json()
    again = expect(recipe("# the same\n" + RECIPE, headers=headers), 201).json()
    equal(again["id"], first["id"])
    equal(again["warnings"][0]["detail"][:7], "line 12")
    expect_problem(recipe(RECIPE, "?seed=9", headers=headers), 422, "idempotency-mismatch")
    expect_problem(recipe(RECIPE, headers={**YAML, "Idempotency-Key": ""}), 400, "invalid-parameter")
    finish(first["id"])


if __name__ == "__main__":
    main()
