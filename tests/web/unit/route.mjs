// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { COMPARE_SERIES, formatCompare, formatHash, parseCompare, parseHash, parseIds, parseRange } from "../../../web/js/route.js";
import { run, test } from "../tap.mjs";

const compare = (hash) => parseCompare(parseHash(hash).params);

test("addresses name pages", () => {
    assert.deepEqual(["", "#", "#/", "#/jobs", "#/compare?jobs=1", "#/jobs/12", "#/jobs/0", "#/jobs/1x", "#/else", "#/__proto__"]
        .map((hash) => parseHash(hash).page), ["jobs", "jobs", "jobs", "jobs", "compare", "job", "unknown", "unknown", "unknown", "unknown"]);
    assert.equal(parseHash("#/jobs/12?stat=rho_par").id, 12);
    assert.equal(parseHash("#/jobs/12?stat=rho_par").params.get("stat"), "rho_par");
});

test("addresses stay readable and survive any text", () => {
    assert.equal(formatHash("/compare", { jobs: "1,2", series: "val/acc@1", none: "" }), "#/compare?jobs=1,2&series=val/acc@1");
    const text = "a b&c=d#e?f%+ü,/@";
    assert.equal(parseHash(formatHash("/", { q: text })).params.get("q"), text);
});

test("ids are positive whole numbers, each once", () => {
    assert.deepEqual(parseIds("3,1,3,0,-2,x,1e3,,2.5,99999999999999999999"), [3, 1]);
    assert.deepEqual(parseIds(null), []);
});

test("a range needs two ends in their order", () => {
    const range = (text) => parseRange(new URLSearchParams(text));
    assert.deepEqual(range("from=100&to=500"), { from: 100, to: 500 });
    assert.equal(range("from=500&to=100"), null);
    assert.equal(range("from=5"), null);
    assert.equal(range("from=&to=5"), null);
    assert.equal(range("from=a&to=5"), null);
});

test("the whole state of a comparison goes through its address", () => {
    const state = { jobs: [4, 2], experiment: null, series: ["val/loss", "activation/attn/block03/rho_par"], log: ["val/loss"],
        view: "runs", hide: [2], summary: "val/loss", range: { from: 100, to: 900 } };
    assert.deepEqual(compare(formatCompare(state)), state);
});

test("what is usual is left out of the address", () => {
    assert.equal(formatCompare(compare("#/compare?jobs=1,2")), "#/compare?jobs=1,2");
    assert.equal(formatCompare(compare("#/compare?experiment=3")), "#/compare?experiment=3");
    assert.deepEqual(compare("#/compare?jobs=1").series, COMPARE_SERIES);
});

test("no charts at all is a state too", () => {
    const state = { ...compare("#/compare?jobs=1,2"), series: [] };
    assert.deepEqual(compare(formatCompare(state)), state);
});

await run();
