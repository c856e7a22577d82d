// SPDX-License-Identifier: Apache-2.0
// ortho-worker export: weights in another layout. Both ways lead over the tensors of the reference's
// state_dict, as the model of the spec or of config.json has them; so what does not fit together is
// found before a file is written.
#include "base/file.h"
#include "core/model/weights.h"
#include "worker/command.h"
#include "worker/subject.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct export_options {
    const char *weights, *spec, *out;
    bool to_hf;
} export_options;

typedef struct export_run {
    od_spec spec;
    od_model *model;
    od_weights weights;
    od_safetensors tensors; // of the reference's state_dict
    bool has_config;        // false: config.json has no words for this model
    od_hf_config config;
} export_run;

// --- command line -------------------------------------------------------------------------

static void print_help(void) {
    printf("Usage: ortho-worker export CHECKPOINT --to hf --out DIR\n"
           "       ortho-worker export HF_DIR --to reference --out FILE_OR_DIR\n\n"
           "Writes weights in another layout. CHECKPOINT is a folder of a run's checkpoints, a "
           "run's\nfolder, a file model.safetensors or a folder of Hugging Face's.\n\n"
           "  --to LAYOUT       hf: Hugging Face's OrthoViT, DIR/config.json and "
           "DIR/model.safetensors\n"
           "                    reference: the names of the reference implementation, in "
           "FILE.safetensors\n"
           "                    or DIR/model.safetensors\n"
           "  --out PATH        is created\n"
           "  --spec SPEC.json  the job (default: the spec.json of the run that the weights lie "
           "in)\n"
           "  --help\n");
}

static int take_option(int option, export_options *out, const char **to) {
    switch (option) {
    case 's':
        out->spec = optarg;
        return 0;
    case 'o':
        out->out = optarg;
        return 0;
    case 'T':
        *to = optarg;
        return 0;
    default:
        return -1;
    }
}

// 0, or an exit status + 1 when there is nothing more to do.
static int parse_options(int argc, char **argv, export_options *out) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"spec", required_argument, NULL, 's'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"to", required_argument, NULL, 'T'},
                                            {NULL, 0, NULL, 0}};
    const char *to = NULL;
    for (int option; (option = od_command_option(argc, argv, options)) != -1;) {
        if (option == 'h') {
            print_help();
            return 1 + OD_EXIT_OK;
        }
        if (take_option(option, out, &to) != 0) {
            return 1 + OD_EXIT_USAGE;
        }
    }
    if (argc - optind != 1 || to == NULL || *out->out == '\0') {
        return 1 + od_command_fail(OD_EXIT_USAGE, "export: give one CHECKPOINT, --to LAYOUT and "
                                                  "--out PATH; see ortho-worker export --help");
    }
    if (strcmp(to, "hf") != 0 && strcmp(to, "reference") != 0) {
        return 1 + od_command_fail(OD_EXIT_USAGE, "--to is \"%s\"; give hf or reference", to);
    }
    out->to_hf = strcmp(to, "hf") == 0;
    out->weights = argv[optind];
    return 0;
}

// --- in -----------------------------------------------------------------------------------

static od_status read_spec(const export_options *options, export_run *run, od_faults *faults,
                           od_error *error) {
    cJSON *json = NULL;
    OD_TRY(od_subject_find_spec(options->weights, options->spec, &json, error));
    if (json != NULL) {
        return od_job_read_spec(json, 1, &run->spec, faults, error);
    }
    if (!run->weights.has_config) {
        return od_error_set(error, OD_E_NOT_FOUND,
                            "%s: no spec.json of a run and no config.json tells what model it is; "
                            "give --spec SPEC.json",
                            options->weights);
    }
    od_hf_spec_of(&run->weights.config, &run->spec);
    return OD_OK;
}

static od_status read_all(const export_options *options, export_run *run, od_faults *faults,
                          od_error *error) {
    od_subject_machine ignored;
    OD_TRY(od_subject_verify(options->weights, &ignored, error));
    OD_TRY(od_weights_open(options->weights, OD_WEIGHTS_ALL, &run->weights, error));
    OD_TRY(read_spec(options, run, faults, error));
    if (faults->count > 0) {
        return OD_OK;
    }
    OD_TRY(od_model_new(&run->spec, false, &run->model, error));
    OD_TRY(od_weights_check(&run->weights, &run->spec, run->model, "", faults));
    if (faults->count > 0) {
        return OD_OK;
    }
    OD_TRY(od_weights_fit(&run->weights, run->model, &run->tensors, error));
    od_status status = od_hf_config_of(&run->spec, &run->config, error);
    run->has_config = status == OD_OK;
    return options->to_hf ? status : OD_OK;
}

// --- out ----------------------------------------------------------------------------------

static od_status join(const char *folder, const char *leaf, char out[PATH_MAX], od_error *error) {
    const int length = *leaf != '\0' ? snprintf(out, PATH_MAX, "%s/%s", folder, leaf)
                                     : snprintf(out, PATH_MAX, "%s", folder);
    return length < PATH_MAX
               ? OD_OK
               : od_error_set(error, OD_E_TOO_LARGE, "path is too long: %.64s.../%s", folder, leaf);
}

// Nothing that is there is written over.
static od_status place(const char *folder, const char *leaf, char out[PATH_MAX], od_error *error) {
    OD_TRY(join(folder, leaf, out, error));
    return access(out, F_OK) != 0
               ? OD_OK
               : od_error_set(error, OD_E_EXISTS, "%s is there already; give another --out", out);
}

static od_status write_config(const char *path, const od_hf_config *config, od_error *error) {
    char *text = NULL;
    OD_TRY(od_hf_config_print(config, &text, error));
    od_status status = od_file_publish(path, text, strlen(text), error);
    free(text);
    return status;
}

// One tensor's parts, put at the end of a list.
static od_status split(const od_named_tensor *tensor, od_safetensors *list, od_error *error) {
    od_named_tensor *parts = &list->tensors[list->count];
    int count = od_hf_parts(tensor, parts);
    if (count < 0) {
        return od_error_set(error, OD_E_UNSUPPORTED, "%s has no name in Hugging Face's layout",
                            tensor->name);
    }
    for (int i = 0; i < count; i++) {
        parts[i].data = malloc((size_t)od_tensor_bytes(&parts[i]));
        if (parts[i].data == NULL) {
            return od_error_set(error, OD_E_NO_MEMORY, "no memory for %s", parts[i].name);
        }
        list->count++;
    }
    od_hf_split(tensor, parts, count);
    return OD_OK;
}

static od_status split_all(const od_safetensors *tensors, od_safetensors *list, od_error *error) {
    list->tensors = calloc(OD_HF_MAX_PARTS * tensors->count + 1, sizeof *list->tensors);
    if (list->tensors == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a list of tensors");
    }
    for (size_t i = 0; i < tensors->count; i++) {
        OD_TRY(split(&tensors->tensors[i], list, error));
    }
    return OD_OK;
}

static od_status write_hf(const export_options *options, const export_run *run, od_error *error) {
    static const od_metadata metadata[] = {{"format", "pt"}};
    char config[PATH_MAX], model[PATH_MAX];
    od_safetensors list = {0};
    OD_TRY(place(options->out, "config.json", config, error));
    OD_TRY(place(options->out, "model.safetensors", model, error));
    OD_TRY(od_file_make_folders(options->out, error));
    od_status status = split_all(&run->tensors, &list, error);
    if (status == OD_OK) {
        status = od_safetensors_write(model, list.tensors, list.count, metadata, 1, error);
    }
    for (size_t i = 0; i < list.count; i++) {
        free(list.tensors[i].data);
    }
    free(list.tensors);
    return status == OD_OK ? write_config(config, &run->config, error) : status;
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

// FILE.safetensors, or a folder with model.safetensors.
static od_status place_reference(const char *out_path, char out[PATH_MAX], od_error *error) {
    if (ends_with(out_path, ".safetensors")) {
        return place(out_path, "", out, error);
    }
    OD_TRY(place(out_path, "model.safetensors", out, error));
    return od_file_make_folders(out_path, error);
}

// The config goes along in the metadata, so that the file alone can find back to Hugging Face.
static od_status write_reference(const export_options *options, const export_run *run,
                                 od_error *error) {
    char path[PATH_MAX];
    char *config = NULL;
    OD_TRY(place_reference(options->out, path, error));
    OD_TRY(od_hf_config_print(&run->config, &config, error));
    const od_metadata metadata[] = {{"format", "pt"}, {"config", config}};
    od_status status = od_safetensors_write(path, run->tensors.tensors, run->tensors.count,
                                            metadata, run->has_config ? 2 : 1, error);
    free(config);
    return status;
}

// --- the whole ----------------------------------------------------------------------------

static od_status write_all(const export_options *options, const export_run *run, od_error *error) {
    return options->to_hf ? write_hf(options, run, error) : write_reference(options, run, error);
}

static int export(const export_options *options, export_run *run) {
    od_faults faults = {0};
    od_error error = {0};
    int exit_status = OD_EXIT_OK;
    od_status status = read_all(options, run, &faults, &error);
    if (status == OD_OK && faults.count > 0) {
        od_command_show_faults(options->spec != NULL ? options->spec : options->weights, &faults);
        exit_status = OD_EXIT_FAILED;
    } else if (status == OD_OK) {
        status = write_all(options, run, &error);
    }
    od_faults_fini(&faults);
    return status == OD_OK ? exit_status : od_command_fail(OD_EXIT_FAILED, "%s", error.text);
}

int od_worker_export(int argc, char **argv) {
    export_options options = {.out = ""};
    export_run run = {0};
    int done = parse_options(argc, argv, &options);
    if (done != 0) {
        return done - 1;
    }
    int exit_status = export(&options, &run);
    od_safetensors_fini(&run.tensors);
    od_weights_fini(&run.weights);
    od_model_free(run.model);
    return exit_status;
}
