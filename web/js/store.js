// SPDX-License-Identifier: Apache-2.0
// The jobs that this tab knows, kept up to date by events. A job is a plain object that is
// changed in place; listeners hear which ids changed, once per frame.
import { getJson, ApiError } from "./api.js";
import { onFrame, throttle } from "./frame.js";
import { fromWire } from "./format.js";
import { lowerIsBetter } from "./series.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").ServerEvent} ServerEvent */

const NEW_JOBS_EVERY_MS = 250;

export const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/** The states in which a job can still be cancelled. */
export const CANCELLABLE = new Set(["queued", "starting", "running", "pausing", "paused"]);

/**
 * Takes one metric value into a job's facts.
 * @param {Job} job
 * @param {string} series
 * @param {import("./types.js").Wire} wire
 * @param {number} step
 */
function noteMetric(job, series, wire, step) {
    const facts = job.metrics[series] ??= { last: wire };
    facts.last = wire;
    facts.last_step = step;
    const value = fromWire(wire);
    const [edge, at] = lowerIsBetter(series) ? /** @type {const} */ (["min", "min_step"]) : /** @type {const} */ (["max", "max_step"]);
    const best = fromWire(facts[edge]);
    if (Number.isFinite(value) && (Number.isNaN(best) || (edge === "min" ? value < best : value > best))) {
        facts[edge] = wire;
        facts[at] = step;
    }
}

/**
 * Changes job as event says.
 * @param {Job} job
 * @param {ServerEvent} event
 */
export function applyEvent(job, event) {
    const { data } = event;
    if (event.type === "state") {
        job.state = data.state;
        job.reason = data.reason;
        job.attempt = data.attempt;
        job.waiting = null; // until the list is fetched again
        job.expected_start_at = null;
        if (ENDED.has(data.state)) {
            job.ended_at ??= data.at;
        } else if (data.state === "running") {
            job.started_at ??= data.at;
        }
    } else if (event.type === "progress") {
        const { step, steps, epoch, eta_s, samples_per_sec } = data;
        job.progress = { step, steps, epoch, eta_s, samples_per_sec };
    } else if (event.type === "metrics") {
        job.metrics ??= {};
        for (const [series, wire] of Object.entries(data.values)) {
            noteMetric(job, series, wire, data.step);
        }
    }
}

export class Store {
    /** @type {Map<number, Job>} */
    jobs = new Map();
    /** @type {Map<number, import("./types.js").Experiment>} */
    experiments = new Map();
    /** @type {string|null} */
    next = null;
    loaded = false;
    #query = {};
    #listeners = new Set();
    /** @type {Set<number>} */
    #changed = new Set();
    /**
     * For each request that is on its way, the events since it was sent.
     * @type {Set<ServerEvent[]>}
     */
    #held = new Set();
    // An experiment brings many jobs at once, and its own row.
    #loadNew = throttle(() => this.loadList().catch(() => {}), NEW_JOBS_EVERY_MS);
    #notify = () => {
        const changed = this.#changed;
        this.#changed = new Set();
        this.#listeners.forEach((listener) => listener(changed));
    };

    /** @param {import("./stream.js").Stream} stream */
    constructor(stream) {
        this.stream = stream;
        stream.listen({ event: (event) => this.#receive(event) });
    }

    /**
     * @param {(changed: Set<number>) => void} listener
     * @returns {() => void} ends it
     */
    listen(listener) {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
    }

    /** @param {number} id */
    #touch(id) {
        this.#changed.add(id);
        onFrame(this.#notify);
    }

    /** @param {ServerEvent} event */
    #receive(event) {
        this.#held.forEach((held) => held.push(event));
        const job = this.jobs.get(event.data.job);
        if (job !== undefined) {
            applyEvent(job, event);
            this.#touch(job.id);
        }
        // A change of one job is news for those that wait, and an unknown one is new.
        if (event.type === "state" && this.loaded && (job === undefined || this.#someoneWaits())) {
            this.#loadNew();
        }
        if (event.type === "state" && job?.experiment) {
            this.#recount(job.experiment);
        }
    }

    #someoneWaits() {
        return [...this.jobs.values()].some((job) => job.state === "queued");
    }

    /**
     * How many jobs of an experiment are in which state, when all of them are known here.
     * @param {number} id
     */
    #recount(id) {
        const experiment = this.experiments.get(id);
        const jobs = experiment?.jobs.map((job) => this.jobs.get(job)) ?? [];
        if (experiment === undefined || jobs.some((job) => job === undefined)) {
            return;
        }
        /** @type {Record<string, number>} */
        const states = {};
        for (const job of /** @type {Job[]} */ (jobs)) {
            states[job.state] = (states[job.state] ?? 0) + 1;
        }
        const ended = Object.keys(states).every((state) => ENDED.has(state));
        experiment.states = states;
        experiment.state = !ended ? "running" : states.succeeded === jobs.length ? "succeeded" : "failed";
    }

    /**
     * Runs a request and takes what it answers; events that came meanwhile are newer than the
     * answer or in it already, so they are applied again in their order.
     * @template T
     * @param {() => Promise<T>} fetchIt
     * @param {(answer: T) => void} take
     */
    async #load(fetchIt, take) {
        /** @type {ServerEvent[]} */
        const held = [];
        this.#held.add(held);
        try {
            take(await fetchIt());
            for (const event of held) {
                const job = this.jobs.get(event.data.job);
                job !== undefined && applyEvent(job, event);
            }
        } finally {
            this.#held.delete(held);
        }
    }

    /** @param {Job} job */
    #take(job) {
        this.jobs.set(job.id, { ...this.jobs.get(job.id), ...job, metrics: job.metrics ?? {} });
        this.#touch(job.id);
    }

    /**
     * The newest jobs and the experiments.
     * @param {{state?: string}} [query]
     */
    async loadList(query = this.#query) {
        this.#query = query;
        await this.stream.ready;
        await this.#load(
            () => Promise.all([getJson("/jobs", { ...query, limit: 100 }), getJson("/experiments")]),
            ([list, experiments]) => {
                // A job in the range of the answer that is not in the answer was deleted.
                const ids = new Set(list.jobs.map((/** @type {Job} */ job) => job.id));
                const oldest = list.next === null ? 0 : Math.min(...ids);
                for (const id of [...this.jobs.keys()]) {
                    if (id >= oldest && !ids.has(id) && !query.state) {
                        this.jobs.delete(id);
                        this.#touch(id);
                    }
                }
                list.jobs.forEach((/** @type {Job} */ job) => this.#take(job));
                this.next = list.next;
                this.experiments = new Map(experiments.experiments.map(
                    (/** @type {import("./types.js").Experiment} */ row) => [row.id, row]));
                this.loaded = true;
                onFrame(this.#notify);
            });
    }

    async loadOlder() {
        await this.#load(() => getJson("/jobs", { ...this.#query, limit: 100, cursor: this.next }), (list) => {
            list.jobs.forEach((/** @type {Job} */ job) => this.#take(job));
            this.next = list.next;
            onFrame(this.#notify);
        });
    }

    /**
     * One job with all that is known of it.
     * @param {number} id
     * @returns {Promise<Job>}
     */
    async loadJob(id) {
        await this.stream.ready;
        try {
            await this.#load(() => getJson(`/jobs/${id}`), (job) => this.#take(job));
        } catch (error) {
            if (error instanceof ApiError && error.status === 404) {
                this.jobs.delete(id);
                this.#touch(id);
            }
            throw error;
        }
        const job = this.jobs.get(id);
        if (job?.experiment && !this.experiments.has(job.experiment)) {
            await this.loadExperiment(job.experiment).catch(() => {});
        }
        return /** @type {Job} */ (job);
    }

    /** @param {number} id */
    async loadExperiment(id) {
        const experiment = await getJson(`/experiments/${id}`);
        this.experiments.set(id, experiment);
        onFrame(this.#notify);
        return /** @type {import("./types.js").Experiment} */ (experiment);
    }
}
