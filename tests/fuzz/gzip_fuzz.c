// SPDX-License-Identifier: Apache-2.0
// The same bytes, plain and packed by zlib, are the same IDX file; and where the first bytes say so,
// a packed byte is changed.
#include "core/data/idx.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <zlib.h>

enum { HEAD = 4, PACKED_BYTES = 1 << 17 };

static size_t pack(const uint8_t *data, size_t size, int level, uint8_t *out) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)size,
                  .next_out = out,
                  .avail_out = PACKED_BYTES};
    FUZZ_CHECK(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    FUZZ_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t packed = z.total_out;
    deflateEnd(&z);
    return packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t packed[PACKED_BYTES];
    if (size < HEAD || size > PACKED_BYTES / 2) {
        return 0;
    }
    size_t packed_size = pack(data + HEAD, size - HEAD, data[0] % 10, packed);
    if (data[1] != 0) {
        packed[(data[2] + 256U * data[3]) % packed_size] ^= data[1];
    }
    const char *plain_path = fuzz_file(0, data + HEAD, size - HEAD);
    const char *packed_path = fuzz_file(1, packed, packed_size);
    od_idx plain = {0}, unpacked = {0};
    od_status plain_status = od_idx_read(plain_path, 1, NULL, &plain, NULL);
    od_status status = od_idx_read(packed_path, 1, NULL, &unpacked, NULL);
    if (data[1] == 0) {
        FUZZ_CHECK((plain_status == OD_OK) == (status == OD_OK));
    }
    // A changed byte is found by the checksum, or has no meaning (the header's time, its system).
    if (status == OD_OK && plain_status == OD_OK) {
        FUZZ_CHECK(plain.count == unpacked.count);
        FUZZ_CHECK(plain.count == 0 ||
                   memcmp(plain.bytes, unpacked.bytes, (size_t)plain.count) == 0);
    }
    free(plain.bytes);
    free(unpacked.bytes);
    return 0;
}
