// SPDX-License-Identifier: Apache-2.0
// Means over the runs of an arm. Pure. What needs a distribution (intervals of paired
// differences) is computed by the server.
import { indexAt } from "./points.js";

/** @typedef {import("./points.js").Curve} Curve */

/**
 * Mean and sample standard deviation (n - 1) of the finite values.
 * @param {number[]} values
 * @returns {{mean: number|null, std: number|null, count: number}} std is null below two values
 */
export function meanStd(values) {
    const finite = values.filter(Number.isFinite);
    const count = finite.length;
    if (count === 0) {
        return { mean: null, std: null, count };
    }
    const mean = finite.reduce((sum, value) => sum + value, 0) / count;
    const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, std: count < 2 ? null : Math.sqrt(squares / (count - 1)), count };
}

/**
 * A curve's value at step, on the straight line between its neighbours: runs that were
 * downsampled differently still have a mean at every step. NaN outside of the curve and next
 * to a value that is not finite.
 * @param {Curve} curve
 * @param {number} step
 */
export function valueAt(curve, step) {
    const { steps, values } = curve;
    const before = indexAt(steps, step);
    if (before < 0) {
        return NaN;
    }
    if (steps[before] === step) {
        return values[before];
    }
    if (before + 1 >= steps.length) {
        return NaN;
    }
    const share = (step - steps[before]) / (steps[before + 1] - steps[before]);
    return values[before] + share * (values[before + 1] - values[before]);
}

/**
 * The mean of several runs at every step that one of them has, with the number of runs that
 * reach it and mean ± std where there are two or more.
 * @param {Curve[]} curves
 * @returns {{steps: number[], mean: number[], low: number[], high: number[], count: number[]}}
 *     low and high are NaN where count is below two
 */
export function armCurve(curves) {
    const steps = [...new Set(curves.flatMap((curve) => curve.steps))].sort((a, b) => a - b);
    /** @type {{steps: number[], mean: number[], low: number[], high: number[], count: number[]}} */
    const arm = { steps, mean: [], low: [], high: [], count: [] };
    for (const step of steps) {
        const { mean, std, count } = meanStd(curves.map((curve) => valueAt(curve, step)));
        arm.mean.push(mean ?? NaN);
        arm.low.push(mean === null || std === null ? NaN : mean - std);
        arm.high.push(mean === null || std === null ? NaN : mean + std);
        arm.count.push(count);
    }
    return arm;
}
