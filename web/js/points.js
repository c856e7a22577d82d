// SPDX-License-Identifier: Apache-2.0
// Curves as columns: steps ascending, values beside them. Pure.
//
// A value that is not finite stays in the column as it is. align() turns it into null, which
// a chart shows as a gap with a mark; a step that a curve has no point for is undefined, over
// which its line goes on.
import { fromWire } from "./format.js";

/**
 * @typedef {object} Curve
 * @property {number[]} steps strictly ascending
 * @property {number[]} values as many
 */

/** @returns {Curve} */
export function emptyCurve() {
    return { steps: [], values: [] };
}

/**
 * @param {{steps: number[], values: import("./types.js").Wire[]}} wire
 * @returns {Curve}
 */
export function curveFromWire(wire) {
    return { steps: wire.steps.slice(), values: wire.values.map(fromWire) };
}

/**
 * Adds a point in place. A step that is not beyond the last one comes from a later attempt
 * that started at an earlier step: what was there from that step on is superseded.
 * @param {Curve} curve
 * @param {number} step
 * @param {number} value
 */
export function addPoint(curve, step, value) {
    const { steps, values } = curve;
    let count = steps.length;
    while (count > 0 && steps[count - 1] >= step) {
        count--;
    }
    steps.length = count;
    values.length = count;
    steps.push(step);
    values.push(value);
}

/**
 * The index of the last step that is not beyond step, or -1.
 * @param {number[]} steps ascending
 * @param {number} step
 */
export function indexAt(steps, step) {
    let low = 0;
    let high = steps.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (steps[middle] <= step) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low - 1;
}

/**
 * The most steps that a chart has pixels for; in each bucket of steps the first point with
 * the least, the first with the greatest and the last value stay, and so does everything that
 * is not finite. The first and the last point always stay.
 * @param {Curve} curve
 * @param {number} maxPoints at least 8
 * @returns {Curve} the same curve when it is short enough
 */
export function downsample(curve, maxPoints) {
    const { steps, values } = curve;
    if (steps.length <= maxPoints) {
        return curve;
    }
    const buckets = Math.max(1, Math.floor((maxPoints - 2) / 3));
    const first = steps[0];
    const width = (steps[steps.length - 1] - first) / buckets;
    const keep = new Set([0, steps.length - 1]);
    for (let start = 0; start < steps.length;) {
        const bucket = Math.min(buckets - 1, Math.floor((steps[start] - first) / width));
        let end = start;
        let least = -1;
        let greatest = -1;
        for (; end < steps.length && Math.min(buckets - 1, Math.floor((steps[end] - first) / width)) === bucket; end++) {
            if (!Number.isFinite(values[end])) {
                keep.add(end);
                continue;
            }
            least = least < 0 || values[end] < values[least] ? end : least;
            greatest = greatest < 0 || values[end] > values[greatest] ? end : greatest;
        }
        [least, greatest, end - 1].filter((index) => index >= 0).forEach((index) => keep.add(index));
        start = end;
    }
    const kept = [...keep].sort((a, b) => a - b);
    return { steps: kept.map((i) => steps[i]), values: kept.map((i) => values[i]) };
}

/**
 * Puts curves on one column of steps.
 * @param {Curve[]} curves
 * @returns {{steps: number[], columns: (number|null|undefined)[][]}}
 */
export function align(curves) {
    const steps = [...new Set(curves.flatMap((curve) => curve.steps))].sort((a, b) => a - b);
    const columns = curves.map((curve) => {
        let next = 0;
        return steps.map((step) => {
            if (curve.steps[next] !== step) {
                return undefined;
            }
            const value = curve.values[next++];
            return Number.isFinite(value) ? value : null;
        });
    });
    return { steps, columns };
}

/**
 * The best and the last value of a curve, or null where it has no finite one.
 * @param {Curve} curve
 * @param {boolean} lower whether less is better
 * @returns {{last: number, lastStep: number, best: number, bestStep: number}|null}
 */
export function curveFacts(curve, lower) {
    let best = -1;
    for (let i = 0; i < curve.values.length; i++) {
        const value = curve.values[i];
        if (Number.isFinite(value) &&
            (best < 0 || (lower ? value < curve.values[best] : value > curve.values[best]))) {
            best = i;
        }
    }
    const last = curve.values.length - 1;
    return best < 0 ? null : { last: curve.values[last], lastStep: curve.steps[last],
        best: curve.values[best], bestStep: curve.steps[best] };
}
