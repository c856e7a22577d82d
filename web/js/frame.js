// SPDX-License-Identifier: Apache-2.0
// One redraw per animation frame: however many events arrive, each task runs once.

/** @type {Set<() => void>} */
const tasks = new Set();

function flush() {
    const now = [...tasks];
    tasks.clear();
    for (const task of now) {
        task();
    }
}

/**
 * Runs task in the next frame, once, however often it was asked for.
 * @param {() => void} task the same function each time
 */
export function onFrame(task) {
    if (tasks.size === 0) {
        requestAnimationFrame(flush);
    }
    tasks.add(task);
}

/**
 * @param {() => void} task
 */
export function offFrame(task) {
    tasks.delete(task);
}

/**
 * A function that runs task at most once in interval_ms, the last call never lost.
 * @param {() => void} task
 * @param {number} interval_ms
 */
export function throttle(task, interval_ms) {
    /** @type {ReturnType<typeof setTimeout>|null} */
    let timer = null;
    let last_ms = -Infinity;
    const run = () => {
        timer = null;
        last_ms = performance.now();
        task();
    };
    const call = () => {
        timer ??= setTimeout(run, Math.max(0, last_ms + interval_ms - performance.now()));
    };
    call.stop = () => {
        if (timer !== null) {
            clearTimeout(timer);
        }
        timer = null;
    };
    return call;
}
