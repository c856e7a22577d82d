// SPDX-License-Identifier: Apache-2.0
// Starts the dashboard: one stream, one store, and the page that the address names.
import { getJson } from "./api.js";
import { h, setText } from "./dom.js";
import { watchLogin } from "./login.js";
import { ComparePage } from "./page-compare.js";
import { JobPage } from "./page-job.js";
import { JobsPage } from "./page-jobs.js";
import { parseHash } from "./route.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { nextTheme, themeChoice } from "./theme.js";

/**
 * A page makes its element once; show() is called with each state that the address names.
 * @typedef {object} Page
 * @property {HTMLElement} element
 * @property {(params: URLSearchParams) => void} show
 * @property {() => void} destroy
 */

/**
 * What pages get from here.
 * @typedef {object} App
 * @property {Stream} stream
 * @property {Store} store
 * @property {(message: string) => void} say tells about something that went wrong
 * @property {(text: string) => void} title of the tab
 * @property {(hash: string) => void} replace writes the page's state into the address
 */

const DOWN_AFTER_MS = 700;
const NOTICE_MS = 8000;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const stream = new Stream();
const store = new Store(stream);
/** @type {ReturnType<typeof setTimeout>|undefined} */
let noticeTimer;

/** @type {App} */
const app = {
    stream,
    store,
    say: (message) => {
        const notice = byId("notice");
        setText(notice, message);
        notice.hidden = false;
        clearTimeout(noticeTimer);
        noticeTimer = setTimeout(() => {
            notice.hidden = true;
        }, NOTICE_MS);
    },
    title: (text) => {
        document.title = `${text} · orthod`;
    },
    replace: (hash) => history.replaceState(null, "", hash),
};

/** @type {Page|null} */
let page = null;
let pageKey = "";

/** @returns {Page} */
function unknownPage() {
    return { element: h("div", { class: "page" }, h("h1", { tabindex: -1 }, "There is no such page"),
        h("p", {}, h("a", { href: "#/" }, "All jobs"))), show: () => app.title("Not found"), destroy: () => {} };
}

/**
 * @param {import("./route.js").Route["page"]} name
 * @param {number|null} id
 * @returns {Page}
 */
function makePage(name, id) {
    if (name === "job" && id !== null) {
        return new JobPage(app, id);
    }
    return name === "jobs" ? new JobsPage(app) : name === "compare" ? new ComparePage(app) : unknownPage();
}

function route() {
    const { page: name, id, params } = parseHash(location.hash);
    const key = `${name} ${id ?? ""}`;
    if (page === null || key !== pageKey) {
        const first = page === null;
        page?.destroy();
        page = makePage(name, id);
        pageKey = key;
        byId("main").replaceChildren(page.element);
        scrollTo(0, 0);
        first || page.element.querySelector("h1")?.focus();
    }
    document.querySelectorAll("nav a").forEach((link) => link.getAttribute("data-page") === (name === "job" ? "jobs" : name)
        ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
    page.show(params);
}

/** The light in the head of the page, and the banner once it is out for a while. */
function showStream() {
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    let timer;
    const light = byId("live");
    const words = { opening: "connecting", live: "live", down: "offline", asleep: "paused" };
    const update = (/** @type {import("./stream.js").StreamState} */ state) => {
        light.dataset.state = state;
        setText(light, words[state]);
        clearTimeout(timer);
        if (state === "down") {
            timer = setTimeout(() => {
                byId("banner").hidden = false;
            }, DOWN_AFTER_MS);
        } else {
            byId("banner").hidden = true;
        }
    };
    stream.listen({ state: update });
    update(stream.state);
}

async function showDevices() {
    const { devices } = await getJson("/devices");
    const text = devices.map((/** @type {any} */ device) =>
        `${device.kind === "cpu" ? "CPU" : device.model}: ${device.slots_free} of ${device.slots} slots free`).join(", ");
    setText(byId("devices"), text);
    byId("devices").title = devices.map((/** @type {any} */ device) => device.model).join("\n");
}

function showTheme() {
    const button = byId("theme");
    const update = () => {
        setText(button, { auto: "Auto", light: "Light", dark: "Dark" }[themeChoice()]);
        button.setAttribute("aria-label", `Colours: ${themeChoice()}; change`);
    };
    button.addEventListener("click", () => {
        nextTheme();
        update();
    });
    update();
}

// The address after # names a page, so this link must not change it.
document.querySelector("a.skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    page?.element.querySelector("h1")?.focus();
});
watchLogin();
showTheme();
showStream();
const refreshDevices = () => {
    showDevices().catch(() => setText(byId("devices"), ""));
};
stream.listen({ event: (event) => event.type === "state" && refreshDevices(), sync: refreshDevices });
refreshDevices();
stream.start();
window.addEventListener("hashchange", route);
route();
