// SPDX-License-Identifier: Apache-2.0
// Asks for a token when the server wants one. The token is sent once and kept nowhere here.
import { logIn, whenLocked } from "./api.js";
import { setText } from "./dom.js";

export function watchLogin() {
    const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
    const input = /** @type {HTMLInputElement} */ (form.querySelector("input"));
    const fault = /** @type {HTMLElement} */ (form.querySelector(".fault"));
    whenLocked(() => {
        if (form.hidden) {
            form.hidden = false;
            document.body.dataset.locked = "";
            input.focus();
        }
    });
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        try {
            await logIn(input.value.trim());
            location.reload(); // everything is asked for anew, the event stream too
        } catch (error) {
            setText(fault, /** @type {Error} */ (error).message);
            input.select();
        }
    });
}
