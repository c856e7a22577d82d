// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/internal.h"

#include "base/json.h"
#include "daemon/store/sql.h"

#include <stdlib.h>
#include <string.h>

void roster_entry_free(roster_entry *entry) {
    if (entry != NULL) {
        free(entry->after);
        free(entry);
    }
}

// Of the jobs named in spec.queue.after: those that have not succeeded, and one that never will.
static od_status read_after(sqlite3 *db, const char *spec, roster_entry *entry, od_error *error) {
    cJSON *object;
    OD_TRY(od_json_parse(spec, strlen(spec), &object, error));
    const cJSON *after = od_json_at(object, "queue.after");
    size_t count = (size_t)cJSON_GetArraySize(after);
    od_status status = OD_OK;
    const cJSON *item;
    entry->after = calloc(count > 0 ? count : 1, sizeof *entry->after);
    if (entry->after == NULL) {
        status = od_error_set(error, OD_E_NO_MEMORY, "no memory for %zu jobs", count);
    }
    cJSON_ArrayForEach(item, after) {
        int64_t id = (int64_t)item->valuedouble;
        int64_t state = OD_JOB_CANCELLED; // what a deleted job counts as
        if (status == OD_OK) {
            status = od_sql_int(db, "SELECT state FROM jobs WHERE id = ?1", OD_SQL(od_sql_i(id)),
                                &state, error);
        }
        if (status != OD_OK && status != OD_E_NOT_FOUND) {
            break;
        }
        status = OD_OK;
        if (state == OD_JOB_FAILED || state == OD_JOB_CANCELLED) {
            entry->doomed_by = id;
        } else if (state != OD_JOB_SUCCEEDED) {
            entry->after[entry->after_count++] = id;
        }
    }
    cJSON_Delete(object);
    return status;
}

// What of a job's attempt a new daemon has to know.
static od_status read_pid(sqlite3 *db, roster_entry *entry, od_error *error) {
    od_attempt attempt;
    if (!od_states_active(entry->state)) {
        return OD_OK;
    }
    OD_TRY(od_jobs_attempt_get(db, entry->id, entry->attempt, &attempt, error));
    entry->pid = attempt.pid;
    od_attempt_fini(&attempt);
    return OD_OK;
}

od_status roster_read(sqlite3 *db, int64_t id, roster_entry **out, od_error *error) {
    od_job job;
    OD_TRY(od_jobs_get(db, id, &job, error));
    od_status status = OD_OK;
    roster_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        status = od_error_set(error, OD_E_NO_MEMORY, "no memory");
    } else {
        entry->id = id;
        entry->priority = job.priority;
        entry->threads = job.threads;
        entry->state = job.state;
        entry->attempt = job.attempt;
        entry->tail_offset = job.tail_offset;
        status = read_after(db, job.spec, entry, error);
    }
    if (status == OD_OK) {
        status = read_pid(db, entry, error);
    }
    od_job_fini(&job);
    if (status != OD_OK) {
        roster_entry_free(entry);
        return status;
    }
    *out = entry;
    return OD_OK;
}

roster_entry *roster_find(const job_roster *roster, int64_t id) {
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->items[i]->id == id) {
            return roster->items[i];
        }
    }
    return NULL;
}

// Whether a comes before b.
static bool before(const roster_entry *a, const roster_entry *b) {
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
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
        if (!succeeded) {
            entry->doomed_by = id;
        }
        entry->after[i--] = entry->after[--entry->after_count];
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
