// SPDX-License-Identifier: Apache-2.0
// Tar archives: members lie within the file, one behind the other, and can be read.
#include "core/data/tar.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_member(od_tar *tar, const od_tar_member *member, int64_t *behind) {
    uint8_t last;
    FUZZ_CHECK(strlen(member->name) < OD_TAR_NAME_BYTES);
    FUZZ_CHECK(member->bytes >= 0 && member->offset >= *behind);
    FUZZ_CHECK(member->offset <= tar->size && member->bytes <= tar->size - member->offset);
    *behind = member->offset + member->bytes;
    FUZZ_CHECK(member->bytes == 0 || od_tar_read(tar, *behind - 1, &last, 1, NULL) == OD_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static od_tar tar;
    od_tar_member member;
    bool end = false;
    int64_t behind = 0;
    if (od_tar_open(&tar, fuzz_file(0, data, size), NULL) != OD_OK) {
        return 0;
    }
    while (od_tar_next(&tar, &member, &end, NULL) == OD_OK && !end) {
        check_member(&tar, &member, &behind);
    }
    od_tar_close(&tar);
    return 0;
}
