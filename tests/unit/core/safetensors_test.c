// SPDX-License-Identifier: Apache-2.0
// core/io/safetensors.c: what is written is read again, laid out as other readers expect it, and no
// hostile header gets through.
#include "core/io/safetensors.h"

#include "base/buffer.h"
#include "tests/unit/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static float weights[] = {1.5f, -2.0f, 0.0f, 3.25f, 5.0f, -0.0f};
static float scalar[] = {7.0f};
static int64_t tracked[] = {-(1ll << 60)};

static const od_named_tensor three[] = {
    {"blocks.0.weight", OD_F32, 2, {2, 3}, weights},
    {"a \"quoted\" name", OD_F32, 0, {0}, scalar},
    {"num_batches_tracked", OD_I64, 0, {0}, tracked},
};
static const od_metadata metadata[] = {{"step", "12"}, {"text", "a\n\"b\""}};
enum { LIMIT = 1 << 20 };

static void what_is_written_is_read(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_safetensors file;
    scratch_path(path, *state, "file");
    assert_int_equal(od_safetensors_write(path, three, 3, metadata, 2, NULL), OD_OK);
    assert_int_equal(od_safetensors_read(path, LIMIT, &file, NULL), OD_OK);
    assert_int_equal(file.count, 3);
    const od_named_tensor *found = od_safetensors_find(&file, "blocks.0.weight");
    assert_non_null(found);
    assert_int_equal(found->dtype, OD_F32);
    assert_int_equal(found->rank, 2);
    assert_int_equal(found->shape[0], 2);
    assert_int_equal(found->shape[1], 3);
    assert_memory_equal(found->data, weights, sizeof weights);
    assert_memory_equal(od_safetensors_find(&file, "a \"quoted\" name")->data, scalar, 4);
    assert_memory_equal(od_safetensors_find(&file, "num_batches_tracked")->data, tracked, 8);
    assert_null(od_safetensors_find(&file, "blocks.0"));
    assert_string_equal(file.metadata_json, "{\"step\":\"12\",\"text\":\"a\\n\\\"b\\\"\"}");
    od_safetensors_fini(&file);
}

static void read_bytes(const char *path, od_buffer *out) {
    assert_int_equal(od_file_read(path, LIMIT, out, NULL), OD_OK);
}

static void the_layout_is_the_published_one(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_buffer bytes = {0};
    scratch_path(path, *state, "file");
    assert_int_equal(od_safetensors_write(path, three, 2, NULL, 0, NULL), OD_OK);
    read_bytes(path, &bytes);
    static const char header[] =
        "{\"blocks.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"a \\\"quoted\\\" name\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]}}";
    uint64_t size;
    memcpy(&size, bytes.data, 8);
    assert_int_equal(size % 8, 0);
    assert_true(size >= sizeof header - 1 && size < sizeof header + 7);
    assert_memory_equal(bytes.data + 8, header, sizeof header - 1);
    for (size_t i = 8 + sizeof header - 1; i < 8 + size; i++) {
        assert_int_equal(bytes.data[i], ' ');
    }
    assert_int_equal(bytes.size, 8 + size + 28);
    assert_memory_equal(bytes.data + 8 + size, weights, sizeof weights);
    od_buffer_fini(&bytes);
}

static void the_bytes_depend_on_the_arguments_alone(void **state) {
    char a[SCRATCH_PATH_BYTES], b[SCRATCH_PATH_BYTES];
    od_buffer first = {0}, second = {0};
    assert_int_equal(
        od_safetensors_write(scratch_path(a, *state, "a"), three, 3, metadata, 2, NULL), OD_OK);
    scratch_write(*state, "b", "what stood there before", 23);
    assert_int_equal(
        od_safetensors_write(scratch_path(b, *state, "b"), three, 3, metadata, 2, NULL), OD_OK);
    read_bytes(a, &first);
    read_bytes(b, &second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    assert_int_equal(access(scratch_path(b, *state, "b.tmp"), F_OK), -1);
    od_buffer_fini(&first);
    od_buffer_fini(&second);
}

static void an_unwritable_place_leaves_nothing(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_error error = {0};
    scratch_path(path, *state, "none/file");
    assert_int_equal(od_safetensors_write(path, three, 3, NULL, 0, &error), OD_E_NOT_FOUND);
    assert_non_null(strstr(error.text, path));
    scratch_path(path, *state, "folder");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(od_safetensors_write(path, three, 3, NULL, 0, &error), OD_E_IO);
    assert_int_equal(access(scratch_path(path, *state, "folder.tmp"), F_OK), -1);
    // A disk without room.
    if (access("/dev/full", W_OK) == 0) {
        char link[SCRATCH_PATH_BYTES];
        scratch_path(path, *state, "full");
        assert_int_equal(symlink("/dev/full", scratch_path(link, *state, "full.tmp")), 0);
        assert_int_equal(od_safetensors_write(path, three, 3, NULL, 0, &error), OD_E_FULL);
        assert_non_null(strstr(error.text, "No space left on device"));
        assert_int_equal(access(path, F_OK), -1);
    }
}

// A file of header, padded to the size that prefix says (its length when 0), and data_bytes.
static void make(void **state, const char *header, uint64_t prefix, size_t data_bytes) {
    static const uint8_t data[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    od_buffer bytes = {0};
    uint64_t size = prefix != 0 ? prefix : strlen(header);
    assert_int_equal(od_buffer_append(&bytes, &size, 8), OD_OK);
    assert_int_equal(od_buffer_append_text(&bytes, header), OD_OK);
    assert_int_equal(od_buffer_append(&bytes, data, data_bytes), OD_OK);
    scratch_write(*state, "file", bytes.data, bytes.size);
    od_buffer_fini(&bytes);
}

static void tensors_are_aligned_whatever_the_offsets(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_safetensors file;
    make(state,
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"shape\":[1],\"data_offsets\":[4,12],\"dtype\":\"I64\"},"
         "\"none\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[12,12]}}  ",
         0, 12);
    assert_int_equal(od_safetensors_read(scratch_path(path, *state, "file"), LIMIT, &file, NULL),
                     OD_OK);
    const od_named_tensor *b = od_safetensors_find(&file, "b");
    assert_int_equal((uintptr_t)b->data % 8, 0);
    assert_int_equal(*(int64_t *)b->data, 0x0908070605);
    assert_int_equal(od_safetensors_find(&file, "none")->shape[1], 0);
    assert_null(file.metadata_json);
    od_safetensors_fini(&file);
}

#define F32(name, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" begin "," end "]}"

static void hostile_headers_are_refused(void **state) {
    static const struct {
        const char *header, *part;
        size_t data_bytes;
        od_status status; // 0: OD_E_CORRUPT
    } cases[] = {
        {"", "header: line 1, column 1", 0, 0},
        {"[]", "the header is no JSON object", 0, 0},
        {"{\"a\":1", "header: line 1", 0, 0},
        {"{} x", "header: line 1", 0, 0},
        {"{\"a\":1}", "\"a\" is no object of dtype", 0, 0},
        {"{\"a\":{}}", "\"a\" is no object of dtype", 0, 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", "no pair of whole numbers",
         4, 0},
        {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", "has no dtype", 4, 0},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
         "has dtype U8; F32, F16, BF16, F64 and I64 can be read", 4, OD_E_UNSUPPORTED},
        {"{" F32("a", "1", "0", "4") "," F32("a", "1", "4", "8") "}", "header: line 1", 8, 0},
        {"{" F32("a", "-1", "0", "4") "}", "not of whole numbers", 4, 0},
        {"{" F32("a", "1.5", "0", "6") "}", "not of whole numbers", 6, 0},
        {"{" F32("a", "\"1\"", "0", "4") "}", "not of whole numbers", 4, 0},
        {"{" F32("a", "4294967296,4294967296", "0", "0") "}", "too large", 0, 0},
        {"{" F32("a", "4611686018427387905", "0", "4") "}", "too large", 4, 0},
        {"{" F32("a", "1,1,1,1,1,1,1,1,1", "0", "4") "}", "no list of at most 8 sizes", 4, 0},
        {"{" F32("a", "1", "4", "0") "}", "data_offsets of \"a\" are 4, 0", 4, 0},
        {"{" F32("a", "2", "0", "8") "}", "the file has 4 bytes of data", 4, 0},
        {"{" F32("a", "1", "0", "1e300") "}", "no pair of whole numbers", 4, 0},
        {"{" F32("a", "2", "0", "4") "}", "\"a\" has 4 bytes; its shape needs 8", 4, 0},
        {"{" F32("a", "1", "0", "4") "," F32("b", "1", "0", "4") "}",
         "two tensors overlap at byte 0", 4, 0},
        {"{" F32("a", "2", "0", "8") "," F32("b", "2", "4", "12") "}",
         "two tensors overlap at byte 4", 12, 0},
        {"{" F32("a", "1", "0", "4") "," F32("b", "1", "8", "12") "}",
         "no tensor has the bytes at byte 4", 12, 0},
        {"{" F32("a", "1", "4", "8") "}", "no tensor has the bytes at byte 0", 8, 0},
        {"{" F32("a", "1", "0", "4") "}", "no tensor has the bytes at byte 4", 9, 0},
        {"{}", "no tensor has the bytes at byte 0", 1, 0},
        {"{\"__metadata__\":[]}", "__metadata__ is no object of strings", 0, 0},
        {"{\"__metadata__\":{\"a\":1}}", "__metadata__ is no object of strings", 0, 0},
    };
    char path[SCRATCH_PATH_BYTES];
    scratch_path(path, *state, "file");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        od_safetensors file;
        od_error error = {0};
        make(state, cases[i].header, 0, cases[i].data_bytes);
        od_status status = od_safetensors_read(path, LIMIT, &file, &error);
        od_status expected = cases[i].status != OD_OK ? cases[i].status : OD_E_CORRUPT;
        if (status != expected || error.status != expected ||
            strstr(error.text, cases[i].part) == NULL || strstr(error.text, path) != error.text) {
            fail_msg("%s: %d \"%s\"; expected \"%s\"", cases[i].header, status, error.text,
                     cases[i].part);
        }
        assert_null(file.tensors);
    }
}

static void long_names_are_refused(void **state) {
    char header[512], path[SCRATCH_PATH_BYTES];
    od_safetensors file;
    od_error error = {0};
    for (int length = OD_TENSOR_NAME_BYTES - 1; length <= OD_TENSOR_NAME_BYTES; length++) {
        snprintf(header, sizeof header,
                 "{\"%0*d\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", length, 0);
        make(state, header, 0, 4);
        od_status status =
            od_safetensors_read(scratch_path(path, *state, "file"), LIMIT, &file, &error);
        assert_int_equal(status, length < OD_TENSOR_NAME_BYTES ? OD_OK : OD_E_CORRUPT);
        od_safetensors_fini(&file);
    }
    assert_non_null(strstr(error.text, "more than 127 bytes"));
}

static void sizes_of_header_and_file_are_checked(void **state) {
    static const uint64_t prefixes[] = {3, 1u << 30, UINT64_MAX, (uint64_t)INT64_MAX + 1};
    char path[SCRATCH_PATH_BYTES];
    od_safetensors file;
    od_error error = {0};
    scratch_path(path, *state, "file");
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        make(state, "{}", prefixes[i], 0);
        assert_int_equal(od_safetensors_read(path, LIMIT, &file, &error), OD_E_CORRUPT);
        assert_non_null(strstr(error.text, "it can be at most 2"));
    }
    scratch_write(*state, "file", "1234567", 7);
    assert_int_equal(od_safetensors_read(path, LIMIT, &file, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "has 7 bytes"));
    make(state, "{}", 0, 0);
    assert_int_equal(od_safetensors_read(path, 9, &file, &error), OD_E_TOO_LARGE);
    assert_int_equal(od_safetensors_read(*state, LIMIT, &file, &error), OD_E_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(od_safetensors_read(path, LIMIT, &file, &error), OD_E_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(od_safetensors_read(path, LIMIT, &file, &error), OD_E_CORRUPT);
}

// --- bytes in memory, headers alone, other types ------------------------------------------

static void bytes_in_memory_are_as_good_as_a_file(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_buffer bytes = {0};
    od_safetensors file;
    od_error error = {0};
    scratch_path(path, *state, "file");
    assert_int_equal(od_safetensors_write(path, three, 3, metadata, 2, NULL), OD_OK);
    read_bytes(path, &bytes);
    assert_int_equal(od_safetensors_parse("it", bytes.data, bytes.size, &file, &error), OD_OK);
    assert_memory_equal(od_safetensors_find(&file, "blocks.0.weight")->data, weights,
                        sizeof weights);
    od_safetensors_fini(&file);
    for (size_t size = 0; size < bytes.size; size++) {
        char *cut = malloc(size + 1); // a sanitizer sees a read behind it
        assert_non_null(cut);
        memcpy(cut, bytes.data, size);
        char *exact = realloc(cut, size > 0 ? size : 1);
        assert_int_equal(od_safetensors_parse("it", exact, size, &file, &error), OD_E_CORRUPT);
        assert_ptr_equal(strstr(error.text, "it"), error.text);
        free(exact);
    }
    od_buffer_fini(&bytes);
}

static void a_header_is_read_alone(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_safetensors file;
    scratch_path(path, *state, "file");
    assert_int_equal(od_safetensors_write(path, three, 3, metadata, 2, NULL), OD_OK);
    assert_int_equal(od_safetensors_read_header(path, LIMIT, &file, NULL), OD_OK);
    assert_int_equal(file.count, 3);
    assert_null(file.bytes);
    assert_null(od_safetensors_find(&file, "blocks.0.weight")->data);
    assert_int_equal(od_safetensors_find(&file, "blocks.0.weight")->shape[1], 3);
    od_safetensors_fini(&file);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(od_safetensors_read_header(path, LIMIT, &file, NULL), OD_E_CORRUPT);
}

static void other_types_become_float32(void **state) {
    (void)state;
    static const char header[] =
        "{\"h\":{\"dtype\":\"F16\",\"shape\":[6],\"data_offsets\":[0,12]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[12,16]},"
        "\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[16,32]},"
        "\"i\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]},"
        "\"f\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[40,44]}}";
    // 1, -2, the largest, the smallest subnormal, minus zero, infinity; 1.5, NaN; 0.1, 1e300
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x7bff, 0x0001,
                                      0x8000, 0x7c00, 0x3fc0, 0x7fc0};
    static const double doubles[] = {0.1, 1e300};
    static const int64_t integer = -3;
    static const float single = 2.5F;
    const uint64_t size = sizeof header - 1;
    od_buffer bytes = {0};
    assert_int_equal(od_buffer_append(&bytes, &size, 8), OD_OK);
    assert_int_equal(od_buffer_append(&bytes, header, size), OD_OK);
    assert_int_equal(od_buffer_append(&bytes, halves, sizeof halves), OD_OK);
    assert_int_equal(od_buffer_append(&bytes, doubles, sizeof doubles), OD_OK);
    assert_int_equal(od_buffer_append(&bytes, &integer, 8), OD_OK);
    assert_int_equal(od_buffer_append(&bytes, &single, 4), OD_OK);
    od_safetensors file;
    assert_int_equal(od_safetensors_parse("it", bytes.data, bytes.size, &file, NULL), OD_OK);
    assert_int_equal(od_safetensors_find(&file, "h")->dtype, OD_F16);
    assert_int_equal(od_safetensors_to_f32(&file, NULL), OD_OK);
    const float *h = od_safetensors_find(&file, "h")->data;
    const float *b = od_safetensors_find(&file, "b")->data;
    const float *d = od_safetensors_find(&file, "d")->data;
    assert_int_equal(od_safetensors_find(&file, "h")->dtype, OD_F32);
    assert_true(h[0] == 1 && h[1] == -2 && h[2] == 65504 && h[3] == 0x1p-24F && isinf(h[5]));
    assert_true(h[4] == 0 && signbit(h[4]));
    assert_true(b[0] == 1.5F && isnan(b[1]));
    assert_true(d[0] == 0.1F && isinf(d[1]));
    assert_true(*(const int64_t *)od_safetensors_find(&file, "i")->data == -3);
    assert_true(*(const float *)od_safetensors_find(&file, "f")->data == 2.5F);
    od_safetensors_fini(&file);
    od_buffer_fini(&bytes);
}

static void a_file_can_be_put_together_in_parts(void **state) {
    char whole[SCRATCH_PATH_BYTES], parts[SCRATCH_PATH_BYTES];
    od_buffer first = {0}, second = {0};
    od_safetensors_writer *writer = NULL;
    scratch_path(whole, *state, "whole");
    scratch_path(parts, *state, "parts");
    assert_int_equal(od_safetensors_write(whole, three, 3, NULL, 0, NULL), OD_OK);
    assert_int_equal(od_safetensors_writer_new(parts, three, 3, NULL, 0, &writer, NULL), OD_OK);
    assert_int_equal(od_safetensors_writer_put(writer, 0, 8, weights + 2, 16, NULL), OD_OK);
    assert_int_equal(od_safetensors_writer_put(writer, 2, 0, tracked, 8, NULL), OD_OK);
    assert_int_equal(od_safetensors_writer_put(writer, 1, 0, scalar, 4, NULL), OD_OK);
    assert_int_equal(od_safetensors_writer_put(writer, 0, 0, weights, 8, NULL), OD_OK);
    assert_int_equal(access(parts, F_OK), -1);
    assert_int_equal(od_safetensors_writer_finish(writer, NULL), OD_OK);
    read_bytes(whole, &first);
    read_bytes(parts, &second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    od_buffer_fini(&first);
    od_buffer_fini(&second);
    scratch_path(parts, *state, "given up");
    assert_int_equal(od_safetensors_writer_new(parts, three, 3, NULL, 0, &writer, NULL), OD_OK);
    od_safetensors_writer_free(writer);
    assert_int_equal(access(parts, F_OK), -1);
    assert_int_equal(access(scratch_path(parts, *state, "given up.tmp"), F_OK), -1);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(what_is_written_is_read),
        IN_SCRATCH(the_layout_is_the_published_one),
        IN_SCRATCH(the_bytes_depend_on_the_arguments_alone),
        IN_SCRATCH(an_unwritable_place_leaves_nothing),
        IN_SCRATCH(tensors_are_aligned_whatever_the_offsets),
        IN_SCRATCH(hostile_headers_are_refused),
        IN_SCRATCH(long_names_are_refused),
        IN_SCRATCH(sizes_of_header_and_file_are_checked),
        IN_SCRATCH(bytes_in_memory_are_as_good_as_a_file),
        IN_SCRATCH(a_header_is_read_alone),
        cmocka_unit_test(other_types_become_float32),
        IN_SCRATCH(a_file_can_be_put_together_in_parts),
    };
    return cmocka_run_group_tests_name("core/io/safetensors", tests, NULL, NULL);
}
