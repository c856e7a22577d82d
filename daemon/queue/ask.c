// SPDX-License-Identifier: Apache-2.0
// What people ask of a job: the four verbs, edits, deletion. What is possible is decided on the
// writer thread, by the state in the database.
#include "base/log.h"
#include "daemon/queue/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct ask_request {
    od_queue *queue;
    int64_t job;
    od_store_done done;
    void *ctx;
    // of a verb
    od_queue_verb verb;
    int to; // the state it led to, or KEEP
    od_event_list events;
    roster_entry *entry; // of a job that comes back into the roster
    int64_t revision;    // of an edit or a deletion
    // of an edit
    char *name, *notes, *labels;
    int64_t priority;
    bool has_priority;
} ask_request;

static void free_request(ask_request *request) {
    od_event_list_fini(&request->events);
    roster_entry_free(request->entry);
    free(request->name);
    free(request->notes);
    free(request->labels);
    queue_release(request->queue);
    free(request);
}

// NULL: done was told that there is no memory, or that the server stops.
static ask_request *new_request(od_queue *queue, int64_t job, od_store_done done, void *ctx) {
    ask_request *request = queue->closing ? NULL : calloc(1, sizeof *request);
    if (request == NULL) {
        od_error error;
        od_status status = queue->closing
                               ? od_error_set(&error, OD_E_BUSY, "the server is stopping")
                               : od_error_set(&error, OD_E_NO_MEMORY, "no memory");
        done(ctx, status, &error);
        return NULL;
    }
    request->queue = queue;
    request->job = job;
    request->done = done;
    request->ctx = ctx;
    queue_hold(queue);
    return request;
}

// --- verbs ---------------------------------------------------------------------------------

enum { KEEP = -1, REFUSE = -2 };

static const int targets[][OD_JOB_STATES] = {
    [OD_QUEUE_CANCEL] =
        {
            [OD_JOB_QUEUED] = OD_JOB_CANCELLED,
            [OD_JOB_STARTING] = OD_JOB_CANCELLING,
            [OD_JOB_RUNNING] = OD_JOB_CANCELLING,
            [OD_JOB_PAUSING] = OD_JOB_CANCELLING,
            [OD_JOB_PAUSED] = OD_JOB_CANCELLED,
            [OD_JOB_CANCELLING] = KEEP,
            [OD_JOB_SUCCEEDED] = REFUSE,
            [OD_JOB_FAILED] = REFUSE,
            [OD_JOB_CANCELLED] = REFUSE,
        },
    [OD_QUEUE_PAUSE] =
        {
            [OD_JOB_QUEUED] = OD_JOB_PAUSED,
            [OD_JOB_STARTING] = OD_JOB_PAUSING,
            [OD_JOB_RUNNING] = OD_JOB_PAUSING,
            [OD_JOB_PAUSING] = KEEP,
            [OD_JOB_PAUSED] = KEEP,
            [OD_JOB_CANCELLING] = REFUSE,
            [OD_JOB_SUCCEEDED] = REFUSE,
            [OD_JOB_FAILED] = REFUSE,
            [OD_JOB_CANCELLED] = REFUSE,
        },
    [OD_QUEUE_RESUME] =
        {
            [OD_JOB_QUEUED] = KEEP,
            [OD_JOB_STARTING] = KEEP,
            [OD_JOB_RUNNING] = KEEP,
            [OD_JOB_PAUSING] = REFUSE,
            [OD_JOB_PAUSED] = OD_JOB_QUEUED,
            [OD_JOB_CANCELLING] = REFUSE,
            [OD_JOB_SUCCEEDED] = REFUSE,
            [OD_JOB_FAILED] = REFUSE,
            [OD_JOB_CANCELLED] = REFUSE,
        },
    [OD_QUEUE_RETRY] =
        {
            [OD_JOB_QUEUED] = REFUSE,
            [OD_JOB_STARTING] = REFUSE,
            [OD_JOB_RUNNING] = REFUSE,
            [OD_JOB_PAUSING] = REFUSE,
            [OD_JOB_PAUSED] = REFUSE,
            [OD_JOB_CANCELLING] = REFUSE,
            [OD_JOB_SUCCEEDED] = REFUSE,
            [OD_JOB_FAILED] = OD_JOB_QUEUED,
            [OD_JOB_CANCELLED] = OD_JOB_QUEUED,
        },
};

static od_status refuse(const ask_request *request, od_job_state state, od_error *error) {
    static const char *const verbs[] = {
        [OD_QUEUE_CANCEL] = "cancelled",
        [OD_QUEUE_PAUSE] = "paused",
        [OD_QUEUE_RESUME] = "resumed",
        [OD_QUEUE_RETRY] = "retried",
    };
    return od_error_set(error, OD_E_CONFLICT, "job %" PRId64 " is %s and cannot be %s",
                        request->job, od_job_state_text(state), verbs[request->verb]);
}

static od_status verb_work(sqlite3 *db, void *ctx, od_error *error) {
    ask_request *request = ctx;
    od_job job;
    OD_TRY(od_jobs_check_revision(db, request->job, request->revision, error));
    OD_TRY(od_jobs_get(db, request->job, &job, error));
    od_job_state state = job.state;
    od_job_fini(&job);
    request->to = targets[request->verb][state];
    if (request->to == REFUSE) {
        return refuse(request, state, error);
    }
    if (request->to == KEEP) {
        return OD_OK;
    }
    const od_state_change change = {
        .job = request->job,
        .to = (od_job_state)request->to,
        .reason = request->to == OD_JOB_CANCELLED ? "cancelled on request" : NULL,
    };
    OD_TRY(od_states_change(db, &change, &request->events, NULL, error));
    return od_job_state_ended(state) ? roster_read(db, request->job, &request->entry, error)
                                     : OD_OK;
}

static void enter(ask_request *request) {
    od_queue *queue = request->queue;
    if (request->entry != NULL) {
        queue_learn(queue, request->entry);
        if (roster_add(&queue->roster, request->entry) != OD_OK) {
            od_log(OD_LOG_ERROR, "no memory to queue a job; restart orthod", "job=%" PRId64,
                   request->job);
        }
        request->entry = NULL;
        queue_schedule(queue);
        return;
    }
    roster_entry *entry = roster_find(&queue->roster, request->job);
    if (entry != NULL) {
        queue_entered(queue, entry, (od_job_state)request->to);
    }
}

static void verb_done(void *ctx, od_status status, const od_error *error) {
    ask_request *request = ctx;
    if (status == OD_OK && request->to >= 0) {
        queue_publish(request->queue, &request->events);
        if (!request->queue->closing) {
            enter(request);
        }
    }
    request->done(request->ctx, status, error);
    free_request(request);
}

void od_queue_ask(od_queue *queue, int64_t job, od_queue_verb verb, od_store_done done, void *ctx) {
    ask_request *request = new_request(queue, job, done, ctx);
    if (request != NULL) {
        request->verb = verb;
        od_store_write(queue->config.store, verb_work, verb_done, request);
    }
}

// --- edits ---------------------------------------------------------------------------------

static od_status edit_work(sqlite3 *db, void *ctx, od_error *error) {
    const ask_request *request = ctx;
    OD_TRY(od_jobs_check_revision(db, request->job, request->revision, error));
    return od_jobs_edit(db, request->job, request->name, request->notes, request->labels,
                        request->has_priority ? &request->priority : NULL, error);
}

static void edit_done(void *ctx, od_status status, const od_error *error) {
    ask_request *request = ctx;
    od_queue *queue = request->queue;
    roster_entry *entry = roster_find(&queue->roster, request->job);
    if (status == OD_OK && entry != NULL && (request->has_priority || request->labels != NULL)) {
        entry->priority = request->has_priority ? request->priority : entry->priority;
        if (request->labels != NULL && !roster_label(entry, request->labels)) {
            od_log(OD_LOG_ERROR, "no memory for labels; limits on them miss a job until a restart",
                   "job=%" PRId64, entry->id);
        }
        roster_sort(&queue->roster);
        queue_schedule(queue);
    }
    request->done(request->ctx, status, error);
    free_request(request);
}

// false: no memory.
static bool copy(char **out, const char *text) {
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL;
}

void od_queue_edit(od_queue *queue, int64_t job, const od_job_edit *edit, od_store_done done,
                   void *ctx) {
    ask_request *request = new_request(queue, job, done, ctx);
    if (request == NULL) {
        return;
    }
    request->revision = edit->revision;
    request->has_priority = edit->priority != NULL;
    request->priority = edit->priority != NULL ? *edit->priority : 0;
    if (!copy(&request->name, edit->name) || !copy(&request->notes, edit->notes) ||
        !copy(&request->labels, edit->labels)) {
        od_error error;
        done(ctx, od_error_set(&error, OD_E_NO_MEMORY, "no memory"), &error);
        free_request(request);
        return;
    }
    od_store_write(queue->config.store, edit_work, edit_done, request);
}

// --- deletion ------------------------------------------------------------------------------

static od_status delete_work(sqlite3 *db, void *ctx, od_error *error) {
    const ask_request *request = ctx;
    od_job job;
    OD_TRY(od_jobs_get(db, request->job, &job, error));
    od_job_state state = job.state;
    od_job_fini(&job);
    if (!od_job_state_ended(state)) {
        return od_error_set(error, OD_E_CONFLICT,
                            "job %" PRId64 " is %s; only jobs that have ended can be deleted",
                            request->job, od_job_state_text(state));
    }
    return od_jobs_delete(db, request->job, error);
}

static void delete_done(void *ctx, od_status status, const od_error *error) {
    ask_request *request = ctx;
    if (status == OD_OK && !request->queue->closing) {
        queue_remove_files(request->queue, request->job);
    }
    request->done(request->ctx, status, error);
    free_request(request);
}

void od_queue_delete(od_queue *queue, int64_t job, int64_t revision, od_store_done done,
                     void *ctx) {
    ask_request *request = new_request(queue, job, done, ctx);
    if (request != NULL) {
        request->revision = revision;
        od_store_write(queue->config.store, delete_work, delete_done, request);
    }
}
