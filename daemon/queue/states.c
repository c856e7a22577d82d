// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/states.h"

#include "base/clock.h"
#include "daemon/store/sql.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

#define BIT(name) (1u << OD_JOB_##name)

static const unsigned allowed[OD_JOB_STATES] = {
    [OD_JOB_QUEUED] = BIT(STARTING) | BIT(PAUSED) | BIT(CANCELLED) | BIT(FAILED),
    [OD_JOB_STARTING] =
        BIT(RUNNING) | BIT(PAUSING) | BIT(CANCELLING) | BIT(QUEUED) | BIT(SUCCEEDED) | BIT(FAILED),
    [OD_JOB_RUNNING] = BIT(PAUSING) | BIT(CANCELLING) | BIT(QUEUED) | BIT(SUCCEEDED) | BIT(FAILED),
    [OD_JOB_PAUSING] = BIT(PAUSED) | BIT(CANCELLING) | BIT(SUCCEEDED) | BIT(FAILED),
    [OD_JOB_PAUSED] = BIT(QUEUED) | BIT(CANCELLED),
    [OD_JOB_CANCELLING] = BIT(CANCELLED) | BIT(SUCCEEDED),
    [OD_JOB_SUCCEEDED] = 0,
    [OD_JOB_FAILED] = BIT(QUEUED),
    [OD_JOB_CANCELLED] = BIT(QUEUED),
};

// ?1 job, ?2 state, ?3 reason, ?4 now, ?5 crashes to add, ?6 code, ?7 not before.
#define UPDATE "UPDATE jobs SET state = ?2, reason = ?3, reason_code = ?6, not_before_ms = ?7, "
#define WHERE " WHERE id = ?1"
#define GOING UPDATE "crashes = crashes + ?5, started_at_ms = coalesce(started_at_ms, ?4)" WHERE
#define RESTING UPDATE "crashes = crashes + ?5, eta_s = NULL, samples_per_sec = NULL"
#define ENDED RESTING ", ended_at_ms = ?4" WHERE

static const char *const updates[OD_JOB_STATES] = {
    // Asking for another try gives an ended job all its retries, and its time, again.
    [OD_JOB_QUEUED] = UPDATE "crashes = iif(ended_at_ms IS NULL, crashes + ?5, 0),"
                             " ran_ms = iif(ended_at_ms IS NULL, ran_ms, 0), eta_s = NULL,"
                             " samples_per_sec = NULL, queued_at_ms = ?4, ended_at_ms = NULL" WHERE,
    [OD_JOB_STARTING] = UPDATE "crashes = crashes + ?5, attempt = attempt + 1,"
                               " started_at_ms = coalesce(started_at_ms, ?4)" WHERE,
    [OD_JOB_RUNNING] = GOING,
    [OD_JOB_PAUSING] = GOING,
    [OD_JOB_CANCELLING] = GOING,
    [OD_JOB_PAUSED] = RESTING WHERE,
    [OD_JOB_SUCCEEDED] = ENDED,
    [OD_JOB_FAILED] = ENDED,
    [OD_JOB_CANCELLED] = ENDED,
};

bool od_states_allowed(od_job_state from, od_job_state to) {
    return (allowed[from] >> to & 1) != 0;
}

bool od_states_active(od_job_state state) {
    return (1u << state & (BIT(STARTING) | BIT(RUNNING) | BIT(PAUSING) | BIT(CANCELLING))) != 0;
}

typedef struct present {
    od_job_state state;
    int64_t attempt;
} present;

static od_status read_present(sqlite3 *db, int64_t job, present *out, od_error *error) {
    static const od_sql_field fields[] = {{offsetof(present, state), 's'},
                                          {offsetof(present, attempt), 'i'}};
    static const od_sql_shape shape = {fields, 2, sizeof(present)};
    od_status status = od_sql_row(db, "SELECT state, attempt FROM jobs WHERE id = ?1",
                                  OD_SQL(od_sql_i(job)), &shape, out, error);
    return status == OD_E_NOT_FOUND ? od_error_set(error, status, "there is no job %" PRId64, job)
                                    : status;
}

// {"job", "state", "reason", "attempt", "at"}; NULL: no memory.
static char *event_text(const od_state_change *change, int64_t attempt, int64_t now_ms) {
    char at[OD_CLOCK_TEXT_BYTES];
    char *text = NULL;
    cJSON *data = cJSON_CreateObject();
    cJSON *reason =
        change->reason != NULL ? cJSON_CreateString(change->reason) : cJSON_CreateNull();
    if (cJSON_AddNumberToObject(data, "job", (double)change->job) != NULL &&
        cJSON_AddStringToObject(data, "state", od_job_state_text(change->to)) != NULL &&
        cJSON_AddItemToObject(data, "reason", reason)) {
        reason = NULL;
        if (cJSON_AddNumberToObject(data, "attempt", (double)attempt) != NULL &&
            cJSON_AddStringToObject(data, "at", od_clock_text(at, now_ms)) != NULL) {
            text = cJSON_PrintUnformatted(data);
        }
    }
    cJSON_Delete(reason);
    cJSON_Delete(data);
    return text;
}

static od_status tell(sqlite3 *db, const od_state_change *change, int64_t attempt, int64_t now_ms,
                      od_event_list *events, od_error *error) {
    return od_events_append(db, events, change->job, "state", event_text(change, attempt, now_ms),
                            od_job_state_ended(change->to), error);
}

static od_status change_attempt(sqlite3 *db, const od_state_change *change, present *job,
                                int64_t now_ms, od_error *error) {
    if (change->to == OD_JOB_STARTING) {
        job->attempt++;
        return od_jobs_attempt_insert(db, change->job, job->attempt, now_ms,
                                      change->devices != NULL ? change->devices : "", error);
    }
    if (od_states_active(job->state) && !od_states_active(change->to)) {
        int64_t ended_at_ms = change->ended_at_ms != 0 ? change->ended_at_ms : now_ms;
        return od_jobs_attempt_ended(db, change->job, job->attempt, ended_at_ms, change->code,
                                     change->reason, error);
    }
    return OD_OK;
}

od_status od_states_change(sqlite3 *db, const od_state_change *change, od_event_list *events,
                           int64_t *attempt, od_error *error) {
    int64_t now_ms = od_clock_wall_ms();
    present job;
    OD_TRY(read_present(db, change->job, &job, error));
    if (!od_states_allowed(job.state, change->to)) {
        return od_error_set(error, OD_E_CONFLICT, "job %" PRId64 " is %s and cannot become %s",
                            change->job, od_job_state_text(job.state),
                            od_job_state_text(change->to));
    }
    OD_TRY(od_sql_run(db, updates[change->to],
                      OD_SQL(od_sql_i(change->job), od_sql_i(change->to), od_sql_t(change->reason),
                             od_sql_i(now_ms), od_sql_i(change->crashed),
                             od_sql_t(change->reason != NULL ? change->code : NULL),
                             od_sql_i(change->not_before_ms)),
                      error));
    OD_TRY(change_attempt(db, change, &job, now_ms, error));
    if (attempt != NULL) {
        *attempt = job.attempt;
    }
    return tell(db, change, job.attempt, now_ms, events, error);
}

od_status od_states_created(sqlite3 *db, int64_t job, od_event_list *events, od_error *error) {
    const od_state_change change = {.job = job, .to = OD_JOB_QUEUED};
    return tell(db, &change, 0, od_clock_wall_ms(), events, error);
}
