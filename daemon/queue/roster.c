// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "daemon/store/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void roster_entry_free(roster_entry *entry) {
    if (entry != NULL) {
        free(entry->after);
        free(entry->after_any);
        free(entry->labels);
        free(entry->device_names);
        cJSON_Delete(entry->label_object);
        free(entry);
    }
}

// --- what a job waits for ------------------------------------------------------------------

// A job that was deleted counts as cancelled.
static od_status state_of(sqlite3 *db, int64_t id, int64_t *state, od_error *error) {
    od_status status =
        od_sql_int(db, "SELECT state FROM jobs WHERE id = ?1", OD_SQL(od_sql_i(id)), state, error);
    if (status == OD_E_NOT_FOUND) {
        *state = OD_JOB_CANCELLED;
        return OD_OK;
    }
    return status;
}

static od_status read_list(sqlite3 *db, const cJSON *list, bool any, roster_entry *entry,
                           od_error *error) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        int64_t id = (int64_t)item->valuedouble;
        int64_t state = 0;
        OD_TRY(state_of(db, id, &state, error));
        if (!od_job_state_ended((od_job_state)state)) {
            entry->after_any[entry->after_count] = any;
            entry->after[entry->after_count++] = id;
        } else if (state != OD_JOB_SUCCEEDED && !any) {
            entry->doomed_by = id;
        }
    }
    return OD_OK;
}

static od_status read_after(sqlite3 *db, const cJSON *spec, roster_entry *entry, od_error *error) {
    const cJSON *after = od_json_at(spec, "queue.after");
    const cJSON *after_any = od_json_at(spec, "queue.after_any");
    size_t count = (size_t)cJSON_GetArraySize(after) + (size_t)cJSON_GetArraySize(after_any);
    entry->after = calloc(count + 1, sizeof *entry->after);
    entry->after_any = calloc(count + 1, sizeof *entry->after_any);
    if (entry->after == NULL || entry->after_any == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %zu jobs", count);
    }
    OD_TRY(read_list(db, after, false, entry, error));
    return read_list(db, after_any, true, entry, error);
}

// --- what it needs, and what is known of it ------------------------------------------------

bool roster_label(roster_entry *entry, const char *labels) {
    cJSON *object = cJSON_Parse(labels);
    size_t count = (size_t)cJSON_GetArraySize(object);
    od_label *list = calloc(count + 1, sizeof *list);
    const cJSON *item;
    cJSON_Delete(entry->label_object);
    free(entry->labels);
    entry->label_object = object;
    entry->labels = list;
    entry->label_count = 0;
    if (object == NULL || list == NULL) {
        return false;
    }
    cJSON_ArrayForEach(item, object) {
        list[entry->label_count++] = (od_label){item->string, cJSON_GetStringValue(item)};
    }
    return true;
}

static double number_at(const cJSON *spec, const char *path, double otherwise) {
    const cJSON *node = od_json_at(spec, path);
    return cJSON_IsNumber(node) ? node->valuedouble : otherwise;
}

static void read_demand(const od_job *job, const cJSON *spec, od_demand *out) {
    const char *device = cJSON_GetStringValue(od_json_at(spec, "resources.device"));
    snprintf(out->device, sizeof out->device, "%s", device != NULL ? device : "auto");
    out->ranks = (int64_t)number_at(spec, "resources.count", 1);
    out->slots = job->threads;
    out->memory_bytes = job->memory_bytes;
}

// What of a job's attempt a new daemon has to know.
static od_status read_attempt(sqlite3 *db, roster_entry *entry, od_error *error) {
    od_attempt attempt;
    if (!od_states_active(entry->state)) {
        return OD_OK;
    }
    OD_TRY(od_jobs_attempt_get(db, entry->id, entry->attempt, &attempt, error));
    int64_t now_ms = od_clock_monotonic_ns() / 1000000;
    entry->pid = attempt.pid;
    entry->device_names = attempt.devices;
    attempt.devices = NULL;
    entry->from_step = attempt.from_step;
    entry->attempt_from_ms = now_ms - (od_clock_wall_ms() - attempt.started_at_ms);
    entry->told_ms = now_ms;
    od_attempt_fini(&attempt);
    return OD_OK;
}

// The wait that is left, and never more than it was meant to be: the clock may have been set back.
static int64_t read_not_before(const od_job *job) {
    int64_t left_ms = job->not_before_ms - od_clock_wall_ms();
    int64_t meant_ms = job->not_before_ms - job->queued_at_ms;
    int64_t wait_ms = left_ms < meant_ms ? left_ms : meant_ms;
    return wait_ms > 0 ? od_clock_monotonic_ns() / 1000000 + wait_ms : 0;
}

static od_status read_entry(sqlite3 *db, const od_job *job, roster_entry *entry, od_error *error) {
    cJSON *spec = NULL;
    *entry = (roster_entry){
        .id = job->id,
        .priority = job->priority,
        .age = job->age != 0 ? job->age : job->id,
        .state = job->state,
        .attempt = job->attempt,
        .tail_offset = job->tail_offset,
        .not_before_ms = read_not_before(job),
        .ran_ms = job->ran_ms,
        .likeness = job->likeness,
        .step = job->step,
        .steps = job->steps,
        .eta_s = job->eta_s,
    };
    OD_TRY(od_json_parse(job->spec, strlen(job->spec), &spec, error));
    read_demand(job, spec, &entry->demand);
    entry->time_limit_s = (int64_t)number_at(spec, "resources.time_limit_s", 0);
    od_status status = read_after(db, spec, entry, error);
    cJSON_Delete(spec);
    OD_TRY(status);
    if (!roster_label(entry, job->labels)) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for labels");
    }
    OD_TRY(od_jobs_step_time(db, job->id, &entry->step_s, error));
    return read_attempt(db, entry, error);
}

od_status roster_read(sqlite3 *db, int64_t id, roster_entry **out, od_error *error) {
    od_job job;
    OD_TRY(od_jobs_get(db, id, &job, error));
    roster_entry *entry = calloc(1, sizeof *entry);
    od_status status = entry != NULL ? read_entry(db, &job, entry, error)
                                     : od_error_set(error, OD_E_NO_MEMORY, "no memory for a job");
    od_job_fini(&job);
    if (status != OD_OK) {
        roster_entry_free(entry);
        return status;
    }
    *out = entry;
    return OD_OK;
}

// --- the list ------------------------------------------------------------------------------

roster_entry *roster_find(const job_roster *roster, int64_t id) {
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->items[i]->id == id) {
            return roster->items[i];
        }
    }
    return NULL;
}

static bool before(const roster_entry *a, const roster_entry *b) {
    const od_schedule_job first = {.id = a->id, .priority = a->priority, .age = a->age};
    const od_schedule_job second = {.id = b->id, .priority = b->priority, .age = b->age};
    return od_schedule_before(&first, &second);
}

// Moves the last item to its place.
static void sift(roster_entry **items, size_t count) {
    roster_entry *last = items[count - 1];
    size_t place = count - 1;
    for (; place > 0 && before(last, items[place - 1]); place--) {
        items[place] = items[place - 1];
    }
    items[place] = last;
}

od_status roster_add(job_roster *roster, roster_entry *entry_take) {
    if (roster->count == roster->capacity) {
        size_t capacity = roster->capacity == 0 ? 64 : roster->capacity * 2;
        roster_entry **larger = reallocarray(roster->items, capacity, sizeof *larger);
        if (larger == NULL) {
            roster_entry_free(entry_take);
            return OD_E_NO_MEMORY;
        }
        roster->items = larger;
        roster->capacity = capacity;
    }
    roster->items[roster->count++] = entry_take;
    sift(roster->items, roster->count);
    return OD_OK;
}

void roster_sort(job_roster *roster) {
    for (size_t count = 2; count <= roster->count; count++) {
        sift(roster->items, count);
    }
}

void roster_remove(job_roster *roster, roster_entry *entry) {
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->items[i] == entry) {
            memmove(&roster->items[i], &roster->items[i + 1],
                    (roster->count - i - 1) * sizeof *roster->items);
            roster->count--;
            break;
        }
    }
    roster_entry_free(entry);
}

static void resolve_entry(roster_entry *entry, int64_t id, bool succeeded) {
    for (size_t i = 0; i < entry->after_count; i++) {
        if (entry->after[i] != id) {
            continue;
        }
        if (!succeeded && !entry->after_any[i]) {
            entry->doomed_by = id;
        }
        entry->after[i] = entry->after[--entry->after_count];
        entry->after_any[i--] = entry->after_any[entry->after_count];
    }
}

void roster_resolve(job_roster *roster, int64_t id, bool succeeded) {
    for (size_t i = 0; i < roster->count; i++) {
        resolve_entry(roster->items[i], id, succeeded);
    }
}

void roster_fini(job_roster *roster) {
    for (size_t i = 0; i < roster->count; i++) {
        roster_entry_free(roster->items[i]);
    }
    free(roster->items);
    *roster = (struct job_roster){0};
}
