// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/examine.h"

#include "base/prune.h"
#include "base/vary.h"
#include "daemon/api/api.h"

#include <stdlib.h>

void od_examine_fini(od_examination *examination) {
    cJSON_Delete(examination->specs);
    cJSON_Delete(examination->variants);
    cJSON_Delete(examination->experiment);
    free(examination->choices);
    od_faults_fini(&examination->faults);
}

od_status od_examine_add(od_examination *examination, size_t index, const od_fault *fault) {
    return examination->experiment == NULL
               ? od_faults_add_once(&examination->faults, fault->pointer, fault->detail)
               : od_vary_blame(examination->experiment, &examination->choices[index], fault,
                               &examination->faults);
}

// --- the schemas ------------------------------------------------------------------------------

od_status od_examine_job(od_examination *examination, cJSON *spec_take) {
    const od_schema *schema = examination->daemon->job_schema;
    examination->specs = cJSON_CreateArray();
    if (!od_api_append(examination->specs, spec_take)) {
        return OD_E_NO_MEMORY;
    }
    OD_TRY(od_schema_validate(schema, spec_take, &examination->faults));
    return examination->faults.count == 0 ? od_schema_fill_defaults(schema, spec_take) : OD_OK;
}

// Moves what the expansion made into the examination.
static od_status take_vary(od_examination *examination, od_vary *vary) {
    examination->specs = cJSON_CreateArray();
    examination->variants = cJSON_CreateArray();
    examination->choices = calloc(vary->count + 1, sizeof *examination->choices);
    bool whole = examination->choices != NULL;
    for (size_t i = 0; i < vary->count && whole; i++) {
        examination->choices[i] = vary->items[i].choice;
        whole = od_api_append(examination->specs, vary->items[i].spec);
        vary->items[i].spec = NULL;
        whole = od_api_append(examination->variants, vary->items[i].variant) && whole;
        vary->items[i].variant = NULL;
    }
    return whole ? OD_OK : OD_E_NO_MEMORY;
}

od_status od_examine_experiment(od_examination *examination, cJSON *experiment_take) {
    const od_daemon *daemon = examination->daemon;
    od_faults *faults = &examination->faults;
    examination->experiment = experiment_take;
    OD_TRY(od_schema_validate(daemon->experiment_schema, experiment_take, faults));
    if (faults->count == 0) {
        OD_TRY(od_schema_fill_defaults(daemon->experiment_schema, experiment_take));
    }
    od_vary vary = {0};
    od_status status = od_vary_expand(experiment_take, daemon->job_schema, &vary, faults);
    status = status == OD_OK ? take_vary(examination, &vary) : status;
    od_vary_fini(&vary);
    return status;
}

// --- the queue and the planner ----------------------------------------------------------------

typedef struct run_call {
    od_examination *examination;
    od_examine_done done;
    void *ctx;
} run_call;

static void finish(run_call *call, od_status status, const od_error *error, const cJSON *answers) {
    od_examine_done done = call->done;
    void *ctx = call->ctx;
    free(call);
    done(ctx, status, error, answers);
}

// What no device of this server can hold.
static od_status add_shortage(od_examination *examination, size_t index, const cJSON *answer) {
    const cJSON *plan = cJSON_GetObjectItemCaseSensitive(answer, "plan");
    od_faults found = {0};
    od_status status =
        plan != NULL
            ? od_queue_check_room(examination->daemon->queue,
                                  cJSON_GetObjectItemCaseSensitive(answer, "spec"), plan, &found)
            : OD_OK;
    for (size_t i = 0; i < found.count && status == OD_OK; i++) {
        status = od_examine_add(examination, index, &found.items[i]);
    }
    od_faults_fini(&found);
    return status;
}

static od_status add_answer(od_examination *examination, size_t index, const cJSON *answer) {
    const cJSON *item;
    OD_TRY(add_shortage(examination, index, answer));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "errors")) {
        const od_fault fault = {
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "pointer")),
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "detail"))};
        OD_TRY(od_examine_add(examination, index, &fault));
    }
    return OD_OK;
}

static void on_planned(void *ctx, od_status status, const od_error *error, const cJSON *answers) {
    run_call *call = ctx;
    od_examination *examination = call->examination;
    const cJSON *answer;
    size_t index = 0;
    if (status != OD_OK) {
        // The faults that are known come first: without them, planning might have worked.
        bool known = examination->faults.count > 0;
        finish(call, known ? OD_OK : status, error, NULL);
        return;
    }
    cJSON_ArrayForEach(answer, answers) {
        status = add_answer(examination, index++, answer);
        if (status != OD_OK) {
            od_error none;
            od_error_set(&none, status, "no memory for a list of faults");
            finish(call, status, &none, NULL);
            return;
        }
    }
    finish(call, OD_OK, error, examination->faults.count == 0 ? answers : NULL);
}

// What the queue finds wrong with spec, but for what touches the schema's faults in it.
static od_status ask_queue(sqlite3 *db, od_examination *examination, size_t index, cJSON *spec,
                           od_error *error) {
    const od_daemon *daemon = examination->daemon;
    od_faults known = {0};
    od_faults found = {0};
    od_status status = od_schema_validate(daemon->job_schema, spec, &known);
    if (status == OD_OK && od_prune(spec, &known)) {
        status = od_queue_check(daemon->queue, db, spec, &found, error);
    }
    for (size_t i = 0; i < found.count && status == OD_OK; i++) {
        if (!od_faults_touch(&known, found.items[i].pointer)) {
            status = od_examine_add(examination, index, &found.items[i]);
        }
    }
    od_faults_fini(&found);
    od_faults_fini(&known);
    return status;
}

static od_status ask_queue_of_all(sqlite3 *db, void *ctx, od_error *error) {
    od_examination *examination = ((run_call *)ctx)->examination;
    const cJSON *spec;
    size_t index = 0;
    cJSON_ArrayForEach(spec, examination->specs) {
        cJSON *copy = cJSON_Duplicate(spec, true);
        od_status status =
            copy != NULL ? ask_queue(db, examination, index++, copy, error) : OD_E_NO_MEMORY;
        cJSON_Delete(copy);
        if (status == OD_E_NO_MEMORY) {
            return od_error_set(error, status, "no memory to check a spec");
        }
        OD_TRY(status);
    }
    return OD_OK;
}

static void on_asked(void *ctx, od_status status, const od_error *error) {
    run_call *call = ctx;
    od_examination *examination = call->examination;
    if (status != OD_OK || od_faults_full(&examination->faults)) {
        finish(call, status, error, NULL);
    } else {
        od_planner_plan(examination->daemon->planner, examination->specs, on_planned, call);
    }
}

void od_examine_run(od_examination *examination, od_examine_done done, void *ctx) {
    od_error none = {0};
    bool empty = examination->specs == NULL || examination->specs->child == NULL;
    if (empty || od_faults_full(&examination->faults)) {
        done(ctx, OD_OK, &none, NULL);
        return;
    }
    run_call *call = malloc(sizeof *call);
    if (call == NULL) {
        done(ctx, od_error_set(&none, OD_E_NO_MEMORY, "no memory to check a spec"), &none, NULL);
        return;
    }
    *call = (run_call){examination, done, ctx};
    od_store_read(examination->daemon->store, ask_queue_of_all, on_asked, call);
}
