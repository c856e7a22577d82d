// SPDX-License-Identifier: Apache-2.0
// IDX files, plain and gzip. The first byte says which shape is wanted.
#include "core/data/idx.h"
#include "tests/fuzz/fuzz.h"

static const struct {
    int rank;
    int64_t shape[2];
} kinds[] = {{1, {0}}, {3, {28, 28}}, {3, {2, 3}}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    size_t kind = data[0] % (sizeof kinds / sizeof kinds[0]);
    const char *path = fuzz_file(0, data + 1, size - 1);
    od_idx idx = {0};
    int64_t count = -1;
    if (od_idx_read(path, kinds[kind].rank, kinds[kind].shape, &idx, NULL) != OD_OK) {
        return 0;
    }
    FUZZ_CHECK(od_idx_check(path, kinds[kind].rank, kinds[kind].shape, &count, NULL) == OD_OK);
    FUZZ_CHECK(count == idx.count && count >= 0);
    int64_t bytes =
        count * (kinds[kind].rank == 1 ? 1 : kinds[kind].shape[0] * kinds[kind].shape[1]);
    for (int64_t i = 0; i < bytes; i++) {
        data = idx.bytes[i] < 255 ? data : &data[1];
    }
    free(idx.bytes);
    return 0;
}
