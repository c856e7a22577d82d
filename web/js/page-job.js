// SPDX-License-Identifier: Apache-2.0
// One job: what it is, how far it is, its curves as they grow, its spec and its log.
import { logAddress, logTail } from "./api.js";
import { Chart, ChartGroup } from "./chart.js";
import { h, setChildren, setText } from "./dom.js";
import { ago, bytes, duration, fromWire, grouped, number, percent, plainText } from "./format.js";
import { onFrame, throttle } from "./frame.js";
import { hue, mix } from "./palette.js";
import { cancelButton, connectionChip, doneShare, etaText, progressBar, runTime, stateBadge,
    timesText, variantText, wholePercent, whyText } from "./parts.js";
import { emptyCurve } from "./points.js";
import { formatHash, parseList, parseRange } from "./route.js";
import { Run } from "./run.js";
import { blockSeries, blockSites, STATISTICS } from "./series.js";
import { ENDED } from "./store.js";
import { color, onTheme } from "./theme.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./app.js").App} App */
/** @typedef {import("./chart.js").Line} Line */

const LOG_BYTES = 32768;
const LOG_EVERY_MS = 2000;
const CURVES = ["train/*", "train/grad/*", "val/*", "activation/*/mean/*"];

/**
 * The charts of plain curves. A line is a series, its name in the legend, its shade in the
 * hue of the job's connection.
 */
const CHARTS = [
    { key: "loss", title: "Loss", format: number, log: false,
        lines: [["train/loss", "train", 1], ["val/loss", "validation", 0]] },
    { key: "acc", title: "Accuracy", format: percent, log: false,
        lines: [["train/acc@1", "train", 1], ["val/acc@1", "validation", 0]] },
    { key: "lr", title: "Learning rate", format: number, log: false, lines: [["train/lr", "rate", 0]] },
    { key: "grad", title: "Gradient norm", format: number, log: false, lines: [["train/grad/global_norm", "global", 0]] },
    { key: "speed", title: "Samples per second", format: grouped, log: false, lines: [["train/samples_per_sec", "training", 0]] },
];

/** @type {Record<string, string>} */
const SITE_LABELS = { attn: "Attention", mlp: "MLP", conv: "Convolution" };

/** @param {number} value */
const percentTick = (value) => `${Number((100 * value).toPrecision(6))}%`;

/**
 * @param {string} label
 * @param {[string, string][]} options value and text
 * @param {(value: string) => void} changed
 */
function choice(label, options, changed) {
    const element = h("select", { "aria-label": label, onchange: () => changed(element.value) },
        ...options.map(([value, text]) => h("option", { value }, text)));
    return element;
}

/**
 * The leaves of a spec as dotted paths, grouped by their first part.
 * @param {Record<string, any>} spec
 * @returns {Map<string, [string, string][]>}
 */
function specGroups(spec) {
    /** @type {Map<string, [string, string][]>} */
    const groups = new Map();
    const walk = (/** @type {string[]} */ path, /** @type {any} */ value) => {
        if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0) {
            Object.entries(value).forEach(([key, inner]) => walk([...path, key], inner));
            return;
        }
        const group = path.length > 1 ? path[0] : "job";
        const text = typeof value === "string" ? value : JSON.stringify(value);
        groups.set(group, [...(groups.get(group) ?? []), [path.slice(path.length > 1 ? 1 : 0).join("."), text]]);
    };
    Object.entries(spec).forEach(([key, value]) => walk([key], value));
    return groups;
}

export class JobPage {
    /** @type {Map<string, Chart>} */
    #charts = new Map();
    /** @type {Chart|null} */
    #norms = null;
    /** @type {string[]} */
    #log = [];
    #statistic = STATISTICS[0].name;
    #site = "";
    #hadSpec = false;
    #destroyed = false;
    #draw = () => this.#drawCharts();

    /**
     * @param {App} app
     * @param {number} id
     */
    constructor(app, id) {
        this.app = app;
        this.id = id;
        this.run = new Run(id, app.stream, () => onFrame(this.#draw));
        this.group = new ChartGroup(null, () => this.#remember());
        this.heading = h("h1", { tabindex: -1 }, `Job ${id}`);
        this.message = h("p", { class: "none" }, "Loading…");
        this.element = h("div", { class: "page" }, this.heading, this.message);
        this.refreshLog = throttle(() => this.#loadLog(), LOG_EVERY_MS);
        this.stop = [
            this.run.stop,
            app.store.listen((changed) => changed.has(id) && this.#update()),
            app.stream.listen({ sync: () => this.#load(), event: (event) => event.data.job === id && this.refreshLog() }),
            onTheme(() => onFrame(this.#draw)),
        ];
        this.clock = setInterval(() => this.#update(), 10000);
    }

    /** @param {URLSearchParams} params */
    show(params) {
        const statistic = params.get("stat") ?? "";
        this.#statistic = STATISTICS.some((row) => row.name === statistic) ? statistic : STATISTICS[0].name;
        this.#site = params.get("site") ?? "";
        this.#log = parseList(params.get("log"));
        this.group.range = parseRange(params);
        this.#load();
    }

    async #load() {
        try {
            await this.app.store.loadJob(this.id);
            if (this.#destroyed) {
                return;
            }
            this.#norms === null && this.#build();
            this.#update();
            await Promise.all([this.run.reload(), this.run.want(CURVES), this.run.want([this.#pattern()])]);
            this.refreshLog();
        } catch (error) {
            this.message.hidden = false;
            setText(this.message, `This job could not be loaded: ${/** @type {Error} */ (error).message}.`);
        }
    }

    #pattern() {
        return `activation/*/block*/${this.#statistic}`;
    }

    #job() {
        return this.app.store.jobs.get(this.id);
    }

    #build() {
        const job = /** @type {Job} */ (this.#job());
        this.message.hidden = true;
        this.badge = stateBadge(job.state);
        this.cancel = cancelButton(job, this.app.say);
        this.bar = progressBar("Progress");
        this.share = h("span", { class: "share" });
        this.facts = h("dl", { class: "facts" });
        this.reason = h("p", { class: "reason", hidden: true });
        this.sibling = h("a", { class: "button", hidden: true }, "Compare");
        const head = h("div", { class: "job-head" },
            h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Jobs"), " / ", `${this.id}`),
            h("div", { class: "title-row" }, this.heading, this.badge.element, connectionChip(job.connection),
                h("span", { class: "sub" }, [job.model, variantText(job)].filter(Boolean).join(" · ")),
                h("span", { class: "spring" }), this.sibling, this.cancel.element),
            this.reason, h("div", { class: "progress-cell wide" }, this.bar.element, this.share), this.facts);
        this.grid = h("div", { class: "charts of-job" });
        this.#buildCharts();
        this.spec = h("div", { class: "spec" });
        this.log = h("pre", { class: "log", tabindex: 0, role: "region", "aria-label": "The end of the log" }, "Nothing yet.");
        this.logNote = h("span", { class: "sub" });
        this.element.replaceChildren(head, this.message, this.grid,
            h("details", { class: "panel" }, h("summary", {}, "Spec"), this.spec),
            h("details", { class: "panel", open: true }, h("summary", {}, "Log"), this.log,
                h("p", {}, this.logNote, " ", h("a", { href: logAddress(this.id) }, "Whole log"))));
    }

    #buildCharts() {
        for (const { key, title, format } of CHARTS) {
            this.#charts.set(key, new Chart({ group: this.group, title, format, log: this.#log.includes(key),
                ticks: key === "acc" ? percentTick : undefined, onLog: (on) => this.#setLog(key, on) }));
        }
        this.statistics = choice("Statistic", STATISTICS.map(({ name, label }) => [name, label]), (value) => {
            this.#statistic = value;
            this.#remember();
            this.run.want([this.#pattern()]).catch((error) => this.app.say(error.message));
            onFrame(this.#draw);
        });
        this.statistics.value = this.#statistic;
        this.sites = choice("Place", [], (value) => {
            this.#site = value;
            this.#remember();
            onFrame(this.#draw);
        });
        this.#norms = new Chart({ group: this.group, title: "Residual stream, block by block", format: number,
            log: this.#log.includes("norms"), onLog: (on) => this.#setLog("norms", on), tools: [this.statistics, this.sites] });
        this.#norms.element.classList.add("wide");
        const all = [...this.#charts.values()];
        this.grid?.replaceChildren(...all.slice(0, 3).map((chart) => chart.element), this.#norms.element,
            ...all.slice(3).map((chart) => chart.element));
    }

    /**
     * @param {string} key
     * @param {boolean} on
     */
    #setLog(key, on) {
        this.#log = this.#log.filter((other) => other !== key).concat(on ? [key] : []);
        this.#remember();
    }

    /** Writes what the page shows into the address. */
    #remember() {
        const { range } = this.group;
        this.app.replace(formatHash(`/jobs/${this.id}`, {
            stat: this.#statistic === STATISTICS[0].name ? null : this.#statistic,
            site: this.#site, log: this.#log.join(","), from: range?.from, to: range?.to,
        }));
    }

    #update() {
        const job = this.#job();
        if (job === undefined || this.#norms === null) {
            return;
        }
        const share = doneShare(job);
        const name = job.name || `job ${job.id}`;
        setText(this.heading, name);
        this.app.title(ENDED.has(job.state) ? name : `${wholePercent(share)} ${name}`);
        this.badge?.update(job.state);
        this.cancel?.update(job);
        this.bar?.update(share, job.state);
        setText(/** @type {HTMLElement} */ (this.share), wholePercent(share));
        const reason = /** @type {HTMLElement} */ (this.reason);
        const why = [whyText(job), job.state === "queued" ? etaText(job) : ""].filter((text) => text).join(", ");
        reason.hidden = why === "";
        setText(reason, why);
        this.#updateFacts(job);
        this.#updateSibling(job);
        if (job.spec !== undefined && !this.#hadSpec) {
            this.#hadSpec = true;
            this.#showSpec(job.spec);
        }
    }

    /** @param {Job} job */
    #updateFacts(job) {
        const { progress, plan, metrics } = job;
        const best = metrics["val/acc@1"];
        const speed = metrics["train/samples_per_sec"];
        /** @type {[string, string, string?][]} */
        const facts = [
            ["Step", progress ? `${grouped(progress.step)} of ${grouped(progress.steps)}` : "–"],
            ["Epoch", progress ? String(progress.epoch) : "–"],
            ENDED.has(job.state) || job.state === "queued" ? ["Run time", runTime(job, Date.now())]
                : ["Remaining", duration(progress?.eta_s)],
            ["Samples/s", grouped(progress?.samples_per_sec ?? (speed && fromWire(speed.last)))],
            ["Train loss", number(metrics["train/loss"] && fromWire(metrics["train/loss"].last))],
            ["Val. accuracy", best ? percent(fromWire(best.last)) : "–",
                best?.max === undefined ? "" : `best ${percent(fromWire(best.max))} at step ${best.max_step}`],
            ["Parameters", grouped(plan?.parameters)],
            ["Memory", bytes(plan?.memory_bytes)],
            ["Attempt", String(job.attempt)],
            ["Created", ago(job.created_at, Date.now()), timesText(job)],
        ];
        const box = /** @type {HTMLElement} */ (this.facts);
        if (box.childElementCount !== facts.length) {
            box.replaceChildren(...facts.map(() => h("div", {}, h("dt"), h("dd"))));
        }
        facts.forEach(([word, value, title], i) => {
            const [term, definition] = box.children[i].children;
            setText(term, word);
            setText(definition, value);
            /** @type {HTMLElement} */ (definition).title = title ?? "";
        });
    }

    /** @param {Job} job */
    #updateSibling(job) {
        const link = /** @type {HTMLAnchorElement} */ (this.sibling);
        link.hidden = !job.experiment;
        if (job.experiment) {
            link.href = formatHash("/compare", { experiment: job.experiment });
            setText(link, "Compare the experiment");
        }
    }

    /** @param {Record<string, any>} spec */
    #showSpec(spec) {
        this.spec?.replaceChildren(...[...specGroups(spec)].map(([group, rows]) => h("table", {},
            h("caption", {}, group),
            h("tbody", {}, ...rows.map(([key, value]) => h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, value)))))));
    }

    #drawCharts() {
        const job = this.#job();
        if (job === undefined || this.#norms === null) {
            return;
        }
        const tone = hue(job.connection);
        for (const { key, lines } of CHARTS) {
            const there = lines.filter(([name]) => this.run.curves.has(String(name)));
            this.#charts.get(key)?.show(there.map(([name, label, shade]) => ({ label: String(label),
                color: color(`${tone}-${shade}`), width: shade === 0 ? 2 : 1.5,
                curve: this.run.curves.get(String(name)) ?? emptyCurve() })));
        }
        this.#drawNorms(tone);
    }

    // From the first block to the last as from pale to strong.
    #drawNorms(/** @type {string} */ tone) {
        const names = [...this.run.curves.keys()];
        const sites = blockSites(names);
        const site = sites.includes(this.#site) ? this.#site : sites[0] ?? "attn";
        this.#offerSites(sites, site);
        const blocks = blockSeries(names, site, this.#statistic);
        const [from, to] = [color(`${tone}-from`), color(`${tone}-to`)];
        const lines = blocks.map(({ name, block }, i) => ({ label: `block ${block}`, width: 1.6,
            color: mix(from, to, blocks.length > 1 ? i / (blocks.length - 1) : 1),
            curve: this.run.curves.get(name) ?? emptyCurve() }));
        const mean = this.run.curves.get(`activation/${site}/mean/${this.#statistic}`);
        this.#norms?.show(mean === undefined || lines.length === 0 ? lines
            : [...lines, { label: "mean", width: 2, dash: [6, 4], color: color("text"), curve: mean }]);
    }

    /**
     * @param {string[]} sites
     * @param {string} site
     */
    #offerSites(sites, site) {
        const select = /** @type {HTMLSelectElement} */ (this.sites);
        if ([...select.options].map((option) => option.value).join() !== sites.join()) {
            setChildren(select, sites.map((value) => h("option", { value }, SITE_LABELS[value])));
        }
        select.hidden = sites.length < 2;
        select.value = site;
    }

    async #loadLog() {
        const box = this.log;
        if (box === undefined || this.#destroyed || !this.#job()?.started_at) {
            return;
        }
        try {
            const { text, cut } = await logTail(this.id, LOG_BYTES);
            const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
            const clean = plainText(cut ? text.slice(text.indexOf("\n") + 1) : text).trimEnd();
            setText(box, clean || "Nothing yet.");
            setText(/** @type {HTMLElement} */ (this.logNote), cut ? "The end only." : "");
            if (atEnd) {
                box.scrollTop = box.scrollHeight;
            }
        } catch (error) {
            setText(/** @type {HTMLElement} */ (this.logNote), `The log could not be loaded: ${/** @type {Error} */ (error).message}.`);
        }
    }

    destroy() {
        this.#destroyed = true;
        clearInterval(this.clock);
        this.refreshLog.stop();
        this.stop.forEach((stop) => stop());
        this.#charts.forEach((chart) => chart.destroy());
        this.#norms?.destroy();
    }
}

