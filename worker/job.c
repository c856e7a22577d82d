// SPDX-License-Identifier: Apache-2.0
#include "worker/job.h"

#include "base/buffer.h"
#include "base/datasets.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/prune.h"
#include "base/recipe.h"
#include "base/schemas.h"
#include "base/yaml.h"
#include "core/data/dataset.h"
#include "worker/roots.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_SPEC_BYTES = 16 << 20, // arrays of specs, too
    READ_BYTES = 65536,
};

int od_job_default_threads(void) {
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
        return 1;
    }
    int half = CPU_COUNT(&cpus) / 2;
    return half > 0 ? half : 1;
}

// By its descriptor: /dev/stdin cannot be opened where standard input is a socket.
static od_status read_standard_input(od_buffer *out, od_error *error) {
    for (;;) {
        if (out->size > MAX_SPEC_BYTES || od_buffer_reserve(out, READ_BYTES) != OD_OK) {
            return od_error_set(error, OD_E_TOO_LARGE, "standard input has more than %d bytes",
                                MAX_SPEC_BYTES);
        }
        ssize_t got = read(STDIN_FILENO, out->data + out->size, READ_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return od_error_set_errno(error, errno, "standard input: cannot read");
        }
        if (got == 0) {
            return OD_OK;
        }
        out->size += (size_t)got;
    }
}

od_status od_job_read_file(const char *path, cJSON **out, od_error *error) {
    bool standard_input = strcmp(path, "-") == 0;
    od_buffer text = {0};
    od_status status = standard_input ? read_standard_input(&text, error)
                                      : od_file_read(path, MAX_SPEC_BYTES, &text, error);
    if (status == OD_OK) {
        status = od_json_parse(text.data, text.size, out, error);
        if (status != OD_OK) {
            od_error_prefix(error, "%s", standard_input ? "standard input" : path);
        }
    }
    od_buffer_fini(&text);
    return status;
}

// Stands in for the two members that have no default where a faulty spec lacks them, so that the
// rest can be looked at; every rule that reads them is left out then.
static const struct {
    const char *section, *path, *value;
} stand_ins[] = {{"model", "model.arch", "vit"}, {"data", "data.dataset", "fashion-mnist"}};

static od_status stand_in(cJSON *json) {
    for (size_t i = 0; i < sizeof stand_ins / sizeof stand_ins[0]; i++) {
        if (od_json_at(json, stand_ins[i].section) == NULL) {
            OD_TRY(od_json_set(json, stand_ins[i].section, cJSON_CreateObject()));
        }
        if (od_json_at(json, stand_ins[i].path) == NULL) {
            OD_TRY(od_json_set(json, stand_ins[i].path, cJSON_CreateString(stand_ins[i].value)));
        }
    }
    return OD_OK;
}

// Makes a whole spec of what is left of a faulty one. *usable: there was enough.
static od_status mend(const od_schema *schema, cJSON *json, const od_faults *faults, bool *usable) {
    od_faults left = {0};
    *usable = od_prune(json, faults);
    if (!*usable) {
        return OD_OK;
    }
    OD_TRY(stand_in(json));
    od_status status = od_schema_validate(schema, json, &left);
    *usable = left.count == 0;
    od_faults_fini(&left);
    return status;
}

// *usable: json is whole now, if only by what stands in. Faults that were there before (of a recipe)
// have pointers of their own; with them nothing can be told apart.
static od_status apply_schema(cJSON *json, od_faults *faults, bool *usable, od_error *error) {
    od_schema *schema = NULL;
    *usable = faults->count == 0;
    OD_TRY(od_schemas_job(&schema, error));
    od_status status = od_schema_validate(schema, json, faults);
    if (status == OD_OK && *usable && faults->count > 0) {
        status = mend(schema, json, faults, usable);
    }
    if (status == OD_OK && *usable) {
        status = od_schema_fill_defaults(schema, json);
    }
    od_schema_free(schema);
    return status == OD_OK ? OD_OK : od_error_set(error, status, "no memory to check the spec");
}

// Whether the spec says soundly which images it wants.
static bool data_is_sound(const od_faults *faults) {
    static const char *const read[] = {"/data/dataset", "/data/root", "/data/limit_train",
                                       "/data/limit_eval"};
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        if (od_faults_touch(faults, read[i])) {
            return false;
        }
    }
    return true;
}

// Replaces a path by where it really is, which is what is read from then on.
static od_status confine(od_roots_kind kind, char *path, size_t size, const char *pointer,
                         od_faults *faults) {
    char given[OD_DATASETS_PATH_BYTES];
    od_error error = {0};
    if (*path != '/' || od_faults_touch(faults, pointer)) {
        return OD_OK; // there is none, or it was said already
    }
    snprintf(given, sizeof given, "%s", path);
    return od_roots_resolve(kind, given, path, size, &error) == OD_OK
               ? OD_OK
               : od_faults_add(faults, pointer, "%s", error.text);
}

// A data.root of null is the catalogue's own folder, which no client names.
static od_status confine_paths(od_job *job, od_faults *faults) {
    od_spec *spec = &job->spec;
    if (!cJSON_IsNull(od_json_at(job->json, "data.root"))) {
        OD_TRY(
            confine(OD_ROOTS_DATA, spec->data.root, sizeof spec->data.root, "/data/root", faults));
    }
    return confine(OD_ROOTS_CHECKPOINT, spec->init_from, sizeof spec->init_from, "/init_from",
                   faults);
}

// Measures both splits. A data set that is not there is a fault of the spec on this machine.
static od_status check_data(od_job *job, od_faults *faults) {
    const od_data_spec *data = &job->spec.data;
    const od_dataset_facts *facts = od_datasets_find(data->dataset);
    bool own_root = !cJSON_IsNull(od_json_at(job->json, "data.root"));
    const char *pointer = own_root ? "/data/root" : "/data/dataset";
    char root[OD_DATASETS_PATH_BYTES];
    od_dataset_size train = {0};
    od_dataset_size eval = {0};
    od_error error = {0};
    if (facts == NULL || *data->root != '/' || !data_is_sound(faults)) {
        return OD_OK; // said already
    }
    if (od_datasets_locate(data->dataset, data->root, root, &error) != OD_OK ||
        od_dataset_measure(data, OD_SPLIT_TRAIN, &train, &error) != OD_OK ||
        od_dataset_measure(data, OD_SPLIT_EVAL, &eval, &error) != OD_OK) {
        return od_faults_add(faults, pointer, "%s", error.text);
    }
    job->train_count = train.count;
    job->eval_count = eval.count;
    job->data_bytes = train.bytes + eval.bytes;
    return OD_OK;
}

static od_status check_batch(const od_job *job, od_faults *faults) {
    const od_train_spec *train = &job->spec.train;
    if (job->train_count == 0 || train->batch_size <= job->train_count ||
        od_faults_touch(faults, "/train/batch_size")) {
        return OD_OK;
    }
    bool limited = job->spec.data.limit_train > 0;
    return od_faults_add(faults, "/train/batch_size",
                         "is %lld; the training split has %lld images%s: give at most that",
                         (long long)train->batch_size, (long long)job->train_count,
                         limited ? " after data.limit_train" : "");
}

static od_status make_plan(od_job *job, od_faults *faults) {
    od_error error = {0};
    if (od_trainer_plan_of(&job->spec, job->train_count, &job->plan, &error) != OD_OK) {
        return od_faults_add(faults, "", "%s", error.text);
    }
    job->memory_bytes = job->plan.total_bytes + job->data_bytes;
    int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (job->memory_bytes <= machine) {
        return OD_OK;
    }
    return od_faults_add(faults, "/train/batch_size",
                         "is %lld, with which the run needs %lld MiB of memory; this machine has "
                         "%lld MiB: give a smaller batch or model",
                         (long long)job->spec.train.batch_size,
                         (long long)(job->memory_bytes >> 20), (long long)(machine >> 20));
}

static od_status check(od_job *job, int default_threads, od_faults *faults, od_error *error) {
    bool usable = false;
    OD_TRY(apply_schema(job->json, faults, &usable, error));
    if (!usable) {
        return OD_OK;
    }
    OD_TRY(od_spec_read(job->json, default_threads, &job->spec, faults, error));
    od_status status = confine_paths(job, faults);
    if (status == OD_OK) {
        status = check_data(job, faults);
    }
    if (status == OD_OK) {
        status = check_batch(job, faults);
    }
    if (status == OD_OK && faults->count == 0) {
        status = make_plan(job, faults);
    }
    return status == OD_OK ? OD_OK : od_error_set(error, status, "no memory to check the spec");
}

od_status od_job_check_start(const od_job *job, od_faults *faults) {
    return *job->spec.init_from != '\0'
               ? od_trainer_check_start(&job->spec, job->spec.init_from, "/init_from", faults)
               : OD_OK;
}

od_status od_job_read_spec(cJSON *json, int default_threads, od_spec *out, od_faults *faults,
                           od_error *error) {
    bool usable = false;
    od_status status = apply_schema(json, faults, &usable, error);
    if (status == OD_OK && usable) {
        status = od_spec_read(json, default_threads, out, faults, error);
    }
    cJSON_Delete(json);
    return status;
}

od_status od_job_init(od_job *out, cJSON *json, int default_threads, od_faults *faults,
                      od_error *error) {
    memset(out, 0, sizeof *out);
    out->json = json;
    od_status status = check(out, default_threads, faults, error);
    if (status != OD_OK) {
        od_job_fini(out);
    }
    return status;
}

// --- recipes ------------------------------------------------------------------------------

static od_status read_recipe(const char *path, od_recipe **out, od_error *error) {
    od_buffer text = {0};
    od_status status = od_file_read(path, OD_YAML_MAX_BYTES, &text, error);
    if (status == OD_OK) {
        status = od_recipe_new(text.data != NULL ? text.data : "", text.size, out, error);
        if (status != OD_OK) {
            od_error_prefix(error, "%s", path);
        }
    }
    od_buffer_fini(&text);
    return status;
}

static void log_warnings(const char *path, const od_recipe *recipe) {
    const od_faults *warnings = od_recipe_warnings(recipe);
    for (size_t i = 0; i < warnings->count; i++) {
        char text[OD_ERROR_TEXT_BYTES];
        char quoted[2 * OD_ERROR_TEXT_BYTES];
        snprintf(text, sizeof text, "%s: %s %s", path, warnings->items[i].pointer,
                 warnings->items[i].detail);
        od_log(OD_LOG_WARNING, "recipe", "detail=%s", od_log_quote(quoted, sizeof quoted, text));
    }
}

// Faults of the translation stand in front of the spec's; with them the job is not looked at beyond
// the schema.
static od_status init_translated(od_job *out, od_recipe *recipe, int default_threads,
                                 od_faults *faults, od_error *error) {
    cJSON *json = NULL;
    od_status status = od_recipe_translate(recipe, &json, faults);
    if (status != OD_OK) {
        return od_error_set(error, status, "no memory for a recipe");
    }
    size_t own = faults->count;
    OD_TRY(od_job_init(out, json, default_threads, faults, error));
    status = od_recipe_locate(recipe, faults, own);
    if (status != OD_OK) {
        od_job_fini(out);
        return od_error_set(error, status, "no memory for a recipe");
    }
    return OD_OK;
}

od_status od_job_load(od_job *out, const char *path, int default_threads, od_faults *faults,
                      od_error *error) {
    cJSON *json = NULL;
    od_recipe *recipe = NULL;
    memset(out, 0, sizeof *out);
    if (!od_recipe_is_path(path)) {
        OD_TRY(od_job_read_file(path, &json, error));
        return od_job_init(out, json, default_threads, faults, error);
    }
    OD_TRY(read_recipe(path, &recipe, error));
    od_status status = init_translated(out, recipe, default_threads, faults, error);
    log_warnings(path, recipe);
    od_recipe_free(recipe);
    return status;
}

void od_job_fini(od_job *job) {
    cJSON_Delete(job->json);
    job->json = NULL;
}
