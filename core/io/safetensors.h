// SPDX-License-Identifier: Apache-2.0
// safetensors: u64 little-endian header size, a JSON header {"name": {"dtype", "shape",
// "data_offsets"}, "__metadata__": {string: string}}, then the tensors without gaps.
#ifndef OD_CORE_IO_SAFETENSORS_H
#define OD_CORE_IO_SAFETENSORS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { OD_TENSOR_MAX_RANK = 8, OD_TENSOR_NAME_BYTES = 128 };

typedef enum od_dtype { OD_F32, OD_I64 } od_dtype;

// One named tensor in host memory. A view: owns nothing.
typedef struct od_named_tensor {
    char name[OD_TENSOR_NAME_BYTES];
    od_dtype dtype;
    int rank;
    int64_t shape[OD_TENSOR_MAX_RANK];
    void *data;
} od_named_tensor;

typedef struct od_metadata {
    const char *key, *value;
} od_metadata;

// Writes path by temp + fsync + rename. The bytes depend on the arguments alone.
od_status od_safetensors_write(const char *path, const od_named_tensor *tensors, size_t count,
                               const od_metadata *metadata, size_t metadata_count,
                               od_error *error) OD_MUST_CHECK;

typedef struct od_safetensors {
    od_named_tensor *tensors; // data points into bytes
    size_t count;
    char *metadata_json; // the "__metadata__" object as text, or NULL
    void *bytes;
} od_safetensors;

// Reads and checks the whole file: header size, JSON, dtypes, shapes, offsets without gap or
// overlap, exact file size. OD_E_CORRUPT says which.
od_status od_safetensors_read(const char *path, size_t max_bytes, od_safetensors *out,
                              od_error *error) OD_MUST_CHECK;
void od_safetensors_fini(od_safetensors *file);
const od_named_tensor *od_safetensors_find(const od_safetensors *file, const char *name);

#endif
