// SPDX-License-Identifier: Apache-2.0
// The seam between the fetched curve and the events: no hole, no double point.
import assert from "node:assert/strict";
import { Run } from "../../../web/js/run.js";
import { run, test } from "../tap.mjs";

/** A stream that a test drives. */
function fakeStream() {
    const listeners = new Set();
    return {
        ready: Promise.resolve(),
        listen: ({ event }) => {
            listeners.add(event);
            return () => listeners.delete(event);
        },
        metrics: (id, step, value, attempt = 1, job = 1, series = "train/loss") => listeners.forEach((listener) =>
            listener({ id, type: "metrics", data: { job, step, attempt, values: { [series]: value } } })),
        state: (id, attempt) => listeners.forEach((listener) => listener({ id, type: "state", data: { job: 1, state: "running", attempt } })),
    };
}

/** Answers requests when the test says so. */
function fakeFetch() {
    const waiting = [];
    globalThis.fetch = (address) => new Promise((resolve) => waiting.push({ address, resolve }));
    const next = async () => {
        while (waiting.length === 0) {
            await new Promise((resolve) => setImmediate(resolve));
        }
        return waiting.shift();
    };
    return {
        answer: async (last_event_id, series) => {
            const { resolve, address } = await next();
            resolve(new Response(JSON.stringify({ job: 1, last_event_id, series })));
            return String(address);
        },
        fail: async () => (await next()).resolve(new Response("{}", { status: 503 })),
    };
}

const loss = (steps) => ({ "train/loss": { count: steps.length, steps, values: steps.map((step) => step / 100) } });
const stepsOf = (one, name = "train/loss") => one.curves.get(name)?.steps;

test("events behind the answer are added, those before it are not", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const done = one.want(["train/*"]);
    await server.answer(10, loss([50, 100]));
    await done;
    stream.metrics(9, 100, 77);
    stream.metrics(11, 150, 1.5);
    assert.deepEqual(one.curves.get("train/loss"), { steps: [50, 100, 150], values: [0.5, 1, 1.5] });
});

test("events that come while the answer is on its way wait for it", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const done = one.want(["train/*"]);
    stream.metrics(10, 100, 1);
    stream.metrics(11, 150, "NaN");
    await server.answer(10, loss([50, 100]));
    await done;
    assert.deepEqual(one.curves.get("train/loss"), { steps: [50, 100, 150], values: [0.5, 1, NaN] });
});

test("other jobs and series that nobody wants are ignored", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const done = one.want(["train/loss"]);
    await server.answer(10, {});
    await done;
    stream.metrics(11, 50, 1, 1, 2);
    stream.metrics(12, 50, 1, 1, 1, "train/lr");
    stream.metrics(13, 50, 1);
    assert.deepEqual([...one.curves.keys()], ["train/loss"]);
    assert.deepEqual(stepsOf(one), [50]);
});

test("series that are wanted later have their own seam", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const first = one.want(["train/*"]);
    await server.answer(10, loss([50]));
    await first;
    stream.metrics(11, 100, 1);
    const second = one.want(["train/*", "val/*"]);
    const address = await server.answer(20, { "val/loss": { count: 1, steps: [468], values: [0.4] } });
    await second;
    assert.match(address, /series=val%2F\*&/);
    stream.metrics(15, 468, 99, 1, 1, "val/loss");
    stream.metrics(21, 936, 0.3, 1, 1, "val/loss");
    assert.deepEqual(stepsOf(one), [50, 100]);
    assert.deepEqual(one.curves.get("val/loss"), { steps: [468, 936], values: [0.4, 0.3] });
});

test("a new attempt fetches everything again", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const done = one.want(["train/*"]);
    stream.state(1, 1);
    await server.answer(10, loss([50, 100, 150]));
    await done;
    stream.state(11, 2);
    stream.metrics(12, 100, 8, 2);
    await server.answer(12, { "train/loss": { count: 2, steps: [50, 100], values: [0.5, 8] } });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(one.curves.get("train/loss"), { steps: [50, 100], values: [0.5, 8] });
});

test("an answer that a newer request made out of date is dropped", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const first = one.want(["train/*"]);
    await new Promise((resolve) => setImmediate(resolve));
    const second = one.reload();
    await new Promise((resolve) => setImmediate(resolve));
    await server.answer(10, loss([50]));
    await server.answer(20, loss([50, 100]));
    await Promise.all([first, second]);
    assert.deepEqual(stepsOf(one), [50, 100]);
});

test("what could not be fetched is fetched by the next attempt", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const failed = assert.rejects(one.want(["train/*"]));
    await server.fail();
    await failed;
    const done = one.want(["train/*"]);
    await server.answer(10, loss([50]));
    await done;
    assert.deepEqual(stepsOf(one), [50]);
});

test("whoever stopped hears nothing", async () => {
    const [stream, server] = [fakeStream(), fakeFetch()];
    const one = new Run(1, stream, () => {});
    const done = one.want(["train/*"]);
    await server.answer(10, {});
    await done;
    one.stop();
    stream.metrics(11, 50, 1);
    assert.equal(one.curves.size, 0);
});

await run();
