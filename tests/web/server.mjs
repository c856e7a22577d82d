// SPDX-License-Identifier: Apache-2.0
// Plays docs/api.md for the browser's tests: jobs, points and events are what a test says, and
// it can vanish and come back. It serves the files of web/ as orthod does, with its policy.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
};
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

function globMatches(pattern, name) {
    const source = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&")).join(".*");
    return new RegExp(`^${source}$`).test(name);
}

const wire = (value) => Number.isFinite(value) ? value : String(value);

export class FakeServer {
    jobs = new Map();
    experiments = new Map();
    differences = [];
    logs = new Map();
    requests = [];
    events = [];
    streams = new Set();
    keptFrom = 0;
    port = 0;
    /** Settles when streams may be opened. */
    gate = Promise.resolve();
    /** What opens the server; null: it is open. */
    token = null;
    #changed = [];
    #server = null;
    #root;

    /** @param {string} root the folder web/ */
    constructor(root) {
        this.#root = root;
    }

    async start() {
        this.#server = createServer((request, response) => this.#answer(request, response).catch((error) => {
            response.statusCode = 500;
            response.end(String(error));
        }));
        await new Promise((resolve) => this.#server.listen(this.port, "127.0.0.1", () => resolve(undefined)));
        this.port = this.#server.address().port;
        return `http://127.0.0.1:${this.port}`;
    }

    async stop() {
        this.streams.forEach((response) => response.destroy());
        this.streams.clear();
        this.#server.closeAllConnections();
        await new Promise((resolve) => this.#server.close(resolve));
    }

    /** As new, but for who listens and the numbers of events. */
    clear() {
        [this.jobs, this.experiments, this.logs].forEach((map) => map.clear());
        this.requests.length = 0;
    }

    /** Waits until so many streams are open. */
    async streamCount(count) {
        const timer = setTimeout(() => this.#changed.splice(0).forEach(({ reject }) =>
            reject(new Error(`${this.streams.size} streams are open, not ${count}`))), 60000);
        while (this.streams.size !== count) {
            await new Promise((resolve, reject) => this.#changed.push({ resolve, reject }));
        }
        clearTimeout(timer);
    }

    #note() {
        this.#changed.splice(0).forEach(({ resolve }) => resolve(undefined));
    }

    /** Adds a job; what is not given is made up. */
    addJob(facts = {}) {
        const id = facts.id ?? this.jobs.size + 1;
        const connection = facts.connection ?? "linear";
        this.jobs.set(id, {
            name: `job-${id}`, notes: "", labels: {}, experiment: null, variant: null, state: "queued", reason: null, attempt: 1,
            progress: { step: 0, steps: 1404, epoch: 0, eta_s: null, samples_per_sec: null },
            created_at: new Date().toISOString(), started_at: null, ended_at: null, model: "vit 64/6/4",
            plan: { parameters: 306250, steps: 1404, steps_per_epoch: 468, memory_bytes: 52428800 },
            spec: { name: `job-${id}`, model: { arch: "vit", preset: "N" }, residual: { connection, eps: 1e-6 },
                train: { epochs: 3, seed: facts.variant?.["train.seed"] ?? 0 } },
            ...facts, id, connection, points: new Map(),
        });
        return id;
    }

    /** Adds points without an event, as if they were there before. */
    addPoints(job, step, values) {
        const { points } = this.jobs.get(job);
        for (const [series, value] of Object.entries(values)) {
            const curve = points.get(series) ?? [];
            points.set(series, curve);
            curve.push([step, value]);
        }
    }

    #send(type, data) {
        const event = { id: this.events.length + 1, type, data: { ...data, at: new Date().toISOString() } };
        this.events.push(event);
        this.streams.forEach((response) => this.#write(response, event));
        return event;
    }

    #write(response, { id, type, data }) {
        response.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    }

    setState(job, state, reason = null) {
        const row = this.jobs.get(job);
        Object.assign(row, { state, reason });
        if (state === "running") {
            row.started_at ??= new Date().toISOString();
        }
        if (ENDED.has(state)) {
            row.ended_at = new Date().toISOString();
        }
        this.#send("state", { job, state, reason, attempt: row.attempt });
    }

    measure(job, step, values, epoch = 0) {
        this.addPoints(job, step, values);
        const wired = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, wire(value)]));
        this.#send("metrics", { job, step, epoch, attempt: this.jobs.get(job).attempt, values: wired });
    }

    progress(job, step, facts = {}) {
        const row = this.jobs.get(job);
        row.progress = { ...row.progress, step, ...facts };
        this.#send("progress", { job, ...row.progress });
    }

    /** Drops all events, so that whoever comes back has missed some. */
    forgetEvents() {
        this.keptFrom = this.events.length;
    }

    #facts(job, all) {
        const { points, spec, plan, ...rest } = this.jobs.get(job);
        const names = [...points.keys()].filter((name) => all || ["train/loss", "val/loss", "val/acc@1"].includes(name));
        const metrics = Object.fromEntries(names.map((name) => {
            const curve = points.get(name);
            const [lastStep, last] = curve[curve.length - 1];
            const finite = curve.filter(([, value]) => Number.isFinite(value)).sort((a, b) => a[1] - b[1]);
            const [min, max] = [finite[0] ?? [null, null], finite[finite.length - 1] ?? [null, null]];
            return [name, { last: wire(last), last_step: lastStep, min: min[1], min_step: min[0], max: max[1], max_step: max[0], count: curve.length }];
        }));
        return { ...rest, metrics, ...all ? { spec, plan } : {} };
    }

    async #answer(request, response) {
        if (request.url === "/api/v1/login") {
            await this.#logIn(request, response);
            return;
        }
        if (this.token !== null && request.url.startsWith("/api/")) {
            this.#problem(response, 401, "unauthorized", "send Authorization: Bearer TOKEN, or log in");
            return;
        }
        const url = new URL(request.url, "http://fake");
        this.requests.push(`${request.method} ${url.pathname}${url.search}`);
        response.setHeader("Content-Security-Policy", "default-src 'self'");
        response.setHeader("X-Content-Type-Options", "nosniff");
        const path = url.pathname.replace(/^\/api\/v1/, "");
        if (path === url.pathname) {
            await this.#file(url.pathname, response);
        } else if (path === "/events") {
            await this.gate;
            this.#stream(request, url, response);
        } else {
            this.#api(request, path, url.searchParams, response);
        }
    }

    async #file(path, response) {
        const name = normalize(path === "/" ? "/index.html" : path);
        try {
            const content = await readFile(join(this.#root, name));
            response.setHeader("Content-Type", TYPES[extname(name)] ?? "text/plain; charset=utf-8");
            response.end(content);
        } catch {
            response.statusCode = 404;
            response.end();
        }
    }

    #stream(request, url, response) {
        const after = Number(request.headers["last-event-id"] ?? url.searchParams.get("after") ?? this.events.length);
        response.setHeader("Content-Type", "text/event-stream");
        response.flushHeaders();
        if (after < this.keptFrom || after > this.events.length) {
            response.write(`id: ${this.events.length}\nevent: reset\ndata: {}\n\n`);
        } else {
            this.events.slice(after).forEach((event) => this.#write(response, event));
        }
        this.streams.add(response);
        this.#note();
        request.on("close", () => {
            this.streams.delete(response);
            this.#note();
        });
    }

    #problem(response, status, title, detail) {
        response.statusCode = status;
        response.setHeader("Content-Type", "application/problem+json");
        response.end(JSON.stringify({ type: `/problems/${title}`, title, status, detail }));
    }

    #api(request, path, query, response) {
        const routes = [
            [/^\/jobs$/, () => this.#list(query)],
            [/^\/jobs\/(\d+)$/, (id) => this.jobs.has(id) && this.#facts(id, true)],
            [/^\/jobs\/(\d+)\/metrics$/, (id) => this.jobs.has(id) && this.#metrics(id, query)],
            [/^\/experiments$/, () => ({ experiments: [...this.experiments.values()].map((row) => this.#experiment(row)), next: null })],
            [/^\/experiments\/(\d+)$/, (id) => this.experiments.has(id) && this.#experiment(this.experiments.get(id))],
            [/^\/experiments\/(\d+)\/summary$/, (id) => this.experiments.has(id) && this.#summary(id, query.get("series"))],
            [/^\/devices$/, () => ({ devices: [{ id: "cpu", kind: "cpu", model: "Test CPU", slots: 2, slots_free: 1 }] })],
        ];
        const cancel = /^\/jobs\/(\d+)\/cancel$/.exec(path);
        const log = /^\/jobs\/(\d+)\/log$/.exec(path);
        if (cancel !== null && request.method === "POST") {
            this.setState(Number(cancel[1]), "cancelled");
            response.statusCode = 202;
            response.end(JSON.stringify(this.#facts(Number(cancel[1]), true)));
            return;
        }
        if (log !== null) {
            this.#log(Number(log[1]), response);
            return;
        }
        for (const [pattern, handler] of routes) {
            const match = pattern.exec(path);
            const body = match === null ? undefined : handler(Number(match[1]));
            if (body) {
                response.setHeader("Content-Type", "application/json");
                response.end(JSON.stringify(body));
                return;
            }
        }
        this.#problem(response, 404, "not-found", `there is no ${path}`);
    }

    async #logIn(request, response) {
        const parts = [];
        for await (const part of request) {
            parts.push(part);
        }
        if (JSON.parse(parts.join("")).token !== this.token) {
            this.#problem(response, 401, "unauthorized", "that is no token of this server");
            return;
        }
        this.token = null;
        response.statusCode = 204;
        response.end();
    }

    #log(job, response) {
        const text = this.logs.get(job) ?? "";
        response.setHeader("Content-Type", "text/plain; charset=utf-8");
        if (text !== "") {
            response.statusCode = 206;
            response.setHeader("Content-Range", `bytes 0-${text.length - 1}/${text.length}`);
        }
        response.end(text);
    }

    /** One arm per connection, and made-up differences where a test gives some. */
    #summary(id, series) {
        const jobs = this.experiments.get(id).jobs.map((job) => this.jobs.get(job));
        const arms = [...new Set(jobs.map((job) => job.connection))].map((connection) => {
            const mine = jobs.filter((job) => job.connection === connection && job.points.has(series));
            const values = mine.map((job) => job.points.get(series).at(-1)[1]);
            const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
            const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
            const sign = series.includes("/acc@") ? 1 : -1;
            const best = mine.map((job) => job.points.get(series).reduce((top, point) => sign * point[1] > sign * top[1] ? point : top))
                .map(([step, value]) => ({ step, value }));
            return { variant: { "residual.connection": connection }, jobs: mine.map((job) => job.id), values, best, mean, std, count: values.length,
                seeds: mine.map((job) => job.variant["train.seed"]) };
        });
        return { id, series, state: "running", arms, differences: this.differences };
    }

    #list(query) {
        const states = (query.get("state") ?? "").split(",").filter(Boolean);
        const jobs = [...this.jobs.keys()].sort((a, b) => b - a).filter((id) => states.length === 0 || states.includes(this.jobs.get(id).state))
            .filter((id) => !query.has("cursor") || id < Number(query.get("cursor")));
        const limit = Number(query.get("limit") ?? 100);
        return { jobs: jobs.slice(0, limit).map((id) => this.#facts(id, false)), next: jobs.length > limit ? String(jobs[limit - 1]) : null };
    }

    #metrics(job, query) {
        const patterns = (query.get("series") ?? "*").split(",");
        const series = {};
        for (const [name, curve] of this.jobs.get(job).points) {
            if (patterns.some((pattern) => globMatches(pattern, name))) {
                series[name] = { count: curve.length, steps: curve.map(([step]) => step), values: curve.map(([, value]) => wire(value)) };
            }
        }
        return { job, last_event_id: this.events.length, series };
    }

    #experiment(row) {
        const states = {};
        for (const id of row.jobs) {
            const { state } = this.jobs.get(id);
            states[state] = (states[state] ?? 0) + 1;
        }
        const ended = Object.keys(states).every((state) => ENDED.has(state));
        return { ...row, states, state: !ended ? "running" : states.succeeded === row.jobs.length ? "succeeded" : "failed" };
    }
}
