// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { FakeServer } from "../server.mjs";
import { run, test } from "../tap.mjs";
import { addPair, assertClean, openBrowser, openPage, WEB } from "./stage.mjs";

const browser = await openBrowser();
const server = new FakeServer(WEB);
const address = await server.start();

/** A page with the list, of a server with these jobs. */
async function open(prepare, path = "/", options = {}) {
    server.clear();
    prepare();
    return openPage(browser, address + path, options);
}

const row = (page, id) => page.locator("table.jobs tbody tr").filter({ has: page.locator("td.id", { hasText: new RegExp(`^${id}$`) }) });

test("an empty server says what to type", async () => {
    const page = await open(() => {});
    await page.getByText("No jobs yet").waitFor();
    assert.match(await page.locator("code").first().innerText(),
        new RegExp(`^curl ${address}/api/v1/experiments -d @recipes/fashion-mnist-pair.json$`));
    server.addJob({ name: "first" });
    server.setState(1, "queued");
    await row(page, 1).waitFor();
    assert.equal(await page.getByText("No jobs yet").isVisible(), false);
    assertClean(page);
    await page.context().close();
});

test("the list has all facts of its jobs and follows events", async () => {
    const page = await open(() => {
        addPair(server);
        server.addJob({ name: "plain", connection: "orthogonal", created_at: "2020-01-02T03:04:05.000Z" });
    });
    await row(page, 5).waitFor();
    assert.deepEqual(await page.locator("table.jobs td.id").allInnerTexts(), ["5", "4", "3", "2", "1"]);
    const text = await row(page, 5).innerText();
    ["queued", "plain", "vit 64/6/4", "orthogonal", "0 %", "2020-01-02"].forEach((part) => assert.ok(text.includes(part), part));
    assert.match(await row(page, 1).innerText(), /80\.00 %/);
    server.setState(5, "running");
    server.progress(5, 702, { eta_s: 33.2 });
    server.measure(5, 702, { "train/loss": 0.4321, "val/acc@1": 0.8555 });
    await row(page, 5).getByText("0.4321").waitFor();
    const now = await row(page, 5).innerText();
    ["running", "50 %", "33 s", "85.55 %"].forEach((part) => assert.ok(now.includes(part), part));
    server.setState(5, "succeeded");
    await row(page, 5).getByText("succeeded").waitFor();
    assert.match(await row(page, 5).innerText(), /100 %/);
    assertClean(page);
    await page.context().close();
});

test("jobs that somebody else posts appear by themselves, at few requests", async () => {
    const page = await open(() => server.addJob());
    await row(page, 1).waitFor();
    const before = server.requests.length;
    for (let id = 2; id <= 31; id++) {
        server.addJob({ name: `posted ${id}` });
        server.setState(id, "queued");
    }
    await row(page, 31).getByText("posted 31").waitFor();
    assert.equal(await page.locator("table.jobs tbody tr").count(), 31);
    const lists = server.requests.slice(before).filter((line) => line.startsWith("GET /api/v1/jobs"));
    assert.ok(lists.length <= 3, `${lists.length} requests for 30 new jobs`);
    assertClean(page);
    await page.context().close();
});

test("experiments show their arms with mean and deviation", async () => {
    const page = await open(() => addPair(server));
    const arms = page.locator(".arms li");
    await arms.first().waitFor();
    // Values 0.80 and 0.82: mean 0.81, deviation 0.01414.
    assert.match((await arms.nth(0).innerText()).replace(/\s+/g, " "), /linear 81\.00 ± 1\.41 % 0 of 2 done/);
    assert.match((await arms.nth(1).innerText()).replace(/\s+/g, " "), /orthogonal 82\.00 ± 1\.41 % 0 of 2 done/);
    await page.locator(".experiment-head a").click();
    await page.locator("h1", { hasText: "pair" }).waitFor();
    assert.match(page.url(), /#\/compare\?experiment=1$/);
    assertClean(page);
    await page.context().close();
});

test("filters by state and by text, and the address keeps them", async () => {
    const page = await open(() => {
        server.addJob({ name: "alpha", labels: { paper: "table2" } });
        server.addJob({ name: "beta", state: "failed", reason: "out of memory" });
        server.addJob({ name: "gamma", state: "succeeded" });
    });
    await row(page, 3).waitFor();
    await page.getByRole("button", { name: /^Failed/ }).click();
    await row(page, 3).waitFor({ state: "detached" });
    assert.deepEqual(await page.locator("table.jobs td.id").allInnerTexts(), ["2"]);
    assert.match(page.url(), /#\/\?state=failed$/);
    await page.getByRole("button", { name: /^All/ }).click();
    await page.getByRole("searchbox").fill("paper=table2");
    await row(page, 3).waitFor({ state: "detached" });
    assert.deepEqual(await page.locator("table.jobs td.id").allInnerTexts(), ["1"]);
    await page.reload();
    await row(page, 1).waitFor();
    assert.deepEqual(await page.locator("table.jobs td.id").allInnerTexts(), ["1"]);
    await page.getByRole("searchbox").fill("no such thing");
    await page.getByText("No job matches.").waitFor();
    assertClean(page);
    await page.context().close();
});

test("two selected jobs can be compared, with the keyboard alone", async () => {
    const page = await open(() => addPair(server));
    await row(page, 1).waitFor();
    const link = page.locator("a.button");
    assert.equal(await link.getAttribute("href"), null);
    await page.getByLabel("Select job 2").focus();
    await page.keyboard.press("Space");
    assert.equal(await link.innerText(), "Select one more");
    await page.getByLabel("Select job 1").focus();
    await page.keyboard.press("Space");
    await link.focus();
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: "2 jobs side by side" }).waitFor();
    assert.match(page.url(), /#\/compare\?jobs=1,2$/);
    assertClean(page);
    await page.context().close();
});

test("cancelling asks first", async () => {
    const page = await open(() => server.addJob({ name: "long", state: "running" }));
    const cancel = page.getByRole("button", { name: "Cancel job 1", exact: true, includeHidden: true });
    await cancel.click();
    await page.getByRole("button", { name: "Keep it" }).click();
    assert.equal(server.jobs.get(1).state, "running");
    await cancel.click();
    await page.getByRole("button", { name: "Cancel the job" }).click();
    await row(page, 1).getByText("cancelled").waitFor();
    assert.equal(await cancel.isVisible(), false);
    assert.equal(server.requests.filter((line) => line.startsWith("POST")).join(), "POST /api/v1/jobs/1/cancel");
    assertClean(page);
    await page.context().close();
});

test("older jobs come on demand", async () => {
    const page = await open(() => {
        for (let i = 0; i < 130; i++) {
            server.addJob();
        }
    });
    await row(page, 130).waitFor();
    assert.equal(await page.locator("table.jobs tbody tr").count(), 100);
    await page.getByRole("button", { name: "Show older jobs" }).click();
    await row(page, 1).waitFor();
    assert.equal(await page.locator("table.jobs tbody tr").count(), 130);
    assert.equal(await page.getByRole("button", { name: "Show older jobs" }).isVisible(), false);
    assertClean(page);
    await page.context().close();
});

test("one tab holds one stream, and none while it is hidden", async () => {
    const page = await open(() => server.addJob());
    await row(page, 1).waitFor();
    await page.goto(`${address}/#/jobs/1`);
    await page.locator("h1", { hasText: "job-1" }).waitFor();
    await server.streamCount(1);
    const show = (state) => page.evaluate((now) => {
        Object.defineProperty(document, "visibilityState", { value: now, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }, state);
    await show("hidden");
    await server.streamCount(0);
    server.setState(1, "running");
    await show("visible");
    await page.locator(".title-row .state", { hasText: "running" }).waitFor();
    await server.streamCount(1);
    assertClean(page);
    await page.context().close();
});

test("on a telephone nothing is wider than the screen", async () => {
    const page = await open(() => addPair(server), "/", { viewport: { width: 390, height: 800 } });
    for (const path of ["/#/", "/#/jobs/1", "/#/compare?experiment=1"]) {
        await page.goto(address + path);
        await page.locator(".progress-cell").first().waitFor();
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path);
    }
    assertClean(page);
    await page.context().close();
});

await run(async () => {
    await browser.close();
    await server.stop();
});
