// SPDX-License-Identifier: Apache-2.0
// Several jobs, or all of an experiment, in the same charts: each run by itself, or per arm
// (all seeds of a variant) the mean with a band of one standard deviation. Below is the table:
// computed by the server for an experiment, here for jobs that somebody picked.
import { getJson } from "./api.js";
import { bandColor, Chart, ChartGroup } from "./chart.js";
import { h, setText } from "./dom.js";
import { onFrame, throttle } from "./frame.js";
import { fade, styleJobs } from "./palette.js";
import { stateBadge } from "./parts.js";
import { curveFacts, emptyCurve, indexAt } from "./points.js";
import { formatCompare, parseCompare } from "./route.js";
import { Run } from "./run.js";
import { RunsTable } from "./runs-table.js";
import { armLabel, lowerIsBetter, seriesSpread, seriesTitle, seriesValue, sortSeries } from "./series.js";
import { armCurve, meanStd } from "./stats.js";
import { differencesTable, summaryTable } from "./summary.js";
import { color, onTheme } from "./theme.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./app.js").App} App */
/** @typedef {import("./route.js").CompareState} CompareState */
/** @typedef {{label: string, jobs: Job[]}} Arm */

const MOST_JOBS = 64;
const SUMMARY_EVERY_MS = 2000;

/** @param {number} value */
const percentTick = (value) => `${Number((100 * value).toPrecision(6))}%`;

/**
 * Jobs that differ in their seed only are one arm.
 * @param {Job[]} jobs
 * @returns {Arm[]}
 */
function groupArms(jobs) {
    /** @type {Map<string, Arm>} */
    const arms = new Map();
    for (const job of jobs) {
        const label = job.variant === null ? job.connection : armLabel(job.variant) || job.connection;
        const key = `${job.experiment}|${label}`;
        const arm = arms.get(key) ?? { label, jobs: [] };
        arm.jobs.push(job);
        arms.set(key, arm);
    }
    return [...arms.values()];
}

/** @param {Job} job */
function seedText(job) {
    const seed = job.variant?.["train.seed"] ?? job.spec?.train?.seed;
    return seed === undefined ? "" : String(seed);
}

export class ComparePage {
    /** @type {CompareState} */
    #state = parseCompare(new URLSearchParams());
    /** @type {Map<number, Run>} */
    #runs = new Map();
    /** @type {Map<string, Chart>} */
    #charts = new Map();
    #names = new Set();
    #namesKey = "";
    #tablesKey = "";
    #destroyed = false;
    /** @type {import("./types.js").Summary|null} */
    #summary = null;
    #draw = () => this.#drawCharts();
    #table = () => this.#drawTable();

    /** @param {App} app */
    constructor(app) {
        this.app = app;
        this.group = new ChartGroup(null, (range) => this.#change({ range }, false));
        this.refreshSummary = throttle(() => this.#loadSummary(), SUMMARY_EVERY_MS);
        this.ui = this.#build();
        this.element = this.ui.element;
        this.stop = [
            app.store.listen((changed) => {
                if ([...changed].some((id) => this.#runs.has(id))) {
                    onFrame(this.#table);
                }
            }),
            app.stream.listen({ sync: () => this.#load(true), event: (event) => this.#receive(event) }),
            onTheme(() => {
                onFrame(this.#draw);
                onFrame(this.#table);
            }),
        ];
    }

    #build() {
        const heading = h("h1", { tabindex: -1 }, "Compare");
        const badge = stateBadge("running");
        badge.element.hidden = true;
        const view = (/** @type {"runs"|"mean"} */ name, /** @type {string} */ label) => h("button", { type: "button", class: "toggle",
            "data-view": name, onclick: () => this.#change({ view: name }) }, label);
        const views = [view("runs", "Each run"), view("mean", "Mean ± std")];
        const add = h("select", { "aria-label": "Add a chart", onchange: () => {
            this.#change({ series: [...this.#state.series, add.value] });
        } });
        const addJob = h("select", { "aria-label": "Add a job", onchange: () => {
            this.#change({ jobs: [...this.#jobIds(), Number(addJob.value)], experiment: null });
        } });
        const summarySeries = h("select", { "aria-label": "Series of the table", onchange: () => {
            this.#summary = null;
            this.#change({ summary: summarySeries.value });
        } });
        const message = h("p", { class: "none" }, "Loading…");
        const grid = h("div", { class: "charts" });
        const tables = h("div", { class: "tables" });
        const runs = new RunsTable({
            show: (id, on) => this.#change({ hide: this.#state.hide.filter((other) => other !== id).concat(on ? [] : [id]) }),
            remove: (id) => this.#change({ experiment: null, jobs: this.#jobIds().filter((other) => other !== id),
                hide: this.#state.hide.filter((other) => other !== id) }),
        });
        const panel = h("section", { class: "panel", hidden: true },
            h("div", { class: "toolbar" }, h("h2", {}, "Summary"), summarySeries), tables,
            h("div", { class: "toolbar" }, h("h2", {}, "Runs"), addJob), runs.element);
        const element = h("div", { class: "page" },
            h("div", { class: "title-row" }, heading, badge.element, h("span", { class: "spring" }),
                h("div", { class: "segments", role: "group", "aria-label": "What a line is" }, ...views), add),
            message, grid, panel);
        return { element, heading, badge, views, add, addJob, summarySeries, message, grid, tables, runs, panel };
    }

    /** @param {URLSearchParams} params */
    show(params) {
        this.#state = parseCompare(params);
        this.group.range = this.#state.range;
        this.#summary = null;
        this.#load(false);
    }

    /**
     * @param {Partial<CompareState>} change
     * @param {boolean} [reload]
     */
    #change(change, reload = true) {
        this.#state = { ...this.#state, ...change };
        this.app.replace(formatCompare(this.#state));
        reload && this.#load(false);
    }

    #jobIds() {
        const { experiment, jobs } = this.#state;
        return experiment === null ? jobs : this.app.store.experiments.get(experiment)?.jobs ?? [];
    }

    /** The jobs that are known, in the order of the address. */
    #jobs() {
        return this.#jobIds().slice(0, MOST_JOBS).flatMap((id) => this.app.store.jobs.get(id) ?? []);
    }

    #shown() {
        return this.#jobs().filter((job) => !this.#state.hide.includes(job.id));
    }

    /** @param {boolean} anew whether events may have been missed */
    async #load(anew) {
        /** @type {Error|null} */
        let fault = null;
        const note = (/** @type {Error} */ error) => { fault ??= error; };
        await this.#loadJobs(anew, note);
        if (this.#destroyed) {
            return;
        }
        this.#arrange(); // what there is, and nothing of what was shown before
        await Promise.all([...this.#runs.values()].map(async (run) => {
            await (anew ? run.reload() : null);
            await run.want(this.#patterns());
        })).catch(note);
        if (fault === null) {
            this.refreshSummary();
        } else {
            this.ui.message.hidden = false;
            setText(this.ui.message, `This could not be loaded: ${/** @type {Error} */ (fault).message}.`);
        }
    }

    /**
     * Has the store know the jobs of the address, as far as they are to be had.
     * @param {boolean} anew
     * @param {(error: Error) => void} note is told of every fault
     */
    async #loadJobs(anew, note) {
        const { store } = this.app;
        const { experiment } = this.#state;
        if (experiment !== null && (anew || !store.experiments.has(experiment))) {
            await store.loadExperiment(experiment).catch(note);
        }
        store.loaded || await store.loadList({}).catch(() => {});
        const ids = this.#jobIds().slice(0, MOST_JOBS);
        await Promise.all(ids.map((id) => anew || !this.#names.has(id) ? this.#loadJob(id).catch(note) : null));
    }

    /** @param {number} id */
    async #loadJob(id) {
        await this.app.store.loadJob(id);
        this.#names.add(id);
    }

    // With its star a name is a pattern, which a job may well have no series for.
    #patterns() {
        return [...new Set([...this.#state.series, this.#state.summary])].map((name) => `${name}*`);
    }

    /** Makes the runs and charts that the state asks for, and no others. */
    #arrange() {
        const ids = new Set(this.#jobs().map((job) => job.id));
        for (const [id, run] of this.#runs) {
            if (!ids.has(id)) {
                run.stop();
                this.#runs.delete(id);
            }
        }
        for (const id of ids) {
            this.#runs.has(id) || this.#runs.set(id, new Run(id, this.app.stream, () => {
                onFrame(this.#draw);
                onFrame(this.#table);
            }));
        }
        this.#arrangeCharts();
        this.#arrangeHead();
        onFrame(this.#draw);
        onFrame(this.#table);
    }

    #arrangeCharts() {
        const { series, log } = this.#state;
        for (const [name, chart] of this.#charts) {
            if (!series.includes(name)) {
                chart.destroy();
                this.#charts.delete(name);
            }
        }
        for (const name of series) {
            this.#charts.has(name) || this.#charts.set(name, new Chart({
                group: this.group, title: seriesTitle(name), log: log.includes(name),
                format: (value) => seriesValue(name, value), ticks: name.includes("/acc@") ? percentTick : undefined,
                onLog: (on) => this.#change({ log: this.#state.log.filter((other) => other !== name).concat(on ? [name] : []) }, false),
                onRemove: () => this.#change({ series: this.#state.series.filter((other) => other !== name) }),
            }));
        }
        const wanted = series.flatMap((name) => this.#charts.get(name)?.element ?? []);
        wanted.forEach((element, i) => this.ui.grid.children[i] === element || this.ui.grid.insertBefore(element, this.ui.grid.children[i] ?? null));
    }

    #arrangeHead() {
        const { experiment } = this.#state;
        const row = experiment === null ? undefined : this.app.store.experiments.get(experiment);
        const jobs = this.#jobs();
        const title = row ? row.name || `Experiment ${row.id}` : jobs.length > 0 ? `${jobs.length} jobs side by side` : "Compare";
        setText(this.ui.heading, title);
        this.app.title(title);
        const all = this.#jobIds().length;
        this.ui.message.hidden = jobs.length > 0 && all <= MOST_JOBS;
        setText(this.ui.message, all > MOST_JOBS ? `The first ${MOST_JOBS} of ${all} jobs are shown.`
            : "Pick jobs here or in the list: two or more, or an experiment.");
        this.ui.panel.hidden = false;
        this.#offerJobs();
    }

    #offerJobs() {
        const here = new Set(this.#jobIds());
        const others = [...this.app.store.jobs.values()].filter((job) => !here.has(job.id)).sort((a, b) => b.id - a.id);
        this.ui.addJob.replaceChildren(h("option", { value: "" }, "Add a job…"),
            ...others.map((job) => h("option", { value: job.id }, `${job.id} · ${job.name} · ${job.connection}`)));
        this.ui.addJob.disabled = others.length === 0;
    }

    #offerSeries() {
        const names = sortSeries(this.#jobs().flatMap((job) => Object.keys(job.metrics)));
        const key = `${names.join()}|${this.#state.series.join()}|${this.#state.summary}`;
        if (key === this.#namesKey) {
            return;
        }
        this.#namesKey = key;
        const option = (/** @type {string} */ name) => h("option", { value: name }, seriesTitle(name));
        this.ui.add.replaceChildren(h("option", { value: "" }, "Add a chart…"),
            ...names.filter((name) => !this.#state.series.includes(name)).map(option));
        this.ui.summarySeries.replaceChildren(...[...new Set([this.#state.summary, ...names])].map(option));
        this.ui.summarySeries.value = this.#state.summary;
    }

    /** @param {import("./types.js").ServerEvent} event */
    #receive(event) {
        if (!this.#runs.has(event.data.job)) {
            return;
        }
        if (event.type === "state" || event.type === "metrics" && Object.hasOwn(event.data.values, this.#state.summary)) {
            this.refreshSummary();
        }
    }

    #styles() {
        return styleJobs(this.#jobs().map((job) => ({ id: job.id, connection: job.connection, arm: armOf(job) })));
    }

    /** @param {Arm[]} arms */
    #isMean(arms) {
        const several = arms.some((arm) => arm.jobs.length > 1);
        return several && (this.#state.view ?? (this.#state.experiment === null ? "runs" : "mean")) === "mean";
    }

    #drawCharts() {
        const styles = this.#styles();
        const arms = groupArms(this.#shown());
        const mean = this.#isMean(arms);
        for (const [name, chart] of this.#charts) {
            const curveOf = (/** @type {Job} */ job) => this.#runs.get(job.id)?.curves.get(name) ?? emptyCurve();
            if (mean) {
                const drawn = arms.map((arm) => meanLines(name, arm, curveOf, styles));
                chart.show(drawn.flatMap(({ lines }) => lines), drawn.map(({ band }) => band));
            } else {
                chart.show(this.#shown().map((job) => ({ label: runLabel(job), curve: curveOf(job), ...lineStyle(styles.get(job.id)) })));
            }
        }
        this.ui.views.forEach((button) => {
            button.setAttribute("aria-pressed", String((button.dataset.view === "mean") === mean));
            button.disabled = button.dataset.view === "mean" && !groupArms(this.#jobs()).some((arm) => arm.jobs.length > 1);
        });
    }

    #drawTable() {
        const jobs = this.#jobs();
        const { experiment, summary } = this.#state;
        const row = experiment === null ? undefined : this.app.store.experiments.get(experiment);
        this.ui.badge.element.hidden = row === undefined;
        row && this.ui.badge.update(row.state);
        this.#offerSeries();
        const styles = this.#styles();
        this.#drawRuns(jobs, styles);
        const colorOf = (/** @type {number} */ job) => color(styles.get(job)?.token ?? "other-0");
        const arms = this.#summary?.series === summary ? this.#summary.arms : this.#localArms(jobs, summary);
        const tables = [summaryTable(arms, summary, colorOf)];
        if (this.#summary?.series === summary && this.#summary.differences.length > 0) {
            tables.push(differencesTable(this.#summary.differences, summary));
        }
        this.#replaceTables(tables);
    }

    /**
     * Replacing equal tables would lose what somebody has just marked in them.
     * @param {HTMLElement[]} tables
     */
    #replaceTables(tables) {
        const key = tables.map((table) => table.outerHTML).join();
        if (key !== this.#tablesKey) {
            this.#tablesKey = key;
            this.ui.tables.replaceChildren(...tables);
        }
    }

    /**
     * @param {Job[]} jobs
     * @param {string} series
     * @returns {import("./types.js").SummaryArm[]}
     */
    #localArms(jobs, series) {
        return groupArms(jobs).map((arm) => {
            const curves = arm.jobs.map((job) => this.#runs.get(job.id)?.curves.get(series) ?? emptyCurve());
            const values = curves.map((curve) => curve.values[curve.values.length - 1] ?? NaN);
            const best = curves.map((curve) => {
                const facts = curveFacts(curve, lowerIsBetter(series));
                return facts && { value: facts.best, step: facts.bestStep };
            });
            return { variant: { "residual.connection": arm.label }, jobs: arm.jobs.map((job) => job.id), values, best, ...meanStd(values) };
        });
    }

    /**
     * @param {Job[]} jobs
     * @param {Map<number, import("./palette.js").Style>} styles
     */
    #drawRuns(jobs, styles) {
        const { hide, summary } = this.#state;
        this.ui.runs.update(jobs.map((job) => {
            const curve = this.#runs.get(job.id)?.curves.get(summary) ?? emptyCurve();
            const facts = curveFacts(curve, lowerIsBetter(summary));
            return { job, shown: !hide.includes(job.id), seed: seedText(job), ...lineStyle(styles.get(job.id)),
                last: seriesValue(summary, curve.values[curve.values.length - 1]),
                best: seriesValue(summary, facts?.best), bestStep: String(facts?.bestStep ?? "–") };
        }));
    }

    async #loadSummary() {
        const { experiment, summary } = this.#state;
        if (experiment === null || this.#destroyed) {
            return;
        }
        try {
            this.#summary = await getJson(`/experiments/${experiment}/summary`, { series: summary });
            onFrame(this.#table);
        } catch (error) {
            // Without points there is nothing to summarise yet; the runs are shown all the same.
            this.#summary = null;
        }
    }

    destroy() {
        this.#destroyed = true;
        this.refreshSummary.stop();
        this.stop.forEach((stop) => stop());
        this.#runs.forEach((run) => run.stop());
        this.#charts.forEach((chart) => chart.destroy());
    }
}

/** @param {Job} job */
function armOf(job) {
    return `${job.experiment}|${armLabel(job.variant)}`;
}

/** @param {Job} job */
function runLabel(job) {
    const words = job.variant === null ? job.name : [armLabel(job.variant), seedText(job) && `seed ${seedText(job)}`].filter(Boolean).join(", ");
    return `#${job.id} ${words}`;
}

/** @param {import("./palette.js").Style|undefined} style */
function lineStyle(style) {
    return { color: color(style?.token ?? "other-0"), dash: style?.dash ?? [], width: 1.75 };
}

/**
 * An arm as its mean, with its runs faintly behind it.
 * @param {string} name of the series
 * @param {Arm} arm
 * @param {(job: Job) => import("./points.js").Curve} curveOf
 * @param {Map<number, import("./palette.js").Style>} styles
 */
function meanLines(name, arm, curveOf, styles) {
    const curves = arm.jobs.map(curveOf);
    const { steps, mean, low, high, count } = armCurve(curves);
    const hex = color(styles.get(arm.jobs[0].id)?.token ?? "other-0");
    const quiet = curves.map((curve) => ({ label: "", quiet: true, curve, color: fade(hex, 0.45), width: 1 }));
    const line = { label: arm.label, curve: { steps, values: mean }, color: hex, width: 2.25,
        note: (/** @type {number} */ step) => {
            const i = indexAt(steps, step);
            const spread = Number.isFinite(high[i]) ? `± ${seriesSpread(name, high[i] - mean[i])}, ` : "";
            return `${spread}n = ${count[i] ?? 0}`;
        } };
    return { lines: arm.jobs.length > 1 ? [...quiet, line] : [line], band: { steps, low, high, color: bandColor(hex) } };
}
