// SPDX-License-Identifier: Apache-2.0
// Runs the tests of one file one after the other and prints flat TAP, which automake counts.
// The program fails when a test does.

/** @type {{name: string, body: () => unknown}[]} */
const tests = [];

export function test(name, body) {
    tests.push({ name, body });
}

function explain(error) {
    return String(error?.stack ?? error).split("\n").map((line) => `# ${line}`).join("\n");
}

/**
 * @param {() => unknown} [after] runs at the end, whatever happened
 * @param {boolean} [chained] each test needs what the one before it left: none runs after a failure
 */
export async function run(after = () => {}, chained = false) {
    console.log(`1..${tests.length}`);
    let failed = 0;
    for (const [i, { name, body }] of tests.entries()) {
        try {
            if (chained && failed > 0) {
                throw new Error("did not run, since an earlier one failed");
            }
            await body();
            console.log(`ok ${i + 1} - ${name}`);
        } catch (error) {
            failed++;
            console.log(`not ok ${i + 1} - ${name}\n${explain(error)}`);
        }
    }
    await after();
    process.exitCode = failed > 0 ? 1 : 0;
}
