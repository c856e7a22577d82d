// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { armCurve, meanStd, valueAt } from "../../../web/js/stats.js";
import { run, test } from "../tap.mjs";

test("mean and sample deviation of known numbers", () => {
    // 2 4 4 4 5 5 7 9: mean 5, sum of squares 32, sample variance 32 / 7
    assert.deepEqual(meanStd([2, 4, 4, 4, 5, 5, 7, 9]), { mean: 5, std: Math.sqrt(32 / 7), count: 8 });
    assert.deepEqual(meanStd([3, NaN]), { mean: 3, std: null, count: 1 });
    assert.deepEqual(meanStd([]), { mean: null, std: null, count: 0 });
});

test("between two points a curve is straight, outside it is not there", () => {
    const curve = { steps: [10, 20], values: [1, 3] };
    assert.deepEqual([5, 10, 15, 20, 21].map((step) => valueAt(curve, step)), [NaN, 1, 2, 3, NaN]);
});

test("an arm says how many runs reach each step", () => {
    const arm = armCurve([{ steps: [10, 20, 30], values: [1, 2, 3] }, { steps: [10, 20], values: [3, 4] }]);
    assert.deepEqual(arm.steps, [10, 20, 30]);
    assert.deepEqual(arm.mean, [2, 3, 3]);
    assert.deepEqual(arm.count, [2, 2, 1]);
    assert.deepEqual(arm.low.map((value) => Math.round(1000 * value) / 1000), [0.586, 1.586, NaN]);
    assert.deepEqual(arm.high.map((value) => Math.round(1000 * value) / 1000), [3.414, 4.414, NaN]);
});

test("runs with other steps are read between their points", () => {
    const arm = armCurve([{ steps: [0, 10], values: [0, 10] }, { steps: [0, 5, 10], values: [2, 7, 12] }]);
    assert.deepEqual(arm.mean, [1, 6, 11]);
    assert.deepEqual(arm.count, [2, 2, 2]);
});

test("a run that is not finite does not spoil the mean of the others", () => {
    const arm = armCurve([{ steps: [1], values: [NaN] }, { steps: [1], values: [4] }]);
    assert.deepEqual(arm.mean, [4]);
    assert.deepEqual(arm.count, [1]);
});

await run();
