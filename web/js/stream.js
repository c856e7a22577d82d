// SPDX-License-Identifier: Apache-2.0
// The one event stream of a tab. A browser opens few connections to a server, so all parts of
// the page share it, and a tab that nobody looks at has none.
//
// opening ──open──▶ live ──error──▶ down ──(0.5 s, doubling up to 5 s)──▶ opening …
//    any ──tab hidden──▶ asleep ──tab shown──▶ opening
//
// EventSource would try again on its own, but not after an answer like 503, and not soon; so a
// broken stream is closed and opened anew behind the last event (`?after=`, which means the
// same as Last-Event-ID). Every time it opens but the first, and when the server says that the
// wanted events are gone (`reset`), listeners of `sync` fetch the state anew. Nothing can fall in
// between: the stream is open before they ask.
import { eventsAddress } from "./api.js";

const TYPES = /** @type {const} */ (["state", "metrics", "progress", "log"]);
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 5000;
const READY_MS = 2000;

/** @typedef {"opening"|"live"|"down"|"asleep"} StreamState */

export class Stream {
    /** @type {EventSource|null} */
    #source = null;
    /** @type {number|null} */
    #after = null;
    #delay_ms = FIRST_DELAY_MS;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #timer;
    /** @type {Set<(event: import("./types.js").ServerEvent) => void>} */
    #onEvent = new Set();
    /** @type {Set<() => void>} */
    #onSync = new Set();
    /** @type {Set<(state: StreamState) => void>} */
    #onState = new Set();
    /** @type {StreamState} */
    state = "opening";
    #settled = false;
    #resolve = () => {};
    /** Settles when the stream is open, or when it takes so long that one should not wait. */
    ready = new Promise((resolve) => {
        this.#resolve = () => resolve(undefined);
    });

    start() {
        document.addEventListener("visibilitychange", () => {
            if (document.visibilityState === "hidden") {
                this.#sleep();
            } else if (this.state === "asleep") {
                this.#open();
            }
        });
        window.addEventListener("online", () => this.state === "down" && this.#open());
        setTimeout(() => this.#settle(), READY_MS);
        if (document.visibilityState === "hidden") {
            this.#sleep();
        } else {
            this.#open();
        }
    }

    /**
     * @param {{event?: (event: import("./types.js").ServerEvent) => void, sync?: () => void, state?: (state: StreamState) => void}} listeners
     * @returns {() => void} ends it
     */
    listen({ event, sync, state }) {
        event && this.#onEvent.add(event);
        sync && this.#onSync.add(sync);
        state && this.#onState.add(state);
        return () => {
            event && this.#onEvent.delete(event);
            sync && this.#onSync.delete(sync);
            state && this.#onState.delete(state);
        };
    }

    #open() {
        this.#close();
        this.#setState(this.state === "down" ? "down" : "opening");
        const source = new EventSource(eventsAddress(this.#after));
        this.#source = source;
        source.onopen = () => {
            this.#delay_ms = FIRST_DELAY_MS;
            this.#setState("live");
            // Whoever did not wait asked too early, and asks again.
            this.#settled ? this.#sync() : this.#settle();
        };
        source.onerror = () => this.#retry();
        for (const type of TYPES) {
            source.addEventListener(type, (message) => this.#receive(type, message));
        }
        source.addEventListener("reset", (message) => {
            this.#remember(message);
            this.#sync();
        });
    }

    #settle() {
        this.#settled = true;
        this.#resolve();
    }

    #close() {
        clearTimeout(this.#timer);
        this.#source?.close();
        this.#source = null;
    }

    #retry() {
        this.#close();
        this.#setState("down");
        this.#timer = setTimeout(() => this.#open(), this.#delay_ms);
        this.#delay_ms = Math.min(2 * this.#delay_ms, LONGEST_DELAY_MS);
    }

    // What is missed meanwhile is fetched as a whole, which is less than all its events.
    #sleep() {
        this.#close();
        this.#after = null;
        this.#setState("asleep");
        this.#settle();
    }

    /** @param {StreamState} state */
    #setState(state) {
        if (this.state !== state) {
            this.state = state;
            this.#onState.forEach((listener) => listener(state));
        }
    }

    #sync() {
        this.#onSync.forEach((listener) => listener());
    }

    /**
     * A number below the last one: another database answers behind the same address.
     * @param {MessageEvent} message
     * @returns {number} the event's id
     */
    #remember(message) {
        const id = Number(message.lastEventId);
        const backwards = this.#after !== null && id < this.#after;
        this.#after = id;
        if (backwards) {
            this.#sync();
        }
        return id;
    }

    /**
     * @param {import("./types.js").ServerEvent["type"]} type
     * @param {MessageEvent} message
     */
    #receive(type, message) {
        const id = this.#remember(message);
        const event = { id, type, data: JSON.parse(message.data) };
        this.#onEvent.forEach((listener) => listener(event));
    }
}
