// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/events.h"

#include "daemon/store/sql.h"

#include <stdlib.h>
#include <string.h>

enum { PRUNE_EVERY = 1000 };

// What is in a row before the kind's text is looked up.
typedef struct event_row {
    int64_t id;
    int64_t job;
    char *kind;
    char *data;
    bool final;
} event_row;

static const od_sql_field fields[] = {
    {offsetof(event_row, id), 'i'},    {offsetof(event_row, job), 'i'},
    {offsetof(event_row, kind), 't'},  {offsetof(event_row, data), 't'},
    {offsetof(event_row, final), 'b'},
};
static const od_sql_shape shape = {fields, sizeof fields / sizeof fields[0], sizeof(event_row)};

void od_event_list_fini(od_event_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].data);
    }
    free(list->items);
    *list = (od_event_list){0};
}

static od_status add(od_event_list *list, const od_event *event, od_error *error) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        od_event *larger = reallocarray(list->items, capacity, sizeof *larger);
        if (larger == NULL) {
            return od_error_set(error, OD_E_NO_MEMORY, "no memory for %zu events", capacity);
        }
        list->items = larger;
        list->capacity = capacity;
    }
    list->items[list->count++] = *event;
    return OD_OK;
}

static od_status insert(sqlite3 *db, const od_event *event, od_error *error) {
    return od_sql_run(db, "INSERT INTO events (job, kind, data, final) VALUES (?1, ?2, ?3, ?4)",
                      OD_SQL(od_sql_i(event->job), od_sql_t(event->kind), od_sql_t(event->data),
                             od_sql_i(event->final)),
                      error);
}

od_status od_events_append(sqlite3 *db, od_event_list *list, int64_t job, const char *kind,
                           char *data_take, bool final, od_error *error) {
    if (data_take == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for an event");
    }
    od_event event = {.job = job, .kind = kind, .data = data_take, .final = final};
    od_status status = insert(db, &event, error);
    if (status == OD_OK) {
        event.id = sqlite3_last_insert_rowid(db);
        status = add(list, &event, error);
    }
    if (status != OD_OK) {
        free(data_take);
        return status;
    }
    return event.id % PRUNE_EVERY == 0 ? od_events_prune(db, OD_EVENTS_KEPT, error) : OD_OK;
}

// The static text equal to kind: events borrow it for ever.
static const char *kind_text(const char *kind) {
    static const char *const kinds[] = {"state", "metrics", "progress", "log"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return kinds[i];
        }
    }
    return "log";
}

od_status od_events_after(sqlite3 *db, int64_t job, int64_t after, size_t limit, od_event_list *out,
                          od_error *error) {
    const char *sql = job == 0 ? "SELECT id, job, kind, data, final FROM events"
                                 " WHERE id > ?1 ORDER BY id LIMIT ?2"
                               : "SELECT id, job, kind, data, final FROM events"
                                 " WHERE id > ?1 AND job = ?3 ORDER BY id LIMIT ?2";
    const od_sql_value values[] = {od_sql_i(after),
                                   od_sql_i((int64_t)limit),
                                   job == 0 ? (od_sql_value){0} : od_sql_i(job),
                                   {0}};
    void *items;
    size_t count;
    OD_TRY(od_sql_rows(db, sql, values, &shape, &items, &count, error));
    event_row *rows = items;
    od_status status = OD_OK;
    for (size_t i = 0; i < count && status == OD_OK; i++) {
        od_event event = {rows[i].id, rows[i].job, kind_text(rows[i].kind), rows[i].data,
                          rows[i].final};
        status = add(out, &event, error);
        rows[i].data = status == OD_OK ? NULL : rows[i].data;
    }
    od_sql_free_rows(&shape, rows, count);
    free(rows);
    return status;
}

od_status od_events_bounds(sqlite3 *db, int64_t *newest, int64_t *gone, od_error *error) {
    int64_t last = 0;
    int64_t first = 0;
    od_status status = od_sql_int(db, "SELECT seq FROM sqlite_sequence WHERE name = 'events'",
                                  OD_SQL_NONE, &last, error);
    if (status != OD_OK && status != OD_E_NOT_FOUND) {
        return status;
    }
    OD_TRY(od_sql_int(db, "SELECT min(id) FROM events", OD_SQL_NONE, &first, error));
    if (newest != NULL) {
        *newest = last;
    }
    if (gone != NULL) {
        *gone = first == 0 ? last : first - 1;
    }
    return OD_OK;
}

od_status od_events_prune(sqlite3 *db, int64_t keep, od_error *error) {
    return od_sql_run(db,
                      "DELETE FROM events WHERE id <="
                      " (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                      OD_SQL(od_sql_i(keep)), error);
}
