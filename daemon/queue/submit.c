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
    char **pairs;
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
        free(submit->pairs[i]);
    }
    free(submit->jobs);
    free(submit->specs);
    free(submit->pairs);
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

// Equal for specs whose steps should take equally long: all that stands in them, but for names, what
// the queue is told, the seed, and how long and at which rates they train. FNV-1a.
static int64_t likeness_of(const cJSON *spec) {
    static const char *const apart[] = {"name",  "notes",      "labels",
                                        "queue", "checkpoint", "init_from"};
    static const char *const apart_in_train[] = {"seed", "epochs", "max_steps", "schedule",
                                                 "optimizer"};
    cJSON *copy = cJSON_Duplicate(spec, true);
    cJSON *train = cJSON_GetObjectItemCaseSensitive(copy, "train");
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(copy, apart[i]);
    }
    for (size_t i = 0; i < sizeof apart_in_train / sizeof apart_in_train[0]; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(train, apart_in_train[i]);
    }
    char *text = cJSON_PrintUnformatted(copy);
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *c = text; c != NULL && *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
    }
    free(text);
    cJSON_Delete(copy);
    return text != NULL ? (int64_t)(hash >> 1 | 1) : 0;
}

static void read_plan(const char *plan_text, od_job *job) {
    cJSON *plan = cJSON_Parse(plan_text);
    job->steps = integer_at(plan, "steps", 0);
    job->memory_bytes = integer_at(plan, "memory_bytes", 0);
    cJSON_Delete(plan);
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
        .likeness = likeness_of(*spec),
        .created_at_ms = od_clock_wall_ms(),
    };
    read_plan(from->plan, job);
    bool whole = job->name != NULL && job->notes != NULL && job->labels != NULL &&
                 job->spec != NULL && job->plan != NULL && job->connection != NULL &&
                 job->model != NULL && (from->variant == NULL || job->variant != NULL);
    return whole ? OD_OK : no_memory(error);
}

// --- the transaction -----------------------------------------------------------------------

static od_status check_after(sqlite3 *db, const cJSON *spec, const char *path, const char *pointer,
                             od_faults *faults, od_error *error) {
    const cJSON *item;
    int index = 0;
    cJSON_ArrayForEach(item, od_json_at(spec, path)) {
        char at[64];
        int64_t id = (int64_t)item->valuedouble;
        int64_t found;
        od_status status =
            od_sql_int(db, "SELECT 1 FROM jobs WHERE id = ?1", OD_SQL(od_sql_i(id)), &found, error);
        snprintf(at, sizeof at, "%s/%d", pointer, index++);
        if (status == OD_E_NOT_FOUND) {
            status = od_faults_add(faults, at, "there is no job %" PRId64, id);
        }
        OD_TRY(status);
    }
    return OD_OK;
}

// The most of any device of the kind that was asked for.
static od_device largest(const od_device_table *table, const char *wanted) {
    od_device out = {0};
    for (size_t i = 0; i < table->count; i++) {
        const od_device *device = &table->items[i];
        bool fits = strcmp(wanted, "auto") == 0 ||
                    (strcmp(wanted, "cpu") == 0) == (device->kind == OD_DEVICE_CPU);
        out.slots = fits && device->slots > out.slots ? device->slots : out.slots;
        out.memory_bytes = fits && device->memory_bytes > out.memory_bytes ? device->memory_bytes
                                                                           : out.memory_bytes;
    }
    return out;
}

static double gib(int64_t bytes) {
    return (double)bytes / (1024.0 * 1024 * 1024);
}

static od_status add_shortage(const od_queue *queue, const od_demand *demand, od_shortage lacks,
                              od_faults *faults) {
    od_device most = largest(&queue->config.devices, demand->device);
    if (lacks == OD_SHORT_OF_SLOTS) {
        return od_faults_add(faults, "/resources/threads",
                             "is %" PRId64 "; this server has %" PRId64 " CPU slots", demand->slots,
                             most.slots);
    }
    if (lacks == OD_SHORT_OF_MEMORY) {
        return od_faults_add(
            faults, "/train/batch_size",
            "makes the run need %.2f GiB; this server gives %.2f GiB to runs: lower it, set "
            "train.gradient_checkpointing, or give more with --memory",
            gib(demand->memory_bytes), gib(most.memory_bytes));
    }
    return od_faults_add(faults, "/resources/count",
                         "is %" PRId64 "; this server has no so many devices for it",
                         demand->ranks);
}

od_status od_queue_check_room(const od_queue *queue, const cJSON *spec, const cJSON *plan,
                              od_faults *faults) {
    od_demand demand = {
        .ranks = integer_at(spec, "resources.count", 1),
        .slots = threads_of(queue, spec),
        .memory_bytes = integer_at(plan, "memory_bytes", 0),
    };
    snprintf(demand.device, sizeof demand.device, "%s", text_at(spec, "resources.device", "auto"));
    od_placement found = od_placement_find(&queue->config.devices, &demand, 0);
    // Without a plan, the planner has the first word about devices.
    return found.fit != OD_FIT_NEVER || (plan == NULL && found.lacks == OD_SHORT_OF_DEVICES)
               ? OD_OK
               : add_shortage(queue, &demand, found.lacks, faults);
}

od_status od_queue_check(const od_queue *queue, sqlite3 *db, const cJSON *spec, od_faults *faults,
                         od_error *error) {
    OD_TRY(od_queue_check_room(queue, spec, NULL, faults));
    OD_TRY(check_after(db, spec, "queue.after", "/queue/after", faults, error));
    return check_after(db, spec, "queue.after_any", "/queue/after_any", faults, error);
}

// The jobs of an experiment that differ only in their residual connections are a pair (or more), and
// the age of each is that of the first, so that they are scheduled next to each other. What the
// others have in common, as text; NULL: no variant, or no memory.
static char *pair_of(const char *variant) {
    cJSON *rest = variant != NULL ? cJSON_Parse(variant) : NULL;
    cJSON *next = NULL;
    for (cJSON *item = rest != NULL ? rest->child : NULL; item != NULL; item = next) {
        next = item->next;
        if (strncmp(item->string, "residual.", strlen("residual.")) == 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(rest, item));
        }
    }
    char *text = rest != NULL ? cJSON_PrintUnformatted(rest) : NULL;
    cJSON_Delete(rest);
    return text;
}

static int64_t age_of(const submission *submit, size_t i) {
    for (size_t first = 0; first < i && submit->pairs[i] != NULL; first++) {
        if (submit->pairs[first] != NULL && strcmp(submit->pairs[first], submit->pairs[i]) == 0) {
            return submit->ids[first];
        }
    }
    return 0;
}

static od_status insert_job(sqlite3 *db, submission *submit, size_t i, od_error *error) {
    OD_TRY(od_queue_check(submit->queue, db, submit->specs[i], &submit->faults, error));
    if (submit->faults.count == 0) {
        cJSON *plan = cJSON_Parse(submit->jobs[i].plan);
        od_status status =
            od_queue_check_room(submit->queue, submit->specs[i], plan, &submit->faults);
        cJSON_Delete(plan);
        OD_TRY(status);
    }
    if (submit->faults.count > 0) {
        submit->result.at = i;
        return od_error_set(error, OD_E_INVALID, "the spec cannot be run here: %s %s",
                            submit->faults.items[0].pointer, submit->faults.items[0].detail);
    }
    submit->jobs[i].experiment = submit->result.experiment;
    submit->pairs[i] = pair_of(submit->jobs[i].variant);
    submit->jobs[i].age = age_of(submit, i);
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
        if (submit->entries[i] != NULL) {
            queue_learn(queue, submit->entries[i]);
        }
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
    submit->pairs = calloc(request->count, sizeof *submit->pairs);
    submit->entries = calloc(request->count, sizeof *submit->entries);
    submit->ids = calloc(request->count, sizeof *submit->ids);
    if (submit->jobs == NULL || submit->specs == NULL || submit->pairs == NULL ||
        submit->entries == NULL || submit->ids == NULL) {
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
