// SPDX-License-Identifier: Apache-2.0
// Colours, hostile names, accessibility, and a server that goes and comes back.
import assert from "node:assert/strict";
import { FakeServer } from "../server.mjs";
import { run, test } from "../tap.mjs";
import { addPair, assertClean, axeFaults, chart, openBrowser, openPage, pixelsOf, values, waitForValue, WEB } from "./stage.mjs";

const browser = await openBrowser();
const server = new FakeServer(WEB);
const address = await server.start();
const HOSTILE = "<img src=x onerror=\"alert(1)\"><script>alert(2)</script>";

async function open(path, prepare = () => {}, options = {}) {
    server.clear();
    addPair(server);
    prepare();
    return openPage(browser, address + path, options);
}

const background = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);

test("dark where the system is dark, and as chosen from then on", async () => {
    const page = await open("/#/jobs/1", undefined, { colorScheme: "dark" });
    await waitForValue(page, "Gradient norm", "global", "1.500");
    const dark = await background(page);
    assert.equal(dark, "rgb(15, 20, 25)");
    const drawn = await pixelsOf(page, "Gradient norm", "linear-0");
    assert.ok(drawn > 100, `${drawn} pixels in the dark palette`);
    const button = page.getByRole("button", { name: /^Colours/ });
    await button.click();
    assert.equal(await button.innerText(), "Light");
    assert.equal(await background(page), "rgb(245, 246, 248)");
    await page.waitForFunction(() => document.querySelector("figure.chart canvas") !== null);
    await page.reload();
    await waitForValue(page, "Gradient norm", "global", "1.500");
    assert.equal(await background(page), "rgb(245, 246, 248)");
    assert.ok(await pixelsOf(page, "Gradient norm", "linear-0") > 100, "the charts are drawn in the light palette");
    assertClean(page);
    await page.context().close();
});

test("charts change their colours with the system's", async () => {
    const page = await open("/#/jobs/1");
    await waitForValue(page, "Gradient norm", "global", "1.500");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForFunction(() => getComputedStyle(document.documentElement).backgroundColor === "rgb(15, 20, 25)");
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.ok(await pixelsOf(page, "Gradient norm", "linear-0") > 100);
    assertClean(page);
    await page.context().close();
});

test("names are text wherever they are shown", async () => {
    const page = await open("/", () => {
        const job = server.jobs.get(1);
        Object.assign(job, { name: HOSTILE, reason: HOSTILE, state: "failed", model: HOSTILE, labels: { [HOSTILE]: HOSTILE } });
        job.variant = { "residual.connection": HOSTILE, [HOSTILE]: HOSTILE, "train.seed": 0 };
        job.spec = { name: HOSTILE, notes: HOSTILE };
        server.addPoints(1, 500, { [`activation/${HOSTILE}`]: 1 });
        server.experiments.get(1).name = HOSTILE;
        server.logs.set(1, HOSTILE);
        job.started_at = "2026-03-01T12:00:00.000Z";
    });
    await page.locator("td.name a", { hasText: HOSTILE }).waitFor();
    await page.locator(".experiment-head a", { hasText: HOSTILE }).waitFor();
    await page.locator("td.name a", { hasText: HOSTILE }).click();
    await page.locator("h1", { hasText: HOSTILE }).waitFor();
    await page.locator("pre.log", { hasText: HOSTILE }).waitFor();
    await page.getByText("Compare the experiment").click();
    await page.locator("h1", { hasText: HOSTILE }).waitFor();
    await page.locator("figure.chart .legend .label", { hasText: HOSTILE }).first().waitFor();
    await page.goto(`${address}/#/compare?jobs=1,2&series=${encodeURIComponent(HOSTILE)}`);
    await page.locator("figure.chart h3", { hasText: HOSTILE }).waitFor();
    assert.equal(await page.locator("img, main script").count(), 0);
    assertClean(page);
    await page.context().close();
});

test("a server that stops is told, and one that comes back is used", async () => {
    const page = await open("/#/jobs/1");
    await waitForValue(page, "Samples per second", "training", "2,500");
    page.account.offline = true;
    await server.stop();
    await page.locator("#banner").waitFor();
    assert.match(await page.locator("#banner").innerText(), /does not answer/);
    // The daemon was away, the worker was not.
    server.addPoints(1, 550, values(550, 0));
    await server.start();
    server.measure(1, 600, values(600, 0));
    await page.locator("#banner").waitFor({ state: "hidden" });
    await waitForValue(page, "Samples per second", "training", "2,600");
    const area = chart(page, "Samples per second").locator(".chart-area");
    await area.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    await chart(page, "Samples per second").locator(".chart-at", { hasText: "step 550" }).waitFor();
    assertClean(page);
    await page.context().close();
});

test("when events are gone, the state is fetched anew", async () => {
    const page = await open("/#/");
    await page.locator("td.name").first().waitFor();
    page.account.offline = true;
    server.setState(2, "running");
    await page.locator("#live[data-state=live]").waitFor();
    await server.stop();
    await page.locator("#banner").waitFor();
    server.setState(1, "failed", "lost");
    server.jobs.delete(3);
    server.experiments.clear();
    server.forgetEvents();
    await server.start();
    await page.locator("tr", { hasText: "pair/linear/0" }).getByText("failed").waitFor();
    await page.locator("tr", { hasText: "pair/linear/1" }).waitFor({ state: "detached" });
    assertClean(page);
    await page.context().close();
});

test("a stream that opens late leaves no hole", async () => {
    let release;
    server.gate = new Promise((resolve) => {
        release = resolve;
    });
    const page = await open("/#/jobs/1");
    await waitForValue(page, "Samples per second", "training", "2,500");
    assert.equal(await page.locator("#live").innerText(), "connecting");
    server.measure(1, 550, values(550, 0));
    release();
    await waitForValue(page, "Samples per second", "training", "2,550");
    assertClean(page);
    await page.context().close();
});

test("a page that is opened while the server is away fills when it comes", async () => {
    const page = await open("/#/");
    await page.locator("td.name").first().waitFor();
    page.account.offline = true;
    await server.stop();
    await page.locator("#banner").waitFor();
    await page.locator("td.name a", { hasText: "pair/orthogonal/0" }).click();
    await page.getByText("could not be loaded").waitFor();
    await server.start();
    await waitForValue(page, "Samples per second", "training", "2,500");
    assert.equal(await page.getByText("could not be loaded").isVisible(), false);
    assertClean(page);
    await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing serious, ${colorScheme}`, async () => {
        for (const path of ["/#/", "/#/jobs/1", "/#/compare?experiment=1", "/#/nowhere"]) {
            const page = await open(path, () => server.addJob({ state: "failed" }), { colorScheme, bypassCSP: true });
            await page.locator("h1").first().waitFor({ state: "attached" });
            await page.locator(".page a").first().waitFor();
            assert.deepEqual(await axeFaults(page), [], path);
            await page.context().close();
        }
    });
}

test("the question before cancelling is accessible too", async () => {
    const page = await open("/#/", undefined, { bypassCSP: true });
    await page.getByLabel("Cancel job 1").click();
    await page.locator("dialog").waitFor();
    assert.deepEqual(await axeFaults(page), []);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.equal(server.jobs.get(1).state, "running");
    await page.context().close();
});

await run(async () => {
    await browser.close();
    await server.stop();
});
