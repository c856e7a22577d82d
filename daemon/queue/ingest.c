// SPDX-License-Identifier: Apache-2.0
// The files come from a program of ours, but a disk may be full or a machine may stop in the middle
// of a line, and people edit files: a line that is not what the format says is counted and skipped,
// it never stops a run.
#include "daemon/queue/ingest.h"

#include "base/clock.h"
#include "base/json.h"
#include "daemon/queue/states.h"
#include "daemon/store/jobs.h"
#include "daemon/store/points.h"
#include "daemon/store/sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LARGEST_INTEGER =
    9007199254740992.0; // 2^53, the last one a double can count to

// One line and what it is read for.
typedef struct ingest_line {
    sqlite3 *db;
    od_ingest *ingest;
    int64_t job_attempt; // the job's present one
    int64_t attempt;     // the line's
    cJSON *object;
} ingest_line;

static bool read_integer(const cJSON *object, const char *key, int64_t *out) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(node) || node->valuedouble < 0 || node->valuedouble > LARGEST_INTEGER ||
        floor(node->valuedouble) < node->valuedouble) {
        return false;
    }
    *out = (int64_t)node->valuedouble;
    return true;
}

static double read_double(const cJSON *object, const char *key) {
    double value;
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return node != NULL && od_json_to_double(node, &value) == 0 ? value : (double)NAN;
}

static const char *read_string(const cJSON *object, const char *key) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static od_status skip(ingest_line *at) {
    at->ingest->skipped++;
    return OD_OK;
}

// Appends the event: the keys (up to a NULL) of the line, with "job" in front. A key that the line
// lacks is null.
static od_status tell(ingest_line *at, const char *kind, const char *const *keys, od_error *error) {
    cJSON *data = cJSON_CreateObject();
    bool whole = cJSON_AddNumberToObject(data, "job", (double)at->ingest->job) != NULL;
    for (; *keys != NULL && whole; keys++) {
        cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(at->object, *keys);
        value = value != NULL ? value : cJSON_CreateNull();
        whole = value != NULL && cJSON_AddItemToObject(data, *keys, value);
    }
    char *text = whole ? cJSON_PrintUnformatted(data) : NULL;
    cJSON_Delete(data);
    return od_events_append(at->db, &at->ingest->events, at->ingest->job, kind, text, false, error);
}

static void note_progress(ingest_line *at, int64_t step, int64_t steps, double eta_s) {
    if (at->attempt == at->job_attempt) {
        at->ingest->progressed = true;
        at->ingest->step = step;
        at->ingest->steps = steps;
        at->ingest->eta_s = eta_s;
    }
}

// --- one function for each type of line ----------------------------------------------------

static od_status become_running(ingest_line *at, od_error *error) {
    const od_state_change change = {.job = at->ingest->job, .to = OD_JOB_RUNNING};
    int64_t state;
    OD_TRY(od_sql_int(at->db, "SELECT state FROM jobs WHERE id = ?1",
                      OD_SQL(od_sql_i(at->ingest->job)), &state, error));
    if (state != OD_JOB_STARTING) {
        return OD_OK; // somebody wants it to stop already
    }
    at->ingest->running = true;
    return od_states_change(at->db, &change, &at->ingest->events, NULL, error);
}

static od_status read_start(ingest_line *at, od_error *error) {
    int64_t job = at->ingest->job;
    int64_t step;
    int64_t steps;
    int64_t pid;
    int64_t per_epoch;
    if (!read_integer(at->object, "step", &step) || !read_integer(at->object, "steps", &steps) ||
        !read_integer(at->object, "pid", &pid)) {
        return skip(at);
    }
    OD_TRY(od_jobs_attempt_started(at->db, job, at->attempt, step, pid,
                                   read_string(at->object, "boot_id"), error));
    if (at->attempt > 1) {
        OD_TRY(od_points_recount(at->db, job, error));
    }
    if (at->attempt != at->job_attempt) {
        return OD_OK;
    }
    bool known = read_integer(at->object, "steps_per_epoch", &per_epoch) && per_epoch > 0;
    OD_TRY(od_jobs_set_progress(at->db, job, step, steps, known ? step / per_epoch : 0, (double)NAN,
                                (double)NAN, error));
    at->ingest->pid = pid;
    at->ingest->from_step = step;
    note_progress(at, step, steps, (double)NAN);
    return become_running(at, error);
}

static od_status read_metrics(ingest_line *at, od_error *error) {
    static const char *const keys[] = {"step", "epoch", "attempt", "values", "at", NULL};
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(at->object, "values");
    const cJSON *item;
    int64_t step;
    double value;
    if (!read_integer(at->object, "step", &step) || !cJSON_IsObject(values)) {
        return skip(at);
    }
    cJSON_ArrayForEach(item, values) {
        if (od_json_to_double(item, &value) != 0) {
            return skip(at); // before anything is stored: a line counts whole or not at all
        }
    }
    cJSON_ArrayForEach(item, values) {
        if (od_json_to_double(item, &value) == 0) {
            OD_TRY(od_points_add(at->db, at->ingest->job, at->attempt, item->string, step, value,
                                 error));
        }
    }
    return tell(at, "metrics", keys, error);
}

static od_status read_progress(ingest_line *at, od_error *error) {
    static const char *const keys[] = {"step", "steps", "epoch", "eta_s", "samples_per_sec",
                                       "at",   NULL};
    int64_t step;
    int64_t steps;
    int64_t epoch;
    if (!read_integer(at->object, "step", &step) || !read_integer(at->object, "steps", &steps) ||
        !read_integer(at->object, "epoch", &epoch)) {
        return skip(at);
    }
    OD_TRY(od_jobs_set_progress(at->db, at->ingest->job, step, steps, epoch,
                                read_double(at->object, "eta_s"),
                                read_double(at->object, "samples_per_sec"), error));
    note_progress(at, step, steps, read_double(at->object, "eta_s"));
    return tell(at, "progress", keys, error);
}

static od_status read_log(ingest_line *at, od_error *error) {
    static const char *const keys[] = {"level", "message", "at", NULL};
    if (read_string(at->object, "level") == NULL || read_string(at->object, "message") == NULL) {
        return skip(at);
    }
    return tell(at, "log", keys, error);
}

static od_status read_end(ingest_line *at, od_error *error) {
    const char *outcome = read_string(at->object, "outcome");
    if (outcome == NULL) {
        return skip(at);
    }
    return od_jobs_attempt_outcome(at->db, at->ingest->job, at->attempt, outcome,
                                   read_string(at->object, "reason"), error);
}

static od_status read_line(ingest_line *at, od_error *error) {
    static const struct {
        const char *type;
        od_status (*read)(ingest_line *at, od_error *error);
    } types[] = {
        {"start", read_start}, {"metrics", read_metrics}, {"progress", read_progress},
        {"log", read_log},     {"end", read_end},
    };
    const char *type = read_string(at->object, "type");
    int64_t version;
    if (type == NULL || !read_integer(at->object, "v", &version) || version != 1 ||
        !read_integer(at->object, "attempt", &at->attempt) || at->attempt < 1 ||
        at->attempt > at->job_attempt) {
        return skip(at);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].type, type) == 0) {
            return types[i].read(at, error);
        }
    }
    return OD_OK; // a type of a later version, or one that only people and other programs need
}

// --- the batch -----------------------------------------------------------------------------

static od_status read_lines(ingest_line *at, const char *bytes, const char *end, od_error *error) {
    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *stop = newline != NULL ? newline : end;
        if (stop > bytes) {
            od_error ignored;
            at->object = NULL;
            od_status status =
                od_json_parse(bytes, (size_t)(stop - bytes), &at->object, &ignored) == OD_OK
                    ? read_line(at, error)
                    : skip(at);
            cJSON_Delete(at->object);
            OD_TRY(status);
        }
        bytes = stop + 1;
    }
    return OD_OK;
}

typedef struct stored {
    int64_t tail_offset;
    int64_t attempt;
} stored;

od_status od_ingest_work(sqlite3 *db, void *ctx, od_error *error) {
    static const od_sql_field fields[] = {{offsetof(stored, tail_offset), 'i'},
                                          {offsetof(stored, attempt), 'i'}};
    static const od_sql_shape shape = {fields, 2, sizeof(stored)};
    od_ingest *ingest = ctx;
    stored job;
    OD_TRY(od_sql_row(db, "SELECT tail_offset, attempt FROM jobs WHERE id = ?1",
                      OD_SQL(od_sql_i(ingest->job)), &shape, &job, error));
    int64_t known = job.tail_offset - ingest->offset;
    if (known >= (int64_t)ingest->size) {
        return OD_OK;
    }
    if (known < 0) {
        return od_error_set(error, OD_E_INTERNAL,
                            "job %" PRId64 ": lines at offset %" PRId64
                            " came while the database is at %" PRId64,
                            ingest->job, ingest->offset, job.tail_offset);
    }
    ingest_line at = {.db = db, .ingest = ingest, .job_attempt = job.attempt};
    OD_TRY(read_lines(&at, ingest->bytes + known, ingest->bytes + ingest->size, error));
    return od_jobs_set_tail(db, ingest->job, ingest->offset + (int64_t)ingest->size, error);
}

void od_ingest_fini(od_ingest *ingest) {
    od_event_list_fini(&ingest->events);
}
