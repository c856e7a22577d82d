// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them. Pure.

const NONE = "–";
const MINUS = "\u2212";

/**
 * What the wire says as a number; NaN where there is none.
 * @param {import("./types.js").Wire|undefined} wire
 * @returns {number}
 */
export function fromWire(wire) {
    return wire === null || wire === undefined || wire === "" ? NaN : Number(wire);
}

/** @param {string} text */
const withMinus = (text) => text.replace("-", MINUS);

/**
 * Four digits that matter: 0.3051, 12.35, 1.23e-5.
 * @param {number|null|undefined} value
 * @param {number} [digits]
 */
export function number(value, digits = 4) {
    if (value === null || value === undefined) {
        return NONE;
    }
    if (!Number.isFinite(value)) {
        return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : `${MINUS}∞`;
    }
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
        return withMinus(value.toExponential(digits - 2));
    }
    return withMinus(size >= 1000 ? grouped(value) : value.toPrecision(digits));
}

/**
 * 12,345
 * @param {number|null|undefined} value
 */
export function grouped(value) {
    return value === null || value === undefined || !Number.isFinite(value)
        ? NONE : withMinus(Math.round(value).toLocaleString("en-US"));
}

/**
 * 86.12 %
 * @param {number|null|undefined} value a fraction
 * @param {number} [decimals]
 */
export function percent(value, decimals = 2) {
    if (value === null || value === undefined || !Number.isFinite(value)) {
        return number(value);
    }
    return `${withMinus((100 * value).toFixed(decimals))} %`;
}

/**
 * 33 s, 4 min 12 s, 2 h 05 min, 3 d 4 h
 * @param {number|null|undefined} seconds
 */
export function duration(seconds) {
    if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) {
        return NONE;
    }
    const total = Math.round(seconds);
    const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
    if (total < 60) {
        return `${total} s`;
    }
    if (total < 3600) {
        return `${Math.floor(total / 60)} min ${two(total % 60)} s`;
    }
    const minutes = Math.floor(total / 60);
    return minutes < 1440
        ? `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
        : `${Math.floor(minutes / 1440)} d ${Math.floor(minutes / 60) % 24} h`;
}

/**
 * "just now", "4 min ago", or the date.
 * @param {string|null} time RFC 3339
 * @param {number} now_ms
 */
export function ago(time, now_ms) {
    const then_ms = time === null ? NaN : Date.parse(time);
    if (Number.isNaN(then_ms)) {
        return NONE;
    }
    const seconds = (now_ms - then_ms) / 1000;
    if (seconds < 45) {
        return "just now";
    }
    if (seconds < 3600) {
        return `${Math.max(1, Math.round(seconds / 60))} min ago`;
    }
    if (seconds < 86400) {
        return `${Math.round(seconds / 3600)} h ago`;
    }
    return new Date(then_ms).toISOString().slice(0, 10);
}

/**
 * 50.0 MiB
 * @param {number|null|undefined} count
 */
export function bytes(count) {
    if (count === null || count === undefined || !Number.isFinite(count)) {
        return NONE;
    }
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = 0;
    let value = count;
    while (value >= 1024 && power < units.length - 1) {
        value /= 1024;
        power++;
    }
    return `${power === 0 ? value : value.toPrecision(value < 1000 ? 3 : 4)} ${units[power]}`;
}

/**
 * A short tick on an axis: 1.2k, 0.05, 3e-4.
 * @param {number} value
 */
export function tick(value) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
        return withMinus(value.toExponential().replace("e+", "e"));
    }
    return withMinus(size >= 1e4 ? `${Number((value / 1000).toPrecision(6))}k`
        : String(Number(value.toPrecision(6))));
}

/**
 * Removes what a terminal would read as commands, and control characters that are no text.
 * @param {string} text
 */
export function plainText(text) {
    // eslint-disable-next-line no-control-regex
    return text.replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g, "")
        // eslint-disable-next-line no-control-regex
        .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}
