// SPDX-License-Identifier: Apache-2.0
// A chart of curves over steps, drawn by uPlot. The charts of a page form a group: they share
// the crosshair, the range of steps that is shown, and how far that goes.
//
// A chart is given all its lines again whenever one of them changes; it redraws once per frame,
// and makes a new plot only when lines come, go or look different. Colours are resolved when
// the lines are made, so a change of theme is a change of lines.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { h, setChildren, setText, swatch } from "./dom.js";
import { grouped, tick } from "./format.js";
import { offFrame, onFrame } from "./frame.js";
import { fade } from "./palette.js";
import { align, downsample, indexAt } from "./points.js";
import { color } from "./theme.js";

/** @typedef {import("./points.js").Curve} Curve */
/** @typedef {import("./types.js").StepRange} StepRange */

/**
 * @typedef {object} Line
 * @property {string} label text of the legend
 * @property {string} color #rrggbb or #rrggbbaa
 * @property {number[]} [dash]
 * @property {number} [width] in CSS pixels
 * @property {boolean} [quiet] drawn, but neither in the legend nor under the crosshair
 * @property {Curve} curve
 * @property {(step: number) => string} [note] text after the value in the legend
 */

/**
 * The area between two curves that share their steps; NaN leaves a gap.
 * @typedef {{steps: number[], low: number[], high: number[], color: string}} Band
 */

const MOST_POINTS = 4000;
const FEW_POINTS = 12;
const FONT = "11px system-ui, sans-serif";

/** What the charts of a page have in common. */
export class ChartGroup {
    /** @type {Set<Chart>} */
    #charts = new Set();
    #lastStep = 0;
    key = `steps-${Math.random()}`;

    /**
     * @param {StepRange|null} range what is shown; null is everything
     * @param {(range: StepRange|null) => void} changed somebody zoomed
     */
    constructor(range, changed) {
        this.range = range;
        this.changed = changed;
    }

    /** @param {StepRange|null} range */
    zoom(range) {
        this.range = range;
        this.#charts.forEach((chart) => chart.rescale());
        this.changed(range);
    }

    /** @returns {[number, number]} */
    steps() {
        return this.range === null ? [0, Math.max(1, this.#lastStep)] : [this.range.from, this.range.to];
    }

    /** Looks again how far the curves go. */
    measure() {
        const last = Math.max(0, ...[...this.#charts].map((chart) => chart.lastStep()));
        if (last !== this.#lastStep) {
            this.#lastStep = last;
            this.#charts.forEach((chart) => chart.rescale());
        }
    }

    /** @param {Chart} chart */
    add(chart) {
        this.#charts.add(chart);
    }

    /** @param {Chart} chart */
    remove(chart) {
        this.#charts.delete(chart);
    }
}

/**
 * @typedef {object} ChartOptions
 * @property {ChartGroup} group
 * @property {string} title
 * @property {(value: number|null) => string} format values of the legend
 * @property {((value: number) => string)} [ticks] values of the axis
 * @property {boolean} log
 * @property {(log: boolean) => void} onLog
 * @property {() => void} [onRemove] gives it a button to take it away
 * @property {Node[]} [tools] further controls in its head
 */

export class Chart {
    /** @type {uPlot|null} */
    #plot = null;
    /** @type {Line[]} */
    #lines = [];
    /** @type {Band[]} */
    #bands = [];
    /** @type {Curve[]} what is drawn of each line */
    #curves = [];
    #signature = "";
    #observer;
    #ui;
    #values = /** @type {HTMLElement[]} */ ([]);
    #notes = /** @type {(HTMLElement|null)[]} */ ([]);
    #draw = () => this.#redraw();
    #readout = () => this.#showValues();

    /** @param {ChartOptions} options */
    constructor(options) {
        this.options = options;
        this.log = options.log;
        this.#ui = this.#build();
        this.element = this.#ui.element;
        this.#observer = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
        this.#observer.observe(this.#ui.area);
        options.group.add(this);
    }

    #build() {
        const { title, onLog, onRemove, tools = [] } = this.options;
        const at = h("span", { class: "chart-at" });
        const logButton = h("button", { type: "button", class: "toggle", "aria-pressed": String(this.log),
            "aria-label": `log axis: ${title}`, title: "Logarithmic axis", onclick: () => {
                this.log = !this.log;
                logButton.setAttribute("aria-pressed", String(this.log));
                onLog(this.log);
                onFrame(this.#draw);
            } }, "log");
        const empty = h("p", { class: "chart-empty" }, "No points yet");
        const area = h("div", { class: "chart-area", tabindex: 0, role: "group",
            "aria-label": `${title}: left and right arrow read the values, escape shows all steps`,
            onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) }, empty);
        const legend = h("ul", { class: "legend" });
        const heading = h("h3", {}, title);
        const element = h("figure", { class: "chart" },
            h("figcaption", {}, heading, at, h("span", { class: "tools" }, ...tools, logButton,
                onRemove && h("button", { type: "button", class: "icon", title: "Remove this chart",
                    "aria-label": `Remove the chart: ${title}`, onclick: onRemove }, "×"))),
            area, legend);
        return { element, at, empty, area, legend, heading };
    }

    /**
     * What the chart shows from the next frame on.
     * @param {Line[]} lines
     * @param {Band[]} [bands]
     */
    show(lines, bands = []) {
        this.#lines = lines;
        this.#bands = bands;
        onFrame(this.#draw);
    }

    /** @param {string} title */
    rename(title) {
        setText(this.#ui.heading, title);
    }

    lastStep() {
        return Math.max(0, ...this.#lines.map(({ curve }) => curve.steps[curve.steps.length - 1] ?? 0));
    }

    /** The group's range of steps is another one. */
    rescale() {
        const [min, max] = this.options.group.steps();
        this.#plot?.setScale("x", { min, max });
    }

    destroy() {
        offFrame(this.#draw);
        offFrame(this.#readout);
        this.#observer.disconnect();
        this.options.group.remove(this);
        this.#plot?.destroy();
        this.#plot = null;
        this.element.remove();
    }

    #size() {
        return { width: Math.max(120, this.#ui.area.clientWidth), height: Math.max(120, this.#ui.area.clientHeight) };
    }

    #redraw() {
        this.#curves = this.#lines.map(({ curve }) => downsample(curve, MOST_POINTS));
        const { steps, columns } = align(this.#curves);
        const looks = this.#lines.map(({ label, color: ink, dash, width, quiet }) => [label, ink, dash, width, quiet]);
        const signature = JSON.stringify([looks, this.log, color("text"), color("grid")]);
        const data = /** @type {uPlot.AlignedData} */ ([steps, ...columns.map((column) => this.log
            ? column.map((value) => value !== null && value !== undefined && value <= 0 ? null : value) : column)]);
        this.#ui.empty.hidden = steps.length > 0;
        if (this.#plot === null || signature !== this.#signature) {
            this.#signature = signature;
            this.#plot?.destroy();
            this.#fillLegend(); // first, since it takes room from the plot
            this.#plot = new uPlot(this.#uplotOptions(), data, this.#ui.area);
        } else {
            this.#plot.setData(data);
        }
        this.options.group.measure();
        this.#showValues();
    }

    /** @returns {uPlot.Options} */
    #uplotOptions() {
        const { group, ticks = tick } = this.options;
        const grid = { stroke: color("grid"), width: 1 };
        const axis = { stroke: color("muted"), font: FONT, grid, ticks: { show: false }, gap: 6 };
        return {
            ...this.#size(),
            padding: [10, 14, 0, 0],
            legend: { show: false },
            focus: { alpha: 0.3 },
            cursor: this.#cursor(),
            scales: {
                x: { time: false, range: () => group.steps() },
                y: { distr: this.log ? 3 : 1, range: (_, min, max) => this.#yRange(min, max) },
            },
            axes: [
                { ...axis, size: 26, space: 64, values: (_, splits) => splits.map(tick) },
                { ...axis, space: 34, size: (_, values) => axisWidth(values),
                    values: (_, splits) => splits.map((value) => value === null ? "" : ticks(value)) },
            ],
            series: [{}, ...this.#lines.map((line, i) => ({
                label: line.label,
                stroke: line.color,
                width: line.width ?? 1.75,
                dash: line.dash?.length ? line.dash : undefined,
                points: { show: () => this.#isSparse(i), size: 5, fill: line.color, stroke: line.color },
            }))],
            hooks: {
                drawAxes: [(plot) => this.#drawBands(plot)],
                draw: [(plot) => this.#drawMarks(plot)],
                setCursor: [() => onFrame(this.#readout)],
                setSelect: [(plot) => this.#select(plot)],
            },
        };
    }

    /** @returns {uPlot.Cursor} */
    #cursor() {
        const { group } = this.options;
        const shared = new Set(["mousemove", "mouseleave"]);
        return {
            y: false,
            drag: { x: true, y: false, setScale: false, dist: 4 },
            focus: { prox: this.#lines.filter((line) => !line.quiet).length > 4 ? 18 : -1 },
            points: {
                size: 7,
                show: (_, i) => this.#lines[i - 1]?.quiet ? /** @type {any} */ (false) : dot(this.#lines[i - 1].color),
            },
            sync: { key: group.key, scales: ["x", null], filters: { pub: (type) => shared.has(type), sub: () => true } },
            bind: { dblclick: () => () => {
                group.zoom(null);
                return null;
            } },
        };
    }

    /** @param {number} line */
    #isSparse(line) {
        return !this.#lines[line].quiet && this.#curves[line].steps.length <= FEW_POINTS;
    }

    /**
     * @param {number|null} min of the lines
     * @param {number|null} max
     * @returns {[number, number]}
     */
    #yRange(min, max) {
        const [from, to] = this.options.group.steps();
        let [low, high] = [min ?? Infinity, max ?? -Infinity];
        for (const band of this.#bands) {
            for (let i = Math.max(0, indexAt(band.steps, from)); i < band.steps.length && band.steps[i] <= to; i++) {
                if (Number.isFinite(band.low[i]) && !(this.log && band.low[i] <= 0)) {
                    low = Math.min(low, band.low[i]);
                }
                high = Number.isFinite(band.high[i]) ? Math.max(high, band.high[i]) : high;
            }
        }
        if (!(low <= high)) {
            return this.log ? [0.1, 1] : [0, 1];
        }
        if (this.log) {
            const margin = Math.max(1.05, (high / low) ** 0.06);
            return [low / margin, high * margin];
        }
        const margin = high > low ? 0.07 * (high - low) : Math.max(Math.abs(high) * 0.1, 1e-6);
        return [low >= 0 ? Math.max(0, low - margin) : low - margin, high + margin];
    }

    /** @param {uPlot} plot */
    #drawBands(plot) {
        const { ctx } = plot;
        ctx.save();
        ctx.beginPath();
        ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
        ctx.clip();
        for (const band of this.#bands) {
            ctx.fillStyle = band.color;
            for (const [start, end] of finiteStretches(band, this.log)) {
                ctx.beginPath();
                for (let i = start; i < end; i++) {
                    ctx.lineTo(plot.valToPos(band.steps[i], "x", true), plot.valToPos(band.high[i], "y", true));
                }
                for (let i = end - 1; i >= start; i--) {
                    ctx.lineTo(plot.valToPos(band.steps[i], "x", true), plot.valToPos(band.low[i], "y", true));
                }
                ctx.fill();
            }
        }
        ctx.restore();
    }

    /**
     * Points that have no place on the axis: a cross at the lower edge for NaN, an arrow at the
     * edge that an infinity lies beyond.
     * @param {uPlot} plot
     */
    #drawMarks(plot) {
        const { ctx, bbox } = plot;
        const unit = devicePixelRatio;
        const [from, to] = this.options.group.steps();
        ctx.save();
        ctx.lineWidth = 2 * unit;
        this.#curves.forEach(({ steps, values }, i) => values.forEach((value, k) => {
            if (Number.isFinite(value) || steps[k] < from || steps[k] > to) {
                return;
            }
            const x = plot.valToPos(steps[k], "x", true);
            const y = value > 0 ? bbox.top + 5 * unit : bbox.top + bbox.height - 5 * unit;
            ctx.strokeStyle = this.#lines[i].color;
            drawMark(ctx, x, y, 4 * unit, value);
        }));
        ctx.restore();
    }

    /** @param {uPlot} plot */
    #select(plot) {
        const { left, width } = plot.select;
        if (width < 4) {
            return;
        }
        const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")].map(Math.round);
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        if (to > from) {
            this.options.group.zoom({ from, to });
        }
    }

    /** @param {KeyboardEvent} event */
    #key(event) {
        const plot = this.#plot;
        /** @type {Record<string, number>} */
        const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
        if (event.key === "Escape") {
            this.options.group.zoom(null);
            plot?.setCursor({ left: -10, top: -10 });
        } else if (plot !== null && Object.hasOwn(moves, event.key) && plot.data[0].length > 0) {
            event.preventDefault();
            const last = plot.data[0].length - 1;
            const now = plot.cursor.idx ?? (moves[event.key] < 0 ? last + 1 : -1);
            const next = Math.min(last, Math.max(0, now + moves[event.key]));
            plot.setCursor({ left: plot.valToPos(plot.data[0][next], "x"), top: 10 });
        }
    }

    #fillLegend() {
        const named = this.#lines.filter((line) => !line.quiet);
        this.#ui.legend.classList.toggle("dense", named.length > 4);
        this.#notes = this.#lines.map((line) => line.note ? h("span", { class: "note" }) : null);
        this.#values = this.#lines.map(() => h("span", { class: "value" }));
        setChildren(this.#ui.legend, this.#lines.flatMap((line, i) => line.quiet ? [] : [h("li", {},
            swatch(line.color, line.dash), h("span", { class: "label" }, line.label), this.#values[i], this.#notes[i])]));
    }

    // Under the crosshair, or the last point where there is none.
    #showValues() {
        const plot = this.#plot;
        const index = plot?.cursor.idx ?? null;
        const hovering = index !== null && plot !== null && (plot.cursor.left ?? -1) >= 0;
        setText(this.#ui.at, hovering ? `step ${grouped(plot.data[0][index])}` : "");
        this.#lines.forEach((line, i) => {
            const { steps, values } = this.#curves[i];
            const at = hovering ? plot.cursor.idxs?.[i + 1] : undefined;
            const k = at === null || at === undefined || !hovering
                ? steps.length - 1 : indexAt(steps, plot.data[0][at]);
            setText(this.#values[i], this.options.format(k < 0 ? null : values[k]));
            const note = this.#notes[i];
            note !== null && line.note && setText(note, k < 0 ? "" : line.note(steps[k]));
        });
    }
}

/** @param {string} fill */
function dot(fill) {
    const element = h("div", { class: "cursor-dot" });
    element.style.background = fill;
    return element;
}

/**
 * @param {string[]|null} values
 * @returns {number}
 */
function axisWidth(values) {
    const longest = Math.max(3, ...(values ?? []).map((text) => text.length));
    return 14 + 6.6 * longest;
}

/**
 * @param {Band} band
 * @param {boolean} log
 * @returns {[number, number][]} start and end (exclusive) of what can be drawn
 */
function finiteStretches(band, log) {
    /** @type {[number, number][]} */
    const stretches = [];
    let start = -1;
    for (let i = 0; i <= band.steps.length; i++) {
        const good = i < band.steps.length && Number.isFinite(band.low[i]) && Number.isFinite(band.high[i]) &&
            !(log && band.low[i] <= 0);
        if (good && start < 0) {
            start = i;
        } else if (!good && start >= 0) {
            stretches.push([start, i]);
            start = -1;
        }
    }
    return stretches;
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {number} value not finite
 */
function drawMark(ctx, x, y, size, value) {
    ctx.beginPath();
    if (Number.isNaN(value)) {
        ctx.moveTo(x - size, y - size);
        ctx.lineTo(x + size, y + size);
        ctx.moveTo(x - size, y + size);
        ctx.lineTo(x + size, y - size);
    } else {
        const tip = value > 0 ? -size : size;
        ctx.moveTo(x - size, y - tip);
        ctx.lineTo(x, y + tip);
        ctx.lineTo(x + size, y - tip);
    }
    ctx.stroke();
}

/**
 * The colour of a band around a line.
 * @param {string} hex #rrggbb
 */
export const bandColor = (hex) => fade(hex, 0.18);
