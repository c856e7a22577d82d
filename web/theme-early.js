// SPDX-License-Identifier: Apache-2.0
// Runs before the first paint, so that a chosen theme does not flash. The rest is js/theme.js.
try {
    document.documentElement.dataset.theme = localStorage.getItem("orthod-theme") ?? "auto";
} catch {
    document.documentElement.dataset.theme = "auto";
}
