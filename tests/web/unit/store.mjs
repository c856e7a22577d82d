// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { applyEvent } from "../../../web/js/store.js";
import { run, test } from "../tap.mjs";

const job = () => ({ id: 1, state: "running", reason: null, attempt: 1, progress: null, started_at: null, ended_at: null, metrics: {} });
const event = (type, data) => ({ id: 1, type, data: { job: 1, at: "2026-03-01T12:00:00.000Z", ...data } });

test("states carry their reason and their times", () => {
    const one = job();
    applyEvent(one, event("state", { state: "running", reason: null, attempt: 1 }));
    assert.equal(one.started_at, "2026-03-01T12:00:00.000Z");
    applyEvent(one, event("state", { state: "failed", reason: "the disk is full", attempt: 2 }));
    assert.deepEqual([one.state, one.reason, one.attempt, one.ended_at], ["failed", "the disk is full", 2, "2026-03-01T12:00:00.000Z"]);
});

test("progress replaces progress", () => {
    const one = job();
    applyEvent(one, event("progress", { step: 50, steps: 100, epoch: 1, eta_s: 3, samples_per_sec: 200 }));
    assert.deepEqual(one.progress, { step: 50, steps: 100, epoch: 1, eta_s: 3, samples_per_sec: 200 });
});

test("the best accuracy is the greatest, the best loss the least, the last the last", () => {
    const one = job();
    for (const [step, accuracy, value] of [[1, 0.5, 2], [2, 0.7, 1], [3, 0.6, "NaN"]]) {
        applyEvent(one, event("metrics", { step, values: { "val/acc@1": accuracy, "val/loss": value } }));
    }
    assert.deepEqual([one.metrics["val/acc@1"].max, one.metrics["val/acc@1"].max_step, one.metrics["val/acc@1"].last], [0.7, 2, 0.6]);
    assert.deepEqual([one.metrics["val/loss"].min, one.metrics["val/loss"].min_step, one.metrics["val/loss"].last], [1, 2, "NaN"]);
});

test("applying an event twice changes nothing", () => {
    const [once, twice] = [job(), job()];
    const metrics = event("metrics", { step: 1, values: { "val/loss": 1 } });
    applyEvent(once, metrics);
    applyEvent(twice, metrics);
    applyEvent(twice, metrics);
    assert.deepEqual(once, twice);
});

await run();
