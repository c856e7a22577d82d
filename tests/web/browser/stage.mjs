// SPDX-License-Identifier: Apache-2.0
// A headless browser with a page that keeps account of what went wrong in it.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const WEB = join(dirname(fileURLToPath(import.meta.url)), "../../../web");
const require = createRequire(join(WEB, "package.json"));
const { chromium } = require("playwright-core");
const AXE = require.resolve("axe-core/axe.min.js");
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const WAIT_MS = 60000; // reached by a fault alone: a busy machine is slow

export async function openBrowser() {
    const executablePath = BROWSERS.find((path) => existsSync(path));
    assert.ok(executablePath, `none of ${BROWSERS.join(", ")} is there: apt-get install chromium`);
    return chromium.launch({ executablePath, args: ARGS });
}

/**
 * A page at address. `faults` fills with errors, warnings and violations of the policy, but for
 * failed requests while `offline` is set.
 */
export async function openPage(browser, address, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: "light", ...options });
    context.setDefaultTimeout(WAIT_MS);
    await context.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) =>
            console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`));
    });
    const page = await context.newPage();
    const account = { faults: [], offline: false };
    page.on("console", (message) => {
        const isNetwork = /net::ERR_|Failed to load resource/.test(message.text());
        if (["error", "warning"].includes(message.type()) && !(account.offline && isNetwork)) {
            account.faults.push(message.text());
        }
    });
    page.on("pageerror", (error) => account.faults.push(String(error.stack)));
    page.on("dialog", (dialog) => {
        account.faults.push(`dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    await page.goto(address);
    return Object.assign(page, { account });
}

/** Nothing went wrong in the page so far. */
export function assertClean(page) {
    assert.deepEqual(page.account.faults, []);
}

/** The page's chart with this title. */
export const chart = (page, title) => page.locator("figure.chart").filter({ has: page.locator("h3", { hasText: title }) });

/** What the legend of a chart says, [[label, value], …]. */
export async function legend(page, title) {
    return chart(page, title).locator(".legend li").evaluateAll((rows) => rows.map((row) =>
        [row.querySelector(".label").textContent, row.querySelector(".value").textContent]));
}

/** Waits until the legend of a chart has this value beside label. */
export async function waitForValue(page, title, label, value, timeout = WAIT_MS) {
    await chart(page, title).locator(".legend li").filter({ hasText: label }).locator(".value").filter({ hasText: value })
        .waitFor({ timeout });
}

/** How many pixels of a chart's canvas are close to a colour of style.css. */
export async function pixelsOf(page, title, token) {
    return chart(page, title).locator("canvas").evaluate((canvas, name) => {
        const probe = document.createElement("span");
        probe.style.color = `var(--${name})`;
        document.body.append(probe);
        const context = document.createElement("canvas").getContext("2d");
        context.fillStyle = getComputedStyle(probe).color;
        probe.remove();
        const wanted = [1, 3, 5].map((at) => parseInt(context.fillStyle.slice(at, at + 2), 16));
        const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
        const reader = copy.getContext("2d", { willReadFrequently: true });
        reader.drawImage(canvas, 0, 0);
        const { data } = reader.getImageData(0, 0, copy.width, copy.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
            count += data[i + 3] > 200 && wanted.every((value, k) => Math.abs(data[i + k] - value) < 12) ? 1 : 0;
        }
        return count;
    }, token);
}

/** The serious and critical faults that axe-core finds. */
export async function axeFaults(page) {
    await page.addScriptTag({ path: AXE }).catch(() => {});
    if (!await page.evaluate(() => "axe" in window)) {
        await page.evaluate(await (await import("node:fs/promises")).readFile(AXE, "utf8"));
    }
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n")}`);
}

/** An experiment of two connections and two seeds with its curves, as jobs 1 to 4. */
export function addPair(server, last = 500) {
    const ids = [["linear", 0], ["orthogonal", 0], ["linear", 1], ["orthogonal", 1]].map(([connection, seed]) =>
        server.addJob({ name: `pair/${connection}/${seed}`, connection, experiment: 1, state: "running", started_at: new Date().toISOString(),
            variant: { "residual.connection": connection, "train.seed": seed } }));
    server.experiments.set(1, { id: 1, name: "pair", created_at: new Date().toISOString(), jobs: ids,
        vary: { "residual.connection": ["linear", "orthogonal"], "train.seed": [0, 1] } });
    ids.forEach((id, i) => {
        for (let step = 50; step <= last; step += 50) {
            server.addPoints(id, step, values(step, i));
        }
        server.addPoints(id, 468, { "val/acc@1": 0.8 + 0.01 * i, "val/loss": 0.6 - 0.01 * i });
    });
    return ids;
}

/** Made-up values of one step, different for each run. */
export function values(step, run) {
    const all = { "train/loss": 2 / (1 + step / 200) + 0.1 * run, "train/acc@1": 0.5 + step / 5000, "train/lr": 1e-3,
        "train/grad/global_norm": 1.5, "train/samples_per_sec": 2000 + step };
    for (const site of ["attn", "mlp"]) {
        for (let block = 0; block < 6; block++) {
            all[`activation/${site}/block0${block}/x_norm2`] = 60 + 10 * block + step / 50 + (site === "mlp" ? 5 : 0);
            all[`activation/${site}/block0${block}/rho_par`] = 0.01 * (block + 1);
        }
    }
    all["activation/all/mean/x_norm2"] = 90 + step / 50 + 10 * run;
    return all;
}
