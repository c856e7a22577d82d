// SPDX-License-Identifier: Apache-2.0
// The tables of a comparison: what each arm reached, and how two arms differ seed by seed.
import { h, s, swatch } from "./dom.js";
import { fromWire, number } from "./format.js";
import { armLabel, lowerIsBetter, seriesSpread, seriesTitle, seriesValue } from "./series.js";

/** @typedef {import("./types.js").SummaryArm} SummaryArm */
/** @typedef {import("./types.js").SummaryDifference} SummaryDifference */

/**
 * A difference in the unit of its series, with its sign: +0.49 points, -0.031.
 * @param {string} series
 * @param {number|null} value
 */
export function differenceText(series, value) {
    if (value === null || !Number.isFinite(value)) {
        return "–";
    }
    const sign = value > 0 ? "+" : "";
    return series.includes("/acc@")
        ? `${sign}${(100 * value).toFixed(2)}`.replace("-", "\u2212") : `${sign}${number(value, 3)}`;
}

/**
 * 86.12 ± 0.21 %
 * @param {string} series
 * @param {number|null} mean
 * @param {number|null} std
 */
export function meanStdText(series, mean, std) {
    if (mean === null) {
        return "–";
    }
    const spread = std === null ? "" : ` ± ${seriesSpread(series, std)}`;
    return series.includes("/acc@") ? `${(100 * mean).toFixed(2)}${spread} %` : `${seriesValue(series, mean)}${spread}`;
}

/**
 * @param {SummaryArm[]} arms
 * @param {string} series
 * @param {(job: number) => string} colorOf
 */
export function summaryTable(arms, series, colorOf) {
    const row = (/** @type {SummaryArm} */ arm) => {
        const known = arm.best.flatMap((point, i) =>
            point === null ? [] : [{ job: arm.jobs[i], step: point.step, value: fromWire(point.value) }]);
        const lower = lowerIsBetter(series);
        const best = known.reduce((/** @type {typeof known[number]|null} */ top, one) =>
            top === null || (lower ? one.value < top.value : one.value > top.value) ? one : top, null);
        return h("tr", {}, h("th", { scope: "row" }, swatch(colorOf(arm.jobs[0])), " ", armLabel(arm.variant) || "all"),
            h("td", { class: "num strong" }, meanStdText(series, arm.mean, arm.std)),
            h("td", { class: "num" }, `${arm.count} of ${arm.jobs.length}`),
            h("td", { class: "num" }, arm.values.map((value) => seriesValue(series, fromWire(value))).filter((text) => text !== "NaN").join("  ") || "–"),
            h("td", { class: "num", title: best && `job ${best.job}, step ${best.step}` },
                best === null ? "–" : `${seriesValue(series, best.value)} (#${best.job})`));
    };
    return h("div", { class: "scroll" }, h("table", { class: "summary" },
        h("caption", {}, `${seriesTitle(series)}, last point of each run`),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Arm"), ...["Mean ± std", "Runs", "Values", "Best"].map((text) =>
            h("th", { scope: "col", class: "num" }, text)))),
        h("tbody", {}, ...arms.map(row))));
}

/**
 * The interval and its mean as a picture around zero.
 * @param {SummaryDifference} difference
 * @param {number} reach the greatest distance from zero
 */
function intervalPicture({ mean, interval }, reach) {
    const x = (/** @type {number} */ value) => 60 + 54 * value / reach;
    const parts = [s("line", { x1: 60, x2: 60, y1: 1, y2: 17, class: "zero" })];
    if (interval !== null) {
        parts.push(s("line", { x1: x(interval[0]), x2: x(interval[1]), y1: 9, y2: 9, class: "interval" }));
    }
    if (mean !== null) {
        parts.push(s("circle", { cx: x(mean), cy: 9, r: 3.5, class: "mean" }));
    }
    return s("svg", { class: "interval-picture", viewBox: "0 0 120 18", width: 120, height: 18, "aria-hidden": "true" }, ...parts);
}

/**
 * 0.031, and < 0.001 for what would only look like zero.
 * @param {number|null} p
 */
export function chanceText(p) {
    return p === null ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3);
}

/**
 * 11 (9 more) for ±0.25
 * @param {SummaryDifference["seeds_needed"]} needed
 * @param {string} series
 */
export function seedsText(needed, series) {
    if (needed === null) {
        return "–";
    }
    const { count, more, half_width: half } = needed;
    const seeds = count === null ? "more than 100,000" : more === 0 ? `${count}` : `${count} (${more} more)`;
    return `${seeds} for ±${differenceText(series, half).replace("+", "")}`;
}

/**
 * @param {SummaryDifference[]} differences
 * @param {string} series
 */
export function differencesTable(differences, series) {
    const unit = series.includes("/acc@") ? " (percentage points)" : "";
    const reach = Math.max(1e-12, ...differences.flatMap(({ mean, interval }) => [mean ?? 0, ...(interval ?? [])]).map(Math.abs));
    const row = (/** @type {SummaryDifference} */ one) => {
        const text = (/** @type {number|null} */ value) => differenceText(series, value);
        return h("tr", {}, h("th", { scope: "row" }, `${armLabel(one.b)} − ${armLabel(one.a)}`),
            h("td", { class: "num strong" }, text(one.mean)),
            h("td", { class: "num" }, one.interval === null ? "needs two seeds" : `${text(one.interval[0])} to ${text(one.interval[1])}`),
            h("td", {}, intervalPicture(one, reach)),
            h("td", { class: "num" }, chanceText(one.p_value)),
            h("td", { class: "num" }, seedsText(one.seeds_needed, series)),
            h("td", { class: "num" }, one.count),
            h("td", { class: "num" }, one.pairs.map((pair) => text(pair.difference)).join("  ") || "–"));
    };
    const level = Math.round(100 * (differences[0]?.confidence ?? 0.95));
    return h("div", { class: "scroll" }, h("table", { class: "summary" },
        h("caption", {}, `Differences of runs with the same seed${unit}`),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Arms"), h("th", { scope: "col", class: "num" }, "Mean"),
            h("th", { scope: "col", class: "num" }, `${level} % interval`), h("td"),
            h("th", { scope: "col", class: "num", title: "Of the sign-flip test, two-sided: how often chance alone gives as large a sum of differences" }, "p"),
            h("th", { scope: "col", class: "num", title: `For a ${level} % interval of this half-width, if the deviation stays as it is` }, "Seeds needed"),
            h("th", { scope: "col", class: "num" }, "Pairs"),
            h("th", { scope: "col", class: "num" }, "Each seed"))),
        h("tbody", {}, ...differences.map(row))));
}
