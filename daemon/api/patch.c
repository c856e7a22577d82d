// SPDX-License-Identifier: Apache-2.0
// PATCH of a job: a merge patch (RFC 7396) of what may change after it was submitted. The patched
// job is checked by the schema of job specs, as a new one would be.
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"
#include "daemon/api/merge.h"
#include "daemon/api/reply.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct patch_call {
    od_api_call base;
    int64_t id;
    cJSON *patch;
    od_job job;
    int64_t priority;
} patch_call;

// What may be patched and where it is in a spec.
static const struct {
    const char *key;
    const char *path;
} fields[] = {
    {"name", "name"},
    {"notes", "notes"},
    {"labels", "labels"},
    {"priority", "queue.priority"},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static void fini_patch(od_api_call *base) {
    patch_call *call = (patch_call *)base;
    cJSON_Delete(call->patch);
    od_job_fini(&call->job);
}

static od_status read_job(sqlite3 *db, void *ctx, od_error *error) {
    patch_call *call = ctx;
    return od_jobs_get(db, call->id, &call->job, error);
}

// The job's present fields. NULL: no memory.
static cJSON *present_fields(const od_job *job) {
    cJSON *out = cJSON_CreateObject();
    bool whole = od_api_add(out, "name", cJSON_CreateString(job->name)) &&
                 od_api_add(out, "notes", cJSON_CreateString(job->notes)) &&
                 od_api_add(out, "labels", cJSON_Parse(job->labels)) &&
                 od_api_add(out, "priority", cJSON_CreateNumber((double)job->priority));
    if (!whole) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

// Puts a field into the spec; without a value it is reset to the schema's default.
static od_status set_field(cJSON *spec, const char *path, const cJSON *value) {
    bool nested = strchr(path, '.') != NULL;
    cJSON *parent = nested ? cJSON_GetObjectItemCaseSensitive(spec, "queue") : spec;
    cJSON_Delete(cJSON_DetachItemViaPointer(parent, od_json_at(spec, path)));
    return value != NULL ? od_json_set(spec, path, cJSON_Duplicate(value, 1)) : OD_OK;
}

static od_status find_strangers(const cJSON *patch, od_faults *faults) {
    const cJSON *item;
    cJSON_ArrayForEach(item, patch) {
        bool known = false;
        for (int i = 0; i < FIELDS; i++) {
            known = known || strcmp(fields[i].key, item->string) == 0;
        }
        if (!known) {
            char pointer[64];
            snprintf(pointer, sizeof pointer, "/%.60s", item->string);
            OD_TRY(od_faults_add(faults, pointer,
                                 "cannot be changed; name, notes, labels and priority can"));
        }
    }
    return OD_OK;
}

static od_status merge(cJSON *spec, const od_job *job, const cJSON *patch, od_faults *faults) {
    cJSON *merged = od_merge_patch(present_fields(job), patch);
    od_status status = merged != NULL ? find_strangers(patch, faults) : OD_E_NO_MEMORY;
    for (int i = 0; i < FIELDS && status == OD_OK; i++) {
        status = set_field(spec, fields[i].path,
                           cJSON_GetObjectItemCaseSensitive(merged, fields[i].key));
    }
    cJSON_Delete(merged);
    return status;
}

// Faults of the spec are told at the patch's own places.
static od_status check(const od_daemon *daemon, cJSON *spec, od_faults *faults) {
    od_faults found = {0};
    od_status status = od_schema_validate(daemon->job_schema, spec, &found);
    for (size_t i = 0; i < found.count && status == OD_OK; i++) {
        const char *pointer = found.items[i].pointer;
        const char *shown = strcmp(pointer, "/queue/priority") == 0 ? "/priority" : pointer;
        status = od_faults_add(faults, shown, "%s", found.items[i].detail);
    }
    od_faults_fini(&found);
    return status == OD_OK && faults->count == 0 ? od_schema_fill_defaults(daemon->job_schema, spec)
                                                 : status;
}

static void begin(patch_call *call);

static void on_edited(void *ctx, od_status status, const od_error *error) {
    patch_call *call = ctx;
    if (status == OD_E_STALE && od_request_header(call->base.request, "If-Match") == NULL) {
        begin(call); // somebody else's came between; a merge patch goes on top of it
        return;
    }
    if (status != OD_OK) {
        od_api_fail(&call->base, error);
        return;
    }
    od_request *request = call->base.request;
    int64_t id = call->id;
    fini_patch(&call->base);
    free(call);
    od_reply(request, 200, OD_REPLY_JOB, id);
}

static void edit(patch_call *call, cJSON *spec) {
    char *labels = od_json_print(od_json_at(spec, "labels"));
    if (labels == NULL) {
        od_api_finish(&call->base, NULL);
        return;
    }
    call->priority = (int64_t)cJSON_GetNumberValue(od_json_at(spec, "queue.priority"));
    const od_job_edit change = {
        .name = cJSON_GetStringValue(od_json_at(spec, "name")),
        .notes = cJSON_GetStringValue(od_json_at(spec, "notes")),
        .labels = labels,
        .priority = &call->priority,
        .revision = call->job.revision,
    };
    od_queue_edit(od_api_daemon(call->base.request)->queue, call->id, &change, on_edited, call);
    free(labels);
}

static void on_job(void *ctx, od_status status, const od_error *error) {
    patch_call *call = ctx;
    if (status != OD_OK) {
        od_api_fail(&call->base, error);
        return;
    }
    if (!od_api_matches(call->base.request, call->job.revision)) {
        od_api_fail_stale(&call->base, call->id, call->job.revision);
        return;
    }
    od_faults faults = {0};
    cJSON *spec = cJSON_Parse(call->job.spec);
    status = spec != NULL ? merge(spec, &call->job, call->patch, &faults) : OD_E_NO_MEMORY;
    if (status == OD_OK) {
        status = check(od_api_daemon(call->base.request), spec, &faults);
    }
    if (status != OD_OK) {
        od_api_finish(&call->base, NULL);
    } else if (faults.count > 0) {
        od_api_finish(&call->base,
                      od_problem_new(call->base.request, OD_PROBLEM_INVALID_SPEC, &faults,
                                     "%zu fault%s", faults.count, faults.count == 1 ? "" : "s"));
    } else {
        edit(call, spec);
    }
    cJSON_Delete(spec);
    od_faults_fini(&faults);
}

static void begin(patch_call *call) {
    od_job_fini(&call->job);
    od_store_read(od_api_daemon(call->base.request)->store, read_job, on_job, call);
}

void od_api_jobs_patch(od_request *request) {
    int64_t id = 0;
    cJSON *patch = NULL;
    if (!od_api_id(request, 3, &id) || !od_api_object(request, false, &patch)) {
        return;
    }
    patch_call *call = od_api_call_new(request, sizeof *call, fini_patch);
    if (call == NULL) {
        cJSON_Delete(patch);
        return;
    }
    call->id = id;
    call->patch = patch;
    begin(call);
}
