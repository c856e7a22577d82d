// SPDX-License-Identifier: Apache-2.0
// core/data/idx.c: every way in which an IDX file can be wrong, plain and packed, on files made here.
#include "core/data/idx.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#define ZLIB_CONST // next_in points to what deflate only reads
#include <zlib.h>

#include <cmocka.h>

// Two images of 2 x 3.
static const uint8_t good[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0,  0,
                               0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255};
static const int64_t shape[] = {2, 3};
enum { HEADER = 16 };

static size_t pack(const void *bytes, size_t size, uint8_t *out, size_t out_size) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = bytes;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)out_size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return out_size - z.avail_out;
}

// Reads bytes from a file and expects a failure whose text contains part, from counting alone as
// well.
static void expect(void **state, const void *bytes, size_t size, od_status expected,
                   const char *part) {
    char path[SCRATCH_PATH_BYTES];
    od_idx idx = {0};
    od_error error = {0};
    scratch_write(*state, "file", bytes, size);
    od_status status = od_idx_read(scratch_path(path, *state, "file"), 3, shape, &idx, &error);
    if (status != expected || strstr(error.text, part) == NULL ||
        strstr(error.text, path) == NULL) {
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", status, error.text, expected, part);
    }
    assert_null(idx.bytes);
    int64_t count = -1;
    assert_int_equal(od_idx_check(path, 3, shape, &count, &error), expected);
    assert_non_null(strstr(error.text, part));
    assert_int_equal(count, -1);
}

static void expect_packed(void **state, const void *bytes, size_t size, const char *part) {
    uint8_t packed[256];
    expect(state, packed, pack(bytes, size, packed, sizeof packed), OD_E_CORRUPT, part);
}

static void check_good(void **state, const void *bytes, size_t size) {
    char path[SCRATCH_PATH_BYTES];
    od_idx idx = {0};
    scratch_write(*state, "file", bytes, size);
    assert_int_equal(od_idx_read(scratch_path(path, *state, "file"), 3, shape, &idx, NULL), OD_OK);
    assert_int_equal(idx.count, 2);
    assert_memory_equal(idx.bytes, good + HEADER, sizeof good - HEADER);
    free(idx.bytes);
    int64_t count = 0;
    assert_int_equal(od_idx_check(path, 3, shape, &count, NULL), OD_OK);
    assert_int_equal(count, 2);
}

static void plain_and_packed_read_the_same(void **state) {
    uint8_t packed[256];
    check_good(state, good, sizeof good);
    check_good(state, packed, pack(good, sizeof good, packed, sizeof packed));
    // Two gzip streams in a row are one file.
    size_t first = pack(good, 20, packed, sizeof packed);
    size_t second = pack(good + 20, sizeof good - 20, packed + first, sizeof packed - first);
    check_good(state, packed, first + second);
}

static void no_items_is_no_error(void **state) {
    static const uint8_t empty[] = {0, 0, 8, 1, 0, 0, 0, 0};
    char path[SCRATCH_PATH_BYTES];
    od_idx idx = {0};
    scratch_write(*state, "file", empty, sizeof empty);
    assert_int_equal(od_idx_read(scratch_path(path, *state, "file"), 1, NULL, &idx, NULL), OD_OK);
    assert_int_equal(idx.count, 0);
    free(idx.bytes);
}

static void every_cut_is_noticed(void **state) {
    for (size_t size = 0; size < sizeof good; size++) {
        const char *part = size < HEADER ? "ends within the IDX header" : "is truncated";
        expect(state, good, size, OD_E_CORRUPT, part);
        expect_packed(state, good, size, part);
    }
    expect(state, good, HEADER + 5, OD_E_CORRUPT,
           "is truncated: the header promises 12 bytes, there can be at most 5");
    expect_packed(state, good, HEADER + 5,
                  "is truncated: 5 bytes behind the header, which promises 12");
}

static void every_cut_of_the_gzip_stream_is_noticed(void **state) {
    uint8_t packed[256];
    size_t size = pack(good, sizeof good, packed, sizeof packed);
    for (size_t cut = 2; cut < size; cut++) {
        expect(state, packed, cut, OD_E_CORRUPT, "gzip stream is truncated");
    }
}

static void trailing_bytes_are_noticed(void **state) {
    uint8_t longer[sizeof good + 1] = {0};
    uint8_t packed[256];
    memcpy(longer, good, sizeof good);
    expect(state, longer, sizeof longer, OD_E_CORRUPT, "trailing bytes");
    expect_packed(state, longer, sizeof longer, "trailing bytes");
    size_t size = pack(good, sizeof good, packed, sizeof packed);
    static const uint8_t junk[] = {'j', 'u', 'n', 'k'};
    memcpy(packed + size, junk, sizeof junk);
    expect(state, packed, size + sizeof junk, OD_E_CORRUPT, "gzip stream is corrupt");
}

static void a_flipped_bit_in_the_gzip_stream_is_noticed(void **state) {
    uint8_t packed[256];
    size_t size = pack(good, sizeof good, packed, sizeof packed);
    char path[SCRATCH_PATH_BYTES];
    // From byte 10 on (before: the gzip header, whose time and flags do not matter).
    for (size_t i = 10; i < size; i++) {
        od_idx idx = {0};
        packed[i] ^= 0x10;
        scratch_write(*state, "file", packed, size);
        assert_int_equal(od_idx_read(scratch_path(path, *state, "file"), 3, shape, &idx, NULL),
                         OD_E_CORRUPT);
        packed[i] ^= 0x10;
    }
}

static void another_header_is_refused(void **state) {
    uint8_t bytes[sizeof good];
    static const struct {
        int at, value;
        const char *part;
    } cases[] = {
        {0, 1, "starts with 0x01000803"},
        {2, 9,
         "starts with 0x00000903; IDX of unsigned bytes in 3 dimensions starts with 0x00000803"},
        {3, 1, "starts with 0x00000801"},
        {11, 28, "dimension 2 is 28; expected 2"},
        {15, 2, "dimension 3 is 2; expected 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(bytes, good, sizeof good);
        bytes[cases[i].at] = (uint8_t)cases[i].value;
        expect(state, bytes, sizeof bytes, OD_E_CORRUPT, cases[i].part);
        expect_packed(state, bytes, sizeof bytes, cases[i].part);
    }
}

static void a_huge_promise_takes_no_memory(void **state) {
    uint8_t bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    memset(bytes + 4, 0xff, 4); // 4 Gi images of 6 bytes
    expect(state, bytes, sizeof bytes, OD_E_CORRUPT, "promises 25769803770 bytes");
    expect_packed(state, bytes, sizeof bytes, "promises 25769803770 bytes");
}

static void what_is_no_file_is_refused(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_idx idx = {0};
    od_error error = {0};
    assert_int_equal(od_idx_read(*state, 3, shape, &idx, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "is not a file but a folder"));
    assert_int_equal(od_idx_read(scratch_path(path, *state, "none"), 3, shape, &idx, &error),
                     OD_E_NOT_FOUND);
    assert_int_equal(mkfifo(scratch_path(path, *state, "pipe"), 0600), 0);
    assert_int_equal(od_idx_read(path, 3, shape, &idx, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "device, pipe or socket"));
    assert_null(idx.bytes);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(plain_and_packed_read_the_same),
        IN_SCRATCH(no_items_is_no_error),
        IN_SCRATCH(every_cut_is_noticed),
        IN_SCRATCH(every_cut_of_the_gzip_stream_is_noticed),
        IN_SCRATCH(trailing_bytes_are_noticed),
        IN_SCRATCH(a_flipped_bit_in_the_gzip_stream_is_noticed),
        IN_SCRATCH(another_header_is_refused),
        IN_SCRATCH(a_huge_promise_takes_no_memory),
        IN_SCRATCH(what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests_name("core/data/idx", tests, NULL, NULL);
}
