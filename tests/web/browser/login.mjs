// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { FakeServer } from "../server.mjs";
import { run, test } from "../tap.mjs";
import { addPair, assertClean, openBrowser, openPage, WEB } from "./stage.mjs";

const browser = await openBrowser();
const server = new FakeServer(WEB);
const address = await server.start();

test("a server that wants a token is asked for nothing until it has one", async () => {
    server.clear();
    addPair(server);
    server.token = "orthod_right";
    const page = await openPage(browser, "about:blank");
    page.account.offline = true;
    await page.goto(`${address}/#/`);
    await page.getByRole("heading", { name: "This server wants a token" }).waitFor();
    assert.equal(await page.locator("main").isVisible(), false);
    await page.getByLabel("Token").fill("orthod_wrong");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("that is no token of this server").waitFor();
    await page.getByLabel("Token").fill(" orthod_right ");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("pair/orthogonal/0").first().waitFor();
    assert.equal(await page.locator("#login").isVisible(), false);
    assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }).includes("orthod_")), false);
    assertClean(page);
    await page.context().close();
});

await run(async () => {
    await browser.close();
    await server.stop();
});
