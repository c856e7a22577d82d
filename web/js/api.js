// SPDX-License-Identifier: Apache-2.0
// Requests to the server that this page came from. See docs/api.md.

const BASE = "api/v1";

/** What the server answered instead of what was asked for. */
export class ApiError extends Error {
    /**
     * @param {number} status 0 when there was no answer
     * @param {string} message
     */
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

let onLocked = () => {};

/**
 * @param {() => void} callback called when the server wants a token
 */
export function whenLocked(callback) {
    onLocked = callback;
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function problem(response) {
    const body = await response.json().catch(() => ({}));
    const text = [body.title, body.detail].filter((part) => typeof part === "string" && part !== "").join(": ");
    return new ApiError(response.status, text || `the server answered ${response.status}`);
}

/**
 * @param {string} path below /api/v1
 * @param {RequestInit} [init]
 * @returns {Promise<Response>} with a status of success
 * @throws {ApiError}
 */
async function request(path, init = {}) {
    let response;
    try {
        response = await fetch(`${BASE}${path}`, { cache: "no-store", ...init });
    } catch (error) {
        if (init.signal?.aborted) {
            throw error;
        }
        throw new ApiError(0, "the server does not answer");
    }
    if (response.status === 401) {
        onLocked();
    }
    if (!response.ok) {
        throw await problem(response);
    }
    return response;
}

/**
 * @param {string} path
 * @param {Record<string, string|number|null|undefined>} [query] empty values are left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function getJson(path, query = {}, signal) {
    const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([key, value]) => [key, String(value)]);
    const text = pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : "";
    return (await request(`${path}${text}`, { signal })).json();
}

/**
 * @param {number} job
 * @returns {Promise<import("./types.js").Job>} as it is now
 */
export async function cancelJob(job) {
    return (await request(`/jobs/${job}/cancel`, { method: "POST" })).json();
}

/**
 * Trades a token for a session; the cookie is out of reach for scripts.
 * @param {string} token
 */
export async function logIn(token) {
    await request("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) });
}

/**
 * The end of a job's log.
 * @param {number} job
 * @param {number} size at most so many bytes
 * @returns {Promise<{text: string, cut: boolean}>} cut: there is more before it
 */
export async function logTail(job, size) {
    let response;
    try {
        response = await request(`/jobs/${job}/log`, { headers: { Range: `bytes=-${size}` } });
    } catch (error) {
        // 404: the job has not begun; 416: its log is still empty.
        if (error instanceof ApiError && (error.status === 404 || error.status === 416)) {
            return { text: "", cut: false };
        }
        throw error;
    }
    const text = await response.text();
    const start = /^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "");
    return { text: text.slice(-size), cut: start !== null ? start[1] !== "0" : text.length > size };
}

/**
 * @param {number} job
 */
export const logAddress = (job) => `${BASE}/jobs/${job}/log`;

/**
 * @param {number|null} after the last event that was seen; null starts now
 */
export const eventsAddress = (after) => `${BASE}/events${after === null ? "" : `?after=${after}`}`;
