// SPDX-License-Identifier: Apache-2.0
// The address holds the whole state of a page, so that a link shows what its sender saw. Pure.
//
//   #/                       the list; state=running,queued  q=text
//   #/jobs/3                 one job; stat=rho_par  site=mlp  log=loss,norms  from=  to=
//   #/compare?jobs=1,2       or experiment=1; series=  log=  view=runs|mean  hide=  summary=  from=  to=

/**
 * @typedef {object} Route
 * @property {"jobs"|"job"|"compare"|"unknown"} page
 * @property {number|null} id of a job
 * @property {URLSearchParams} params
 */

/**
 * @typedef {object} CompareState
 * @property {number[]} jobs
 * @property {number|null} experiment
 * @property {string[]} series
 * @property {string[]} log series with a logarithmic axis
 * @property {"runs"|"mean"|null} view null is the page's own choice
 * @property {number[]} hide ids of jobs
 * @property {string} summary the series of the table
 * @property {import("./types.js").StepRange|null} range
 */

export const COMPARE_SERIES = ["train/loss", "val/acc@1", "val/loss", "activation/all/mean/x_norm2"];
export const SUMMARY_SERIES = "val/acc@1";

/**
 * @param {string} hash with or without its #
 * @returns {Route}
 */
export function parseHash(hash) {
    const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
    const params = new URLSearchParams(query);
    const job = /^\/jobs\/([1-9]\d{0,14})$/.exec(path);
    if (job !== null) {
        return { page: "job", id: Number(job[1]), params };
    }
    /** @type {Record<string, Route["page"]>} */
    const pages = { "": "jobs", "/": "jobs", "/jobs": "jobs", "/compare": "compare" };
    return { page: Object.hasOwn(pages, path) ? pages[path] : "unknown", id: null, params };
}

/** @param {string} text */
function escapeText(text) {
    return encodeURIComponent(text).replace(/%(?:2C|2F|40|3A)/g, decodeURIComponent);
}

/**
 * @param {string} path /compare
 * @param {Record<string, string|number|null|undefined>} params empty ones are left out
 */
export function formatHash(path, params = {}) {
    const pairs = Object.entries(params)
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([key, value]) => `${key}=${escapeText(String(value))}`);
    return `#${path}${pairs.length > 0 ? "?" : ""}${pairs.join("&")}`;
}

/**
 * @param {string|null} text
 * @returns {string[]}
 */
export function parseList(text) {
    return [...new Set((text ?? "").split(",").filter((word) => word !== ""))];
}

/**
 * @param {string|null} text
 * @returns {number[]}
 */
export function parseIds(text) {
    return parseList(text).filter((word) => /^[1-9]\d{0,14}$/.test(word)).map(Number);
}

/**
 * @param {URLSearchParams} params
 * @returns {import("./types.js").StepRange|null}
 */
export function parseRange(params) {
    const [from, to] = [params.get("from"), params.get("to")].map((text) => text === null || text === "" ? NaN : Number(text));
    return Number.isFinite(from) && Number.isFinite(to) && from < to ? { from, to } : null;
}

/**
 * @param {URLSearchParams} params
 * @returns {CompareState}
 */
export function parseCompare(params) {
    const view = params.get("view");
    const series = params.get("series");
    return {
        jobs: parseIds(params.get("jobs")),
        experiment: parseIds(params.get("experiment"))[0] ?? null,
        series: series === null ? COMPARE_SERIES : parseList(series),
        log: parseList(params.get("log")),
        view: view === "runs" || view === "mean" ? view : null,
        hide: parseIds(params.get("hide")),
        summary: params.get("summary") || SUMMARY_SERIES,
        range: parseRange(params),
    };
}

/**
 * The inverse of parseCompare; what is the default is left out.
 * @param {CompareState} state
 */
export function formatCompare(state) {
    const series = state.series.join(",");
    return formatHash("/compare", {
        experiment: state.experiment,
        jobs: state.experiment === null ? state.jobs.join(",") : null,
        series: series === COMPARE_SERIES.join(",") ? null : series || ",",
        log: state.log.join(","),
        view: state.view,
        hide: state.hide.join(","),
        summary: state.summary === SUMMARY_SERIES ? null : state.summary,
        from: state.range?.from,
        to: state.range?.to,
    });
}
