// SPDX-License-Identifier: Apache-2.0
// Which line looks how: a hue says the connection, shade and dash say the rest. Pure.

const SHADES = 4;
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/**
 * @typedef {object} Style
 * @property {string} token a colour of style.css
 * @property {number[]} dash
 */

/**
 * The hue of a connection.
 * @param {string} connection
 */
export function hue(connection) {
    return connection === "linear" || connection === "orthogonal" ? connection : "other";
}

/**
 * A style for each job: the arms of one connection differ in shade, the runs of an arm in
 * dash; where a connection has one arm only, its runs differ in shade as well.
 * @param {{id: number, connection: string, arm: string}[]} jobs
 * @returns {Map<number, Style>} by id
 */
export function styleJobs(jobs) {
    /** @type {Map<string, Map<string, number[]>>} */
    const hues = new Map();
    for (const { id, connection, arm } of jobs) {
        const key = hue(connection);
        const arms = hues.get(key) ?? new Map();
        hues.set(key, arms.set(arm, [...(arms.get(arm) ?? []), id]));
    }
    const styles = new Map();
    for (const [key, arms] of hues) {
        [...arms.values()].forEach((ids, arm) => ids.forEach((id, run) => {
            const shade = (arms.size > 1 ? arm : run) % SHADES;
            styles.set(id, { token: `${key}-${shade}`, dash: DASHES[run % DASHES.length] });
        }));
    }
    return styles;
}

/**
 * A colour between two.
 * @param {string} from #rrggbb
 * @param {string} to #rrggbb
 * @param {number} share 0 is from, 1 is to
 */
export function mix(from, to, share) {
    const channel = (/** @type {number} */ at) => {
        const [a, b] = [from, to].map((hex) => parseInt(hex.slice(at, at + 2), 16));
        return Math.round(a + share * (b - a)).toString(16).padStart(2, "0");
    };
    return `#${channel(1)}${channel(3)}${channel(5)}`;
}

/**
 * The same colour, see-through.
 * @param {string} hex #rrggbb
 * @param {number} opacity 0 to 1
 */
export function fade(hex, opacity) {
    return hex + Math.round(opacity * 255).toString(16).padStart(2, "0");
}
