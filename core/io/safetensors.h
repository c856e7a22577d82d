// SPDX-License-Identifier: Apache-2.0
// safetensors: u64 little-endian header size, a JSON header {"name": {"dtype", "shape",
// "data_offsets"}, "__metadata__": {string: string}}, then the tensors without gaps.
#ifndef OD_CORE_IO_SAFETENSORS_H
#define OD_CORE_IO_SAFETENSORS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { OD_TENSOR_MAX_RANK = 8, OD_TENSOR_NAME_BYTES = 128 };

// orthod writes F32 and I64; the others are in files of other programs.
typedef enum od_dtype { OD_F32, OD_I64, OD_F16, OD_BF16, OD_F64, OD_DTYPES } od_dtype;

int64_t od_dtype_bytes(od_dtype dtype);    // of one value
const char *od_dtype_name(od_dtype dtype); // "F32"

// One named tensor in host memory. A view: owns nothing.
typedef struct od_named_tensor {
    char name[OD_TENSOR_NAME_BYTES];
    od_dtype dtype;
    int rank;
    int64_t shape[OD_TENSOR_MAX_RANK];
    void *data;
} od_named_tensor;

int64_t od_tensor_count(const od_named_tensor *tensor); // values
int64_t od_tensor_bytes(const od_named_tensor *tensor);

typedef struct od_metadata {
    const char *key, *value;
} od_metadata;

// Writes path by temp + fsync + rename. The bytes depend on the arguments alone.
od_status od_safetensors_write(const char *path, const od_named_tensor *tensors, size_t count,
                               const od_metadata *metadata, size_t metadata_count,
                               od_error *error) OD_MUST_CHECK;

// The same for tensors that are larger than memory: _new writes the header for tensors, whose data
// is not looked at, _put writes size bytes of number `index` from its byte `at` on, in any order,
// and _finish makes the file appear. Each byte is to be put once. _free abandons an unfinished file.
typedef struct od_safetensors_writer od_safetensors_writer;
od_status od_safetensors_writer_new(const char *path, const od_named_tensor *tensors, size_t count,
                                    const od_metadata *metadata, size_t metadata_count,
                                    od_safetensors_writer **out, od_error *error) OD_MUST_CHECK;
od_status od_safetensors_writer_put(od_safetensors_writer *writer, size_t index, int64_t at,
                                    const void *bytes, size_t size, od_error *error) OD_MUST_CHECK;
od_status od_safetensors_writer_finish(od_safetensors_writer *writer,
                                       od_error *error) OD_MUST_CHECK;
void od_safetensors_writer_free(od_safetensors_writer *writer); // NULL is fine

typedef struct od_safetensors {
    od_named_tensor *tensors; // data points into bytes
    size_t count;
    char *metadata_json; // the "__metadata__" object as text, or NULL
    void *bytes;
} od_safetensors;

// Reads and checks the whole file: header size, JSON, dtypes, shapes, offsets without gap or
// overlap, exact file size. OD_E_CORRUPT says which, OD_E_UNSUPPORTED names another dtype.
od_status od_safetensors_read(const char *path, size_t max_bytes, od_safetensors *out,
                              od_error *error) OD_MUST_CHECK;
// The same checks without reading the tensors: data is NULL.
od_status od_safetensors_read_header(const char *path, size_t max_bytes, od_safetensors *out,
                                     od_error *error) OD_MUST_CHECK;
// od_safetensors_read of a file that is in memory already; name stands for its path in errors.
// Borrows nothing.
od_status od_safetensors_parse(const char *name, const void *bytes, size_t size,
                               od_safetensors *out, od_error *error) OD_MUST_CHECK;
void od_safetensors_fini(od_safetensors *file);
const od_named_tensor *od_safetensors_find(const od_safetensors *file, const char *name);

// Turns F16, BF16 and F64 into F32, to nearest; what is out of range becomes infinite. With data
// NULL only the dtypes change.
od_status od_safetensors_to_f32(od_safetensors *file, od_error *error) OD_MUST_CHECK;

#endif
