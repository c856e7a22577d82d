// SPDX-License-Identifier: Apache-2.0
// ortho-worker features: what enters the classifier, for every sample of a split, as "features"
// [samples, width] float32 and "labels" [samples] int64. In a ViT that is the class token behind the
// last block, before the norm of the head; in a resnet the pooled channels. Each batch goes to the
// file as it comes.
#include "core/io/safetensors.h"
#include "worker/command.h"
#include "worker/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEATURES, LABELS, TENSORS };

typedef struct features_options {
    od_subject_options subject;
    const char *out;
} features_options;

typedef struct batch_memory {
    int64_t width;
    float *features; // [batch, width]
    int32_t *labels; // [batch]
    int64_t *wide;   // [batch]
} batch_memory;

static void print_help(void) {
    printf("Usage: ortho-worker features CHECKPOINT --out FILE.safetensors [OPTION]...\n\n"
           "Writes what enters the classifier for every sample: \"features\" [samples, width] and\n"
           "\"labels\" [samples] int64. In a ViT that is the class token behind the last block, "
           "before\nthe norm of the head; in a resnet the pooled channels.\n\n"
           "  --out FILE        is created\n"
           "  --split SPLIT     eval (default) or train, in file order and without augmentation\n"
           "%s",
           od_subject_help);
}

static int take_split(const char *text, od_split *out) {
    if (strcmp(text, "train") != 0 && strcmp(text, "eval") != 0) {
        od_command_fail(0, "--split is \"%s\"; give train or eval", text);
        return -1;
    }
    *out = strcmp(text, "train") == 0 ? OD_SPLIT_TRAIN : OD_SPLIT_EVAL;
    return 0;
}

static int take_option(int option, features_options *out) {
    switch (option) {
    case 'o':
        out->out = optarg;
        return 0;
    case 'S':
        return take_split(optarg, &out->subject.split);
    default:
        return od_subject_take(option, &out->subject);
    }
}

// 0, or an exit status + 1 when there is nothing more to do.
static int parse_options(int argc, char **argv, features_options *out) {
    static const struct option options[] = {OD_SUBJECT_OPTIONS,
                                            {"out", required_argument, NULL, 'o'},
                                            {"split", required_argument, NULL, 'S'},
                                            {NULL, 0, NULL, 0}};
    for (int option; (option = od_command_option(argc, argv, options)) != -1;) {
        if (option == 'h') {
            print_help();
            return 1 + OD_EXIT_OK;
        }
        if (take_option(option, out) != 0) {
            return 1 + OD_EXIT_USAGE;
        }
    }
    if (argc - optind != 1 || *out->out == '\0') {
        return 1 + od_command_fail(OD_EXIT_USAGE, "features: give one CHECKPOINT and --out FILE; "
                                                  "see ortho-worker features --help");
    }
    out->subject.weights = argv[optind];
    return 0;
}

// --- the work -----------------------------------------------------------------------------

static od_status put_batch(od_safetensors_writer *writer, const batch_memory *memory, int64_t first,
                           int64_t count, od_error *error) {
    const int64_t row = memory->width * (int64_t)sizeof *memory->features;
    for (int64_t i = 0; i < count; i++) {
        memory->wide[i] = memory->labels[i];
    }
    OD_TRY(od_safetensors_writer_put(writer, FEATURES, first * row, memory->features,
                                     (size_t)(count * row), error));
    return od_safetensors_writer_put(writer, LABELS, first * (int64_t)sizeof *memory->wide,
                                     memory->wide, (size_t)count * sizeof *memory->wide, error);
}

static od_status put_all(od_trainer *trainer, od_safetensors_writer *writer,
                         const batch_memory *memory, od_error *error) {
    int64_t first = 0, count = 0;
    for (int64_t i = 0; i < od_trainer_eval_batches(trainer); i++) {
        OD_TRY(od_trainer_features(trainer, i, memory->features, memory->labels, &count, error));
        OD_TRY(put_batch(writer, memory, first, count, error));
        first += count;
    }
    return OD_OK;
}

static od_status write_with(const od_subject *subject, const char *path, const batch_memory *memory,
                            od_error *error) {
    static const od_metadata metadata[] = {{"format", "pt"}};
    const int64_t samples = subject->data->count;
    const od_named_tensor tensors[TENSORS] = {
        [FEATURES] = {.name = "features", .rank = 2, .shape = {samples, memory->width}},
        [LABELS] = {.name = "labels", .dtype = OD_I64, .rank = 1, .shape = {samples}},
    };
    od_safetensors_writer *writer = NULL;
    OD_TRY(od_safetensors_writer_new(path, tensors, TENSORS, metadata, 1, &writer, error));
    od_status status = put_all(subject->trainer, writer, memory, error);
    if (status != OD_OK) {
        od_safetensors_writer_free(writer);
        return status;
    }
    return od_safetensors_writer_finish(writer, error);
}

static od_status write_features(const od_subject *subject, const char *path, od_error *error) {
    const size_t batch = (size_t)od_trainer_batch_size(subject->trainer);
    batch_memory memory = {.width = od_trainer_feature_width(subject->trainer)};
    memory.features = malloc(batch * (size_t)memory.width * sizeof *memory.features);
    memory.labels = malloc(batch * sizeof *memory.labels);
    memory.wide = malloc(batch * sizeof *memory.wide);
    od_status status = memory.features != NULL && memory.labels != NULL && memory.wide != NULL
                           ? write_with(subject, path, &memory, error)
                           : od_error_set(error, OD_E_NO_MEMORY, "no memory for a batch");
    free(memory.wide);
    free(memory.labels);
    free(memory.features);
    return status;
}

int od_worker_features(int argc, char **argv) {
    features_options options = {.subject.split = OD_SPLIT_EVAL, .out = ""};
    od_subject subject;
    od_error error = {0};
    int done = parse_options(argc, argv, &options);
    if (done != 0) {
        return done - 1;
    }
    if (access(options.out, F_OK) == 0) {
        return od_command_fail(OD_EXIT_FAILED, "%s is there already; give another --out",
                               options.out);
    }
    int exit_status = od_subject_open(&options.subject, &subject);
    if (exit_status == OD_EXIT_OK && write_features(&subject, options.out, &error) != OD_OK) {
        exit_status = od_command_fail(OD_EXIT_FAILED, "%s", error.text);
    }
    od_subject_close(&subject);
    return exit_status;
}
