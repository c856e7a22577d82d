// SPDX-License-Identifier: Apache-2.0
// safetensors files: every tensor of a file that was read lies inside it, the header alone says the
// same, what was read can be written and read again, and all of it becomes F32.
#include "core/io/safetensors.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 };

static void check_tensor(const od_named_tensor *tensor, const od_safetensors *file, size_t size) {
    const uint8_t *start = file->bytes;
    const uint8_t *at = tensor->data;
    int64_t bytes = od_tensor_bytes(tensor);
    FUZZ_CHECK(bytes >= 0 && bytes == od_tensor_count(tensor) * od_dtype_bytes(tensor->dtype));
    FUZZ_CHECK(bytes == 0 || (at >= start && (size_t)bytes <= size));
    FUZZ_CHECK(strlen(tensor->name) < sizeof tensor->name);
}

static void expect_equal(const od_safetensors *file, const od_safetensors *other, bool data) {
    FUZZ_CHECK(other->count == file->count);
    for (size_t i = 0; i < file->count; i++) {
        const od_named_tensor *a = &file->tensors[i];
        const od_named_tensor *b = od_safetensors_find(other, a->name);
        FUZZ_CHECK(b != NULL && b->dtype == a->dtype && b->rank == a->rank);
        FUZZ_CHECK(od_tensor_bytes(a) == od_tensor_bytes(b));
        size_t bytes = data ? (size_t)od_tensor_bytes(a) : 0;
        FUZZ_CHECK(bytes == 0 || memcmp(a->data, b->data, bytes) == 0);
    }
}

static void write_again(const od_safetensors *file) {
    od_safetensors again = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/again", fuzz_folder("again", NULL, 0));
    FUZZ_CHECK(od_safetensors_write(path, file->tensors, file->count, NULL, 0, NULL) == OD_OK);
    FUZZ_CHECK(od_safetensors_read(path, MAX_BYTES, &again, NULL) == OD_OK);
    expect_equal(file, &again, true);
    od_safetensors_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    od_safetensors file = {0};
    od_safetensors header = {0};
    const char *path = fuzz_file(0, data, size);
    od_status status = od_safetensors_parse("fuzz", data, size, &file, NULL);
    FUZZ_CHECK(od_safetensors_read_header(path, MAX_BYTES, &header, NULL) == status);
    if (status == OD_OK) {
        for (size_t i = 0; i < file.count; i++) {
            check_tensor(&file.tensors[i], &file, size);
        }
        expect_equal(&file, &header, false);
        write_again(&file);
        FUZZ_CHECK(od_safetensors_to_f32(&file, NULL) == OD_OK);
    }
    od_safetensors_fini(&header);
    od_safetensors_fini(&file);
    return 0;
}
