// SPDX-License-Identifier: Apache-2.0
// Without options the numbers are to be the run's own, bit for bit: hence its batch size, and the
// backend and the threads that its checkpoint was made with.
#include "worker/subject.h"

#include "base/json.h"
#include "core/model/weights.h"
#include "worker/state.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char od_subject_help[] =
    "  --spec SPEC.json  the job (default: the spec.json of the run that the weights lie in)\n"
    "  --dataset NAME    another data set than the spec's\n"
    "  --root DIR        where its files are\n"
    "  --limit N         the first N samples alone (0: all)\n"
    "  --batch N         samples of one forward pass (default: the run's)\n"
    "  --threads N       (default: those of the run)\n"
    "  --backend NAME    cpu or ref (default: that of the run)\n"
    "  --blas NAME       onednn or openblas (default: the best that was built in)\n"
    "  --help\n";

int od_subject_take(int option, od_subject_options *out) {
    const struct {
        int option;
        const char **text;
    } texts[] = {{'s', &out->spec},
                 {'d', &out->dataset},
                 {'r', &out->root},
                 {'b', &out->backend},
                 {'B', &out->blas}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (option == texts[i].option) {
            *texts[i].text = optarg;
            return 0;
        }
    }
    switch (option) {
    case 'l':
        out->has_limit = true;
        return od_command_number("limit", optarg, 0, 1000000000, &out->limit);
    case 'n':
        return od_command_number("batch", optarg, 1, 1000000, &out->batch);
    case 't':
        return od_command_number("threads", optarg, 1, 1024, &out->threads);
    default:
        return -1;
    }
}

// --- beside the weights -------------------------------------------------------------------

// The folder of the weights: themselves, or the one that the file lies in.
static od_status folder_of(const char *weights, char out[PATH_MAX], od_error *error) {
    struct stat info;
    if (snprintf(out, PATH_MAX, "%s", weights) >= PATH_MAX) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %.64s...", weights);
    }
    if (stat(weights, &info) == 0 && S_ISDIR(info.st_mode)) {
        return OD_OK;
    }
    char *slash = strrchr(out, '/');
    snprintf(slash != NULL ? slash : out, PATH_MAX - (size_t)(slash != NULL ? slash - out : 0),
             "%s",
             slash == out    ? "/"
             : slash != NULL ? ""
                             : ".");
    return OD_OK;
}

// Whether folder/leaf is there, and its path.
static bool has(const char *folder, const char *leaf, char out[PATH_MAX]) {
    return snprintf(out, PATH_MAX, "%s/%s", folder, leaf) < PATH_MAX && access(out, F_OK) == 0;
}

od_status od_subject_find_spec(const char *weights, const char *spec, cJSON **out,
                               od_error *error) {
    char folder[PATH_MAX], path[PATH_MAX];
    *out = NULL;
    if (spec != NULL) {
        return od_job_read_file(spec, out, error);
    }
    OD_TRY(folder_of(weights, folder, error));
    return has(folder, "spec.json", path) || has(folder, "../../spec.json", path)
               ? od_job_read_file(path, out, error)
               : OD_OK;
}

od_status od_subject_verify(const char *weights, od_subject_machine *out, od_error *error) {
    char folder[PATH_MAX], path[PATH_MAX];
    od_state state;
    *out = (od_subject_machine){0};
    OD_TRY(folder_of(weights, folder, error));
    const bool own = has(folder, "state.json", path);
    if (!own) {
        // The final weights have none; the same run made the best ones.
        if (!has(folder, "checkpoints/best/state.json", path)) {
            return OD_OK;
        }
        *strrchr(path, '/') = '\0';
        memcpy(folder, path, sizeof folder);
    }
    od_status status = od_state_read(folder, &state, error);
    if (status == OD_OK && own) {
        status = od_state_check(&state, folder, OD_STATE_MODEL, error);
    }
    if (status != OD_OK) {
        return own ? (od_error_prefix(error, "%s", folder), status) : OD_OK;
    }
    snprintf(out->backend, sizeof out->backend, "%s", state.backend);
    out->threads = state.threads;
    out->step = own ? state.step : 0;
    out->is_final = !own;
    return OD_OK;
}

// --- the spec -----------------------------------------------------------------------------

// {"model": …, "residual": …, "data": …} of weights that carry a config.json.
static od_status make_spec(const char *weights, cJSON **out, od_error *error) {
    od_weights opened;
    OD_TRY(od_weights_open(weights, OD_WEIGHTS_HEADER, &opened, error));
    const od_hf_config config = opened.config;
    const bool has_config = opened.has_config;
    od_weights_fini(&opened);
    if (!has_config) {
        return od_error_set(error, OD_E_NOT_FOUND,
                            "%s: no spec.json of a run and no config.json tells what model it is; "
                            "give --spec SPEC.json",
                            weights);
    }
    cJSON *json = *out = cJSON_CreateObject();
    cJSON *model = cJSON_AddObjectToObject(json, "model");
    cJSON *residual = cJSON_AddObjectToObject(json, "residual");
    cJSON_AddObjectToObject(json, "data");
    cJSON_AddObjectToObject(json, "train");
    cJSON_AddStringToObject(model, "arch", "vit");
    cJSON_AddNumberToObject(model, "width", (double)config.width);
    cJSON_AddNumberToObject(model, "depth", (double)config.depth);
    cJSON_AddNumberToObject(model, "heads", (double)config.heads);
    cJSON_AddNumberToObject(model, "patch_size", (double)config.patch_size);
    cJSON_AddStringToObject(residual, "connection", config.orthogonal ? "orthogonal" : "linear");
    cJSON_AddNumberToObject(residual, "eps", config.eps);
    return OD_OK;
}

// section.key = value, in a section that is made when it is missing.
static od_status put(cJSON *json, const char *section, const char *key, cJSON *value) {
    cJSON *object = cJSON_GetObjectItemCaseSensitive(json, section);
    if (object == NULL) {
        object = cJSON_AddObjectToObject(json, section);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    return value != NULL && cJSON_AddItemToObject(object, key, value) ? OD_OK : OD_E_NO_MEMORY;
}

static od_status put_data(cJSON *json, const od_subject_options *options) {
    if (options->dataset != NULL) {
        OD_TRY(put(json, "data", "dataset", cJSON_CreateString(options->dataset)));
        OD_TRY(put(json, "data", "root", cJSON_CreateNull()));
    }
    if (options->root != NULL) {
        OD_TRY(put(json, "data", "root", cJSON_CreateString(options->root)));
    }
    return OD_OK;
}

// What a training run needs and an evaluation does not must not refuse it.
static od_status put_all(cJSON *json, const od_subject_options *options) {
    cJSON_DeleteItemFromObjectCaseSensitive(json, "init_from");
    OD_TRY(put_data(json, options));
    if (options->has_limit) {
        OD_TRY(put(json, "data", options->split == OD_SPLIT_EVAL ? "limit_eval" : "limit_train",
                   options->limit > 0 ? cJSON_CreateNumber((double)options->limit)
                                      : cJSON_CreateNull()));
    }
    if (options->batch > 0) {
        OD_TRY(put(json, "train", "batch_size", cJSON_CreateNumber((double)options->batch)));
        OD_TRY(put(json, "train", "grad_accumulate_steps", cJSON_CreateNumber(1)));
    }
    return options->threads > 0
               ? put(json, "resources", "threads", cJSON_CreateNumber((double)options->threads))
               : OD_OK;
}

// --- opening ------------------------------------------------------------------------------

static od_status read_spec(const od_subject_options *options, cJSON **out, od_error *error) {
    OD_TRY(od_subject_find_spec(options->weights, options->spec, out, error));
    if (*out == NULL) {
        OD_TRY(make_spec(options->weights, out, error));
    }
    if (!cJSON_IsObject(*out)) {
        return od_error_set(error, OD_E_INVALID, "the spec is no JSON object");
    }
    return put_all(*out, options) == OD_OK
               ? OD_OK
               : od_error_set(error, OD_E_NO_MEMORY, "no memory for the spec");
}

static int init_job(const od_subject_options *options, int threads, od_subject *out) {
    cJSON *json = NULL;
    od_error error = {0};
    od_faults faults = {0};
    if (read_spec(options, &json, &error) != OD_OK) {
        cJSON_Delete(json);
        return od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    int exit_status = OD_EXIT_OK;
    if (od_job_init(&out->job, json, threads, &faults, &error) != OD_OK) {
        exit_status = od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    } else if (faults.count > 0) {
        od_command_show_faults(options->spec != NULL ? options->spec : "the job", &faults);
        exit_status = OD_EXIT_FAILED;
    }
    od_faults_fini(&faults);
    return exit_status;
}

static od_status set_up(const od_subject_options *options, const od_backend *backend,
                        const od_subject_machine *machine, od_subject *out, od_error *error) {
    const od_spec *spec = &out->job.spec;
    const od_device_options device = {.threads = spec->threads, .blas = options->blas};
    OD_TRY(od_dataset_open(&spec->data, options->split, &out->data, error));
    OD_TRY(od_trainer_new(spec, backend, &device, NULL, out->data, &out->trainer, error));
    od_trainer_set_step(out->trainer, machine->is_final ? out->job.plan.steps : machine->step);
    return od_trainer_start_from(out->trainer, options->weights, error);
}

static int choose_blas(const char *blas) {
    if (blas == NULL || strcmp(blas, "onednn") == 0 || strcmp(blas, "openblas") == 0) {
        return OD_EXIT_OK;
    }
    return od_command_fail(OD_EXIT_USAGE, "--blas is \"%s\"; give onednn or openblas", blas);
}

int od_subject_open(const od_subject_options *options, od_subject *out) {
    od_error error = {0};
    od_subject_machine machine;
    const od_backend *backend = NULL;
    *out = (od_subject){0};
    int exit_status = choose_blas(options->blas);
    if (exit_status != OD_EXIT_OK) {
        return exit_status;
    }
    if (od_subject_verify(options->weights, &machine, &error) != OD_OK) {
        return od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    const char *own = *machine.backend != '\0' ? machine.backend : "cpu";
    od_status status =
        od_backend_load(options->backend != NULL ? options->backend : own, &backend, &error);
    if (status != OD_OK) {
        return od_command_fail(status == OD_E_INVALID ? OD_EXIT_USAGE : OD_EXIT_FAILED, "%s",
                               error.text);
    }
    exit_status =
        init_job(options, machine.threads > 0 ? machine.threads : od_job_default_threads(), out);
    if (exit_status == OD_EXIT_OK && set_up(options, backend, &machine, out, &error) != OD_OK) {
        exit_status = od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    return exit_status;
}

void od_subject_close(od_subject *subject) {
    od_trainer_free(subject->trainer);
    od_dataset_free(subject->data);
    od_job_fini(&subject->job);
}
