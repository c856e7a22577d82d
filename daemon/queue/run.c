// SPDX-License-Identifier: Apache-2.0
// One attempt of a job, from its start (or adoption) to the commit of the state it ends in:
//
//     worker alive ──▶ tail lines, one batch in the writer at a time ──▶ worker gone
//          ──▶ tail to the end of the file ──▶ decide by what is in the database ──▶ queue_entered
//
// The order of the last three steps is what makes a curve whole: no state ends before the last line.
#include "daemon/queue/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/exec/rundir.h"
#include "daemon/exec/tail.h"
#include "daemon/exec/worker.h"
#include "daemon/queue/end.h"
#include "daemon/queue/ingest.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 1000, FULL_DISK_MS = 5000 };

struct job_run {
    od_queue *queue;
    roster_entry *entry; // NULL once it let go
    int64_t job;
    bool adopted;
    bool unsettled; // counts in queue->unsettled
    bool stopping;  // it has been asked to stop
    od_stop_reason why;
    bool signalled; // and the worker has been told
    bool killed;    // it did not listen
    od_worker *worker;
    od_tail *tail;
    uv_timer_t timer; // the grace; later, the next try to store the end
    bool gone;        // and that is settled: nothing of it changes any more
    od_worker_exit how;
    char *start_fault; // why the worker could not be started, or NULL
    od_status start_status;
    bool writing; // ingest or end is with the writer
    od_ingest ingest;
    od_event_list events; // of the end
    int64_t time_limit_s; // as its entry has it, for the writer's thread
    od_job_state end;     // what was decided
    int64_t wait_ms;      // before the next attempt
    double step_s;
};

static void on_timer_closed(uv_handle_t *handle) {
    job_run *run = handle->data;
    od_queue *queue = run->queue;
    free(run->start_fault);
    free(run);
    queue_release(queue);
}

// Ends once nothing of it is with another thread.
static void dispose(job_run *run) {
    od_tail_close(run->tail);
    od_worker_close(run->worker);
    uv_close((uv_handle_t *)&run->timer, on_timer_closed);
}

void run_close(job_run *run) {
    run->entry->run = NULL;
    run->entry = NULL;
    if (!run->writing) {
        dispose(run);
    }
}

static void mark_settled(job_run *run) {
    if (run->unsettled) {
        run->unsettled = false;
        queue_settled(run->queue);
    }
}

// --- lines ---------------------------------------------------------------------------------

static void signal_worker(job_run *run, int signal) {
    run->signalled = od_worker_signal(run->worker, signal, run->entry->pid);
}

static void note_progress(job_run *run, const od_ingest *told) {
    roster_entry *entry = run->entry;
    if (!told->progressed) {
        return;
    }
    entry->from_step = told->pid != 0 ? told->from_step : entry->from_step;
    entry->step = told->step;
    entry->steps = told->steps;
    entry->eta_s = told->eta_s;
    entry->told_ms = od_clock_monotonic_ns() / 1000000;
    queue_progressed(run->queue, entry);
}

// A worker that somebody has stopped (SIGSTOP) goes on, so that it can hear of it.
static void ask_to_stop(job_run *run) {
    signal_worker(run, SIGTERM);
    signal_worker(run, SIGCONT);
}

static void ingested(void *ctx, od_status status, const od_error *error) {
    job_run *run = ctx;
    run->writing = false;
    if (status == OD_OK) {
        queue_publish(run->queue, &run->ingest.events);
    } else {
        od_log(OD_LOG_ERROR, "cannot store what a worker said; trying again",
               "job=%" PRId64 " reason=\"%s\"", run->job, error->text);
    }
    od_ingest out = run->ingest;
    od_ingest_fini(&run->ingest);
    if (run->entry == NULL) {
        dispose(run);
        return;
    }
    if (status != OD_OK) {
        od_tail_refuse(run->tail);
        return;
    }
    if (out.skipped > 0) {
        od_log(OD_LOG_WARNING, "skipped lines that are not of the event format",
               "job=%" PRId64 " lines=%zu", run->job, out.skipped);
    }
    run->entry->tail_offset = out.offset + (int64_t)out.size;
    run->entry->pid = out.pid != 0 ? out.pid : run->entry->pid;
    note_progress(run, &out);
    if (out.running) {
        queue_entered(run->queue, run->entry, OD_JOB_RUNNING);
    }
    if (run->stopping && !run->signalled) {
        ask_to_stop(run);
    }
    od_tail_accept(run->tail);
}

static od_status ingest_work(sqlite3 *db, void *ctx, od_error *error) {
    return od_ingest_work(db, &((job_run *)ctx)->ingest, error);
}

static void on_lines(void *ctx, const char *bytes, size_t size, int64_t offset) {
    job_run *run = ctx;
    run->ingest = (od_ingest){.job = run->job, .bytes = bytes, .size = size, .offset = offset};
    run->writing = true;
    od_store_write(run->queue->config.store, ingest_work, ingested, run);
}

// --- the end -------------------------------------------------------------------------------

static od_status end_with(job_run *run, sqlite3 *db, const od_state_change *change,
                          od_error *error) {
    run->end = change->to;
    return od_states_change(db, change, &run->events, NULL, error);
}

static od_status decide_end(job_run *run, sqlite3 *db, const od_job *job, const od_attempt *attempt,
                            od_error *error) {
    const od_queue_config *config = &run->queue->config;
    const od_end_facts facts = {
        .job = job,
        .attempt = attempt,
        .how = &run->how,
        .adopted = run->adopted,
        .killed = run->killed,
        .why = run->why,
        .time_limit_s = run->time_limit_s,
        .boot_id = config->boot_id,
        .retry_delay_ms = config->retry_delay_ms,
        .retry_delay_max_ms = config->retry_delay_max_ms,
        .now_ms = od_clock_wall_ms(),
    };
    od_end end;
    od_end_judge(&facts, &end);
    run->wait_ms = end.change.not_before_ms != 0 ? end.change.not_before_ms - facts.now_ms : 0;
    OD_TRY(end_with(run, db, &end.change, error));
    return od_jobs_step_time(db, run->job, &run->step_s, error);
}

// A full disk is no fault of the job: it goes back into the queue and waits for room.
static od_status end_without_start(job_run *run, sqlite3 *db, od_job_state state, od_error *error) {
    bool full = run->start_status == OD_E_FULL;
    od_state_change change = {
        .job = run->job, .to = OD_JOB_FAILED, .reason = run->start_fault, .code = "not_started"};
    if (state == OD_JOB_CANCELLING) {
        change.to = OD_JOB_CANCELLED;
    } else if (full && state == OD_JOB_PAUSING) {
        change.to = OD_JOB_PAUSED;
    } else if (full) {
        change.to = OD_JOB_QUEUED;
        change.not_before_ms = od_clock_wall_ms() + FULL_DISK_MS;
        run->wait_ms = FULL_DISK_MS;
    }
    return end_with(run, db, &change, error);
}

static od_status end_work(sqlite3 *db, void *ctx, od_error *error) {
    job_run *run = ctx;
    od_job job;
    od_attempt attempt;
    OD_TRY(od_jobs_get(db, run->job, &job, error));
    if (run->start_fault != NULL) {
        od_job_state state = job.state;
        od_job_fini(&job);
        return end_without_start(run, db, state, error);
    }
    od_status status = od_jobs_attempt_get(db, run->job, job.attempt, &attempt, error);
    if (status == OD_OK) {
        status = decide_end(run, db, &job, &attempt, error);
        od_attempt_fini(&attempt);
    }
    od_job_fini(&job);
    return status;
}

static void settle(job_run *run);

static void on_retry(uv_timer_t *timer) {
    settle(timer->data);
}

static void settled(void *ctx, od_status status, const od_error *error) {
    job_run *run = ctx;
    roster_entry *entry = run->entry;
    run->writing = false;
    if (status == OD_OK) {
        queue_publish(run->queue, &run->events);
    }
    od_event_list_fini(&run->events);
    if (entry == NULL) {
        dispose(run);
        return;
    }
    if (status != OD_OK) {
        od_log(OD_LOG_ERROR, "cannot store a job's end; trying again",
               "job=%" PRId64 " reason=\"%s\"", run->job, error->text);
        uv_timer_start(&run->timer, on_retry, RETRY_MS, 0);
        return;
    }
    od_queue *queue = run->queue;
    entry->not_before_ms = od_clock_monotonic_ns() / 1000000 + run->wait_ms;
    entry->step_s = run->step_s;
    entry->step_s_live = false;
    queue_hold(queue);
    mark_settled(run);
    run_close(run);
    queue_entered(queue, entry, run->end);
    queue_release(queue);
}

static void settle(job_run *run) {
    run->writing = true;
    od_store_write(run->queue->config.store, end_work, settled, run);
}

static void on_tail_end(void *ctx) {
    settle(ctx);
}

static void on_exit_seen(void *ctx, const od_worker_exit *how) {
    job_run *run = ctx;
    run->how = *how;
    run->gone = true;
    uv_timer_stop(&run->timer);
    od_log(OD_LOG_INFO, "worker ended",
           "job=%" PRId64 " attempt=%" PRId64 " status=%" PRId64 " signal=%d", run->job,
           run->entry->attempt, how->status, how->signal);
    od_tail_finish(run->tail);
}

// --- start and adoption --------------------------------------------------------------------

static od_status follow(job_run *run, od_error *error) {
    char path[PATH_MAX];
    OD_TRY(od_rundir_path(path, run->queue->state_dir, run->job, "events.ndjson", error));
    const od_tail_config config = {
        .loop = run->queue->config.loop,
        .path = path,
        .offset = run->entry->tail_offset,
        .on_lines = on_lines,
        .on_end = on_tail_end,
        .ctx = run,
    };
    return od_tail_new(&config, &run->tail, error);
}

static void on_alive(void *ctx, od_status status, const od_error *error) {
    job_run *run = ctx;
    mark_settled(run);
    if (status == OD_OK) {
        od_log(OD_LOG_INFO, run->adopted ? "worker adopted" : "worker started",
               "job=%" PRId64 " attempt=%" PRId64, run->job, run->entry->attempt);
        if (run->stopping) {
            ask_to_stop(run);
        }
        return;
    }
    run->gone = true;
    run->start_fault = strdup(error->text);
    run->start_status = status;
    uv_timer_stop(&run->timer);
    od_log(OD_LOG_ERROR, "cannot start a worker", "job=%" PRId64 " reason=\"%s\"", run->job,
           error->text);
    od_tail_finish(run->tail);
}

static od_status new_run(od_queue *queue, roster_entry *entry, job_run **out, od_error *error) {
    job_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a run");
    }
    run->queue = queue;
    run->entry = entry;
    run->job = entry->id;
    run->time_limit_s = entry->time_limit_s;
    (void)uv_timer_init(queue->config.loop, &run->timer); // cannot fail
    run->timer.data = run;
    queue_hold(queue);
    entry->run = run;
    *out = run;
    od_status status = follow(run, error);
    if (status != OD_OK) {
        run_close(run);
    }
    return status;
}

static od_worker_config worker_config(job_run *run) {
    return (od_worker_config){
        .loop = run->queue->config.loop,
        .state_dir = run->queue->state_dir,
        .program = run->queue->worker,
        .options = run->queue->config.worker_options,
        .job = run->job,
        .attempt = run->entry->attempt,
        .threads = run->entry->demand.slots,
        .on_alive = on_alive,
        .on_exit = on_exit_seen,
        .ctx = run,
    };
}

od_status run_start(od_queue *queue, roster_entry *entry, const char *spec, od_error *error) {
    job_run *run;
    OD_TRY(new_run(queue, entry, &run, error));
    const od_worker_config config = worker_config(run);
    od_status status = od_worker_start(&config, spec, &run->worker, error);
    if (status != OD_OK) {
        run_close(run);
    }
    return status;
}

od_status run_adopt(od_queue *queue, roster_entry *entry, od_error *error) {
    job_run *run;
    OD_TRY(new_run(queue, entry, &run, error));
    const od_worker_config config = worker_config(run);
    run->adopted = true;
    od_status status = od_worker_adopt(&config, &run->worker, error);
    if (status != OD_OK) {
        run_close(run);
        return status;
    }
    run->unsettled = true;
    queue->unsettled++;
    return OD_OK;
}

// --- stop ----------------------------------------------------------------------------------

static void on_grace_over(uv_timer_t *timer) {
    job_run *run = timer->data;
    od_log(OD_LOG_WARNING, "a worker did not stop in time and is killed", "job=%" PRId64, run->job);
    run->killed = true;
    signal_worker(run, SIGKILL);
    uv_timer_start(&run->timer, on_grace_over, run->queue->config.stop_grace_ms, 0);
}

void run_stop(job_run *run, od_stop_reason why) {
    if (run->stopping || run->gone) {
        return;
    }
    run->stopping = true;
    run->why = why;
    ask_to_stop(run);
    uv_timer_start(&run->timer, on_grace_over, run->queue->config.stop_grace_ms, 0);
}
