// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { addPoint, align, curveFacts, curveFromWire, downsample, emptyCurve, indexAt } from "../../../web/js/points.js";
import { run, test } from "../tap.mjs";

const wave = (count) => ({ steps: Array.from({ length: count }, (_, i) => 10 * (i + 1)),
    values: Array.from({ length: count }, (_, i) => Math.sin(i / 50)) });

test("points are added at the end", () => {
    const curve = emptyCurve();
    addPoint(curve, 50, 1);
    addPoint(curve, 100, 2);
    assert.deepEqual(curve, { steps: [50, 100], values: [1, 2] });
});

test("a later attempt supersedes what was there from its step on", () => {
    const curve = { steps: [50, 100, 150, 200], values: [1, 2, 3, 4] };
    addPoint(curve, 150, 9);
    assert.deepEqual(curve, { steps: [50, 100, 150], values: [1, 2, 9] });
    addPoint(curve, 10, 5);
    assert.deepEqual(curve, { steps: [10], values: [5] });
});

test("values from the wire keep what is not finite", () => {
    assert.deepEqual(curveFromWire({ steps: [1, 2, 3], values: [0.5, "NaN", "Infinity"] }),
        { steps: [1, 2, 3], values: [0.5, NaN, Infinity] });
});

test("the last step that is not beyond", () => {
    assert.deepEqual([5, 10, 15, 30, 99].map((step) => indexAt([10, 20, 30], step)), [-1, 0, 0, 2, 2]);
    assert.equal(indexAt([], 1), -1);
});

test("a short curve is left alone", () => {
    const curve = wave(100);
    assert.equal(downsample(curve, 100), curve);
});

test("a long curve keeps its ends, its spikes and what is not finite", () => {
    const curve = wave(10000);
    curve.values[5003] = 7;
    curve.values[7001] = -7;
    curve.values[123] = NaN;
    const short = downsample(curve, 400);
    assert.ok(short.steps.length <= 401, `${short.steps.length} points`);
    assert.equal(short.steps[0], 10);
    assert.equal(short.steps[short.steps.length - 1], 100000);
    assert.equal(Math.max(...short.values.filter(Number.isFinite)), 7);
    assert.equal(Math.min(...short.values.filter(Number.isFinite)), -7);
    assert.ok(short.values.some(Number.isNaN));
    assert.ok(short.steps.every((step, i) => i === 0 || step > short.steps[i - 1]), "steps ascend");
    assert.ok(short.steps.every((step, i) => Object.is(short.values[i], curve.values[step / 10 - 1])), "values stay with their steps");
});

test("each bucket keeps its least, its greatest and its last value", () => {
    const curve = { steps: Array.from({ length: 32 }, (_, i) => i), values: Array.from({ length: 32 }, (_, i) => i === 3 ? 50 : i === 5 ? -50 : i) };
    const short = downsample(curve, 8);
    // Two buckets: steps 0 to 15 and 16 to 31.
    assert.deepEqual(short.steps, [0, 3, 5, 15, 16, 31]);
});

test("curves share one column of steps; gaps are null, absent steps undefined", () => {
    const { steps, columns } = align([{ steps: [1, 2, 4], values: [10, NaN, 40] }, { steps: [2, 3], values: [20, Infinity] }]);
    assert.deepEqual(steps, [1, 2, 3, 4]);
    assert.deepEqual(columns, [[10, null, undefined, 40], [undefined, 20, null, undefined]]);
    assert.deepEqual(align([]), { steps: [], columns: [] });
});

test("the best and the last value", () => {
    const curve = { steps: [1, 2, 3, 4], values: [3, 1, NaN, 2] };
    assert.deepEqual(curveFacts(curve, true), { last: 2, lastStep: 4, best: 1, bestStep: 2 });
    assert.deepEqual(curveFacts(curve, false), { last: 2, lastStep: 4, best: 3, bestStep: 1 });
    assert.equal(curveFacts({ steps: [1], values: [NaN] }, true), null);
});

await run();
