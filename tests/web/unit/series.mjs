// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { armLabel, blockSeries, blockSites, lowerIsBetter, matches, parseActivation, seriesSpread, seriesTitle, seriesValue,
    sortSeries } from "../../../web/js/series.js";
import { run, test } from "../tap.mjs";

const NAMES = ["activation/mlp/block10/x_norm2", "activation/attn/block02/x_norm2", "activation/attn/block10/x_norm2",
    "activation/attn/block00/rho_par", "activation/attn/mean/x_norm2", "activation/all/mean/x_norm2", "val/acc@1", "train/loss"];

test("a statistic's name has its parts", () => {
    assert.deepEqual(parseActivation("activation/attn/block03/rho_par"), { site: "attn", block: 3, statistic: "rho_par" });
    assert.deepEqual(parseActivation("activation/all/mean/x_norm2"), { site: "all", block: null, statistic: "x_norm2" });
    assert.equal(parseActivation("train/loss"), null);
    assert.equal(parseActivation("activation/attn/block03"), null);
});

test("blocks come in the order of their numbers", () => {
    assert.deepEqual(blockSeries(NAMES, "attn", "x_norm2"), [
        { name: "activation/attn/block02/x_norm2", block: 2 }, { name: "activation/attn/block10/x_norm2", block: 10 }]);
    assert.deepEqual(blockSeries(NAMES, "conv", "x_norm2"), []);
});

test("only sites with blocks are offered", () => {
    assert.deepEqual(blockSites(NAMES), ["attn", "mlp"]);
    assert.deepEqual(blockSites(["activation/all/mean/x_norm2"]), []);
});

test("series have titles and units; unknown ones keep their name", () => {
    assert.equal(seriesTitle("val/acc@1"), "Validation accuracy");
    assert.equal(seriesTitle("activation/all/mean/x_norm2"), "Stream norm ‖x‖², mean over all connections");
    assert.equal(seriesTitle("activation/mlp/block03/rho_par"), "Parallel share ‖f∥‖² / ‖x‖², MLP of block 3");
    assert.equal(seriesTitle("constructor"), "constructor");
    assert.equal(seriesValue("val/acc@1", 0.8612), "86.12 %");
    assert.equal(seriesValue("train/loss", 0.8612), "0.8612");
    assert.equal(seriesSpread("val/acc@1", 0.0021), "0.21");
    assert.equal(seriesSpread("train/loss", 0.0214), "0.021");
    assert.equal(lowerIsBetter("val/loss"), true);
    assert.equal(lowerIsBetter("val/acc@5"), false);
});

test("menus list curves first, then means, then blocks", () => {
    assert.deepEqual(sortSeries([...NAMES, "train/loss"]).slice(0, 4),
        ["train/loss", "val/acc@1", "activation/all/mean/x_norm2", "activation/attn/mean/x_norm2"]);
});

test("a pattern's star is any text and nothing else is special", () => {
    assert.equal(matches("train/*", "train/grad/global_norm"), true);
    assert.equal(matches("activation/*/block*/x_norm2", "activation/attn/block03/x_norm2"), true);
    assert.equal(matches("activation/*/block*/x_norm2", "activation/attn/mean/x_norm2"), false);
    assert.equal(matches("val/acc@1", "val/acc@11"), false);
    assert.equal(matches("val.acc", "val/acc"), false);
    assert.equal(matches("a(b", "a(b"), true);
});

test("an arm is its variant without the seed", () => {
    assert.equal(armLabel({ "residual.connection": "linear", "train.seed": 2 }), "linear");
    assert.equal(armLabel({ "residual.connection": "orthogonal", "train.optimizer.lr": 0.001 }), "orthogonal, lr 0.001");
    assert.equal(armLabel(null), "");
});

await run();
