// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { fade, hue, mix, styleJobs } from "../../../web/js/palette.js";
import { run, test } from "../tap.mjs";

test("connections have hues", () => {
    assert.deepEqual(["linear", "orthogonal", "new", "constructor"].map(hue), ["linear", "orthogonal", "other", "other"]);
});

test("the seeds of one arm differ in shade and dash, never in hue", () => {
    const styles = styleJobs([1, 2, 3, 4].map((id) => ({ id, connection: id % 2 ? "linear" : "orthogonal", arm: id % 2 ? "l" : "o" })));
    assert.deepEqual(styles.get(1), { token: "linear-0", dash: [] });
    assert.equal(styles.get(3).token, "linear-1");
    assert.notDeepEqual(styles.get(3).dash, []);
    assert.equal(styles.get(2).token, "orthogonal-0");
    assert.equal(styles.get(4).token, "orthogonal-1");
});

test("the arms of one connection differ in shade, their seeds in dash", () => {
    const styles = styleJobs([["a", 1], ["a", 2], ["b", 3], ["b", 4]].map(([arm, id]) => ({ id, arm, connection: "linear" })));
    assert.deepEqual([1, 2, 3, 4].map((id) => styles.get(id).token), ["linear-0", "linear-0", "linear-1", "linear-1"]);
    assert.deepEqual(styles.get(1).dash, styles.get(3).dash);
    assert.notDeepEqual(styles.get(1).dash, styles.get(2).dash);
});

test("colours mix and fade", () => {
    assert.equal(mix("#000000", "#ff8040", 0.5), "#804020");
    assert.equal(mix("#102030", "#ffffff", 0), "#102030");
    assert.equal(fade("#102030", 0.5), "#10203080");
});

await run();
