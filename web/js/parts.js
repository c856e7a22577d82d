// SPDX-License-Identifier: Apache-2.0
// Small pieces that several pages show: states, connections, progress, questions.
import { h, setText } from "./dom.js";
import { duration } from "./format.js";
import { cancelJob } from "./api.js";
import { hue } from "./palette.js";
import { CANCELLABLE, ENDED } from "./store.js";

/** @typedef {import("./types.js").Job} Job */

/** A sign beside each state, since colour alone is not for everyone. */
/** @type {Record<string, string>} */
const SIGNS = {
    queued: "○", starting: "◔", running: "●", pausing: "◑", paused: "◫",
    cancelling: "◌", succeeded: "✓", failed: "✕", cancelled: "⊘",
};

/**
 * A badge that follows a state.
 * @param {string} state
 */
export function stateBadge(state) {
    const sign = h("span", { class: "sign", "aria-hidden": "true" });
    const text = h("span");
    const element = h("span", { class: "state" }, sign, text);
    const update = (/** @type {string} */ now) => {
        element.dataset.state = now;
        setText(sign, SIGNS[now] ?? "?");
        setText(text, now);
    };
    update(state);
    return { element, update };
}

/**
 * @param {string} connection
 */
export function connectionChip(connection) {
    return h("span", { class: "connection", "data-hue": hue(connection) }, connection || "–");
}

/**
 * The part of a job that is done, 0 to 1.
 * @param {Job} job
 */
export function doneShare(job) {
    if (job.state === "succeeded") {
        return 1;
    }
    const { progress } = job;
    return progress && progress.steps > 0 ? Math.min(1, progress.step / progress.steps) : 0;
}

/** @param {number} share */
export function wholePercent(share) {
    return `${Math.floor(100 * share)} %`;
}

/**
 * How long a job still runs, or when one that waits is expected to start.
 * @param {Job} job
 * @param {number} [now] in milliseconds
 */
export function etaText(job, now = Date.now()) {
    if (job.state === "queued" && job.expected_start_at) {
        return `in ${duration(Math.max(0, Date.parse(job.expected_start_at) - now) / 1000)}`;
    }
    return job.state === "running" && job.progress?.eta_s !== null && job.progress?.eta_s !== undefined
        ? duration(job.progress.eta_s) : "";
}

/**
 * Why a job is in its state, or why it waits.
 * @param {Job} job
 */
export function whyText(job) {
    const waits = job.state === "queued" || job.state === "paused" ? job.waiting?.detail : null;
    return [job.reason, waits].filter((text) => text).join("; ");
}

/**
 * A bar that follows a share.
 * @param {string} label for those who do not see it
 */
export function progressBar(label) {
    const element = h("progress", { max: 1, value: 0, "aria-label": label });
    return {
        element,
        update: (/** @type {number} */ share, /** @type {string} */ state) => {
            element.value = share;
            element.dataset.state = state;
        },
    };
}

/**
 * Asks before it does something that cannot be undone.
 * @param {{title: string, text: string, yes: string, no: string}} question
 * @returns {Promise<boolean>}
 */
export function ask({ title, text, yes, no }) {
    return new Promise((resolve) => {
        const dialog = h("dialog", { "aria-labelledby": "ask-title" },
            h("h2", { id: "ask-title" }, title), h("p", {}, text),
            h("div", { class: "buttons" },
                h("button", { type: "button", autofocus: true, onclick: () => dialog.close("no") }, no),
                h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, yes)));
        dialog.addEventListener("close", () => {
            dialog.remove();
            resolve(dialog.returnValue === "yes");
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}

/**
 * A button that cancels a job after asking, there as long as that is possible.
 * @param {Job} job
 * @param {(message: string) => void} say where an error is told
 */
export function cancelButton(job, say) {
    let current = job;
    const element = h("button", { type: "button", class: "quiet", "aria-label": `Cancel job ${job.id}`, onclick: async () => {
        const sure = await ask({ title: `Cancel job ${current.id}?`, yes: "Cancel the job", no: "Keep it",
            text: `“${current.name}” stops after its current step. What it has measured stays.` });
        if (sure) {
            element.disabled = true;
            await cancelJob(current.id).catch((error) => say(`Job ${current.id}: ${error.message}`));
            element.disabled = false;
        }
    } }, "Cancel");
    const update = (/** @type {Job} */ now) => {
        current = now;
        element.hidden = !CANCELLABLE.has(now.state);
    };
    update(job);
    return { element, update };
}

/**
 * When a job began to exist, run and end, for a tooltip.
 * @param {Job} job
 */
export function timesText(job) {
    return [["created", job.created_at], ["started", job.started_at], ["ended", job.ended_at]]
        .filter(([, time]) => time).map(([word, time]) => `${word} ${time}`).join("\n");
}

/**
 * What sets a job apart from the others of its experiment: connection linear · seed 0
 * @param {Job} job
 */
export function variantText(job) {
    return Object.entries(job.variant ?? {}).map(([key, value]) =>
        `${key.split(".").pop()} ${typeof value === "string" ? value : JSON.stringify(value)}`).join(" · ");
}

/**
 * How long a job has run, or ran.
 * @param {Job} job
 * @param {number} now_ms
 */
export function runTime(job, now_ms) {
    const start = Date.parse(job.started_at ?? "");
    const end = job.ended_at && ENDED.has(job.state) ? Date.parse(job.ended_at) : now_ms;
    return duration((end - start) / 1000);
}

/**
 * Text that a click puts on the clipboard.
 * @param {string} text
 */
export function copyable(text) {
    const button = h("button", { type: "button", class: "quiet", onclick: async () => {
        try {
            await navigator.clipboard.writeText(text);
            setText(button, "Copied");
        } catch {
            setText(button, "Select and copy by hand");
        }
    } }, "Copy");
    return h("div", { class: "command" }, h("pre", { tabindex: 0 }, h("code", {}, text)), button);
}
