// SPDX-License-Identifier: Apache-2.0
// state.json of a checkpoint: where the run stands, and what its files have to be like.
//
// {"v": 1, "step", "epoch", "spec": checksum of the spec, "backend", "threads",
//  "interval": {"steps", "loss_sum", "accuracy_sum"}, "accuracy",
//  "files": {"model.safetensors": {"bytes", "crc32"}, "optimizer.safetensors": {…}}}
// A checkpoint to go on from has `interval` and both files, the best one has `accuracy` and the
// model alone.
#ifndef OD_WORKER_STATE_H
#define OD_WORKER_STATE_H

#include "worker/meter.h"

enum { OD_STATE_SUM_BYTES = 9, OD_STATE_BACKEND_BYTES = 16 };

typedef enum od_state_file { OD_STATE_MODEL, OD_STATE_OPTIMIZER, OD_STATE_FILES } od_state_file;
extern const char *const od_state_file_names[OD_STATE_FILES];

typedef struct od_file_sum {
    bool is_there;
    int64_t bytes;
    char crc32[OD_STATE_SUM_BYTES]; // eight hexadecimal digits
} od_file_sum;

typedef struct od_state {
    int64_t step, epoch;
    char spec[OD_STATE_SUM_BYTES];
    char backend[OD_STATE_BACKEND_BYTES];
    int threads;
    bool has_interval;
    od_meter meter;
    double accuracy; // val/acc@1; negative: there is none
    od_file_sum files[OD_STATE_FILES];
} od_state;

// OD_E_SYNTAX or OD_E_CORRUPT: the bytes are no state.json of this version.
od_status od_state_parse(const char *text, size_t size, od_state *out,
                         od_error *error) OD_MUST_CHECK;
od_status od_state_read(const char *folder, od_state *out, od_error *error) OD_MUST_CHECK;
// Publishes folder/state.json.
od_status od_state_write(const char *folder, const od_state *state, od_error *error) OD_MUST_CHECK;

// Reads folder's file and keeps its size and checksum in state.
od_status od_state_sum(od_state *state, const char *folder, od_state_file file,
                       od_error *error) OD_MUST_CHECK;
// OD_E_CORRUPT: folder's file is not the one that state tells of.
od_status od_state_check(const od_state *state, const char *folder, od_state_file file,
                         od_error *error) OD_MUST_CHECK;

// The checksum of a spec, whatever the order of its keys.
od_status od_state_sum_spec(const cJSON *spec, char out[OD_STATE_SUM_BYTES],
                            od_error *error) OD_MUST_CHECK;

#endif
