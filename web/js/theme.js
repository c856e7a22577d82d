// SPDX-License-Identifier: Apache-2.0
// Light or dark: what the system prefers, unless somebody chose otherwise here. Colours live
// in style.css alone; color() reads them for the canvases.

const KEY = "orthod-theme";
const CHOICES = /** @type {const} */ (["auto", "light", "dark"]);
/** @typedef {typeof CHOICES[number]} Choice */

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
/** @type {Set<() => void>} */
const listeners = new Set();
/** @type {Map<string, string>} */
const resolved = new Map();
/** @type {CanvasRenderingContext2D|null} */
const pixel = document.createElement("canvas").getContext("2d");

/** @returns {Choice} */
export function themeChoice() {
    return CHOICES.find((choice) => choice === root.dataset.theme) ?? "auto";
}

function changed() {
    resolved.clear();
    listeners.forEach((listener) => listener());
}

/** To the next choice: auto, light, dark, auto. */
export function nextTheme() {
    const next = CHOICES[(CHOICES.indexOf(themeChoice()) + 1) % CHOICES.length];
    root.dataset.theme = next;
    try {
        localStorage.setItem(KEY, next);
    } catch {
        // Storage may be switched off; the choice then lasts as long as the page.
    }
    changed();
}

/**
 * @param {() => void} listener called after each change of colours
 * @returns {() => void} ends it
 */
export function onTheme(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

/**
 * The present value of a colour of style.css as #rrggbb.
 * @param {string} name without the leading dashes: "linear-0"
 */
export function color(name) {
    const known = resolved.get(name);
    if (known !== undefined) {
        return known;
    }
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    if (pixel === null) {
        return value;
    }
    pixel.fillStyle = value;
    const hex = String(pixel.fillStyle);
    resolved.set(name, hex);
    return hex;
}

system.addEventListener("change", changed);
