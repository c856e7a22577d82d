// SPDX-License-Identifier: Apache-2.0
// The dashboard on the real daemon with real workers: one experiment from the first curl line to
// the end, with a reload and a killed daemon in between. The tests follow each other.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { run, test } from "../tap.mjs";
import { assertClean, chart, openBrowser, openPage, pixelsOf, WEB } from "./stage.mjs";

const BUILD = join(WEB, "../build");
const ORTHOD = process.env.ORTHOD ?? join(BUILD, "orthod");
const WORKER = process.env.ORTHO_WORKER ?? join(BUILD, "ortho-worker");
const SPEC = {
    name: "<b>pair</b>",
    base: {
        name: "small", model: { arch: "vit", width: 32, depth: 2, heads: 2, patch_size: 7 },
        data: { dataset: "fashion-mnist", augment: "none", limit_train: 1024, limit_eval: 128 },
        train: { epochs: 4000, batch_size: 64, precision: "fp32" }, eval: { every_epochs: 4 }, log: { interval: 10 },
        resources: { threads: 1 },
    },
    vary: { "residual.connection": ["linear", "orthogonal"] },
};

const state = mkdtempSync(join(tmpdir(), "orthod-web-"));
const browser = await openBrowser();
let daemon;
let address;
let page;

/** Starts orthod and waits until it listens; port 0 is any. */
async function startDaemon(port) {
    daemon = spawn(ORTHOD, ["--listen", `127.0.0.1:${port}`, "--state-dir", state, "--worker", WORKER, "--cpu-slots", "2"],
        { stdio: ["ignore", "ignore", "pipe"] });
    let where = "";
    for await (const line of createInterface({ input: daemon.stderr })) {
        where = /msg="listening" address=(\S+:\d+)/.exec(line)?.[1] ?? where;
        if (line.includes("msg=\"ready\"")) {
            daemon.stderr.resume();
            return `http://${where}`;
        }
    }
    throw new Error(`${ORTHOD} ended before it was ready`);
}

async function stopDaemon(signal) {
    const ended = once(daemon, "exit");
    daemon.kill(signal);
    await ended;
}

async function api(path, init) {
    const response = await fetch(`${address}/api/v1${path}`, init);
    assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
    return response.json();
}

const row = (id) => page.locator("table.jobs tbody tr").filter({ has: page.locator("td.id", { hasText: new RegExp(`^${id}$`) }) });
const title = "Training loss";

/** Walks over a chart with the keyboard; the steps it has points for. */
async function stepsOf(name, count) {
    await chart(page, name).locator(".chart-area").focus();
    await page.keyboard.press("Home");
    const steps = [];
    for (let i = 0; i < count; i++) {
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
        steps.push(Number((await chart(page, name).locator(".chart-at").innerText()).replace(/\D/g, "")));
        await page.keyboard.press("ArrowRight");
    }
    return steps;
}

test("the page comes from the binary, and a posted experiment appears by itself", async () => {
    address = await startDaemon(0);
    page = await openPage(browser, `${address}/`);
    await page.getByText("No jobs yet").waitFor();
    const experiment = await api("/experiments", { method: "POST", body: JSON.stringify(SPEC),
        headers: { "Content-Type": "application/json" } });
    assert.deepEqual(experiment.jobs, [1, 2]);
    await row(1).getByText("running").waitFor();
    await row(2).getByText("running").waitFor();
    await page.locator(".experiment-head a", { hasText: "<b>pair</b>" }).waitFor();
    await row(1).locator("td.num", { hasText: /^\d\.\d+$/ }).waitFor();
    await row(1).locator("td.num", { hasText: "%" }).waitFor();
    assertClean(page);
});

test("a job's points are drawn within a second of their measurement", async () => {
    await row(2).locator("td.name a").click();
    await chart(page, "Loss").locator(".legend .value", { hasText: /\d/ }).first().waitFor();
    const delays = await page.evaluate(async () => {
        const { number } = await import("/js/format.js");
        const shown = () => document.querySelector("figure.chart .legend .value").textContent;
        const source = new EventSource("api/v1/jobs/2/events");
        const measured = [];
        return new Promise((resolve) => {
            source.addEventListener("metrics", (event) => {
                const { at, values } = JSON.parse(event.data);
                const wanted = number(values["train/loss"]);
                const look = () => {
                    if (measured.length === 9) {
                        source.close();
                        resolve(measured);
                    } else if (shown() === wanted) {
                        measured.push(Date.now() - Date.parse(at));
                        look();
                    } else if (Date.now() - Date.parse(at) < 10000) {
                        requestAnimationFrame(look);
                    }
                };
                "train/loss" in values && look();
            });
        });
    });
    const median = delays.sort((a, b) => a - b)[4];
    assert.ok(median < 1000, `the delays were ${delays.join(", ")} ms`);
    assert.match(await page.locator(".facts").innerText(), /of 64,000/);
    await chart(page, "Residual stream").locator(".legend li", { hasText: "block 1" }).waitFor();
    await page.locator("pre.log", { hasText: "msg=" }).waitFor();
    assertClean(page);
});

test("the experiment's page draws both connections in their colours", async () => {
    await page.getByText("Compare the experiment").click();
    await page.locator("h1", { hasText: "<b>pair</b>" }).waitFor();
    await chart(page, title).locator(".legend li", { hasText: "orthogonal" }).locator(".value", { hasText: /\d/ }).waitFor();
    await chart(page, title).locator(".legend li", { hasText: "linear" }).locator(".value", { hasText: /\d/ }).waitFor();
    for (const token of ["linear-0", "orthogonal-0"]) {
        assert.ok(await pixelsOf(page, title, token) > 100, token);
    }
    await page.locator(".tables", { hasText: "needs two seeds" }).waitFor();
    assertClean(page);
});

test("a killed daemon is told; the one after it shows what was measured meanwhile", async () => {
    const last = async () => (await api("/jobs/1")).progress.step;
    const before = await last();
    page.account.offline = true;
    await stopDaemon("SIGKILL");
    await page.locator("#banner").waitFor();
    await startDaemon(new URL(address).port);
    await page.locator("#banner").waitFor({ state: "hidden" });
    await page.locator("table.runs tr", { hasText: "linear" }).getByText("running").waitFor();
    const value = await chart(page, title).locator(".legend .value").first().innerText();
    await page.waitForFunction((old) => document.querySelector("figure.chart .legend .value").textContent !== old, value);
    assert.ok(await last() > before);
    page.account.offline = false;
});

test("cancelling in the page ends the workers", async () => {
    await page.goto(`${address}/#/`);
    for (const id of [1, 2]) {
        await page.getByLabel(`Cancel job ${id}`).click();
        await page.getByRole("button", { name: "Cancel the job" }).click();
        await row(id).locator(".state", { hasText: "cancelled" }).waitFor();
    }
    assertClean(page);
});

test("the whole curve is there after a reload: every step once", async () => {
    await page.goto(`${address}/#/jobs/1`);
    await page.reload();
    const { series } = await api("/jobs/1/metrics?series=train/loss*,train/grad/*");
    const { steps, count } = series["train/grad/global_norm"];
    assert.deepEqual(steps, Array.from({ length: count }, (_, i) => 10 * (i + 1)), "the server has no hole");
    await chart(page, "Gradient norm").locator(".legend .value", { hasText: /\d/ }).waitFor();
    const walked = Math.min(count, 80);
    assert.deepEqual(await stepsOf("Gradient norm", walked), steps.slice(0, walked));
    await page.keyboard.press("End");
    await chart(page, "Gradient norm").locator(".chart-at", { hasText: `step ${(10 * count).toLocaleString("en-US")}` }).waitFor();
    assertClean(page);
});

/** Workers outlive their daemon, so they are told to stop first. */
async function stopAll() {
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) {
        return;
    }
    const isOver = async (id) => ["cancelled", "failed", "succeeded"].includes((await api(`/jobs/${id}`)).state);
    for (const { id } of (await api("/jobs")).jobs) {
        await fetch(`${address}/api/v1/jobs/${id}/cancel`, { method: "POST" });
        while (!await isOver(id)) {
            await new Promise((resolve) => setImmediate(resolve));
        }
    }
    await stopDaemon("SIGTERM");
}

await run(async () => {
    await browser.close();
    await stopAll();
    rmSync(state, { recursive: true, force: true });
}, true);
