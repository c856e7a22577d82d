// SPDX-License-Identifier: Apache-2.0
// ortho-worker eval: validates weights once more, or on other data.
#include "base/json.h"
#include "worker/command.h"
#include "worker/subject.h"

#include <stdio.h>
#include <stdlib.h>

static void print_help(void) {
    printf("Usage: ortho-worker eval CHECKPOINT [OPTION]...\n\n"
           "Evaluates weights and prints {\"loss\", \"acc@1\", \"acc@5\", \"samples\", "
           "\"checkpoint\", \"dataset\"}.\n"
           "CHECKPOINT is a folder of a run's checkpoints, a run's folder, a file\n"
           "model.safetensors or a folder of Hugging Face's. Without options the numbers are those "
           "of\nthe run's own validation, bit for bit.\n\n%s",
           od_subject_help);
}

// 0, or an exit status + 1 when there is nothing more to do.
static int parse_options(int argc, char **argv, od_subject_options *out) {
    static const struct option options[] = {OD_SUBJECT_OPTIONS, {NULL, 0, NULL, 0}};
    for (int option; (option = od_command_option(argc, argv, options)) != -1;) {
        if (option == 'h') {
            print_help();
            return 1 + OD_EXIT_OK;
        }
        if (od_subject_take(option, out) != 0) {
            return 1 + OD_EXIT_USAGE;
        }
    }
    if (argc - optind != 1) {
        return 1 + od_command_fail(OD_EXIT_USAGE, "eval: give one CHECKPOINT; see ortho-worker "
                                                  "eval --help");
    }
    out->weights = argv[optind];
    return 0;
}

static int print(const od_subject *subject, const char *weights, const od_eval_result *result) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToObject(object, "loss", od_json_number(result->loss));
    cJSON_AddItemToObject(object, "acc@1", od_json_number(result->acc1));
    cJSON_AddItemToObject(object, "acc@5", od_json_number(result->acc5));
    cJSON_AddNumberToObject(object, "samples", (double)result->samples);
    cJSON_AddStringToObject(object, "checkpoint", weights);
    cJSON_AddStringToObject(object, "dataset", subject->job.spec.data.dataset);
    char *text = od_json_print(object);
    cJSON_Delete(object);
    if (text == NULL) {
        return od_command_fail(OD_EXIT_FAILED, "no memory to print the result");
    }
    const bool written = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    return written ? OD_EXIT_OK
                   : od_command_fail(OD_EXIT_FAILED, "cannot write the result to standard output");
}

int od_worker_eval(int argc, char **argv) {
    od_subject_options options = {.split = OD_SPLIT_EVAL};
    od_subject subject;
    od_eval_result result;
    od_error error = {0};
    int done = parse_options(argc, argv, &options);
    if (done != 0) {
        return done - 1;
    }
    int exit_status = od_subject_open(&options, &subject);
    if (exit_status == OD_EXIT_OK) {
        exit_status = od_trainer_evaluate(subject.trainer, &result, &error) == OD_OK
                          ? print(&subject, options.weights, &result)
                          : od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    od_subject_close(&subject);
    return exit_status;
}
