// SPDX-License-Identifier: Apache-2.0
// The runs of a comparison. Rows are made once and then follow their job, so that a click or
// the focus never lands on a row that has just been replaced.
import { h, setChildren, setText, swatch } from "./dom.js";
import { formatHash } from "./route.js";
import { connectionChip, doneShare, etaText, progressBar, stateBadge, wholePercent, whyText } from "./parts.js";

/** @typedef {import("./types.js").Job} Job */

/**
 * @typedef {object} RunFacts
 * @property {Job} job
 * @property {string} color
 * @property {number[]} dash
 * @property {boolean} shown
 * @property {string} seed
 * @property {string} last
 * @property {string} best
 * @property {string} bestStep
 */

/**
 * @typedef {object} RunActions
 * @property {(id: number, on: boolean) => void} show
 * @property {(id: number) => void} remove
 */

const HEADS = ["Shown", "#", "Name", "Connection", "Seed", "State", "Progress", "Last", "Best", "At step", ""];
const NUMBERS = new Set(["#", "Seed", "Last", "Best", "At step"]);

/**
 * @param {Job} job
 * @param {RunActions} actions
 */
function runRow({ id, connection }, actions) {
    const box = h("input", { type: "checkbox", "aria-label": `Show job ${id}`, onchange: () => actions.show(id, box.checked) });
    const line = h("span", { class: "line" });
    const link = h("a", { href: formatHash(`/jobs/${id}`) });
    const state = stateBadge("queued");
    const bar = progressBar(`Progress of job ${id}`);
    const [share, eta] = [h("span", { class: "share" }), h("span", { class: "eta" })];
    const [seed, last, best, step] = ["Seed", "Last", "Best", "At step"].map((label) => h("td", { class: "num", "data-label": label }));
    const remove = h("button", { type: "button", class: "icon", title: "Take out of the comparison",
        "aria-label": `Take job ${id} out of the comparison`, onclick: () => actions.remove(id) }, "×");
    const element = h("tr", {}, h("td", { class: "pick" }, h("label", { class: "shown" }, box, line)),
        h("td", { class: "num id" }, id), h("td", { class: "name" }, link), h("td", {}, connectionChip(connection)), seed,
        h("td", {}, state.element), h("td", { class: "progress-cell" }, bar.element, share, eta), last, best, step,
        h("td", { class: "action" }, remove));
    let look = "";
    const update = (/** @type {RunFacts} */ facts) => {
        const { job } = facts;
        box.checked = facts.shown;
        const now = facts.color + facts.dash.join();
        if (now !== look) {
            look = now;
            line.replaceChildren(swatch(facts.color, facts.dash));
        }
        setText(link, job.name || `job ${id}`);
        state.update(job.state);
        state.element.title = whyText(job);
        bar.update(doneShare(job), job.state);
        setText(share, wholePercent(doneShare(job)));
        setText(eta, etaText(job));
        [[seed, facts.seed], [last, facts.last], [best, facts.best], [step, facts.bestStep]].forEach(([cell, text]) =>
            setText(/** @type {HTMLElement} */ (cell), /** @type {string} */ (text)));
    };
    return { element, update };
}

export class RunsTable {
    /** @type {Map<number, ReturnType<typeof runRow>>} */
    #rows = new Map();

    /** @param {RunActions} actions */
    constructor(actions) {
        this.actions = actions;
        this.body = h("tbody");
        this.element = h("div", { class: "scroll" }, h("table", { class: "runs" },
            h("thead", {}, h("tr", {}, ...HEADS.map((text) => text === "" ? h("td")
                : h("th", { scope: "col", class: NUMBERS.has(text) ? "num" : "" }, text)))), this.body));
    }

    /** @param {RunFacts[]} runs in their order */
    update(runs) {
        const elements = runs.map((facts) => {
            let row = this.#rows.get(facts.job.id);
            if (row === undefined) {
                row = runRow(facts.job, this.actions);
                this.#rows.set(facts.job.id, row);
            }
            row.update(facts);
            return row.element;
        });
        setChildren(this.body, elements);
    }
}
