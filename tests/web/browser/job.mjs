// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { FakeServer } from "../server.mjs";
import { run, test } from "../tap.mjs";
import { addPair, assertClean, chart, legend, openBrowser, openPage, pixelsOf, values, waitForValue, WEB } from "./stage.mjs";

const browser = await openBrowser();
const server = new FakeServer(WEB);
const address = await server.start();

/** The page of job 1 of a pair. */
async function open(query = "", prepare = () => {}) {
    server.clear();
    addPair(server);
    prepare();
    const page = await openPage(browser, `${address}/#/jobs/1${query}`);
    await page.locator("h1", { hasText: "pair/linear/0" }).waitFor();
    return page;
}

test("the head says what the job is and how far", async () => {
    const page = await open("", () => server.progress(1, 500, { epoch: 1, eta_s: 61, samples_per_sec: 2411.4 }));
    await page.locator(".facts dd").first().waitFor();
    const text = (await page.locator(".job-head").innerText()).replace(/\s+/g, " ");
    ["running", "linear", "vit 64/6/4", "35 %", "500 of 1,404", "1 min 01 s", "2,411", "306,250", "50.0 MiB", "80.00 %"]
        .forEach((part) => assert.ok(text.includes(part), `${part} in ${text}`));
    assert.equal(await page.title(), "35 % pair/linear/0 · orthod");
    server.setState(1, "failed", "the disk is full");
    await page.getByText("the disk is full").waitFor();
    assertClean(page);
    await page.context().close();
});

test("a point is drawn within a second of its event", async () => {
    const page = await open();
    await waitForValue(page, "Loss", "train", "0.5714");
    const before = await chart(page, "Loss").locator("canvas").evaluate((canvas) => canvas.toDataURL());
    server.measure(1, 550, { ...values(550, 0), "train/loss": 0.1234 });
    await waitForValue(page, "Loss", "train", "0.1234", 1000);
    assert.notEqual(await chart(page, "Loss").locator("canvas").evaluate((canvas) => canvas.toDataURL()), before);
    assert.deepEqual(server.requests.filter((line) => line.includes("/metrics")).length, 2, "the curve was fetched once");
    assertClean(page);
    await page.context().close();
});

test("the first point of all appears too", async () => {
    const page = await open("", () => server.jobs.get(1).points.clear());
    await chart(page, "Loss").getByText("No points yet").waitFor();
    server.measure(1, 50, values(50, 0));
    await waitForValue(page, "Loss", "train", "1.600");
    await waitForValue(page, "Residual stream", "block 5", "111.0");
    assert.equal(await chart(page, "Loss").getByText("No points yet").isVisible(), false);
    assertClean(page);
    await page.context().close();
});

test("a reload in the middle shows the whole curve, without hole or double", async () => {
    const page = await open();
    await waitForValue(page, "Loss", "train", "0.5714");
    for (let step = 550; step <= 700; step += 50) {
        server.measure(1, step, values(step, 0));
    }
    await waitForValue(page, "Gradient norm", "global", "1.500");
    await page.reload();
    for (let step = 750; step <= 1000; step += 50) {
        server.measure(1, step, values(step, 0));
    }
    await waitForValue(page, "Samples per second", "training", "3,000");
    const area = chart(page, "Samples per second").locator(".chart-area");
    await area.focus();
    const seen = [];
    await page.keyboard.press("Home");
    for (let i = 0; i < 20; i++) {
        const step = `step ${(50 * (i + 1)).toLocaleString("en-US")}`;
        await chart(page, "Samples per second").locator(".chart-at", { hasText: step }).waitFor();
        seen.push((await legend(page, "Samples per second"))[0][1]);
        await page.keyboard.press("ArrowRight");
    }
    assert.deepEqual(seen, Array.from({ length: 20 }, (_, i) => (2000 + 50 * (i + 1)).toLocaleString("en-US")));
    assertClean(page);
    await page.context().close();
});

test("the crosshair shows the same step in all charts", async () => {
    const page = await open();
    await waitForValue(page, "Loss", "train", "0.5714");
    const box = await chart(page, "Gradient norm").locator(".u-over").boundingBox();
    // Half of 500 steps.
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    for (const title of ["Gradient norm", "Learning rate", "Residual stream"]) {
        await chart(page, title).locator(".chart-at", { hasText: "step 250" }).waitFor();
    }
    await waitForValue(page, "Residual stream", "block 0", "65.00");
    assertClean(page);
    await page.context().close();
});

test("dragging zooms all charts, a double click goes back, the address keeps it", async () => {
    const page = await open();
    await waitForValue(page, "Loss", "train", "0.5714");
    const over = chart(page, "Loss").locator(".u-over");
    const box = await over.boundingBox();
    await page.mouse.move(box.x + box.width * 0.2, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.65, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=(99|10\d)&to=32\d$/);
    await page.reload();
    await waitForValue(page, "Loss", "train", "0.5714");
    const area = chart(page, "Gradient norm").locator(".chart-area");
    const inView = async () => {
        const frame = await chart(page, "Gradient norm").locator(".u-over").boundingBox();
        await page.mouse.move(frame.x + frame.width - 2, frame.y + 20);
        return chart(page, "Gradient norm").locator(".chart-at").innerText();
    };
    assert.equal(await inView(), "step 300");
    await chart(page, "Loss").locator(".u-over").dblclick();
    await page.waitForURL(/#\/jobs\/1$/);
    await chart(page, "Loss").locator(".chart-at").waitFor();
    assert.equal(await inView(), "step 500");
    await area.focus();
    await page.keyboard.press("Escape");
    assertClean(page);
    await page.context().close();
});

test("the statistic and the place of the stream's chart can be chosen", async () => {
    const page = await open();
    await waitForValue(page, "Residual stream", "block 5", "120.0");
    assert.equal((await legend(page, "Residual stream")).length, 6);
    await page.getByLabel("Place").selectOption("mlp");
    await waitForValue(page, "Residual stream", "block 5", "125.0");
    await page.getByLabel("Statistic").selectOption("rho_par");
    await waitForValue(page, "Residual stream", "block 5", "0.06000");
    await page.waitForURL(/stat=rho_par&site=mlp/);
    await page.reload();
    await waitForValue(page, "Residual stream", "block 5", "0.06000");
    server.measure(1, 550, { "activation/mlp/block05/rho_par": 0.5 });
    await waitForValue(page, "Residual stream", "block 5", "0.5000");
    assertClean(page);
    await page.context().close();
});

test("a logarithmic axis, kept in the address", async () => {
    const page = await open();
    await waitForValue(page, "Loss", "train", "0.5714");
    const drawn = () => chart(page, "Loss").locator("canvas").evaluate((canvas) => canvas.toDataURL());
    const before = await drawn();
    await chart(page, "Loss").getByRole("button", { name: "log axis" }).click();
    await page.waitForURL(/log=loss/);
    await page.waitForFunction((old) => document.querySelector("figure.chart canvas").toDataURL() !== old, before);
    await page.reload();
    await waitForValue(page, "Loss", "train", "0.5714");
    assert.equal(await chart(page, "Loss").getByRole("button", { name: "log axis" }).getAttribute("aria-pressed"), "true");
    assertClean(page);
    await page.context().close();
});

test("values that are not finite leave a mark and are told by name", async () => {
    const page = await open();
    await waitForValue(page, "Gradient norm", "global", "1.500");
    server.measure(1, 550, { "train/grad/global_norm": NaN });
    await waitForValue(page, "Gradient norm", "global", "NaN");
    server.measure(1, 600, { "train/grad/global_norm": Infinity });
    await waitForValue(page, "Gradient norm", "global", "∞");
    const marked = await pixelsOf(page, "Gradient norm", "linear-0");
    server.measure(1, 650, { "train/grad/global_norm": 1.5 });
    await waitForValue(page, "Gradient norm", "global", "1.500");
    assert.ok(marked > 20);
    assertClean(page);
    await page.context().close();
});

test("a new attempt's curve takes the place of what it supersedes", async () => {
    const page = await open();
    await waitForValue(page, "Samples per second", "training", "2,500");
    server.setState(1, "paused");
    for (const curve of server.jobs.get(1).points.values()) {
        curve.splice(curve.findIndex(([step]) => step > 300));
    }
    server.jobs.get(1).attempt = 2;
    server.setState(1, "running");
    server.measure(1, 350, { ...values(350, 0), "train/samples_per_sec": 999 });
    await waitForValue(page, "Samples per second", "training", "999");
    const area = chart(page, "Samples per second").locator(".chart-area");
    await area.focus();
    await page.keyboard.press("End");
    await chart(page, "Samples per second").locator(".chart-at", { hasText: "step 350" }).waitFor();
    assertClean(page);
    await page.context().close();
});

test("the spec and the end of the log are there as text", async () => {
    const page = await open("", () => server.logs.set(1, "first line\n\u001b[31mloss is <b>0.5</b>\u001b[0m\n"));
    await page.locator("pre.log", { hasText: "loss is <b>0.5</b>" }).waitFor();
    server.logs.set(1, "first line\nsecond line\n");
    server.progress(1, 510);
    await page.locator("pre.log", { hasText: "second line" }).waitFor();
    await page.getByText("Spec", { exact: true }).click();
    const rows = await page.locator(".spec tr").allInnerTexts();
    assert.ok(rows.map((text) => text.replace(/\s+/g, " ")).includes("connection linear"), rows.join("|"));
    assertClean(page);
    await page.context().close();
});

test("a job that is not there is said to be not there", async () => {
    server.clear();
    const page = await openPage(browser, `${address}/#/jobs/77`);
    await page.getByText("This job could not be loaded: not-found: there is no /jobs/77.").waitFor();
    await page.context().close();
});

await run(async () => {
    await browser.close();
    await server.stop();
});
