// SPDX-License-Identifier: Apache-2.0
// core/data/image.c: who owns the pixels while an image changes its size.
#include "core/data/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void memory_grows_and_stays(void **state) {
    (void)state;
    od_image image = {0};
    assert_int_equal(od_image_resize(&image, 7, 5, 3, NULL), OD_OK);
    assert_int_equal(od_image_bytes(&image), 105);
    memset(image.pixels, 1, 105);
    const uint8_t *pixels = image.pixels;
    assert_int_equal(od_image_resize(&image, 2, 3, 1, NULL), OD_OK);
    assert_int_equal(od_image_bytes(&image), 6);
    assert_ptr_equal(image.pixels, pixels);
    assert_int_equal(od_image_resize(&image, 5, 7, 3, NULL), OD_OK);
    assert_ptr_equal(image.pixels, pixels);
    assert_int_equal(od_image_resize(&image, 50, 70, 3, NULL), OD_OK);
    memset(image.pixels, 1, 10500);
    od_image_fini(&image);
    assert_null(image.pixels);
    od_image_fini(&image);
}

static void a_view_is_left_alone(void **state) {
    (void)state;
    uint8_t pixels[4] = {1, 2, 3, 4};
    od_image image = {.width = 2, .height = 2, .channels = 1, .pixels = pixels};
    assert_int_equal(od_image_resize(&image, 1, 1, 1, NULL), OD_OK);
    assert_ptr_not_equal(image.pixels, pixels);
    image.pixels[0] = 9;
    assert_int_equal(pixels[0], 1);
    od_image_fini(&image);
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{0, 1, 1},     {1, 0, 3},     {-1, 1, 1},
                                       {1, 1, 0},     {1, 1, 2},     {1, 1, 4},
                                       {65536, 1, 1}, {1, 65536, 3}, {INT64_MAX, 2, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        od_image image = {0};
        od_error error = {0};
        assert_int_equal(od_image_resize(&image, sizes[i][0], sizes[i][1], sizes[i][2], &error),
                         OD_E_INVALID);
        assert_non_null(strstr(error.text, "sides are 1 to 65535"));
        assert_null(image.pixels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_grows_and_stays),
        cmocka_unit_test(a_view_is_left_alone),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests_name("core/data/image", tests, NULL, NULL);
}
