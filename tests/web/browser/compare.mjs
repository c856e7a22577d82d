// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { FakeServer } from "../server.mjs";
import { run, test } from "../tap.mjs";
import { addPair, assertClean, chart, legend, openBrowser, openPage, pixelsOf, values, waitForValue, WEB } from "./stage.mjs";

const browser = await openBrowser();
const server = new FakeServer(WEB);
const address = await server.start();

async function open(query, prepare = () => {}) {
    server.clear();
    server.differences = [];
    addPair(server);
    prepare();
    return openPage(browser, `${address}/#/compare?${query}`);
}

test("two jobs lie over each other, coloured by their connection", async () => {
    const page = await open("jobs=1,2");
    await waitForValue(page, "Training loss", "#1 linear, seed 0", "0.5714");
    await waitForValue(page, "Training loss", "#2 orthogonal, seed 0", "0.6714");
    assert.deepEqual(await page.locator("figure.chart h3").allInnerTexts(),
        ["Training loss", "Validation accuracy", "Validation loss", "Stream norm ‖x‖², mean over all connections"]);
    for (const token of ["linear-0", "orthogonal-0"]) {
        assert.ok(await pixelsOf(page, "Training loss", token) > 100, token);
    }
    assert.ok(await pixelsOf(page, "Training loss", "other-0") < 5);
    assertClean(page);
    await page.context().close();
});

test("curves grow while one looks", async () => {
    const page = await open("jobs=1,2");
    await waitForValue(page, "Training loss", "#2 orthogonal", "0.6714");
    server.measure(2, 550, { ...values(550, 1), "train/loss": 0.0777, "val/acc@1": 0.9123 });
    await waitForValue(page, "Training loss", "#2 orthogonal", "0.07770", 1000);
    await page.locator("table.runs tr", { hasText: "pair/orthogonal/0" }).getByText("91.23 %").first().waitFor();
    assertClean(page);
    await page.context().close();
});

test("an experiment shows each arm's mean, its deviation and its count", async () => {
    const page = await open("experiment=1");
    // Runs 0.5714 and 0.7714 of linear at step 500: mean 0.6714, deviation 0.1414.
    await waitForValue(page, "Training loss", "linear", "0.6714");
    const row = chart(page, "Training loss").locator(".legend li").first();
    assert.match((await row.innerText()).replace(/\s+/g, " "), /linear 0\.6714 ± 0\.14, n = 2/);
    const accuracy = await chart(page, "Validation accuracy").locator(".legend li").first().innerText();
    assert.match(accuracy.replace(/\s+/g, " "), /linear 81\.00 % ± 1\.41, n = 2/);
    await page.getByRole("button", { name: "Each run" }).click();
    await waitForValue(page, "Training loss", "#3 linear, seed 1", "0.7714");
    assert.equal((await legend(page, "Training loss")).length, 4);
    assert.match(page.url(), /view=runs/);
    assertClean(page);
    await page.context().close();
});

test("where seeds are unequally long, the count says so", async () => {
    const page = await open("experiment=1");
    await waitForValue(page, "Training loss", "linear", "0.6714");
    server.measure(1, 550, { "train/loss": 0.5 });
    await waitForValue(page, "Training loss", "linear", "0.5000");
    assert.match(await chart(page, "Training loss").locator(".legend li").first().innerText(), /n = 1/);
    assertClean(page);
    await page.context().close();
});

test("the table has the server's means and differences", async () => {
    const page = await open("experiment=1", () => {
        server.differences = [{ a: { "residual.connection": "linear" }, b: { "residual.connection": "orthogonal" }, count: 2, mean: 0.01, std: 0.001,
            confidence: 0.95, interval: [-0.002, 0.022], p_value: 0.5, seeds_needed: { half_width: 0.005, count: 7, more: 5 },
            pairs: [{ seed: 0, a: 0.8, b: 0.81, difference: 0.01 }, { seed: 1, a: 0.82, b: 0.83, difference: 0.01 }] }];
    });
    await page.getByText("Differences of runs with the same seed").waitFor();
    const tables = (await page.locator(".tables tbody tr").allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
    assert.match(tables[0], /linear 81\.00 ± 1\.41 % 2 of 2 80\.00 % 82\.00 % 82\.00 % \(#3\)/);
    assert.match(tables[1], /orthogonal 82\.00 ± 1\.41 %/);
    assert.match(tables[2], /orthogonal − linear \+1\.00 −0\.20 to \+2\.20 0\.500 7 \(5 more\) for ±0\.50 2 \+1\.00 \+1\.00/);
    await page.getByLabel("Series of the table").selectOption("val/loss");
    await page.getByText("Validation loss, last point of each run").waitFor();
    assert.match(page.url(), /summary=val\/loss/);
    assertClean(page);
    await page.context().close();
});

test("picked jobs have a table without a server's help", async () => {
    const page = await open("jobs=1,2,3");
    await page.locator(".tables tbody tr").first().getByText("81.00 ± 1.41 %").waitFor();
    assert.match(await page.locator(".tables tbody tr").nth(1).innerText(), /81\.00 %\s+1 of 1/);
    assertClean(page);
    await page.context().close();
});

test("charts and jobs are added and taken away, all in the address", async () => {
    const page = await open("jobs=1,2");
    await waitForValue(page, "Training loss", "#1", "0.5714");
    await page.getByLabel("Remove the chart: Validation loss").click();
    await page.getByLabel("Add a chart").selectOption("train/grad/global_norm");
    await waitForValue(page, "Gradient norm", "#1", "1.500");
    await page.getByLabel("Add a job").selectOption("4");
    await waitForValue(page, "Gradient norm", "#4", "1.500");
    await page.getByLabel("Take job 2 out of the comparison").click();
    await page.getByLabel("Show job 1").uncheck();
    await chart(page, "Gradient norm").locator(".legend li", { hasText: "#1" }).waitFor({ state: "detached" });
    await chart(page, "Gradient norm").getByRole("button", { name: "log axis" }).click();
    const url = page.url();
    await page.reload();
    await waitForValue(page, "Gradient norm", "#4", "1.500");
    assert.equal(page.url(), url);
    assert.deepEqual((await legend(page, "Gradient norm")).map(([label]) => label), ["#4 orthogonal, seed 1"]);
    assert.deepEqual(await page.locator("figure.chart h3").allInnerTexts(),
        ["Training loss", "Validation accuracy", "Stream norm ‖x‖², mean over all connections", "Gradient norm"]);
    assert.equal(await chart(page, "Gradient norm").getByRole("button", { name: "log axis" }).getAttribute("aria-pressed"), "true");
    assertClean(page);
    await page.context().close();
});

test("of very many jobs the first are shown, and that is said", async () => {
    const ids = Array.from({ length: 70 }, (_, i) => i + 1);
    const page = await open(`jobs=${ids.join(",")}`, () => ids.slice(4).forEach(() => server.addJob()));
    await page.getByText("The first 64 of 70 jobs are shown.").waitFor();
    assert.equal(await page.locator("table.runs tbody tr").count(), 64);
    assertClean(page);
    await page.context().close();
});

test("an address that names what is not there shows nothing of the one before", async () => {
    const page = await open("experiment=1");
    await waitForValue(page, "Training loss", "linear", "0.6714");
    await page.evaluate(() => { location.hash = "#/compare?experiment=77"; });
    await page.getByText("This could not be loaded").waitFor();
    await page.getByRole("heading", { name: "Compare", exact: true }).waitFor();
    await chart(page, "Training loss").getByText("No points yet").waitFor();
    assert.equal(await page.locator("table.runs tbody tr").count(), 0);
    assert.equal(await page.locator(".tables tbody tr").count(), 0);
    await page.evaluate(() => { location.hash = "#/compare?jobs=3,999"; });
    await waitForValue(page, "Training loss", "#3 linear, seed 1", "0.7714");
    await page.getByText("This could not be loaded").waitFor();
    assert.deepEqual(await page.locator("table.runs tbody tr").count(), 1);
    await page.context().close();
});

test("without jobs the page says what to do", async () => {
    const page = await open("");
    await page.getByText("Pick jobs here or in the list").waitFor();
    await page.getByLabel("Add a job").selectOption("1");
    await page.getByLabel("Add a job").selectOption("2");
    await waitForValue(page, "Training loss", "#2", "0.6714");
    assertClean(page);
    await page.context().close();
});

await run(async () => {
    await browser.close();
    await server.stop();
});
