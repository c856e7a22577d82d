// SPDX-License-Identifier: Apache-2.0
import js from "@eslint/js";
import globals from "globals";

const rules = {
    "no-var": "error",
    "prefer-const": "error",
    "eqeqeq": "error",
    "no-implicit-globals": "error",
    "no-eval": "error",
    "no-implied-eval": "error",
    "no-shadow": "error",
    "max-len": ["error", { code: 160 }],
    // Text from a server must never be read as markup.
    "no-restricted-properties": ["error",
        { property: "innerHTML" }, { property: "insertAdjacentHTML" }, { object: "document", property: "write" }],
    "no-unused-vars": ["error", { caughtErrors: "none" }],
};

export default [
    { ignores: ["**/vendor/**", "**/node_modules/**"] },
    js.configs.recommended,
    { files: ["web/**/*.js"], languageOptions: { globals: globals.browser }, rules },
    { files: ["web/eslint.config.js"], languageOptions: { globals: globals.node } },
    { files: ["tests/web/**/*.mjs"], languageOptions: { globals: { ...globals.node, ...globals.browser } }, rules },
];
