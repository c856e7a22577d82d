// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { ago, bytes, duration, fromWire, grouped, number, percent, plainText, tick } from "../../../web/js/format.js";
import { run, test } from "../tap.mjs";

test("values that JSON has no number for come back", () => {
    assert.deepEqual(["NaN", "Infinity", "-Infinity", 0.5, null, undefined].map(fromWire),
        [NaN, Infinity, -Infinity, 0.5, NaN, NaN]);
});

test("numbers have four digits that matter", () => {
    assert.equal(number(0.305123), "0.3051");
    assert.equal(number(-12.3456), "−12.35");
    assert.equal(number(0), "0.000");
    assert.equal(number(0.0000123), "1.23e−5");
    assert.equal(number(12345.6), "12,346");
    assert.equal(number(null), "–");
    assert.equal(number(NaN), "NaN");
    assert.equal(number(-Infinity), "−∞");
});

test("percentages and counts", () => {
    assert.equal(percent(0.86125), "86.13 %");
    assert.equal(percent(null), "–");
    assert.equal(percent(NaN), "NaN");
    assert.equal(grouped(306250), "306,250");
    assert.equal(grouped(undefined), "–");
});

test("durations from seconds to days", () => {
    assert.equal(duration(33.2), "33 s");
    assert.equal(duration(59.6), "1 min 00 s");
    assert.equal(duration(252), "4 min 12 s");
    assert.equal(duration(7500), "2 h 05 min");
    assert.equal(duration(3 * 86400 + 4 * 3600 + 59), "3 d 4 h");
    assert.equal(duration(null), "–");
    assert.equal(duration(-1), "–");
});

test("how long ago", () => {
    const now = Date.parse("2026-03-01T12:00:00Z");
    assert.equal(ago("2026-03-01T11:59:50.000Z", now), "just now");
    assert.equal(ago("2026-03-01T11:56:00.000Z", now), "4 min ago");
    assert.equal(ago("2026-03-01T02:00:00.000Z", now), "10 h ago");
    assert.equal(ago("2026-02-01T12:00:00.000Z", now), "2026-02-01");
    assert.equal(ago(null, now), "–");
    assert.equal(ago("nonsense", now), "–");
});

test("sizes in bytes", () => {
    assert.equal(bytes(512), "512 B");
    assert.equal(bytes(52428800), "50.0 MiB");
    assert.equal(bytes(1023.9 * 1024), "1024 KiB");
    assert.equal(bytes(null), "–");
});

test("ticks are short", () => {
    assert.deepEqual([0, 0.05, 0.30000000000000004, 1400, 12500, 3e-4, -2].map(tick),
        ["0", "0.05", "0.3", "1400", "12.5k", "3e−4", "−2"]);
});

test("a log loses what a terminal would obey, and nothing else", () => {
    assert.equal(plainText("\u001b[31mred\u001b[0m text\r\n\tindent \u001b]0;title\u0007end\u0000"), "red text\n\tindent end");
});

await run();
