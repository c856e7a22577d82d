// SPDX-License-Identifier: Apache-2.0
// From the roster to the tables that schedule.h decides on, and from its decisions to writes and
// signals. Runs after every change of a job, and when a time has come: the end of a backoff, or of
// a time limit.
#include "daemon/queue/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGAIN_MS = 1000 };

static const double LONGEST_SLEEP_MS = 3600000;

static int64_t monotonic_ms(void) {
    return od_clock_monotonic_ns() / 1000000;
}

// --- changes that the queue itself asks for ------------------------------------------------

queue_step *queue_step_new(od_queue *queue, roster_entry *entry, od_job_state to) {
    queue_step *step = calloc(1, sizeof *step);
    if (step == NULL) {
        queue_schedule_later(queue);
        return NULL;
    }
    step->queue = queue;
    step->job = entry->id;
    step->change = (od_state_change){.job = entry->id, .to = to};
    entry->settling = true;
    queue_hold(queue);
    return step;
}

void queue_step_free(queue_step *step) {
    od_event_list_fini(&step->events);
    od_buffer_fini(&step->devices);
    free(step->spec);
    queue_release(step->queue);
    free(step);
}

void queue_step_failed(const queue_step *step, roster_entry *entry, od_status status,
                       const od_error *error) {
    if (entry != NULL) {
        entry->settling = false;
    }
    if (status != OD_E_CONFLICT && status != OD_E_BUSY && status != OD_E_NOT_FOUND) {
        od_log(OD_LOG_ERROR, "cannot store a change of state; trying again",
               "job=%" PRId64 " reason=\"%s\"", step->job, error->text);
        queue_schedule_later(step->queue);
    } else if (!step->queue->closing) {
        queue_schedule(step->queue);
    }
}

od_status queue_step_work(sqlite3 *db, void *ctx, od_error *error) {
    queue_step *step = ctx;
    return od_states_change(db, &step->change, &step->events, &step->attempt, error);
}

// --- jobs that wait for one that did not succeed -------------------------------------------

static void doomed(void *ctx, od_status status, const od_error *error) {
    queue_step *step = ctx;
    roster_entry *entry = roster_find(&step->queue->roster, step->job);
    if (status != OD_OK) {
        queue_step_failed(step, entry, status, error);
    } else {
        queue_publish(step->queue, &step->events);
        if (entry != NULL) {
            queue_entered(step->queue, entry, OD_JOB_FAILED);
        }
    }
    queue_step_free(step);
}

static void fail_doomed(od_queue *queue) {
    for (size_t i = 0; i < queue->roster.count; i++) {
        roster_entry *entry = queue->roster.items[i];
        queue_step *step = NULL;
        if (entry->state != OD_JOB_QUEUED || entry->settling || entry->doomed_by == 0 ||
            (step = queue_step_new(queue, entry, OD_JOB_FAILED)) == NULL) {
            continue;
        }
        snprintf(step->reason, sizeof step->reason,
                 "job %" PRId64 ", which it was to follow, did not succeed", entry->doomed_by);
        step->change.reason = step->reason;
        step->change.code = "dependency";
        od_store_write(queue->config.store, queue_step_work, doomed, step);
    }
}

// --- starting ------------------------------------------------------------------------------

static od_status start_work(sqlite3 *db, void *ctx, od_error *error) {
    queue_step *step = ctx;
    od_job job;
    OD_TRY(queue_step_work(db, ctx, error));
    OD_TRY(od_jobs_get(db, step->job, &job, error));
    step->spec = job.spec;
    job.spec = NULL;
    od_job_fini(&job);
    return OD_OK;
}

static void run_started(od_queue *queue, roster_entry *entry, const queue_step *step) {
    od_error fault;
    entry->settling = false;
    entry->state = OD_JOB_STARTING;
    entry->attempt = step->attempt;
    entry->pid = 0;
    entry->from_step = -1;
    entry->eta_s = (double)NAN;
    entry->attempt_from_ms = entry->told_ms = monotonic_ms();
    if (queue->closing) {
        return;
    }
    if (run_start(queue, entry, step->spec, &fault) != OD_OK) {
        // Out of memory. The job stays in `starting`, as if the server had stopped here.
        od_log(OD_LOG_ERROR, "cannot follow a job; restart orthod", "job=%" PRId64 " reason=\"%s\"",
               entry->id, fault.text);
    } else if (entry->preempted) {
        run_stop(entry->run, OD_STOP_PREEMPTED);
    }
}

static void started(void *ctx, od_status status, const od_error *error) {
    queue_step *step = ctx;
    od_queue *queue = step->queue;
    roster_entry *entry = roster_find(&queue->roster, step->job);
    if (status == OD_OK) {
        queue_publish(queue, &step->events);
        run_started(queue, entry, step);
    } else {
        if (entry != NULL) { // when it was cancelled meanwhile, that gave the devices back
            od_placement_give(&queue->devices, &entry->demand, entry->devices);
            entry->devices = 0;
        }
        queue_step_failed(step, entry, status, error);
    }
    queue_step_free(step);
}

// "cpu", "GPU-1,GPU-2": what the attempt's row keeps, for a daemon that adopts the run.
static void name_devices(const od_device_table *table, od_device_set devices, od_buffer *out) {
    od_status status = od_buffer_append_text(out, "");
    for (size_t i = 0; i < table->count && status == OD_OK; i++) {
        if ((devices >> i & 1) != 0) {
            status = od_buffer_printf(out, "%s%s", out->size > 0 ? "," : "", table->items[i].id);
        }
    }
    if (status != OD_OK) {
        od_buffer_fini(out);
    }
}

static void start_job(od_queue *queue, roster_entry *entry, od_device_set devices) {
    queue_step *step = queue_step_new(queue, entry, OD_JOB_STARTING);
    if (step == NULL) {
        return;
    }
    name_devices(&queue->devices, devices, &step->devices);
    step->change.devices = step->devices.data;
    entry->devices = devices;
    od_placement_take(&queue->devices, &entry->demand, devices);
    od_store_write(queue->config.store, start_work, started, step);
}

// --- what is known of runs that are alike --------------------------------------------------

static bool is_active(const roster_entry *entry) {
    return od_states_active(entry->state) || entry->devices != 0;
}

// Seconds a step by what its worker said last; NaN: it did not, or there is nothing to learn from it.
static double pace_of(const roster_entry *entry) {
    return entry->likeness != 0 && is_active(entry) && entry->steps > entry->step
               ? entry->eta_s / (double)(entry->steps - entry->step)
               : (double)NAN;
}

static void learn(roster_entry *entry, const roster_entry *from) {
    double step_s = pace_of(from);
    if (entry->likeness == from->likeness && !isnan(step_s) &&
        (isnan(entry->step_s) || entry->step_s_live)) {
        entry->step_s = step_s;
        entry->step_s_live = true;
    }
}

void queue_progressed(od_queue *queue, const roster_entry *entry) {
    for (size_t i = 0; i < queue->roster.count && !isnan(pace_of(entry)); i++) {
        learn(queue->roster.items[i], entry);
    }
}

void queue_learn(od_queue *queue, roster_entry *entry) {
    for (size_t i = 0; i < queue->roster.count; i++) {
        learn(entry, queue->roster.items[i]);
    }
}

// --- the decision --------------------------------------------------------------------------

// By what its worker said, else by what steps took before.
static double rest_of(const roster_entry *entry, int64_t now_ms) {
    double rest_s = (double)(entry->steps - entry->step) * entry->step_s;
    if (is_active(entry)) {
        double since_s = (double)(now_ms - entry->told_ms) / 1000;
        rest_s = fmax(0, (isnan(entry->eta_s) ? rest_s : entry->eta_s) - since_s);
    }
    if (entry->time_limit_s > 0) {
        int64_t ran_ms = entry->ran_ms;
        ran_ms += is_active(entry) ? now_ms - entry->attempt_from_ms : 0;
        rest_s = fmin(rest_s, fmax(0, (double)entry->time_limit_s - (double)ran_ms / 1000));
    }
    return rest_s; // fmin ignores a NaN: a limit is a bound also when nothing else is known
}

static od_schedule_job view_of(const roster_entry *entry, int64_t now_ms) {
    bool waits = entry->state == OD_JOB_QUEUED && entry->doomed_by == 0;
    return (od_schedule_job){
        .id = entry->id,
        .priority = entry->priority,
        .age = entry->age,
        .demand = entry->demand,
        .labels = entry->labels,
        .label_count = entry->label_count,
        .after = entry->after,
        .after_count = entry->after_count,
        .paused = !waits,
        .running = is_active(entry),
        .stopping =
            entry->state == OD_JOB_PAUSING || entry->state == OD_JOB_CANCELLING || entry->preempted,
        .devices = entry->devices,
        .backoff_s = fmax(0, (double)(entry->not_before_ms - now_ms) / 1000),
        .rest_s = rest_of(entry, now_ms),
    };
}

static od_status make_room(od_queue *queue) {
    if (queue->roster.count <= queue->capacity) {
        return OD_OK;
    }
    size_t capacity = queue->roster.count * 2;
    od_schedule_job *jobs = reallocarray(queue->jobs, capacity, sizeof *jobs);
    queue->jobs = jobs != NULL ? jobs : queue->jobs;
    od_schedule_result *results = reallocarray(queue->results, capacity, sizeof *results);
    queue->results = results != NULL ? results : queue->results;
    if (jobs == NULL || results == NULL) {
        return OD_E_NO_MEMORY;
    }
    queue->capacity = capacity;
    return OD_OK;
}

od_schedule_rules queue_rules(const od_queue *queue) {
    return (od_schedule_rules){
        .drained = queue->drained,
        .backfill = queue->config.backfill,
        .preempt = queue->config.preempt,
        .limits = queue->config.label_limits,
        .limit_count = queue->config.label_limit_count,
    };
}

od_status queue_decide(od_queue *queue) {
    int64_t now_ms = monotonic_ms();
    const od_schedule_rules rules = queue_rules(queue);
    OD_TRY(make_room(queue));
    for (size_t i = 0; i < queue->roster.count; i++) {
        queue->jobs[i] = view_of(queue->roster.items[i], now_ms);
    }
    return od_schedule_decide(&queue->devices, &rules, queue->jobs, queue->roster.count,
                              queue->results);
}

// --- carrying it out -----------------------------------------------------------------------

static void on_again(uv_timer_t *timer) {
    queue_schedule(timer->data);
}

void queue_schedule_later(od_queue *queue) {
    if (!queue->closing) {
        uv_timer_start(&queue->again, on_again, AGAIN_MS, 0);
    }
}

static void preempt_job(roster_entry *entry) {
    od_log(OD_LOG_INFO, "a run makes room for a job of a higher priority", "job=%" PRId64,
           entry->id);
    entry->preempted = true;
    if (entry->run != NULL) {
        run_stop(entry->run, OD_STOP_PREEMPTED);
    }
}

// Milliseconds until its time limit; below 0 it is over. INFINITY: it has none.
static double limit_in_ms(const roster_entry *entry, int64_t now_ms) {
    return entry->time_limit_s > 0 && entry->run != NULL
               ? (double)entry->time_limit_s * 1000 -
                     (double)(entry->ran_ms + now_ms - entry->attempt_from_ms)
               : INFINITY;
}

static void stop_overdue(od_queue *queue) {
    int64_t now_ms = monotonic_ms();
    for (size_t i = 0; i < queue->roster.count; i++) {
        roster_entry *entry = queue->roster.items[i];
        if (limit_in_ms(entry, now_ms) <= 0) {
            run_stop(entry->run, OD_STOP_TIME);
        }
    }
}

// Wakes up when the first of the times has come that no event tells of.
static void sleep_until_next(od_queue *queue) {
    double next_ms = LONGEST_SLEEP_MS;
    int64_t now_ms = monotonic_ms();
    for (size_t i = 0; i < queue->roster.count; i++) {
        const od_schedule_job *job = &queue->jobs[i];
        double limit_ms = limit_in_ms(queue->roster.items[i], now_ms);
        if (!job->running && job->backoff_s > 0) {
            next_ms = fmin(next_ms, job->backoff_s * 1000);
        }
        next_ms = limit_ms > 0 ? fmin(next_ms, limit_ms) : next_ms; // overdue: it is stopping
    }
    uv_timer_start(&queue->again, on_again, (uint64_t)ceil(next_ms), 0);
}

void queue_schedule(od_queue *queue) {
    if (!queue->started || queue->closing) {
        return;
    }
    od_explanations_release(queue->explained);
    queue->explained = NULL;
    fail_doomed(queue);
    stop_overdue(queue);
    if (queue_decide(queue) != OD_OK) {
        queue_schedule_later(queue);
        return;
    }
    for (size_t i = 0; i < queue->roster.count; i++) {
        if (queue->results[i].start && !queue->roster.items[i]->settling) {
            start_job(queue, queue->roster.items[i], queue->results[i].devices);
        }
        if (queue->results[i].preempt) {
            preempt_job(queue->roster.items[i]);
        }
    }
    sleep_until_next(queue);
}
