// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { chanceText, seedsText } from "../../../web/js/summary.js";
import { run, test } from "../tap.mjs";

test("a chance is never shown as none", () => {
    assert.deepEqual([1, 0.5, 0.03125, 0.001, 0.0009, 1 / 65537, null].map(chanceText),
        ["1.000", "0.500", "0.031", "0.001", "< 0.001", "< 0.001", "–"]);
});

test("seeds needed are told with what they are for, in the unit of the series", () => {
    assert.equal(seedsText({ half_width: 0.0025, count: 11, more: 9 }, "val/acc@1"), "11 (9 more) for ±0.25");
    assert.equal(seedsText({ half_width: 0.0025, count: 2, more: 0 }, "val/loss"), "2 for ±0.00250");
    assert.equal(seedsText({ half_width: 0.01, count: null, more: null }, "val/acc@1"), "more than 100,000 for ±1.00");
    assert.equal(seedsText(null, "val/acc@1"), "–");
});

await run();
