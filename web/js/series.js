// SPDX-License-Identifier: Apache-2.0
// What the names of series mean: which chart they belong to, how their values are written,
// whether more is better. Pure.
import { grouped, number, percent } from "./format.js";

/** The statistics of a residual connection, in the order the page offers them. */
export const STATISTICS = [
    { name: "x_norm2", label: "Stream norm ‖x‖²" },
    { name: "f_par_norm2", label: "Parallel part ‖f∥‖²" },
    { name: "f_ortho_norm2", label: "Orthogonal part ‖f⊥‖²" },
    { name: "rho_par", label: "Parallel share ‖f∥‖² / ‖x‖²" },
    { name: "rho_ortho", label: "Orthogonal share ‖f⊥‖² / ‖x‖²" },
    { name: "cos_x_out", label: "Alignment cos(x, f)" },
];

/** @type {Record<string, string>} */
const SITES = { attn: "attention", mlp: "MLP", conv: "convolution", all: "all connections" };

/** @type {Record<string, string>} */
const TITLES = {
    "train/loss": "Training loss",
    "val/loss": "Validation loss",
    "train/acc@1": "Training accuracy",
    "val/acc@1": "Validation accuracy",
    "val/acc@5": "Validation accuracy, top 5",
    "train/lr": "Learning rate",
    "train/grad/global_norm": "Gradient norm",
    "train/samples_per_sec": "Samples per second",
};

/**
 * @typedef {object} Activation
 * @property {string} site attn, mlp, conv or all
 * @property {number|null} block null for the mean over blocks
 * @property {string} statistic
 */

/**
 * The parts of `activation/attn/block03/x_norm2`, or null for other series.
 * @param {string} name
 * @returns {Activation|null}
 */
export function parseActivation(name) {
    const match = /^activation\/([a-z]+)\/(?:block(\d+)|mean)\/(\w+)$/.exec(name);
    return match === null ? null
        : { site: match[1], block: match[2] === undefined ? null : Number(match[2]), statistic: match[3] };
}

/**
 * A title for people.
 * @param {string} name
 */
export function seriesTitle(name) {
    const activation = parseActivation(name);
    if (activation === null) {
        return Object.hasOwn(TITLES, name) ? TITLES[name] : name;
    }
    const { site, block, statistic } = activation;
    const label = STATISTICS.find((row) => row.name === statistic)?.label ?? statistic;
    const place = Object.hasOwn(SITES, site) ? SITES[site] : site;
    return `${label}, ${block === null ? `mean over ${place}` : `${place} of block ${block}`}`;
}

/**
 * @param {string} name
 * @param {number|null|undefined} value
 */
export function seriesValue(name, value) {
    if (name.includes("/acc@")) {
        return percent(value);
    }
    return name === "train/samples_per_sec" ? grouped(value) : number(value);
}

/**
 * A distance between two values of a series, without its unit: 0.21 of 86.12 ± 0.21 %.
 * @param {string} name
 * @param {number} distance
 */
export function seriesSpread(name, distance) {
    return name.includes("/acc@") ? (100 * distance).toFixed(2) : number(distance, 2);
}

/**
 * Whether a lower value is the better one.
 * @param {string} name
 */
export function lowerIsBetter(name) {
    return !name.includes("/acc@");
}

/**
 * The series of one statistic at one site, block by block.
 * @param {Iterable<string>} names
 * @param {string} site
 * @param {string} statistic
 * @returns {{name: string, block: number}[]}
 */
export function blockSeries(names, site, statistic) {
    const found = [];
    for (const name of names) {
        const parts = parseActivation(name);
        if (parts !== null && parts.block !== null && parts.site === site && parts.statistic === statistic) {
            found.push({ name, block: parts.block });
        }
    }
    return found.sort((a, b) => a.block - b.block);
}

/**
 * Which sites have series of their own per block.
 * @param {Iterable<string>} names
 * @returns {string[]}
 */
export function blockSites(names) {
    const sites = new Set();
    for (const name of names) {
        const parts = parseActivation(name);
        if (parts !== null && parts.block !== null) {
            sites.add(parts.site);
        }
    }
    return ["attn", "mlp", "conv"].filter((site) => sites.has(site));
}

/** @param {string} name */
function rank(name) {
    const known = Object.keys(TITLES).indexOf(name);
    const activation = parseActivation(name);
    if (known >= 0) {
        return known;
    }
    return activation === null ? 100 : activation.block === null ? 200 : 300;
}

/**
 * The order in which menus offer series: curves, means over blocks, single blocks.
 * @param {Iterable<string>} names
 * @returns {string[]}
 */
export function sortSeries(names) {
    return [...new Set(names)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Whether a pattern of the metrics route (`*` is any text) takes in name.
 * @param {string} pattern
 * @param {string} name
 */
export function matches(pattern, name) {
    const source = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&")).join(".*");
    return new RegExp(`^${source}$`, "s").test(name);
}

/**
 * A variant in few words: `linear`, `orthogonal, lr 0.001`. The seed is left out, since an
 * arm is all seeds.
 * @param {Record<string, unknown>|null} variant
 * @returns {string}
 */
export function armLabel(variant) {
    const words = Object.entries(variant ?? {}).filter(([key]) => key !== "train.seed").map(([key, value]) => {
        const text = typeof value === "string" ? value : JSON.stringify(value);
        return key === "residual.connection" ? text : `${key.split(".").pop()} ${text}`;
    });
    return words.join(", ");
}
