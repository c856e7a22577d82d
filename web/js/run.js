// SPDX-License-Identifier: Apache-2.0
// The curves of one job: fetched once, then drawn on by events.
//
// The answer of the metrics route holds every event up to its last_event_id, so an event is
// taken when its number is beyond that of the answer that brought its series. Events that come
// while an answer is on its way wait for it. A new attempt starts at an earlier step, and only
// the server knows which points that supersedes: then everything is fetched again.
import { getJson } from "./api.js";
import { addPoint, curveFromWire, emptyCurve } from "./points.js";
import { fromWire } from "./format.js";
import { matches } from "./series.js";

/** @typedef {import("./types.js").ServerEvent} ServerEvent */

const MAX_POINTS = 2000;

export class Run {
    /** @type {Map<string, import("./points.js").Curve>} */
    curves = new Map();
    /**
     * What was fetched, and the event up to which each answer goes.
     * @type {Map<string, number>}
     */
    #patterns = new Map();
    #loading = 0;
    /** @type {ServerEvent[]} */
    #held = [];
    /** @type {number|null} */
    #attempt = null;
    #generation = 0;

    /**
     * @param {number} job
     * @param {import("./stream.js").Stream} stream
     * @param {() => void} changed called after each change
     */
    constructor(job, stream, changed) {
        this.job = job;
        this.changed = changed;
        this.stream = stream;
        this.stop = stream.listen({ event: (event) => this.#receive(event) });
    }

    /**
     * Fetches the series of these patterns, unless they are there.
     * @param {string[]} patterns `*` is any text
     */
    async want(patterns) {
        const missing = patterns.filter((pattern) => !this.#patterns.has(pattern));
        if (missing.length > 0) {
            await this.#fetch(missing);
        }
    }

    /** Everything anew: after a gap in the events. */
    async reload() {
        const patterns = [...this.#patterns.keys()];
        if (patterns.length > 0) {
            await this.#fetch(patterns, true);
        }
    }

    /**
     * @param {string[]} patterns
     * @param {boolean} [anew] whether answers that are still on their way are out of date
     */
    async #fetch(patterns, anew = false) {
        const before = patterns.map((pattern) => this.#patterns.get(pattern));
        patterns.forEach((pattern) => this.#patterns.set(pattern, Infinity));
        this.#generation += anew ? 1 : 0;
        const generation = this.#generation;
        this.#loading++;
        try {
            await this.stream.ready;
            const answer = await getJson(`/jobs/${this.job}/metrics`,
                { series: patterns.join(","), max_points: MAX_POINTS });
            if (generation === this.#generation) {
                this.#take(patterns, answer);
            }
        } catch (error) {
            if (generation === this.#generation) {
                // As it was: the next want() or reload() tries again.
                patterns.forEach((pattern, i) => before[i] === undefined
                    ? this.#patterns.delete(pattern) : this.#patterns.set(pattern, before[i]));
            }
            throw error;
        } finally {
            this.#loading--;
            this.#replay();
        }
        this.changed();
    }

    /**
     * @param {string[]} patterns
     * @param {{last_event_id: number, series: Record<string, any>}} answer
     */
    #take(patterns, answer) {
        for (const name of this.curves.keys()) {
            if (patterns.some((pattern) => matches(pattern, name))) {
                this.curves.delete(name);
            }
        }
        for (const [name, wire] of Object.entries(answer.series)) {
            this.curves.set(name, curveFromWire(wire));
        }
        patterns.forEach((pattern) => this.#patterns.set(pattern, answer.last_event_id));
    }

    #replay() {
        if (this.#loading === 0) {
            this.#held.splice(0).forEach((event) => this.#add(event));
        }
    }

    /** @param {ServerEvent} event */
    #receive(event) {
        if (event.data.job !== this.job || event.type !== "metrics" && event.type !== "state") {
            return;
        }
        const { attempt } = event.data;
        if (this.#attempt !== null && attempt > this.#attempt) {
            this.reload().catch(() => {});
        }
        this.#attempt = Math.max(attempt, this.#attempt ?? attempt);
        if (event.type === "metrics") {
            this.#held.push(event);
            this.#replay();
        }
    }

    /** @param {ServerEvent} event a metrics event */
    #add(event) {
        let added = false;
        for (const [name, wire] of Object.entries(event.data.values)) {
            if (this.#isNew(name, event.id)) {
                let curve = this.curves.get(name);
                if (curve === undefined) {
                    this.curves.set(name, curve = emptyCurve());
                }
                addPoint(curve, event.data.step, fromWire(/** @type {import("./types.js").Wire} */ (wire)));
                added = true;
            }
        }
        added && this.changed();
    }

    /**
     * Whether an answer that brought this series ends before the event. Where several did, the
     * one that goes furthest counts.
     * @param {string} name
     * @param {number} id
     */
    #isNew(name, id) {
        let known = -1;
        for (const [pattern, after] of this.#patterns) {
            if (matches(pattern, name)) {
                known = Math.max(known, after);
            }
        }
        return known >= 0 && id > known;
    }
}
