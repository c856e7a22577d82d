// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { etaText, whyText } from "../../../web/js/parts.js";
import { applyEvent } from "../../../web/js/store.js";
import { run, test } from "../tap.mjs";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const waiting = { code: "slots", detail: "it needs 2 CPU slots; free: 1", job: null, until: null, position: 1 };
const queued = () => ({ id: 1, state: "queued", reason: null, waiting, expected_start_at: "2026-03-01T12:02:00Z" });

test("a job that waits says why, and when it is expected to start", () => {
    assert.equal(whyText(queued()), "it needs 2 CPU slots; free: 1");
    assert.equal(whyText({ ...queued(), reason: "it made room" }), "it made room; it needs 2 CPU slots; free: 1");
    assert.equal(etaText(queued(), NOW), "in 2 min 00 s");
    assert.equal(etaText({ ...queued(), expected_start_at: null }, NOW), "");
});

test("a job that runs says how long it still will", () => {
    assert.equal(etaText({ ...queued(), state: "running", progress: { eta_s: 61 } }, NOW), "1 min 01 s");
    assert.equal(whyText({ ...queued(), state: "running" }), "");
    assert.equal(whyText({ ...queued(), state: "failed", reason: "the disk is full", waiting: null }), "the disk is full");
});

test("what it waited for is forgotten when its state changes", () => {
    const one = queued();
    applyEvent(one, { id: 1, type: "state", data: { job: 1, at: "2026-03-01T12:00:00Z", state: "paused", reason: null, attempt: 1 } });
    assert.deepEqual([one.waiting, one.expected_start_at, whyText(one)], [null, null, ""]);
});

await run();
