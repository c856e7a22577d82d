// SPDX-License-Identifier: Apache-2.0
// Writes: the loop puts tasks into `waiting`; the writer thread takes all of them, runs them in
// one transaction and puts them into `finished`; an async handle wakes the loop, which runs their
// done functions in the same order. So many small writes share one fsync, and the more there are,
// the larger the groups.
//
// The WAL is moved into the database by the writer thread after the done functions were woken,
// never inside a commit.
//
// Reads: libuv's thread pool, each with a connection from a stack of idle ones.
#include "daemon/store/store.h"

#include "base/log.h"
#include "daemon/store/backup.h"
#include "daemon/store/migrations.h"
#include "daemon/store/sql.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUP_MAX = 512,             // tasks in one transaction
    IDLE_READERS_MAX = 8,        // connections kept open
    CHECKPOINT_WAL_PAGES = 1000, // the WAL is emptied when it is longer
    BUSY_TIMEOUT_MS = 5000,      // somebody looks into the database with another program
    FREE_PAGES_KEPT = 1024,      // the journal of events needs some again soon
    AUTO_VACUUM_INCREMENTAL = 2, // SQLite's number for it
    RECLAIM_PAGES = 256,         // given back at a time
};

typedef struct task {
    od_store *store;
    od_store_work work;
    od_store_done done;
    void *ctx;
    od_status status;
    od_error error;
    uv_work_t request; // of a read
    struct task *next;
} task;

typedef struct task_queue {
    task *head, *tail;
} task_queue;

struct od_store {
    uv_loop_t *loop;
    char *path;
    uv_async_t wake;
    uv_thread_t writer;
    sqlite3 *db; // the writer thread's
    int wal_pages;
    uint64_t generation; // the loop's
    size_t in_flight;    // tasks whose done function has not run; the loop's
    bool closing;        // the loop's
    bool wake_closed;

    uv_mutex_t mutex; // guards the rest
    uv_cond_t more;
    task_queue waiting;
    task_queue finished;
    bool stop;
    sqlite3 *idle[IDLE_READERS_MAX];
    size_t idle_count;
};

static void push(task_queue *queue, task *item) {
    item->next = NULL;
    if (queue->tail != NULL) {
        queue->tail->next = item;
    } else {
        queue->head = item;
    }
    queue->tail = item;
}

static task *pop(task_queue *queue) {
    task *item = queue->head;
    if (item != NULL) {
        queue->head = item->next;
        queue->tail = item->next != NULL ? queue->tail : NULL;
    }
    return item;
}

// --- the writer thread ---------------------------------------------------------------------

static void run_in_savepoint(sqlite3 *db, task *item) {
    item->status = od_sql_script(db, "SAVEPOINT task", &item->error);
    if (item->status != OD_OK) {
        return;
    }
    item->status = item->work(db, item->ctx, &item->error);
    const char *end = item->status == OD_OK ? "RELEASE task" : "ROLLBACK TO task; RELEASE task";
    // A failure as grave as a full disk has rolled back the transaction and its savepoints.
    if (sqlite3_get_autocommit(db) == 0) {
        od_error ignored;
        od_status ended = od_sql_script(db, end, item->status == OD_OK ? &item->error : &ignored);
        item->status = item->status == OD_OK ? ended : item->status;
    }
}

static void fail_all(task_queue *group, od_status status, const od_error *error) {
    for (task *item = group->head; item != NULL; item = item->next) {
        if (item->status == OD_OK) {
            item->status = status;
            item->error = *error;
        }
    }
}

// Runs the tasks of a group in one transaction. When that cannot be committed, none has happened.
static void run_group(sqlite3 *db, task_queue *group) {
    od_error error = {0};
    od_status status = od_sql_script(db, "BEGIN IMMEDIATE", &error);
    for (task *item = group->head; item != NULL && status == OD_OK; item = item->next) {
        run_in_savepoint(db, item);
        if (sqlite3_get_autocommit(db) != 0) {
            status = item->status != OD_OK ? item->status : OD_E_DATABASE;
            error = item->error;
        }
    }
    if (status == OD_OK) {
        status = od_sql_script(db, "COMMIT", &error);
    }
    if (status != OD_OK) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        fail_all(group, status, &error);
    }
}

static task_queue take_group(od_store *store) {
    task_queue group = {0};
    uv_mutex_lock(&store->mutex);
    while (store->waiting.head == NULL && !store->stop) {
        uv_cond_wait(&store->more, &store->mutex);
    }
    for (int i = 0; i < GROUP_MAX && store->waiting.head != NULL; i++) {
        push(&group, pop(&store->waiting));
    }
    uv_mutex_unlock(&store->mutex);
    return group;
}

static void hand_back(od_store *store, task_queue *group) {
    uv_mutex_lock(&store->mutex);
    for (task *item; (item = pop(group)) != NULL;) {
        push(&store->finished, item);
    }
    uv_mutex_unlock(&store->mutex);
    uv_async_send(&store->wake);
}

static int note_wal_pages(void *ctx, sqlite3 *db, const char *name, int pages) {
    (void)db;
    (void)name;
    ((od_store *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

static void checkpoint(od_store *store, int from_pages) {
    if (store->wal_pages < from_pages) {
        return;
    }
    store->wal_pages = 0;
    // A reader in the middle of something only makes it come later.
    sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static bool is_waited_for(od_store *store) {
    uv_mutex_lock(&store->mutex);
    bool waited = store->waiting.head != NULL || store->stop;
    uv_mutex_unlock(&store->mutex);
    return waited;
}

// Gives the space of what was deleted back to the disk, a little at a time and only while nobody
// waits. What fails here, for want of space or by a reader in the way, is tried again later.
static void reclaim(od_store *store) {
    od_error ignored;
    int64_t pages;
    char slice[64];
    snprintf(slice, sizeof slice, "PRAGMA incremental_vacuum(%d)", RECLAIM_PAGES);
    while (!is_waited_for(store) &&
           od_sql_int(store->db, "PRAGMA freelist_count", OD_SQL_NONE, &pages, &ignored) == OD_OK &&
           pages > FREE_PAGES_KEPT && od_sql_script(store->db, slice, &ignored) == OD_OK) {
        checkpoint(store, 1); // only now does the file become smaller
    }
}

static void writer_main(void *ctx) {
    od_store *store = ctx;
    for (;;) {
        task_queue group = take_group(store);
        if (group.head == NULL) {
            return;
        }
        run_group(store->db, &group);
        hand_back(store, &group);
        checkpoint(store, CHECKPOINT_WAL_PAGES);
        reclaim(store);
    }
}

// --- the loop's side -----------------------------------------------------------------------

static void finish(task *item) {
    item->store->in_flight--;
    if (item->done != NULL) {
        item->done(item->ctx, item->status, &item->error);
    } else if (item->status != OD_OK) {
        od_log(OD_LOG_ERROR, "a write failed", "status=%d reason=\"%s\"", item->status,
               item->error.text);
    }
    free(item);
}

static void on_wake(uv_async_t *handle) {
    od_store *store = handle->data;
    store->generation++;
    uv_mutex_lock(&store->mutex);
    task_queue finished = store->finished;
    store->finished = (task_queue){0};
    uv_mutex_unlock(&store->mutex);
    for (task *item; (item = pop(&finished)) != NULL;) {
        finish(item);
    }
}

// NULL: done has been told why.
static task *new_task(od_store *store, od_store_work work, od_store_done done, void *ctx) {
    task *item = store->closing ? NULL : calloc(1, sizeof *item);
    if (item != NULL) {
        *item = (task){.store = store, .work = work, .done = done, .ctx = ctx};
        store->in_flight++;
    } else if (done != NULL) {
        od_error error;
        od_status status = store->closing
                               ? od_error_set(&error, OD_E_BUSY, "the server is stopping")
                               : od_error_set(&error, OD_E_NO_MEMORY, "no memory");
        done(ctx, status, &error);
    }
    return item;
}

void od_store_write(od_store *store, od_store_work work, od_store_done done, void *ctx) {
    task *item = new_task(store, work, done, ctx);
    if (item == NULL) {
        return;
    }
    uv_mutex_lock(&store->mutex);
    push(&store->waiting, item);
    uv_cond_signal(&store->more);
    uv_mutex_unlock(&store->mutex);
}

uint64_t od_store_generation(const od_store *store) {
    return store->generation;
}

// --- reads ---------------------------------------------------------------------------------

static sqlite3 *take_reader(od_store *store, od_error *error) {
    sqlite3 *db = NULL;
    uv_mutex_lock(&store->mutex);
    if (store->idle_count > 0) {
        db = store->idle[--store->idle_count];
    }
    uv_mutex_unlock(&store->mutex);
    if (db != NULL) {
        return db;
    }
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(store->path, &db, flags, NULL) != SQLITE_OK) {
        od_sql_error(db, error);
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    return db;
}

static void give_reader(od_store *store, sqlite3 *db) {
    uv_mutex_lock(&store->mutex);
    if (store->idle_count < IDLE_READERS_MAX) {
        store->idle[store->idle_count++] = db;
        db = NULL;
    }
    uv_mutex_unlock(&store->mutex);
    od_sql_close(db);
}

static void read_work(uv_work_t *request) {
    task *item = request->data;
    sqlite3 *db = take_reader(item->store, &item->error);
    if (db == NULL) {
        item->status = item->error.status;
        return;
    }
    item->status = od_sql_script(db, "BEGIN", &item->error);
    if (item->status == OD_OK) {
        item->status = item->work(db, item->ctx, &item->error);
    }
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); // there is nothing to keep
    give_reader(item->store, db);
}

static void read_done(uv_work_t *request, int cancelled) {
    (void)cancelled; // nobody cancels
    finish(request->data);
}

void od_store_read(od_store *store, od_store_work work, od_store_done done, void *ctx) {
    task *item = new_task(store, work, done, ctx);
    if (item == NULL) {
        return;
    }
    item->request.data = item;
    // Fails only without a work function.
    (void)uv_queue_work(store->loop, &item->request, read_work, read_done);
}

// --- open and close ------------------------------------------------------------------------

// The way back from a new version that turns out to be no good.
static od_status keep_old_version(const od_store *store, od_error *error) {
    int64_t version = 0;
    char path[PATH_MAX];
    OD_TRY(od_migrations_look(store->db, &version, error));
    if (version == 0 || version == OD_MIGRATIONS_VERSION) {
        return OD_OK;
    }
    if (snprintf(path, sizeof path, "%s.v%" PRId64 ".bak", store->path, version) >=
        (int)sizeof path) {
        return od_error_set(error, OD_E_TOO_LARGE, "the path is too long");
    }
    OD_TRY(od_backup_replace(store->db, path, error));
    od_log(OD_LOG_INFO, "the database was copied before its upgrade",
           "version=%" PRId64 " backup=%s", version, path);
    return OD_OK;
}

// A new database keeps track of its free pages from the start; one of before that is written anew
// once.
static od_status track_free_pages(sqlite3 *db, od_error *error) {
    int64_t mode = 0;
    int64_t tables = 0;
    OD_TRY(od_sql_int(db, "PRAGMA auto_vacuum", OD_SQL_NONE, &mode, error));
    OD_TRY(od_sql_int(db, "SELECT count(*) FROM sqlite_schema", OD_SQL_NONE, &tables, error));
    if (mode == AUTO_VACUUM_INCREMENTAL) {
        return OD_OK;
    }
    OD_TRY(od_sql_script(db, "PRAGMA auto_vacuum = INCREMENTAL", error));
    return tables == 0 ? OD_OK : od_sql_script(db, "VACUUM", error);
}

static od_status open_database(od_store *store, od_error *error) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK) {
        return od_sql_error(store->db, error);
    }
    sqlite3_extended_result_codes(store->db, 0);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    OD_TRY(keep_old_version(store, error));
    OD_TRY(track_free_pages(store->db, error));
    OD_TRY(od_migrations_run(store->db, error));
    OD_TRY(od_sql_script(store->db,
                         "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                         "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0",
                         error));
    sqlite3_wal_hook(store->db, note_wal_pages, store);
    return OD_OK;
}

static od_status start_threads(od_store *store, od_error *error) {
    if (uv_mutex_init(&store->mutex) != 0) {
        return od_error_set(error, OD_E_NO_MEMORY, "no mutex");
    }
    if (uv_cond_init(&store->more) != 0) {
        goto err_mutex;
    }
    if (uv_async_init(store->loop, &store->wake, on_wake) != 0) {
        goto err_cond;
    }
    store->wake.data = store;
    if (uv_thread_create(&store->writer, writer_main, store) == 0) {
        return OD_OK;
    }
    uv_close((uv_handle_t *)&store->wake, NULL);
    uv_run(store->loop, UV_RUN_NOWAIT);
err_cond:
    uv_cond_destroy(&store->more);
err_mutex:
    uv_mutex_destroy(&store->mutex);
    return od_error_set(error, OD_E_NO_MEMORY, "the database's thread cannot be started");
}

od_status od_store_open(uv_loop_t *loop, const char *path, od_store **out, od_error *error) {
    od_store *store = calloc(1, sizeof *store);
    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory");
    }
    store->loop = loop;
    od_status status = open_database(store, error);
    if (status != OD_OK) {
        od_error_prefix(error, "%s", path);
        goto err_database;
    }
    status = start_threads(store, error);
    if (status != OD_OK) {
        goto err_database;
    }
    *out = store;
    return OD_OK;

err_database:
    od_sql_close(store->db);
    free(store->path);
    free(store);
    return status;
}

static void on_wake_closed(uv_handle_t *handle) {
    ((od_store *)handle->data)->wake_closed = true;
}

void od_store_close(od_store *store) {
    if (store == NULL) {
        return;
    }
    store->closing = true;
    while (store->in_flight > 0) {
        uv_run(store->loop, UV_RUN_ONCE);
    }
    uv_mutex_lock(&store->mutex);
    store->stop = true;
    uv_cond_signal(&store->more);
    uv_mutex_unlock(&store->mutex);
    uv_thread_join(&store->writer);
    uv_close((uv_handle_t *)&store->wake, on_wake_closed);
    while (!store->wake_closed) {
        uv_run(store->loop, UV_RUN_NOWAIT);
    }
    while (store->idle_count > 0) {
        od_sql_close(store->idle[--store->idle_count]);
    }
    od_sql_close(store->db); // the last connection empties the WAL
    uv_cond_destroy(&store->more);
    uv_mutex_destroy(&store->mutex);
    free(store->path);
    free(store);
}
