// SPDX-License-Identifier: Apache-2.0
// core/data/tar.c: members of every kind that archives of data sets have, and archives that are cut
// off, damaged or made to do harm.
#include "core/data/tar.h"

#include "tests/unit/core/archive.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Walks the archive; the names of its files with their sizes and first bytes, "a:3=abc b:0=".
static od_status walk(void **state, const od_buffer *archive, char *out, size_t out_bytes,
                      od_error *error) {
    char path[SCRATCH_PATH_BYTES];
    static od_tar tar;
    size_t used = 0;
    *out = '\0';
    scratch_write(*state, "a.tar", archive->data, archive->size);
    assert_int_equal(od_tar_open(&tar, scratch_path(path, *state, "a.tar"), error), OD_OK);
    od_status status = OD_OK;
    for (bool end = false; status == OD_OK && !end;) {
        od_tar_member member;
        char text[8] = {0};
        status = od_tar_next(&tar, &member, &end, error);
        if (status == OD_OK && !end) {
            int64_t shown = member.bytes < 7 ? member.bytes : 7;
            assert_int_equal(od_tar_read(&tar, member.offset, text, shown, error), OD_OK);
            used +=
                (size_t)snprintf(out + used, out_bytes - used, "%s%s:%lld=%s", used > 0 ? " " : "",
                                 member.name, (long long)member.bytes, text);
        }
    }
    od_tar_close(&tar);
    return status;
}

static void expect_members(void **state, od_buffer *archive, const char *expected) {
    char members[1024];
    od_error error = {0};
    if (walk(state, archive, members, sizeof members, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    assert_string_equal(members, expected);
    od_buffer_fini(archive);
}

static void expect_fault(void **state, od_buffer *archive, od_status expected, const char *part) {
    char members[1024];
    od_error error = {0};
    od_status status = walk(state, archive, members, sizeof members, &error);
    if (status != expected || strstr(error.text, part) == NULL ||
        strstr(error.text, "a.tar: ") == NULL) {
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", status, error.text, expected, part);
    }
    od_buffer_fini(archive);
}

static void files_are_found_among_other_members(void **state) {
    od_buffer tar = {0};
    archive_add(&tar, '5', "folder/", "", 0);
    archive_add(&tar, '0', "folder/a", "abc", 3);
    archive_add(&tar, '2', "link", "", 0);
    archive_add(&tar, 'g', "global", "20 comment=anything\n", 20);
    archive_add(&tar, '0', "empty", "", 0);
    archive_add(&tar, '7', "b", "0123456789", 10);
    archive_end(&tar);
    expect_members(state, &tar, "folder/a:3=abc empty:0= b:10=0123456");
}

static void an_archive_without_members_is_one(void **state) {
    od_buffer tar = {0};
    archive_end(&tar);
    expect_members(state, &tar, "");
}

static void long_names_come_in_three_ways(void **state) {
    od_buffer tar = {0};
    char name[256];
    memset(name, 'n', 150);
    name[150] = '\0';
    archive_add(&tar, 'L', "././@LongLink", name, 151);
    archive_add(&tar, '0', "cut", "1", 1);
    archive_add(&tar, 'x', "pax", "19 path=p/long.jpg\n11 mtime=1\n", 30);
    archive_add(&tar, '0', "short", "2", 1);
    size_t at = tar.size;
    archive_add(&tar, '0', "name", "3", 1);
    memcpy(tar.data + at + 345, "prefix", 6);
    archive_seal(&tar, at);
    archive_add(&tar, '0', "after", "4", 1); // what was said of a member holds for no other
    archive_end(&tar);
    char expected[512];
    snprintf(expected, sizeof expected, "%s:1=1 p/long.jpg:1=2 prefix/name:1=3 after:1=4", name);
    expect_members(state, &tar, expected);
}

static void sizes_come_in_three_ways(void **state) {
    od_buffer tar = {0};
    archive_add(&tar, 'x', "pax", "9 size=3\n", 9);
    archive_add(&tar, '0', "a", "abc", 3);
    memcpy(tar.data + 1024 + 124, "00000000000", 11);
    archive_seal(&tar, 1024);
    size_t at = tar.size;
    archive_add(&tar, '0', "b", "xyz", 3);
    memcpy(tar.data + at + 124, "\x80\0\0\0\0\0\0\0\0\0\0\3", 12);
    archive_seal(&tar, at);
    archive_end(&tar);
    expect_members(state, &tar, "a:3=abc b:3=xyz");
}

static od_buffer small_archive(void) {
    od_buffer tar = {0};
    archive_add(&tar, 'x', "pax", "19 path=p/long.jpg\n11 mtime=1\n", 30);
    archive_add(&tar, '0', "a", "abc", 3);
    archive_add(&tar, 'L', "././@LongLink", "bb", 3);
    archive_add(&tar, '0', "b", "defg", 4);
    archive_end(&tar);
    return tar;
}

static void every_cut_is_noticed(void **state) {
    od_buffer whole = small_archive();
    for (size_t size = 0; size < whole.size - ARCHIVE_BLOCK; size += size % 512 < 500 ? 63 : 1) {
        od_buffer tar = small_archive();
        tar.size = size;
        expect_fault(state, &tar, OD_E_CORRUPT, "the archive is damaged: get it anew");
    }
    od_buffer_fini(&whole);
}

static void a_changed_header_is_noticed(void **state) {
    static const size_t headers[] = {0, 1024, 2048, 3072};
    for (size_t h = 0; h < 4; h++) {
        for (size_t i = 0; i < 512; i += i == 147 ? 9 : 1) { // the checksum's own bytes are free
            od_buffer tar = small_archive();
            tar.data[headers[h] + i] = (char)(tar.data[headers[h] + i] ^ 1);
            expect_fault(state, &tar, OD_E_CORRUPT, "a header's checksum is wrong");
        }
    }
}

// A member called name whose field at offset holds text, in an archive that ends well.
static od_buffer with_field(size_t offset, const char *text, size_t size) {
    od_buffer tar = {0};
    archive_add(&tar, '0', "name", "data", 4);
    memcpy(tar.data + offset, text, size);
    archive_seal(&tar, 0);
    archive_end(&tar);
    return tar;
}

static void sizes_that_cannot_be_are_refused(void **state) {
    static const struct {
        const char *text;
        size_t size;
    } sizes[] = {{"77777777777", 11},
                 {"00000004001", 11},
                 {"0000000000x", 11},
                 {"-0000000004", 11},
                 {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12},
                 {"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        od_buffer tar = with_field(124, sizes[i].text, sizes[i].size);
        expect_fault(state, &tar, OD_E_CORRUPT, "a member reaches beyond the end at byte 0");
    }
}

static void unknown_kinds_are_refused(void **state) {
    od_buffer tar = with_field(156, "S", 1);
    expect_fault(state, &tar, OD_E_UNSUPPORTED, "has a member of type 'S' at byte 0");
    tar = with_field(156, "\x1b", 1);
    expect_fault(state, &tar, OD_E_UNSUPPORTED, "has a member of type '?' at byte 0");
    tar = (od_buffer){0};
    archive_add(&tar, 'x', "pax", "22 GNU.sparse.major=1\n", 22);
    archive_add(&tar, '0', "a", "abc", 3);
    archive_end(&tar);
    expect_fault(state, &tar, OD_E_UNSUPPORTED, "has a sparse file at byte 0");
}

static void extended_headers_that_cannot_be_are_refused(void **state) {
    static const char *const records[] = {"0 path=a\n",   "99999999999999999999999 path=a\n",
                                          "900 path=a\n", "10 path=ab\n",
                                          "x path=a\n",   "9 path a\n",
                                          "4 =\n",        "9path=ab\n",
                                          "3 \n",         "-9 path=a\n"};
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        od_buffer tar = {0};
        archive_add(&tar, 'x', "pax", records[i], strlen(records[i]));
        archive_add(&tar, '0', "a", "abc", 3);
        archive_end(&tar);
        expect_fault(state, &tar, OD_E_CORRUPT, "an extended header has a wrong record");
    }
    static const char *const sizes[] = {"11 size=-1\n", "10 size=x\n", "8 size=\n"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        od_buffer tar = {0};
        archive_add(&tar, 'x', "pax", sizes[i], strlen(sizes[i]));
        archive_end(&tar);
        expect_fault(state, &tar, OD_E_CORRUPT, "an extended header has a wrong ");
    }
}

static void names_have_a_limit(void **state) {
    static char name[OD_TAR_NAME_BYTES + 1];
    static char much[(1 << 16) + 1];
    memset(name, 'n', OD_TAR_NAME_BYTES);
    od_buffer tar = {0};
    archive_add(&tar, 'L', "long", name, OD_TAR_NAME_BYTES);
    archive_end(&tar);
    expect_fault(state, &tar, OD_E_CORRUPT, "a name is empty or too long at byte 0");
    archive_add(&tar, 'L', "long", "", 0);
    archive_end(&tar);
    expect_fault(state, &tar, OD_E_CORRUPT, "a name is empty or too long at byte 0");
    archive_add(&tar, 'x', "pax", much, sizeof much);
    archive_end(&tar);
    expect_fault(state, &tar, OD_E_CORRUPT, "an extended header is larger than 64 KiB");
}

static void what_is_no_file_is_refused(void **state) {
    static od_tar tar;
    od_error error = {0};
    assert_int_equal(od_tar_open(&tar, *state, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "is not a file"));
    assert_int_equal(od_tar_open(&tar, "/nonexistent.tar", &error), OD_E_NOT_FOUND);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(files_are_found_among_other_members),
        IN_SCRATCH(an_archive_without_members_is_one),
        IN_SCRATCH(long_names_come_in_three_ways),
        IN_SCRATCH(sizes_come_in_three_ways),
        IN_SCRATCH(every_cut_is_noticed),
        IN_SCRATCH(a_changed_header_is_noticed),
        IN_SCRATCH(sizes_that_cannot_be_are_refused),
        IN_SCRATCH(unknown_kinds_are_refused),
        IN_SCRATCH(extended_headers_that_cannot_be_are_refused),
        IN_SCRATCH(names_have_a_limit),
        IN_SCRATCH(what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests_name("core/data/tar", tests, NULL, NULL);
}
