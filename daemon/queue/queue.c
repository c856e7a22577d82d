// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/queue.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/exec/rundir.h"
#include "daemon/queue/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void queue_hold(od_queue *queue) {
    queue->references++;
}

void queue_release(od_queue *queue) {
    if (--queue->references > 0) {
        return;
    }
    roster_fini(&queue->roster);
    free(queue->jobs);
    free(queue->results);
    od_explanations_release(queue->explained);
    free(queue->state_dir);
    free(queue->worker);
    free(queue);
}

void queue_publish(od_queue *queue, od_event_list *events) {
    if (events->count > 0 && queue->config.sink.publish != NULL) {
        queue->config.sink.publish(queue->config.sink.ctx, events->items, events->count);
    }
    od_event_list_fini(events);
}

void queue_settled(od_queue *queue) {
    if (--queue->unsettled > 0 || queue->start_done == NULL || queue->closing) {
        return;
    }
    od_store_done done = queue->start_done;
    queue->start_done = NULL;
    done(queue->start_ctx, OD_OK, NULL);
}

void queue_entered(od_queue *queue, roster_entry *entry, od_job_state state) {
    if (od_states_active(entry->state) && !od_states_active(state)) {
        entry->ran_ms += od_clock_monotonic_ns() / 1000000 - entry->attempt_from_ms;
    }
    entry->state = state;
    entry->settling = false;
    if (!od_states_active(state)) {
        od_placement_give(&queue->devices, &entry->demand, entry->devices);
        entry->devices = 0;
        entry->preempted = false;
    }
    if (state == OD_JOB_PAUSING || state == OD_JOB_CANCELLING) {
        run_stop(entry->run, OD_STOP_ASKED);
    }
    if (od_job_state_ended(state)) {
        roster_resolve(&queue->roster, entry->id, state == OD_JOB_SUCCEEDED);
        roster_remove(&queue->roster, entry);
    }
    queue_schedule(queue);
}

// --- files of deleted jobs -----------------------------------------------------------------

typedef struct file_removal {
    od_queue *queue;
    int64_t job;
    od_status status;
    od_error error;
    uv_work_t request;
} file_removal;

static void remove_work(uv_work_t *request) {
    file_removal *removal = request->data;
    removal->status = od_rundir_remove(removal->queue->state_dir, removal->job, &removal->error);
}

static od_status removed_work(sqlite3 *db, void *ctx, od_error *error) {
    return od_jobs_removed(db, ((const file_removal *)ctx)->job, error);
}

static void removal_stored(void *ctx, od_status status, const od_error *error) {
    file_removal *removal = ctx;
    (void)status; // when this was not stored, the next start removes what is not there any more
    (void)error;
    queue_release(removal->queue);
    free(removal);
}

static void remove_done(uv_work_t *request, int cancelled) {
    file_removal *removal = request->data;
    (void)cancelled;
    if (removal->queue->closing) { // and the store may be closed: the next start does it again
        removal_stored(removal, OD_OK, NULL);
        return;
    }
    if (removal->status == OD_OK) {
        od_store_write(removal->queue->config.store, removed_work, removal_stored, removal);
        return;
    }
    od_log(OD_LOG_ERROR, "cannot remove the files of a deleted job; the next start tries again",
           "job=%" PRId64 " reason=\"%s\"", removal->job, removal->error.text);
    removal_stored(removal, OD_OK, NULL);
}

void queue_remove_files(od_queue *queue, int64_t job) {
    file_removal *removal = calloc(1, sizeof *removal);
    if (removal == NULL) {
        return; // the next start removes them
    }
    removal->queue = queue;
    removal->job = job;
    removal->request.data = removal;
    queue_hold(queue);
    (void)uv_queue_work(queue->config.loop, &removal->request, remove_work, remove_done);
}

// --- start of the daemon -------------------------------------------------------------------

typedef struct queue_load {
    od_queue *queue;
    job_roster roster;
    int64_t *removals;
    size_t removal_count;
    od_drained *drained;
    size_t drained_count;
} queue_load;

static od_status load_work(sqlite3 *db, void *ctx, od_error *error) {
    queue_load *loading = ctx;
    const unsigned ended = 1u << OD_JOB_SUCCEEDED | 1u << OD_JOB_FAILED | 1u << OD_JOB_CANCELLED;
    const od_jobs_filter filter = {.states = ((1u << OD_JOB_STATES) - 1) & ~ended};
    od_job_list jobs;
    OD_TRY(od_jobs_removals(db, &loading->removals, &loading->removal_count, error));
    OD_TRY(od_jobs_drained(db, &loading->drained, &loading->drained_count, error));
    OD_TRY(od_jobs_list(db, &filter, &jobs, error));
    od_status status = OD_OK;
    for (size_t i = 0; i < jobs.count && status == OD_OK; i++) {
        roster_entry *entry;
        status = roster_read(db, jobs.items[i].id, &entry, error);
        if (status == OD_OK) {
            status = roster_add(&loading->roster, entry);
        }
    }
    od_job_list_fini(&jobs);
    return status;
}

// An adopted run holds what it held. Attempts of versions that kept no names ran on the CPU; of a
// device that is not in the table any more nothing is held.
static void hold_again(od_queue *queue, roster_entry *entry) {
    char cpu[] = "cpu";
    char *rest = entry->device_names[0] != '\0' ? entry->device_names : cpu;
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        int index = od_placement_index(&queue->devices, name);
        entry->devices |= index >= 0 ? (od_device_set)1 << index : 0;
    }
    od_placement_take(&queue->devices, &entry->demand, entry->devices);
}

static od_status adopt_all(od_queue *queue, od_error *error) {
    for (size_t i = 0; i < queue->roster.count; i++) {
        roster_entry *entry = queue->roster.items[i];
        if (!od_states_active(entry->state)) {
            continue;
        }
        hold_again(queue, entry);
        OD_TRY(run_adopt(queue, entry, error));
        if (entry->state == OD_JOB_PAUSING || entry->state == OD_JOB_CANCELLING) {
            run_stop(entry->run, OD_STOP_ASKED);
        }
    }
    return OD_OK;
}

static void loaded(void *ctx, od_status status, const od_error *error) {
    queue_load *loading = ctx;
    od_queue *queue = loading->queue;
    od_error fault = error != NULL ? *error : (od_error){0};
    queue->roster = loading->roster;
    for (size_t i = 0; i < loading->removal_count; i++) {
        queue_remove_files(queue, loading->removals[i]);
    }
    for (size_t i = 0; i < loading->drained_count; i++) {
        queue_set_drained(queue, loading->drained[i].device, true);
        free(loading->drained[i].device);
    }
    free(loading->drained);
    free(loading->removals);
    free(loading);
    queue->unsettled = 1; // this function
    if (status == OD_OK && !queue->closing) {
        status = adopt_all(queue, &fault);
    }
    if (status != OD_OK) {
        od_store_done done = queue->start_done;
        queue->start_done = NULL;
        done(queue->start_ctx, status, &fault);
    } else {
        queue->started = true;
        queue_schedule(queue);
    }
    queue_settled(queue);
    queue_release(queue);
}

void od_queue_start(od_queue *queue, od_store_done done, void *ctx) {
    queue_load *loading = calloc(1, sizeof *loading);
    if (loading == NULL) {
        od_error error;
        done(ctx, od_error_set(&error, OD_E_NO_MEMORY, "no memory for the queue"), &error);
        return;
    }
    loading->queue = queue;
    queue->start_done = done;
    queue->start_ctx = ctx;
    queue_hold(queue);
    od_store_read(queue->config.store, load_work, loaded, loading);
}

// --- new and close -------------------------------------------------------------------------

od_status od_queue_new(const od_queue_config *config, od_queue **out, od_error *error) {
    od_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the queue");
    }
    queue->config = *config;
    queue->devices = config->devices;
    queue->state_dir = strdup(config->state_dir);
    queue->worker = strdup(config->worker);
    queue->references = 1; // the timer's
    if (queue->state_dir == NULL || queue->worker == NULL) {
        queue_release(queue);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the queue");
    }
    (void)uv_timer_init(config->loop, &queue->again); // cannot fail
    queue->again.data = queue;
    *out = queue;
    return OD_OK;
}

static void on_timer_closed(uv_handle_t *handle) {
    queue_release(handle->data);
}

void od_queue_close(od_queue *queue) {
    if (queue == NULL) {
        return;
    }
    queue->closing = true;
    for (size_t i = 0; i < queue->roster.count; i++) {
        if (queue->roster.items[i]->run != NULL) {
            run_close(queue->roster.items[i]->run);
        }
    }
    uv_close((uv_handle_t *)&queue->again, on_timer_closed);
}

const od_device_table *od_queue_devices(const od_queue *queue) {
    return &queue->devices;
}

od_queue_load od_queue_get_load(const od_queue *queue) {
    od_queue_load load = {0};
    for (size_t i = 0; i < queue->roster.count; i++) {
        od_job_state state = queue->roster.items[i]->state;
        load.running += od_states_active(state);
        load.queued += state == OD_JOB_QUEUED;
    }
    return load;
}
