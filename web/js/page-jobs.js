// SPDX-License-Identifier: Apache-2.0
// The list of jobs, with the experiments above it. Rows are made once and then follow their
// job, so that focus and selection survive events.
import { h, setChildren, setText } from "./dom.js";
import { ago, fromWire, number, percent } from "./format.js";
import { formatHash, parseList } from "./route.js";
import { cancelButton, connectionChip, copyable, doneShare, etaText, progressBar, stateBadge, timesText, variantText, whyText,
    wholePercent } from "./parts.js";
import { armLabel } from "./series.js";
import { meanStd } from "./stats.js";
import { meanStdText } from "./summary.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").Experiment} Experiment */
/** @typedef {import("./app.js").App} App */

const FILTERS = [
    { label: "All", states: [] },
    { label: "Running", states: ["starting", "running", "pausing", "cancelling"] },
    { label: "Queued", states: ["queued", "paused"] },
    { label: "Succeeded", states: ["succeeded"] },
    { label: "Failed", states: ["failed"] },
    { label: "Cancelled", states: ["cancelled"] },
];

const EXAMPLE = { model: { arch: "vit", preset: "N" }, data: { dataset: "fashion-mnist" }, train: { epochs: 3 } };

const COLUMNS = ["", "#", "State", "Name", "Model", "Connection", "Progress", "Val. acc.", "Train loss", "Created", ""];

/**
 * One row of the table, and what changes in it.
 * @param {Job} first
 * @param {App} app
 * @param {(id: number, on: boolean) => void} select
 */
function jobRow(first, app, select) {
    const box = h("input", { type: "checkbox", "aria-label": `Select job ${first.id}`,
        onchange: () => select(first.id, box.checked) });
    const state = stateBadge(first.state);
    const link = h("a", { href: formatHash(`/jobs/${first.id}`) });
    const variant = h("span", { class: "sub" });
    const model = h("td", { "data-label": "Model" });
    const bar = progressBar(`Progress of job ${first.id}`);
    const share = h("span", { class: "share" });
    const eta = h("span", { class: "eta" });
    const accuracy = h("td", { class: "num", "data-label": "Val. acc." });
    const loss = h("td", { class: "num", "data-label": "Train loss" });
    const created = h("td", { class: "when", "data-label": "Created" });
    const cancel = cancelButton(first, app.say);
    const element = h("tr", {}, h("td", { class: "pick" }, box), h("td", { class: "num id" }, first.id),
        h("td", {}, state.element), h("td", { class: "name" }, link, variant), model,
        h("td", { "data-label": "Connection" }, connectionChip(first.connection)),
        h("td", { class: "progress-cell" }, bar.element, share, eta), accuracy, loss, created,
        h("td", { class: "action" }, cancel.element));
    const update = (/** @type {Job} */ job) => {
        state.update(job.state);
        state.element.title = whyText(job);
        setText(link, job.name || `job ${job.id}`);
        setText(variant, variantText(job));
        setText(model, job.model ?? "");
        bar.update(doneShare(job), job.state);
        setText(share, wholePercent(doneShare(job)));
        setText(eta, etaText(job));
        setText(accuracy, metricText(job, "val/acc@1", percent));
        setText(loss, metricText(job, "train/loss", number));
        setText(created, ago(job.created_at, Date.now()));
        created.title = timesText(job);
        cancel.update(job);
    };
    update(first);
    return { element, update, box };
}

/**
 * @param {Job} job
 * @param {string} series
 * @param {(value: number) => string} format
 */
function metricText(job, series, format) {
    const facts = job.metrics[series];
    return facts === undefined ? "–" : format(fromWire(facts.last));
}

/**
 * The arms of an experiment by what its jobs have measured, as far as they are known here.
 * @param {Experiment} experiment
 * @param {Map<number, Job>} jobs
 */
function armsOf(experiment, jobs) {
    /** @type {Map<string, Job[]>} */
    const arms = new Map();
    for (const id of experiment.jobs) {
        const job = jobs.get(id);
        if (job !== undefined) {
            const label = armLabel(job.variant);
            arms.set(label, [...(arms.get(label) ?? []), job]);
        }
    }
    return arms;
}

/**
 * @param {string} label
 * @param {Job[]} jobs
 */
function armLine(label, jobs) {
    const done = jobs.filter((job) => job.state === "succeeded").length;
    const { mean, std, count } = meanStd(jobs.map((job) => fromWire(job.metrics["val/acc@1"]?.last)));
    return h("li", {}, connectionChip(jobs[0].connection), label !== jobs[0].connection && h("span", {}, label),
        h("span", { class: "arm-value", title: `Validation accuracy, ${count} of ${jobs.length} runs` },
            meanStdText("val/acc@1", mean, std)),
        h("span", { class: "sub" }, `${done} of ${jobs.length} done`));
}

/**
 * @param {Experiment} experiment
 * @param {Map<number, Job>} jobs
 */
function experimentRow(experiment, jobs) {
    const known = experiment.jobs.flatMap((id) => jobs.get(id) ?? []);
    const share = known.reduce((sum, job) => sum + doneShare(job), 0) / Math.max(1, known.length);
    const all = experiment.jobs.length;
    const runs = known.length < all ? `${known.length} of ${all} runs loaded` : `${all} runs`;
    const bar = progressBar(`Progress of experiment ${experiment.id}`);
    bar.update(share, experiment.state);
    return h("li", { class: "experiment" },
        h("div", { class: "experiment-head" },
            h("a", { href: formatHash("/compare", { experiment: experiment.id }), class: "strong" },
                experiment.name || `experiment ${experiment.id}`),
            stateBadge(experiment.state).element,
            h("span", { class: "sub" }, `${runs} · ${ago(experiment.created_at, Date.now())}`)),
        h("div", { class: "progress-cell" }, bar.element, h("span", { class: "share" }, wholePercent(share))),
        h("ul", { class: "arms" }, ...[...armsOf(experiment, jobs)].map(([label, list]) => armLine(label, list))));
}

/** What to type when there is nothing to see yet. */
function emptyState() {
    return h("div", { class: "empty", hidden: true },
        h("h2", {}, "No jobs yet"),
        h("p", {}, "Start linear and orthogonal residual connections side by side, two seeds each:"),
        copyable(`curl ${location.origin}/api/v1/experiments -d @recipes/fashion-mnist-pair.json`),
        h("p", { class: "sub" }, "Or a single job:"),
        copyable(`curl ${location.origin}/api/v1/jobs -d '${JSON.stringify(EXAMPLE)}'`),
        h("p", { class: "sub" }, "It appears here at once; nothing needs to be reloaded."));
}

export class JobsPage {
    /** @type {Map<number, ReturnType<typeof jobRow>>} */
    #rows = new Map();
    /** @type {Set<number>} */
    #selected = new Set();
    /** @type {string[]} */
    #states = [];
    #text = "";
    /** @type {string} */
    #experimentsKey = "";

    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.ui = this.#build();
        this.element = this.ui.element;
        this.stop = [
            app.store.listen((changed) => this.#update(changed)),
            app.stream.listen({ sync: () => this.#load() }),
        ];
        this.clock = setInterval(() => this.#update(new Set(app.store.jobs.keys())), 30000);
    }

    #build() {
        const experiments = h("ul", { class: "experiments" });
        const experimentsBox = h("section", { hidden: true, "aria-label": "Experiments" }, h("h2", {}, "Experiments"), experiments);
        const filters = FILTERS.map(({ label, states }) => {
            const count = h("span", { class: "count" });
            const button = h("button", { type: "button", class: "toggle", onclick: () => this.#filter({ states }) }, label, " ", count);
            return { button, count, states };
        });
        const search = h("input", { type: "search", placeholder: "Filter by name, model, label…", "aria-label": "Filter by text",
            oninput: () => this.#filter({ text: search.value }) });
        const compare = h("a", { class: "button", "aria-disabled": "true", role: "link" }, "Compare");
        const body = h("tbody");
        const table = h("table", { class: "jobs" },
            h("thead", {}, h("tr", {}, ...COLUMNS.map((text) => text === ""
                ? h("td") : h("th", { scope: "col", class: ["#", "Val. acc.", "Train loss"].includes(text) ? "num" : "" }, text)))),
            body);
        const none = h("p", { class: "none", hidden: true }, "No job matches.");
        const older = h("button", { type: "button", hidden: true, onclick: () =>
            this.app.store.loadOlder().catch((error) => this.app.say(error.message)) }, "Show older jobs");
        const emptyBox = emptyState();
        const list = h("section", { "aria-label": "Jobs", hidden: true },
            h("div", { class: "toolbar" }, h("h2", {}, "Jobs"),
                h("div", { class: "segments", role: "group", "aria-label": "Filter by state" }, ...filters.map(({ button }) => button)),
                search, compare),
            h("div", { class: "scroll" }, table), none, older);
        const loading = h("p", { class: "none" }, "Loading…");
        const element = h("div", { class: "page" }, h("h1", { class: "hidden", tabindex: -1 }, "Jobs"),
            loading, emptyBox, experimentsBox, list);
        return { element, experiments, experimentsBox, filters, search, compare, body, table, none, older, emptyBox, list, loading };
    }

    /** @param {URLSearchParams} params */
    show(params) {
        this.#states = parseList(params.get("state"));
        this.#text = params.get("q") ?? "";
        if (this.ui.search.value !== this.#text) {
            this.ui.search.value = this.#text;
        }
        this.app.title("Jobs");
        this.#load();
        this.#update(new Set(this.app.store.jobs.keys()));
    }

    #load() {
        this.app.store.loadList({ state: this.#states.join(",") }).catch((error) => {
            setText(this.ui.loading, `The list could not be loaded: ${error.message}.`);
        });
    }

    /** @param {{states?: string[], text?: string}} filter */
    #filter({ states = this.#states, text = this.#text }) {
        const reload = states.join() !== this.#states.join();
        this.#states = states;
        this.#text = text;
        this.app.replace(formatHash("/", { state: states.join(","), q: text }));
        reload && this.#load();
        this.#arrange();
    }

    /** @param {Set<number>} changed */
    #update(changed) {
        const { jobs } = this.app.store;
        for (const id of changed) {
            const job = jobs.get(id);
            if (job === undefined) {
                this.#rows.delete(id);
                this.#selected.delete(id);
                continue;
            }
            const row = this.#rows.get(id);
            row === undefined
                ? this.#rows.set(id, jobRow(job, this.app, (which, on) => this.#select(which, on))) : row.update(job);
        }
        this.#arrange();
        this.#showExperiments();
    }

    /** @param {Job} job */
    #isWanted(job) {
        const words = this.#text.toLowerCase().split(/\s+/);
        const labels = Object.entries(job.labels ?? {}).map((pair) => pair.join("="));
        const text = [job.id, job.name, job.model, job.connection, job.state, ...labels, variantText(job)].join(" ").toLowerCase();
        return (this.#states.length === 0 || this.#states.includes(job.state)) && words.every((word) => text.includes(word));
    }

    #arrange() {
        const { store } = this.app;
        const all = [...store.jobs.values()].sort((a, b) => b.id - a.id);
        const wanted = all.filter((job) => this.#isWanted(job));
        setChildren(this.ui.body, wanted.flatMap((job) => this.#rows.get(job.id)?.element ?? []));
        for (const { button, count, states } of this.ui.filters) {
            const number_ = states.length === 0 ? all.length : all.filter((job) => states.includes(job.state)).length;
            setText(count, String(number_));
            button.setAttribute("aria-pressed", String(states.join() === this.#states.join()));
        }
        this.ui.loading.hidden = store.loaded;
        const filtered = this.#states.length > 0 || this.#text !== "";
        this.ui.emptyBox.hidden = !store.loaded || all.length > 0 || filtered;
        this.ui.list.hidden = !store.loaded || (all.length === 0 && !filtered);
        this.ui.none.hidden = wanted.length > 0;
        this.ui.table.hidden = wanted.length === 0;
        this.ui.older.hidden = store.next === null;
        this.#showSelection();
    }

    #showExperiments() {
        const { store } = this.app;
        const rows = [...store.experiments.values()].sort((a, b) => b.id - a.id).slice(0, 5)
            .map((experiment) => experimentRow(experiment, store.jobs));
        const key = rows.map((row) => row.textContent + [...row.querySelectorAll("progress")].map((bar) => bar.value)).join("\n");
        this.ui.experimentsBox.hidden = rows.length === 0;
        // Rows are cheap to make, but replacing equal ones would take the focus away.
        if (key !== this.#experimentsKey && !this.ui.experiments.contains(document.activeElement)) {
            this.#experimentsKey = key;
            this.ui.experiments.replaceChildren(...rows);
        }
    }

    /**
     * @param {number} id
     * @param {boolean} on
     */
    #select(id, on) {
        on ? this.#selected.add(id) : this.#selected.delete(id);
        this.#showSelection();
    }

    #showSelection() {
        const ids = [...this.#selected].sort((a, b) => a - b);
        const ready = ids.length >= 2;
        setText(this.ui.compare, ids.length === 0 ? "Select two to compare" : ids.length === 1 ? "Select one more" : `Compare ${ids.length} jobs`);
        this.ui.compare.setAttribute("aria-disabled", String(!ready));
        ready ? this.ui.compare.setAttribute("href", formatHash("/compare", { jobs: ids.join(",") })) : this.ui.compare.removeAttribute("href");
    }

    destroy() {
        clearInterval(this.clock);
        this.stop.forEach((stop) => stop());
    }
}
