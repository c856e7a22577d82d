// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/jobs.h"

#include "daemon/store/sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                   \
    "id, experiment, variant, name, notes, labels, spec, plan, connection, model, state, reason," \
    " priority, threads, attempt, crashes, retries, step, steps, epoch, eta_s, samples_per_sec,"  \
    " created_at_ms, queued_at_ms, started_at_ms, ended_at_ms, tail_offset, reason_code,"         \
    " memory_bytes, age, likeness, not_before_ms, ran_ms, revision"

static const od_sql_field fields[] = {
    {offsetof(od_job, id), 'i'},
    {offsetof(od_job, experiment), 'i'},
    {offsetof(od_job, variant), 't'},
    {offsetof(od_job, name), 't'},
    {offsetof(od_job, notes), 't'},
    {offsetof(od_job, labels), 't'},
    {offsetof(od_job, spec), 't'},
    {offsetof(od_job, plan), 't'},
    {offsetof(od_job, connection), 't'},
    {offsetof(od_job, model), 't'},
    {offsetof(od_job, state), 's'},
    {offsetof(od_job, reason), 't'},
    {offsetof(od_job, priority), 'i'},
    {offsetof(od_job, threads), 'i'},
    {offsetof(od_job, attempt), 'i'},
    {offsetof(od_job, crashes), 'i'},
    {offsetof(od_job, retries), 'i'},
    {offsetof(od_job, step), 'i'},
    {offsetof(od_job, steps), 'i'},
    {offsetof(od_job, epoch), 'i'},
    {offsetof(od_job, eta_s), 'd'},
    {offsetof(od_job, samples_per_sec), 'd'},
    {offsetof(od_job, created_at_ms), 'i'},
    {offsetof(od_job, queued_at_ms), 'i'},
    {offsetof(od_job, started_at_ms), 'i'},
    {offsetof(od_job, ended_at_ms), 'i'},
    {offsetof(od_job, tail_offset), 'i'},
    {offsetof(od_job, reason_code), 't'},
    {offsetof(od_job, memory_bytes), 'i'},
    {offsetof(od_job, age), 'i'},
    {offsetof(od_job, likeness), 'i'},
    {offsetof(od_job, not_before_ms), 'i'},
    {offsetof(od_job, ran_ms), 'i'},
    {offsetof(od_job, revision), 'i'},
};
static const od_sql_shape shape = {fields, sizeof fields / sizeof fields[0], sizeof(od_job)};

static const char *const state_texts[] = {
#define X(name, text) [OD_JOB_##name] = text,
    OD_JOB_STATE_MAP(X)
#undef X
};

const char *od_job_state_text(od_job_state state) {
    return state_texts[state];
}

int od_job_state_parse(const char *text) {
    for (int i = 0; i < OD_JOB_STATES; i++) {
        if (strcmp(state_texts[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

bool od_job_state_ended(od_job_state state) {
    return state == OD_JOB_SUCCEEDED || state == OD_JOB_FAILED || state == OD_JOB_CANCELLED;
}

void od_job_fini(od_job *job) {
    od_sql_free_rows(&shape, job, 1);
}

void od_job_list_fini(od_job_list *list) {
    od_sql_free_rows(&shape, list->items, list->count);
    free(list->items);
    *list = (od_job_list){0};
}

static od_status not_found(int64_t id, od_error *error) {
    return od_error_set(error, OD_E_NOT_FOUND, "there is no job %" PRId64, id);
}

od_status od_jobs_get(sqlite3 *db, int64_t id, od_job *out, od_error *error) {
    od_status status = od_sql_row(db, "SELECT " COLUMNS " FROM jobs WHERE id = ?1",
                                  OD_SQL(od_sql_i(id)), &shape, out, error);
    return status == OD_E_NOT_FOUND ? not_found(id, error) : status;
}

od_status od_jobs_list(sqlite3 *db, const od_jobs_filter *filter, od_job_list *out,
                       od_error *error) {
    void *items;
    OD_TRY(od_sql_rows(db,
                       "SELECT " COLUMNS
                       " FROM jobs WHERE id < ?1 AND (?2 = 0 OR (1 << state) & ?2)"
                       " AND (?3 = 0 OR experiment = ?3) AND (?4 IS NULL OR EXISTS"
                       "  (SELECT 1 FROM json_each(labels) AS l WHERE l.key = ?4 AND l.value = ?5))"
                       " ORDER BY id DESC LIMIT ?6",
                       OD_SQL(od_sql_i(filter->before_id > 0 ? filter->before_id : INT64_MAX),
                              od_sql_i(filter->states), od_sql_i(filter->experiment),
                              od_sql_t(filter->label_key), od_sql_t(filter->label_value),
                              od_sql_i(filter->limit > 0 ? (int64_t)filter->limit : -1)),
                       &shape, &items, &out->count, error));
    out->items = items;
    return OD_OK;
}

typedef struct state_count {
    int state;
    int64_t count;
} state_count;

od_status od_jobs_count(sqlite3 *db, int64_t experiment, int64_t counts[OD_JOB_STATES],
                        od_error *error) {
    static const od_sql_field count_fields[] = {{offsetof(state_count, state), 's'},
                                                {offsetof(state_count, count), 'i'}};
    static const od_sql_shape count_shape = {count_fields, 2, sizeof(state_count)};
    void *items;
    size_t count;
    memset(counts, 0, OD_JOB_STATES * sizeof counts[0]);
    OD_TRY(od_sql_rows(db,
                       "SELECT state, count(*) FROM jobs WHERE ?1 = 0 OR experiment = ?1"
                       " GROUP BY state",
                       OD_SQL(od_sql_i(experiment)), &count_shape, &items, &count, error));
    const state_count *rows = items;
    for (size_t i = 0; i < count; i++) {
        counts[rows[i].state] = rows[i].count;
    }
    free(items);
    return OD_OK;
}

od_status od_jobs_insert(sqlite3 *db, const od_job *job, int64_t *id, od_error *error) {
    OD_TRY(od_sql_run(
        db,
        "INSERT INTO jobs (experiment, variant, name, notes, labels, spec, plan, connection,"
        " model, state, priority, threads, retries, steps, created_at_ms, queued_at_ms,"
        " memory_bytes, age, likeness)"
        " VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?15, ?16, ?17, ?18)",
        OD_SQL(od_sql_i(job->experiment), od_sql_t(job->variant), od_sql_t(job->name),
               od_sql_t(job->notes), od_sql_t(job->labels), od_sql_t(job->spec),
               od_sql_t(job->plan), od_sql_t(job->connection), od_sql_t(job->model),
               od_sql_i(OD_JOB_QUEUED), od_sql_i(job->priority), od_sql_i(job->threads),
               od_sql_i(job->retries), od_sql_i(job->steps), od_sql_i(job->created_at_ms),
               od_sql_i(job->memory_bytes), od_sql_i(job->age), od_sql_i(job->likeness)),
        error));
    *id = sqlite3_last_insert_rowid(db);
    return OD_OK;
}

od_status od_jobs_stale(int64_t id, int64_t present, od_error *error) {
    return od_error_set(error, OD_E_STALE,
                        "job %" PRId64 " has been changed since: it is at \"r%" PRId64
                        "\" now; look at it again",
                        id, present);
}

od_status od_jobs_check_revision(sqlite3 *db, int64_t id, int64_t revision, od_error *error) {
    int64_t present;
    od_status status = od_sql_int(db, "SELECT revision FROM jobs WHERE id = ?1",
                                  OD_SQL(od_sql_i(id)), &present, error);
    if (status != OD_OK) {
        return status == OD_E_NOT_FOUND ? not_found(id, error) : status;
    }
    return revision == 0 || revision == present ? OD_OK : od_jobs_stale(id, present, error);
}

od_status od_jobs_edit(sqlite3 *db, int64_t id, const char *name, const char *notes,
                       const char *labels, const int64_t *priority, od_error *error) {
    OD_TRY(
        od_sql_run(db,
                   "UPDATE jobs SET name = coalesce(?2, name), notes = coalesce(?3, notes),"
                   " labels = coalesce(?4, labels), revision = revision + 1,"
                   " priority = iif(?5, ?6, priority) WHERE id = ?1",
                   OD_SQL(od_sql_i(id), od_sql_t(name), od_sql_t(notes), od_sql_t(labels),
                          od_sql_i(priority != NULL), od_sql_i(priority != NULL ? *priority : 0)),
                   error));
    return sqlite3_changes(db) == 1 ? OD_OK : not_found(id, error);
}

od_status od_jobs_delete(sqlite3 *db, int64_t id, od_error *error) {
    OD_TRY(od_sql_run(db, "DELETE FROM jobs WHERE id = ?1", OD_SQL(od_sql_i(id)), error));
    if (sqlite3_changes(db) != 1) {
        return not_found(id, error);
    }
    OD_TRY(od_sql_run(db, "DELETE FROM events WHERE job = ?1", OD_SQL(od_sql_i(id)), error));
    return od_sql_run(db, "INSERT INTO removals (job) VALUES (?1)", OD_SQL(od_sql_i(id)), error);
}

od_status od_jobs_removals(sqlite3 *db, int64_t **ids, size_t *count, od_error *error) {
    static const od_sql_field id_field = {0, 'i'};
    static const od_sql_shape id_shape = {&id_field, 1, sizeof(int64_t)};
    void *items;
    OD_TRY(
        od_sql_rows(db, "SELECT job FROM removals", OD_SQL_NONE, &id_shape, &items, count, error));
    *ids = items;
    return OD_OK;
}

od_status od_jobs_removed(sqlite3 *db, int64_t id, od_error *error) {
    return od_sql_run(db, "DELETE FROM removals WHERE job = ?1", OD_SQL(od_sql_i(id)), error);
}

od_status od_jobs_set_progress(sqlite3 *db, int64_t id, int64_t step, int64_t steps, int64_t epoch,
                               double eta_s, double samples_per_sec, od_error *error) {
    return od_sql_run(db,
                      "UPDATE jobs SET step = ?2, steps = ?3, epoch = ?4, eta_s = ?5,"
                      " samples_per_sec = ?6 WHERE id = ?1",
                      OD_SQL(od_sql_i(id), od_sql_i(step), od_sql_i(steps), od_sql_i(epoch),
                             od_sql_d(eta_s), od_sql_d(samples_per_sec)),
                      error);
}

od_status od_jobs_set_tail(sqlite3 *db, int64_t id, int64_t tail_offset, od_error *error) {
    return od_sql_run(db, "UPDATE jobs SET tail_offset = ?2 WHERE id = ?1",
                      OD_SQL(od_sql_i(id), od_sql_i(tail_offset)), error);
}

// --- attempts ------------------------------------------------------------------------------

#define ATTEMPT                                                                                    \
    "coalesce(from_step, -1), pid, boot_id, outcome, reason, attempt, started_at_ms, ended_at_ms," \
    " devices, end_code, end_reason"

static const od_sql_field attempt_fields[] = {
    {offsetof(od_attempt, from_step), 'i'},     {offsetof(od_attempt, pid), 'i'},
    {offsetof(od_attempt, boot_id), 't'},       {offsetof(od_attempt, outcome), 't'},
    {offsetof(od_attempt, reason), 't'},        {offsetof(od_attempt, number), 'i'},
    {offsetof(od_attempt, started_at_ms), 'i'}, {offsetof(od_attempt, ended_at_ms), 'i'},
    {offsetof(od_attempt, devices), 't'},       {offsetof(od_attempt, end_code), 't'},
    {offsetof(od_attempt, end_reason), 't'},
};
static const od_sql_shape attempt_shape = {
    attempt_fields, sizeof attempt_fields / sizeof attempt_fields[0], sizeof(od_attempt)};

void od_attempt_fini(od_attempt *attempt) {
    od_sql_free_rows(&attempt_shape, attempt, 1);
}

od_status od_jobs_attempt_get(sqlite3 *db, int64_t id, int64_t attempt, od_attempt *out,
                              od_error *error) {
    od_status status =
        od_sql_row(db, "SELECT " ATTEMPT " FROM attempts WHERE job = ?1 AND attempt = ?2",
                   OD_SQL(od_sql_i(id), od_sql_i(attempt)), &attempt_shape, out, error);
    return status == OD_E_NOT_FOUND
               ? od_error_set(error, status, "job %" PRId64 " has no attempt %" PRId64, id, attempt)
               : status;
}

od_status od_jobs_attempts(sqlite3 *db, int64_t id, od_attempt **out, size_t *count,
                           od_error *error) {
    void *items;
    OD_TRY(od_sql_rows(db, "SELECT " ATTEMPT " FROM attempts WHERE job = ?1 ORDER BY attempt",
                       OD_SQL(od_sql_i(id)), &attempt_shape, &items, count, error));
    *out = items;
    return OD_OK;
}

od_status od_jobs_attempt_insert(sqlite3 *db, int64_t id, int64_t attempt, int64_t now_ms,
                                 const char *devices, od_error *error) {
    return od_sql_run(db,
                      "INSERT INTO attempts (job, attempt, started_at_ms, devices)"
                      " VALUES (?1, ?2, ?3, ?4)",
                      OD_SQL(od_sql_i(id), od_sql_i(attempt), od_sql_i(now_ms), od_sql_t(devices)),
                      error);
}

od_status od_jobs_attempt_started(sqlite3 *db, int64_t id, int64_t attempt, int64_t from_step,
                                  int64_t pid, const char *boot_id, od_error *error) {
    return od_sql_run(db,
                      "UPDATE attempts SET from_step = ?3, pid = ?4, boot_id = ?5"
                      " WHERE job = ?1 AND attempt = ?2",
                      OD_SQL(od_sql_i(id), od_sql_i(attempt), od_sql_i(from_step), od_sql_i(pid),
                             od_sql_t(boot_id)),
                      error);
}

od_status od_jobs_attempt_outcome(sqlite3 *db, int64_t id, int64_t attempt, const char *outcome,
                                  const char *reason, od_error *error) {
    return od_sql_run(db,
                      "UPDATE attempts SET outcome = ?3, reason = ?4"
                      " WHERE job = ?1 AND attempt = ?2",
                      OD_SQL(od_sql_i(id), od_sql_i(attempt), od_sql_t(outcome), od_sql_t(reason)),
                      error);
}

od_status od_jobs_attempt_ended(sqlite3 *db, int64_t id, int64_t attempt, int64_t ended_at_ms,
                                const char *code, const char *reason, od_error *error) {
    OD_TRY(od_sql_run(db,
                      "UPDATE jobs SET ran_ms = ran_ms + max(0, ?3 -"
                      " (SELECT started_at_ms FROM attempts WHERE job = ?1 AND attempt = ?2))"
                      " WHERE id = ?1",
                      OD_SQL(od_sql_i(id), od_sql_i(attempt), od_sql_i(ended_at_ms)), error));
    return od_sql_run(db,
                      "UPDATE attempts SET ended_at_ms = ?3, end_code = ?4, end_reason = ?5"
                      " WHERE job = ?1 AND attempt = ?2",
                      OD_SQL(od_sql_i(id), od_sql_i(attempt), od_sql_i(ended_at_ms), od_sql_t(code),
                             od_sql_t(reason)),
                      error);
}

// Seconds a step of attempt a of job j.
#define PACE "avg((a.ended_at_ms - a.started_at_ms) / 1000.0 / (j.step - a.from_step))"

od_status od_jobs_step_time(sqlite3 *db, int64_t id, double *step_s, od_error *error) {
    static const od_sql_field field = {0, 'd'};
    static const od_sql_shape pace_shape = {&field, 1, sizeof(double)};
    OD_TRY(od_sql_row(db,
                      "SELECT " PACE " FROM jobs j JOIN attempts a ON a.job = j.id AND"
                      " a.attempt = j.attempt WHERE j.id = ?1 AND j.step > a.from_step AND"
                      " a.ended_at_ms > a.started_at_ms",
                      OD_SQL(od_sql_i(id)), &pace_shape, step_s, error));
    if (!isnan(*step_s)) {
        return OD_OK;
    }
    return od_sql_row(db,
                      "SELECT " PACE " FROM (SELECT o.id, o.attempt, o.step FROM jobs o WHERE"
                      " o.likeness = (SELECT likeness FROM jobs WHERE id = ?1) AND o.likeness <> 0"
                      " AND o.state = ?2 ORDER BY o.id DESC LIMIT 5) j JOIN attempts a"
                      " ON a.job = j.id AND a.attempt = j.attempt WHERE j.step > a.from_step",
                      OD_SQL(od_sql_i(id), od_sql_i(OD_JOB_SUCCEEDED)), &pace_shape, step_s, error);
}

// --- devices that take no new runs ---------------------------------------------------------

od_status od_jobs_set_drained(sqlite3 *db, const char *device, bool drained, int64_t now_ms,
                              od_error *error) {
    return drained ? od_sql_run(db,
                                "INSERT INTO drained (device, since_ms) VALUES (?1, ?2)"
                                " ON CONFLICT DO NOTHING",
                                OD_SQL(od_sql_t(device), od_sql_i(now_ms)), error)
                   : od_sql_run(db, "DELETE FROM drained WHERE device = ?1",
                                OD_SQL(od_sql_t(device)), error);
}

od_status od_jobs_drained(sqlite3 *db, od_drained **out, size_t *count, od_error *error) {
    static const od_sql_field field = {offsetof(od_drained, device), 't'};
    static const od_sql_shape drained_shape = {&field, 1, sizeof(od_drained)};
    void *items;
    OD_TRY(od_sql_rows(db, "SELECT device FROM drained", OD_SQL_NONE, &drained_shape, &items, count,
                       error));
    *out = items;
    return OD_OK;
}
