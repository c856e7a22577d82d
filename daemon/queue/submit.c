// SPDX-License-Identifier: Apache-2.0
// From checked specs to queued jobs: all of them and their experiment in one transaction, or none.
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/queue/internal.h"
#include "daemon/store/experiments.h"
#include "daemon/store/sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct submission {
    od_queue *queue;
    od_submit_done done;
    void *ctx;
    od_job *jobs; // count
    cJSON **specs;
    size_t count;
    char *experiment_name, *experiment_base, *experiment_vary;
    char *key, *digest;
    od_submit_render render;
    // out
    int64_t *ids;
    roster_entry **entries;
    od_event_list events;
    od_faults faults;
    od_submit_result result;
} submission;

static void free_submit(submission *submit) {
    for (size_t i = 0; i < submit->count; i++) {
        od_job_fini(&submit->jobs[i]);
        cJSON_Delete(submit->specs[i]);
        roster_entry_free(submit->entries[i]);
    }
    free(submit->jobs);
    free(submit->specs);
    free(submit->entries);
    free(submit->ids);
    free(submit->experiment_name);
    free(submit->experiment_base);
    free(submit->experiment_vary);
    free(submit->key);
    free(submit->digest);
    free(submit->result.body);
    od_event_list_fini(&submit->events);
    od_faults_fini(&submit->faults);
    queue_release(submit->queue);
    free(submit);
}

static od_status no_memory(od_error *error) {
    return od_error_set(error, OD_E_NO_MEMORY, "no memory for a job");
}

// --- what a spec says ----------------------------------------------------------------------

static int64_t integer_at(const cJSON *spec, const char *path, int64_t otherwise) {
    const cJSON *node = od_json_at(spec, path);
    return cJSON_IsNumber(node) ? (int64_t)node->valuedouble : otherwise;
}

static const char *text_at(const cJSON *spec, const char *path, const char *otherwise) {
    const char *text = cJSON_GetStringValue(od_json_at(spec, path));
    return text != NULL ? text : otherwise;
}

static int64_t threads_of(const od_queue *queue, const cJSON *spec) {
    return integer_at(spec, "resources.threads", queue->config.default_threads);
}

// "vit 64/6/4", "resnet18": for lists.
static char *describe_model(const cJSON *spec) {
    static const struct {
        const char *name;
        int64_t width, depth, heads;
    } presets[] = {
        {"S", 384, 6, 6},    {"B", 768, 12, 12}, {"L", 1024, 24, 16},
        {"H", 1280, 32, 16}, {"Ti", 192, 6, 3},  {"N", 64, 6, 4},
    };
    char text[96];
    int64_t width = 0;
    int64_t depth = 0;
    int64_t heads = 0;
    const char *arch = text_at(spec, "model.arch", "?");
    const char *preset = text_at(spec, "model.preset", "");
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, preset) == 0) {
            width = presets[i].width;
            depth = presets[i].depth;
            heads = presets[i].heads;
        }
    }
    if (strcmp(arch, "vit") != 0) {
        return strdup(arch);
    }
    snprintf(text, sizeof text, "%s %" PRId64 "/%" PRId64 "/%" PRId64, arch,
             integer_at(spec, "model.width", width), integer_at(spec, "model.depth", depth),
             integer_at(spec, "model.heads", heads));
    return strdup(text);
}

static char *labels_of(const cJSON *spec) {
    const cJSON *labels = od_json_at(spec, "labels");
    return cJSON_IsObject(labels) ? cJSON_PrintUnformatted(labels) : strdup("{}");
}

static int64_t steps_of(const char *plan_text) {
    cJSON *plan = cJSON_Parse(plan_text);
    int64_t steps = integer_at(plan, "steps", 0);
    cJSON_Delete(plan);
    return steps;
}

static od_status fill_job(const od_queue *queue, const od_submission *from, cJSON **spec,
                          od_job *job, od_error *error) {
    OD_TRY(od_json_parse(from->spec, strlen(from->spec), spec, error));
    *job = (od_job){
        .variant = from->variant != NULL ? strdup(from->variant) : NULL,
        .name = strdup(text_at(*spec, "name", "")),
        .notes = strdup(text_at(*spec, "notes", "")),
        .labels = labels_of(*spec),
        .spec = strdup(from->spec),
        .plan = strdup(from->plan),
        .connection = strdup(text_at(*spec, "residual.connection", "")),
        .model = describe_model(*spec),
        .priority = integer_at(*spec, "queue.priority", 0),
        .threads = threads_of(queue, *spec),
        .retries = integer_at(*spec, "queue.retries", 0),
        .steps = steps_of(from->plan),
        .created_at_ms = od_clock_wall_ms(),
    };
    bool whole = job->name != NULL && job->notes != NULL && job->labels != NULL &&
                 job->spec != NULL && job->plan != NULL && job->connection != NULL &&
                 job->model != NULL && (from->variant == NULL || job->variant != NULL);
    return whole ? OD_OK : no_memory(error);
}

// --- the transaction -----------------------------------------------------------------------

static od_status check_after(sqlite3 *db, const cJSON *spec, od_faults *faults, od_error *error) {
    const cJSON *item;
    int index = 0;
    cJSON_ArrayForEach(item, od_json_at(spec, "queue.after")) {
        char pointer[48];
        int64_t id = (int64_t)item->valuedouble;
        int64_t found;
        od_status status =
            od_sql_int(db, "SELECT 1 FROM jobs WHERE id = ?1", OD_SQL(od_sql_i(id)), &found, error);
        snprintf(pointer, sizeof pointer, "/queue/after/%d", index++);
        if (status == OD_E_NOT_FOUND) {
            status = od_faults_add(faults, pointer, "there is no job %" PRId64, id);
        }
        OD_TRY(status);
    }
    return OD_OK;
}

od_status od_queue_check(const od_queue *queue, sqlite3 *db, const cJSON *spec, od_faults *faults,
                         od_error *error) {
    int64_t threads = threads_of(queue, spec);
    if (threads > queue->config.cpu_slots) {
        OD_TRY(od_faults_add(faults, "/resources/threads",
                             "is %" PRId64 "; this server has %" PRId64 " CPU slots", threads,
                             queue->config.cpu_slots));
    }
    return check_after(db, spec, faults, error);
}

static od_status insert_job(sqlite3 *db, submission *submit, size_t i, od_error *error) {
    OD_TRY(od_queue_check(submit->queue, db, submit->specs[i], &submit->faults, error));
    if (submit->faults.count > 0) {
        submit->result.at = i;
        return od_error_set(error, OD_E_INVALID, "the spec cannot be run here: %s %s",
                            submit->faults.items[0].pointer, submit->faults.items[0].detail);
    }
    submit->jobs[i].experiment = submit->result.experiment;
    OD_TRY(od_jobs_insert(db, &submit->jobs[i], &submit->ids[i], error));
    OD_TRY(od_states_created(db, submit->ids[i], &submit->events, error));
    return roster_read(db, submit->ids[i], &submit->entries[i], error);
}

static od_status insert_all(sqlite3 *db, submission *submit, od_error *error) {
    if (submit->experiment_name != NULL) {
        OD_TRY(od_experiments_insert(db, submit->experiment_name, submit->experiment_base,
                                     submit->experiment_vary, od_clock_wall_ms(),
                                     &submit->result.experiment, error));
    }
    for (size_t i = 0; i < submit->count; i++) {
        OD_TRY(insert_job(db, submit, i, error));
    }
    submit->result.id = submit->result.experiment != 0 ? submit->result.experiment : submit->ids[0];
    submit->result.jobs = submit->ids;
    submit->result.count = submit->count;
    return OD_OK;
}

static od_status submit_work(sqlite3 *db, void *ctx, od_error *error) {
    submission *submit = ctx;
    const od_idempotency request = {submit->key, submit->digest};
    if (submit->key != NULL) {
        od_status status =
            od_idempotency_find(db, &request, &submit->result.id, &submit->result.body, error);
        submit->result.replayed = status == OD_OK;
        if (status != OD_E_NOT_FOUND) {
            return status;
        }
    }
    OD_TRY(insert_all(db, submit, error));
    if (submit->render != NULL) {
        OD_TRY(submit->render(db, submit->result.id, &submit->result.body, error));
    }
    return submit->key == NULL
               ? OD_OK
               : od_idempotency_insert(db, &request, submit->result.id, submit->result.body,
                                       od_clock_wall_ms(), error);
}

static void enter_all(submission *submit) {
    od_queue *queue = submit->queue;
    for (size_t i = 0; i < submit->count; i++) {
        if (submit->entries[i] != NULL && roster_add(&queue->roster, submit->entries[i]) != OD_OK) {
            od_log(OD_LOG_ERROR, "no memory to queue a job; restart orthod", "job=%" PRId64,
                   submit->ids[i]);
        }
        submit->entries[i] = NULL;
    }
    queue_schedule(queue);
}

static void submitted(void *ctx, od_status status, const od_error *error) {
    submission *submit = ctx;
    if (status == OD_OK) {
        queue_publish(submit->queue, &submit->events);
        enter_all(submit);
    }
    bool told = status == OD_OK || status == OD_E_INVALID;
    submit->done(submit->ctx, status, error, told ? &submit->result : NULL, &submit->faults);
    free_submit(submit);
}

// --- the copy ------------------------------------------------------------------------------

static bool copy(char **out, const char *text) {
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL;
}

static od_status fill(submission *submit, const od_submit_request *request, od_error *error) {
    submit->jobs = calloc(request->count, sizeof *submit->jobs);
    submit->specs = calloc(request->count, sizeof *submit->specs);
    submit->entries = calloc(request->count, sizeof *submit->entries);
    submit->ids = calloc(request->count, sizeof *submit->ids);
    if (submit->jobs == NULL || submit->specs == NULL || submit->entries == NULL ||
        submit->ids == NULL) {
        return no_memory(error);
    }
    submit->count = request->count;
    if (!copy(&submit->experiment_name, request->experiment_name) ||
        !copy(&submit->experiment_base, request->experiment_base) ||
        !copy(&submit->experiment_vary, request->experiment_vary) ||
        (request->request != NULL && (!copy(&submit->key, request->request->key) ||
                                      !copy(&submit->digest, request->request->digest)))) {
        return no_memory(error);
    }
    for (size_t i = 0; i < request->count; i++) {
        OD_TRY(
            fill_job(submit->queue, &request->jobs[i], &submit->specs[i], &submit->jobs[i], error));
    }
    return OD_OK;
}

void od_queue_submit(od_queue *queue, const od_submit_request *request, od_submit_done done,
                     void *ctx) {
    od_error error;
    od_faults none = {0};
    submission *submit = queue->closing ? NULL : calloc(1, sizeof *submit);
    if (submit == NULL) {
        od_status status = queue->closing
                               ? od_error_set(&error, OD_E_BUSY, "the server is stopping")
                               : no_memory(&error);
        done(ctx, status, &error, NULL, &none);
        return;
    }
    submit->queue = queue;
    submit->done = done;
    submit->ctx = ctx;
    submit->render = request->render;
    queue_hold(queue);
    od_status status = fill(submit, request, &error);
    if (status != OD_OK) {
        done(ctx, status, &error, NULL, &none);
        free_submit(submit);
        return;
    }
    od_store_write(queue->config.store, submit_work, submitted, submit);
}
