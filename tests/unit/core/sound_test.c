// SPDX-License-Identifier: Apache-2.0
// core/data/sound.c, and that a check of an IDX file does not trust it too far.
#include "core/data/sound.h"

#include "core/data/idx.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#define ZLIB_CONST // next_in points to what deflate only reads
#include <zlib.h>

#include <cmocka.h>

enum { ITEM_BYTES = 1024, ITEMS = 2048, SIZE = 16 + ITEMS * ITEM_BYTES, PACKED_SIZE = SIZE + 4096 };

static const int64_t shape[] = {32, 32};

static int with_cache(void **state) {
    char path[SCRATCH_PATH_BYTES];
    if (scratch_setup(state) != 0) {
        return -1;
    }
    unsetenv("CACHE_DIRECTORY");
    return setenv("XDG_CACHE_HOME", scratch_path(path, *state, "cache"), 1);
}

// An IDX file of ITEMS images, not deflated but in gzip. Returns its size.
static size_t make_packed(uint8_t *out) {
    uint8_t *plain = calloc(1, SIZE);
    assert_non_null(plain);
    const uint8_t header[] = {0, 0, 8, 3, 0, 0, ITEMS >> 8, 0, 0, 0, 0, 32, 0, 0, 0, 32};
    memcpy(plain, header, sizeof header);
    z_stream z = {.next_in = plain, .avail_in = SIZE, .next_out = out, .avail_out = PACKED_SIZE};
    assert_int_equal(deflateInit2(&z, 0, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    free(plain);
    return PACKED_SIZE - z.avail_out;
}

static bool is_known(const char *path) {
    od_sound version;
    od_sound_look(path, &version);
    return od_sound_is_known(&version);
}

// Makes a file that is known as sound, and tells its version.
static void remember(void **state, char path[SCRATCH_PATH_BYTES], od_sound *version) {
    static uint8_t bytes[PACKED_SIZE];
    scratch_write(*state, "file", bytes, sizeof bytes);
    od_sound_look(scratch_path(path, *state, "file"), version);
    assert_false(od_sound_is_known(version));
    od_sound_remember(version);
    assert_true(is_known(path));
}

static void another_size_is_another_version(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_sound version;
    remember(state, path, &version);
    assert_int_equal(truncate(path, PACKED_SIZE - 1), 0);
    assert_false(is_known(path));
}

static void a_changed_note_vouches_for_nothing(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_sound version;
    remember(state, path, &version);
    assert_int_equal(truncate(version.note_path, (off_t)version.note_bytes - 1), 0);
    assert_false(is_known(path));
}

static void small_and_missing_files_have_no_note(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_sound version;
    scratch_write(*state, "file", "x", 1);
    od_sound_look(scratch_path(path, *state, "file"), &version);
    assert_string_equal(version.note_path, "");
    od_sound_remember(&version);
    assert_false(od_sound_is_known(&version));
    od_sound_look(scratch_path(path, *state, "none"), &version);
    assert_string_equal(version.note_path, "");
}

static void a_check_reads_to_the_last_checksum_and_remembers_it(void **state) {
    static uint8_t packed[PACKED_SIZE];
    char path[SCRATCH_PATH_BYTES];
    od_error error = {0};
    int64_t count = 0;
    size_t size = make_packed(packed);
    packed[size / 2] ^= 1;
    scratch_write(*state, "file", packed, size);
    assert_int_equal(od_idx_check(scratch_path(path, *state, "file"), 3, shape, &count, &error),
                     OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "gzip stream is corrupt"));
    assert_false(is_known(path));
    packed[size / 2] ^= 1;
    scratch_write(*state, "file", packed, size);
    assert_int_equal(od_idx_check(path, 3, shape, &count, NULL), OD_OK);
    assert_int_equal(count, ITEMS);
    assert_true(is_known(path));
    count = 0;
    assert_int_equal(od_idx_check(path, 3, shape, &count, NULL), OD_OK);
    assert_int_equal(count, ITEMS);
}

#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, with_cache, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_CACHE(another_size_is_another_version),
        WITH_CACHE(a_changed_note_vouches_for_nothing),
        WITH_CACHE(small_and_missing_files_have_no_note),
        WITH_CACHE(a_check_reads_to_the_last_checksum_and_remembers_it),
    };
    return cmocka_run_group_tests_name("core/data/sound", tests, NULL, NULL);
}
