// SPDX-License-Identifier: Apache-2.0
// Builds elements. Everything that comes from a server ends in a text node or an attribute
// value, never in markup, so that no name of a job can become a script. Styles are set
// through the CSSOM, which the content security policy allows.

/** @typedef {Node|string|number|null|undefined|false} Child */

/**
 * @typedef {Record<string, string|number|boolean|null|undefined|((event: any) => void)>} Props
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {Element} element
 * @param {Props} props `onclick` and the like are listeners; true, false and null set or leave out
 */
function setProps(element, props) {
    for (const [name, value] of Object.entries(props)) {
        if (typeof value === "function") {
            element.addEventListener(name.slice(2), value);
        } else if (value === true) {
            element.setAttribute(name, "");
        } else if (value !== false && value !== null && value !== undefined) {
            element.setAttribute(name, String(value));
        }
    }
}

/**
 * @param {Element} element
 * @param {Child[]} children
 */
function append(element, children) {
    for (const child of children) {
        if (child !== null && child !== undefined && child !== false) {
            element.append(child instanceof Node ? child : String(child));
        }
    }
}

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
    const element = document.createElement(tag);
    setProps(element, props);
    append(element, children);
    return element;
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, props = {}, ...children) {
    const element = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
    setProps(element, props);
    append(element, children);
    return element;
}

/**
 * Touches the document only when the text is another one.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
    if (node.textContent !== text) {
        node.textContent = text;
    }
}

/**
 * Puts nodes in place of all children, unless they are the same already: focus and
 * selection survive an update.
 * @param {Element} parent
 * @param {Node[]} nodes
 */
export function setChildren(parent, nodes) {
    const same = parent.childNodes.length === nodes.length &&
        nodes.every((node, i) => parent.childNodes[i] === node);
    if (!same) {
        parent.replaceChildren(...nodes);
    }
}

/**
 * A short sample of a line as a chart draws it.
 * @param {string} color
 * @param {number[]} [dash]
 * @param {number} [width]
 */
export function swatch(color, dash = [], width = 2.25) {
    return s("svg", { class: "swatch", viewBox: "0 0 22 8", width: 22, height: 8, "aria-hidden": "true" },
        s("line", { x1: 1, y1: 4, x2: 21, y2: 4, stroke: color, "stroke-width": width,
            "stroke-dasharray": dash.join(" ") || null }));
}
