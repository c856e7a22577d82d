// SPDX-License-Identifier: Apache-2.0
// ortho-worker plan: what a spec, or each of an array of specs, would take to run; as JSON for
// programs (docs/run-directory.md), as a table for people. Allocates nothing of the run.
#include "base/json.h"
#include "base/recipe.h"
#include "worker/command.h"
#include "worker/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct plan_options {
    const char *path;
    bool json;
    int default_threads;
} plan_options;

static void print_help(void) {
    printf("Usage: ortho-worker plan SPEC.json [OPTION]...\n\n"
           "Prints what the job would take. SPEC.json may be - for standard input, and may hold an "
           "array of specs, or be a recipe (.yaml, .yml).\n\n"
           "  --json       print JSON\n"
           "  --threads N  where resources.threads is null (default: half of the "
           "cores)\n" OD_COMMAND_ROOT_HELP);
}

// 0, an exit status + 1 when there is nothing more to do.
static int parse_options(int argc, char **argv, plan_options *out) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, 'j'},
        {"threads", required_argument, NULL, 't'},
        OD_COMMAND_ROOT_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    long threads = od_job_default_threads();
    for (int option; (option = od_command_option(argc, argv, options)) != -1;) {
        if (option == 'h') {
            print_help();
            return 1 + OD_EXIT_OK;
        } else if (option == 'j') {
            out->json = true;
        } else if (option == 'C' || option == 'D') {
            if (od_command_take_root(option, optarg) != 0) {
                return 1 + OD_EXIT_USAGE;
            }
        } else if (option != 't' || od_command_number("threads", optarg, 1, 1024, &threads) != 0) {
            return 1 + OD_EXIT_USAGE;
        }
    }
    if (argc - optind != 1) {
        return 1 + od_command_fail(OD_EXIT_USAGE, "plan: give one SPEC.json; see ortho-worker plan "
                                                  "--help");
    }
    out->path = argv[optind];
    out->default_threads = (int)threads;
    return 0;
}

typedef struct memory_part {
    const char *name;
    int64_t bytes;
} memory_part;

enum { MEMORY_PARTS = 6 };

static void list_memory(const od_job *job, memory_part out[MEMORY_PARTS]) {
    const od_trainer_plan *plan = &job->plan;
    out[0] = (memory_part){"parameters", plan->parameter_bytes};
    out[1] = (memory_part){"gradients", plan->gradient_bytes};
    out[2] = (memory_part){"optimizer", plan->optimizer_bytes};
    out[3] = (memory_part){"activations", plan->activation_bytes};
    out[4] = (memory_part){"batch", plan->batch_bytes};
    out[5] = (memory_part){"data", job->data_bytes};
}

// --- JSON ---------------------------------------------------------------------------------

static cJSON *plan_json(const od_job *job) {
    const od_trainer_plan *plan = &job->plan;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"parameters", (double)plan->parameters},
                   {"steps", (double)plan->steps},
                   {"steps_per_epoch", (double)plan->steps_per_epoch},
                   {"flops_per_sample", plan->flops_per_sample},
                   {"memory_bytes", (double)job->memory_bytes},
                   {"threads", job->spec.threads}};
    memory_part parts[MEMORY_PARTS];
    list_memory(job, parts);
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        cJSON_AddNumberToObject(object, numbers[i].name, numbers[i].value);
    }
    cJSON *memory = cJSON_AddObjectToObject(object, "memory");
    for (int i = 0; i < MEMORY_PARTS; i++) {
        cJSON_AddNumberToObject(memory, parts[i].name, (double)parts[i].bytes);
    }
    return object;
}

static cJSON *job_json(const od_job *job, const od_faults *faults) {
    cJSON *object = cJSON_CreateObject();
    bool ok = faults->count == 0;
    cJSON_AddBoolToObject(object, "ok", ok);
    if (ok) {
        cJSON_AddItemToObject(object, "spec", cJSON_Duplicate(job->json, true));
        cJSON_AddItemToObject(object, "plan", plan_json(job));
    } else {
        cJSON_AddItemToObject(object, "errors", od_faults_json(faults));
    }
    return object;
}

// The job, and what it starts from.
static od_status init_job(od_job *job, cJSON *spec, int default_threads, od_faults *faults,
                          od_error *error) {
    OD_TRY(od_job_init(job, spec, default_threads, faults, error));
    if (faults->count == 0 && od_job_check_start(job, faults) != OD_OK) {
        od_job_fini(job);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to check init_from");
    }
    return OD_OK;
}

// One answer; consumes spec. NULL: no memory, which error says.
static cJSON *answer(cJSON *spec, int default_threads, bool *ok, od_error *error) {
    od_job job;
    od_faults faults = {0};
    cJSON *object = NULL;
    if (init_job(&job, spec, default_threads, &faults, error) == OD_OK) {
        object = job_json(&job, &faults);
        *ok = faults.count == 0;
        od_job_fini(&job);
    }
    od_faults_fini(&faults);
    return object;
}

static cJSON *answer_all(cJSON *specs, int default_threads, bool *ok, od_error *error) {
    cJSON *answers = cJSON_CreateArray();
    *ok = true;
    for (cJSON *spec; (spec = cJSON_DetachItemFromArray(specs, 0)) != NULL;) {
        bool one_ok = false;
        cJSON *one = answer(spec, default_threads, &one_ok, error);
        if (one == NULL) {
            cJSON_Delete(answers);
            answers = NULL;
            break;
        }
        cJSON_AddItemToArray(answers, one);
        *ok = *ok && one_ok;
    }
    cJSON_Delete(specs);
    return answers;
}

static int print_answer(cJSON *object, bool ok) {
    char *text = od_json_print(object);
    cJSON_Delete(object);
    if (text == NULL) {
        return od_command_fail(OD_EXIT_FAILED, "no memory to print the plan");
    }
    bool written = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    if (!written) {
        return od_command_fail(OD_EXIT_FAILED, "cannot write the plan to standard output");
    }
    return ok ? OD_EXIT_OK : OD_EXIT_FAILED;
}

static int print_json(cJSON *json, const plan_options *options) {
    od_error error = {0};
    bool ok = false;
    cJSON *object = cJSON_IsArray(json) ? answer_all(json, options->default_threads, &ok, &error)
                                        : answer(json, options->default_threads, &ok, &error);
    if (object == NULL) {
        return od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    return print_answer(object, ok);
}

// What cannot be read as JSON is one more spec that cannot run.
static int print_syntax_error(const od_error *error) {
    od_faults faults = {0};
    cJSON *object = cJSON_CreateObject();
    if (od_faults_add(&faults, "", "%s", error->text) == OD_OK) {
        cJSON_AddBoolToObject(object, "ok", false);
        cJSON_AddItemToObject(object, "errors", od_faults_json(&faults));
    }
    od_faults_fini(&faults);
    return print_answer(object, false);
}

// --- table --------------------------------------------------------------------------------

static void print_row(const char *name, const char *value) {
    printf("%-18s %s\n", name, value);
}

// A ResNet is what its name says; a ViT has sizes.
static void print_model(const od_model_spec *model) {
    char text[128];
    if (strcmp(model->arch, "vit") != 0) {
        print_row("model", model->arch);
        return;
    }
    snprintf(text, sizeof text, "%s %lld/%lld/%lld, patch %lld", model->arch,
             (long long)model->width, (long long)model->depth, (long long)model->heads,
             (long long)model->patch_size);
    print_row("model", text);
}

static void print_table(const od_job *job) {
    const od_spec *spec = &job->spec;
    const od_trainer_plan *plan = &job->plan;
    char text[128];
    print_model(&spec->model);
    snprintf(text, sizeof text, "%s, %lld + %lld images", spec->data.dataset,
             (long long)job->train_count, (long long)job->eval_count);
    print_row("data", text);
    snprintf(text, sizeof text, "%lld", (long long)plan->parameters);
    print_row("parameters", text);
    snprintf(text, sizeof text, "%lld (%lld an epoch)", (long long)plan->steps,
             (long long)plan->steps_per_epoch);
    print_row("steps", text);
    snprintf(text, sizeof text, "%.4g", plan->flops_per_sample);
    print_row("FLOP a sample", text);
    snprintf(text, sizeof text, "%d", spec->threads);
    print_row("threads", text);
    snprintf(text, sizeof text, "%.1f MiB", (double)job->memory_bytes / 0x1p20);
    print_row("memory", text);
    memory_part parts[MEMORY_PARTS];
    list_memory(job, parts);
    for (int i = 0; i < MEMORY_PARTS; i++) {
        printf("  %-16s %.1f MiB\n", parts[i].name, (double)parts[i].bytes / 0x1p20);
    }
}

static int print_table_or_faults(const od_job *job, const od_faults *faults,
                                 const plan_options *options) {
    if (faults->count > 0) {
        od_command_show_faults(options->path, faults);
        return OD_EXIT_FAILED;
    }
    print_table(job);
    return OD_EXIT_OK;
}

static int print_one_table(cJSON *json, const plan_options *options) {
    od_job job;
    od_faults faults = {0};
    od_error error = {0};
    int exit_status = OD_EXIT_FAILED;
    if (init_job(&job, json, options->default_threads, &faults, &error) != OD_OK) {
        od_command_fail(0, "%s", error.text);
    } else {
        exit_status = print_table_or_faults(&job, &faults, options);
        od_job_fini(&job);
    }
    od_faults_fini(&faults);
    return exit_status;
}

static int print_tables(cJSON *json, const plan_options *options) {
    if (!cJSON_IsArray(json)) {
        return print_one_table(json, options);
    }
    int exit_status = OD_EXIT_OK;
    for (cJSON *spec; (spec = cJSON_DetachItemFromArray(json, 0)) != NULL;) {
        int one = print_one_table(spec, options);
        exit_status = one != OD_EXIT_OK ? one : exit_status;
        putchar('\n');
    }
    cJSON_Delete(json);
    return exit_status;
}

// --- recipes ------------------------------------------------------------------------------

static int plan_recipe(const plan_options *options) {
    od_job job;
    od_faults faults = {0};
    od_error error = {0};
    int exit_status = OD_EXIT_FAILED;
    od_status status = od_job_load(&job, options->path, options->default_threads, &faults, &error);
    if (status == OD_OK) {
        exit_status = options->json ? print_answer(job_json(&job, &faults), faults.count == 0)
                                    : print_table_or_faults(&job, &faults, options);
        od_job_fini(&job);
    } else if (status == OD_E_SYNTAX && options->json) {
        exit_status = print_syntax_error(&error);
    } else {
        od_command_fail(0, "%s", error.text);
    }
    od_faults_fini(&faults);
    return exit_status;
}

int od_worker_plan(int argc, char **argv) {
    plan_options options = {0};
    od_error error = {0};
    cJSON *json = NULL;
    int done = parse_options(argc, argv, &options);
    if (done != 0) {
        return done - 1;
    }
    if (od_recipe_is_path(options.path)) {
        return plan_recipe(&options);
    }
    od_status status = od_job_read_file(options.path, &json, &error);
    if (status == OD_E_SYNTAX && options.json) {
        return print_syntax_error(&error);
    }
    if (status != OD_OK) {
        return od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    return options.json ? print_json(json, &options) : print_tables(json, &options);
}
