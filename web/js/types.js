// SPDX-License-Identifier: Apache-2.0
// The shapes of docs/api.md as JSDoc types. Nothing here runs.

/**
 * @typedef {"queued"|"starting"|"running"|"pausing"|"paused"|"cancelling"|"succeeded"|"failed"|"cancelled"} State
 */

/**
 * @typedef {object} Progress
 * @property {number} step
 * @property {number} steps
 * @property {number} epoch
 * @property {number|null} [eta_s]
 * @property {number|null} [samples_per_sec]
 */

/**
 * A finite number, or "NaN", "Infinity", "-Infinity", which JSON has no number for.
 * @typedef {number|string|null} Wire
 */

/**
 * @typedef {object} MetricFacts
 * @property {Wire} last
 * @property {number} [last_step]
 * @property {Wire} [min]
 * @property {number} [min_step]
 * @property {Wire} [max]
 * @property {number} [max_step]
 * @property {number} [count]
 */

/**
 * @typedef {object} Plan
 * @property {number} [parameters]
 * @property {number} [memory_bytes]
 * @property {number} [steps_per_epoch]
 */

/**
 * @typedef {object} Job
 * @property {number} id
 * @property {string} name
 * @property {string} [notes]
 * @property {Record<string, string>} [labels]
 * @property {number|null} experiment
 * @property {Record<string, unknown>|null} variant
 * @property {State} state
 * @property {string|null} reason
 * @property {{code: string, detail: string, job: number|null, until: string|null, position: number|null}|null} [waiting]
 * @property {string|null} [expected_start_at]
 * @property {string|null} [expected_end_at]
 * @property {number} attempt
 * @property {Progress|null} progress
 * @property {string} created_at
 * @property {string|null} started_at
 * @property {string|null} ended_at
 * @property {string} connection
 * @property {string} model
 * @property {Record<string, MetricFacts>} metrics
 * @property {Plan|null} [plan]
 * @property {Record<string, any>} [spec]
 */

/**
 * @typedef {object} Experiment
 * @property {number} id
 * @property {string} name
 * @property {string} created_at
 * @property {Record<string, unknown[]>} vary
 * @property {number[]} jobs
 * @property {Record<string, number>} states
 * @property {"running"|"succeeded"|"failed"} state
 */

/**
 * @typedef {object} SummaryArm
 * @property {Record<string, unknown>} variant
 * @property {number[]} jobs
 * @property {(number|null)[]} [seeds]
 * @property {Wire[]} values
 * @property {({value: Wire, step: number}|null)[]} best of each job
 * @property {number|null} mean
 * @property {number|null} std
 * @property {number} count
 */

/**
 * @typedef {object} SummaryDifference
 * @property {Record<string, unknown>} a
 * @property {Record<string, unknown>} b
 * @property {{seed: number|null, a: number, b: number, difference: number}[]} pairs
 * @property {number|null} mean
 * @property {number|null} std
 * @property {number} count
 * @property {number} confidence
 * @property {[number, number]|null} interval
 * @property {number|null} p_value
 * @property {{half_width: number, count: number|null, more: number|null}|null} seeds_needed
 */

/**
 * @typedef {object} Summary
 * @property {string} series
 * @property {SummaryArm[]} arms
 * @property {SummaryDifference[]} differences
 */

/**
 * @typedef {object} ServerEvent
 * @property {number} id
 * @property {"state"|"metrics"|"progress"|"log"} type
 * @property {any} data
 */

/**
 * @typedef {{from: number, to: number}} StepRange
 */

export {};
