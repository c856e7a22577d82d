// SPDX-License-Identifier: Apache-2.0
// What eval, features and export are about: weights, and the spec that they belong to. Weights are
// a checkpoint's folder, a run's folder, a file model.safetensors or a folder of Hugging Face's.
//
// The spec is --spec, else the spec.json of the run that the weights lie in. Weights that carry
// their own config.json need no spec but a data set.
#ifndef OD_WORKER_SUBJECT_H
#define OD_WORKER_SUBJECT_H

#include "worker/command.h"
#include "worker/job.h"

#include <stdbool.h>

typedef struct od_subject_options {
    const char *weights, *spec, *dataset, *root, *backend, *blas; // NULL: not given
    long limit, batch, threads;                                   // 0: not given, or no limit
    bool has_limit;
    od_split split; // whose samples stand in for the evaluation split
} od_subject_options;

// The long options that fill it; --help comes with them. A command's own come behind.
#define OD_SUBJECT_OPTIONS                                                                      \
    {"help", no_argument, NULL, 'h'}, {"spec", required_argument, NULL, 's'},                   \
        {"dataset", required_argument, NULL, 'd'}, {"root", required_argument, NULL, 'r'},      \
        {"limit", required_argument, NULL, 'l'}, {"batch", required_argument, NULL, 'n'},       \
        {"threads", required_argument, NULL, 't'}, {"backend", required_argument, NULL, 'b'}, { \
        "blas", required_argument, NULL, 'B'                                                    \
    }
extern const char od_subject_help[]; // of these options

// 0 when option was one of them and its value is fine, else -1.
int od_subject_take(int option, od_subject_options *out);

// A trainer with the weights in it that can evaluate and do nothing else.
typedef struct od_subject {
    od_job job;
    od_dataset *data;
    od_trainer *trainer;
} od_subject;

// An exit status; says what is wrong.
int od_subject_open(const od_subject_options *options, od_subject *out);
void od_subject_close(od_subject *subject); // {0} is fine

// The spec's JSON, as it stands. *out is NULL, with OD_OK, where there is none to be found.
od_status od_subject_find_spec(const char *weights, const char *spec, cJSON **out,
                               od_error *error) OD_MUST_CHECK;

// Where the weights are a checkpoint of ours: OD_E_CORRUPT when its model is not what its state.json
// says. Fills the backend and the threads that computed it, else "" and 0, and its step; is_final:
// that is the run's last one.
typedef struct od_subject_machine {
    char backend[16];
    int threads;
    int64_t step;
    bool is_final;
} od_subject_machine;
od_status od_subject_verify(const char *weights, od_subject_machine *out,
                            od_error *error) OD_MUST_CHECK;

#endif
