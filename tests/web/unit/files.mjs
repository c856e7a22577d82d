// SPDX-License-Identifier: Apache-2.0
// What is shipped: uPlot as it came, every file compiled in, nothing that the policy forbids.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { run, test } from "../tap.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const read = (name) => readFileSync(join(root, name), "utf8");
const modules = readdirSync(join(root, "web/js")).map((name) => `web/js/${name}`);
const embedded = read("web/local.mk").split("noinst_LIBRARIES")[0].match(/web\/[\w./-]+/g);

test("uPlot has the checksums that were written down when it came", () => {
    const folder = join(root, "web/vendor/uplot");
    const rows = read("web/vendor/uplot/SHA256SUMS").trim().split("\n").map((line) => line.split(/\s+/));
    assert.deepEqual(rows.map(([, name]) => name).sort(), readdirSync(folder).filter((name) => name !== "SHA256SUMS").sort());
    for (const [sum, name] of rows) {
        assert.equal(createHash("sha256").update(readFileSync(join(folder, name))).digest("hex"), sum, name);
    }
    const version = read("web/vendor/uplot/VERSION").trim();
    assert.ok(read("web/vendor/uplot/uPlot.esm.js").includes(`(v${version})`), `uPlot says it is ${version}`);
});

test("every module is compiled into orthod, and so is all that it imports", () => {
    modules.forEach((name) => assert.ok(embedded.includes(name), `${name} is missing in web/local.mk`));
    for (const name of modules) {
        for (const [, target] of read(name).matchAll(/^import .*?["'](\.[^"']+)["'];$|^} from ["'](\.[^"']+)["'];$/gm)) {
            const file = normalize(join(dirname(name), target));
            assert.ok(embedded.includes(file), `${name} imports ${file}`);
        }
    }
});

test("what index.html links is compiled in, and nothing in it is inline", () => {
    const html = read("web/index.html");
    const links = [...html.matchAll(/(?:src|href)="([^#"][^"]*)"/g)].map(([, link]) => `web/${link}`);
    assert.ok(links.length >= 5);
    links.forEach((link) => assert.ok(embedded.includes(link), link));
    assert.doesNotMatch(html, /\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)/);
});

test("nothing is fetched from elsewhere", () => {
    for (const name of [...modules, "web/style.css", "web/index.html", "web/theme-early.js"]) {
        const text = read(name).replaceAll("http://www.w3.org/2000/svg", "");
        assert.doesNotMatch(text, /https?:\/\/|url\(/, name);
    }
});

test("the lock file of the development tools names no registry", () => {
    assert.doesNotMatch(read("web/package-lock.json"), /"resolved"/);
});

await run();
