// SPDX-License-Identifier: Apache-2.0
// core/data/decode.c beside PIL: every kind of file gives PIL's pixels, to within one level; what is
// cut off or beyond the limits is refused; and no byte that is wrong does any harm.
#include "tests/parity/cmocka_headers.h"

#include "base/file.h"
#include "core/data/decode.h"
#include "core/rng/philox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 29, HEIGHT = 21, MOST_APART = 1 };

static const char *const jpegs[] = {"rgb420.jpg", "rgb422.jpg",      "rgb444.jpg", "gray.jpg",
                                    "cmyk.jpg",   "progressive.jpg", "ycck.jpg",   "turned.jpg"};
static const char *const pngs[] = {
    "rgb.png",      "rgba.png",          "rgb16.png",    "rgba16.png",
    "gray1.png",    "gray2.png",         "gray4.png",    "gray8.png",
    "gray16.png",   "graya.png",         "palette1.png", "palette4.png",
    "palette8.png", "palette-alpha.png", "rgb-key.png",  "interlaced.png"};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static od_buffer load(const char *name) {
    char path[512];
    od_buffer file = {0};
    od_error error = {0};
    snprintf(path, sizeof path, "%s/images/%s", PARITY_DATA, name);
    if (od_file_read(path, 1 << 20, &file, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return file;
}

static od_status decode(const od_buffer *file, const od_decode_hint *hint, od_image *out,
                        od_error *error) {
    return od_decode((const uint8_t *)file->data, file->size, hint, out, error);
}

static int ask_scale(void *ctx, int64_t width, int64_t height) {
    assert_int_equal(width, WIDTH);
    assert_int_equal(height, HEIGHT);
    return *(const int *)ctx;
}

// Decodes name, at 1/scale, and compares with PIL's pixels.
static void compare(const char *name, int scale) {
    char pixels[128];
    od_image image = {0};
    od_error error = {0};
    const od_decode_hint hint = {ask_scale, &scale};
    od_buffer file = load(name);
    snprintf(pixels, sizeof pixels, scale > 1 ? "%s.%d.rgb" : "%s.rgb", name, scale);
    od_buffer expected = load(pixels);
    if (decode(&file, scale > 1 ? &hint : NULL, &image, &error) != OD_OK) {
        fail_msg("%s: %s", name, error.text);
    }
    assert_int_equal(image.channels, 3);
    assert_int_equal(od_image_bytes(&image), expected.size);
    for (size_t i = 0; i < expected.size; i++) {
        int apart = abs(image.pixels[i] - (uint8_t)expected.data[i]);
        if (apart > MOST_APART) {
            fail_msg("%s: value %zu is %d; PIL has %d", pixels, i, image.pixels[i],
                     (uint8_t)expected.data[i]);
        }
    }
    od_image_fini(&image);
    od_buffer_fini(&expected);
    od_buffer_fini(&file);
}

static void jpeg_gives_the_pixels_of_pil(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(jpegs); i++) {
        compare(jpegs[i], 1);
    }
    compare("small.jpg", 1);
}

static void png_gives_the_pixels_of_pil(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pngs); i++) {
        compare(pngs[i], 1);
    }
}

static void jpeg_is_decoded_at_a_fraction(void **state) {
    (void)state;
    static const char *const names[] = {"rgb444.jpg", "gray.jpg", "cmyk.jpg"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (int scale = 2; scale <= 8; scale *= 2) {
            compare(names[i], scale);
        }
    }
}

static void memory_grows_and_stays(void **state) {
    (void)state;
    od_image image = {0};
    od_buffer large = load("rgb444.jpg");
    od_buffer small = load("small.jpg");
    assert_int_equal(decode(&large, NULL, &image, NULL), OD_OK);
    const uint8_t *pixels = image.pixels;
    assert_int_equal(decode(&small, NULL, &image, NULL), OD_OK);
    assert_int_equal(image.width, 1);
    assert_int_equal(decode(&large, NULL, &image, NULL), OD_OK);
    assert_ptr_equal(image.pixels, pixels);
    od_image_fini(&image);
    od_buffer_fini(&small);
    od_buffer_fini(&large);
}

// --- what is wrong ------------------------------------------------------------------------

static void expect(const od_buffer *file, od_status expected, const char *part) {
    od_image image = {0};
    od_error error = {0};
    od_status status = decode(file, NULL, &image, &error);
    if (status != expected || strstr(error.text, part) == NULL) {
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", status, error.text, expected, part);
    }
    od_image_fini(&image);
}

static void every_cut_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {"rgb420.jpg", "progressive.jpg", "rgb.png",
                                        "interlaced.png"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        od_buffer file = load(names[i]);
        while (file.size > 0) {
            // A copy that ends where the file does, so that a sanitizer sees a read beyond.
            file.size--;
            od_buffer cut = {0};
            assert_int_equal(od_buffer_append(&cut, file.data, file.size), OD_OK);
            expect(&cut, OD_E_CORRUPT, "the image is ");
            od_buffer_fini(&cut);
        }
        od_buffer_fini(&file);
    }
}

static void wrong_bytes_do_no_harm(void **state) {
    (void)state;
    enum { ROUNDS = 300 };
    od_image image = {0};
    od_philox stream;
    od_philox_init(&stream, 5, OD_PURPOSE_AUGMENT, 0, 0);
    const size_t count = COUNT_OF(jpegs) + COUNT_OF(pngs);
    for (size_t i = 0; i < count; i++) {
        od_buffer good = load(i < COUNT_OF(jpegs) ? jpegs[i] : pngs[i - COUNT_OF(jpegs)]);
        od_buffer file = load(i < COUNT_OF(jpegs) ? jpegs[i] : pngs[i - COUNT_OF(jpegs)]);
        for (int round = 0; round < ROUNDS; round++) {
            memcpy(file.data, good.data, good.size);
            for (int change = 0; change < 3; change++) {
                file.data[od_philox_below(&stream, (uint32_t)file.size)] =
                    (char)od_philox_next(&stream);
            }
            od_error error = {0};
            od_status status = decode(&file, NULL, &image, &error);
            assert_true(status == OD_OK || (error.status == status && *error.text != '\0'));
        }
        od_buffer_fini(&good);
        od_buffer_fini(&file);
    }
    od_image_fini(&image);
}

static void another_kind_of_file_is_refused(void **state) {
    (void)state;
    od_buffer file = {0};
    assert_int_equal(od_buffer_append_text(&file, "GIF89a"), OD_OK);
    expect(&file, OD_E_CORRUPT, "the image is neither JPEG nor PNG");
    file.size = 0;
    expect(&file, OD_E_CORRUPT, "the image is neither JPEG nor PNG");
    od_buffer_fini(&file);
}

// The sides of a JPEG stand behind the marker SOF0, big-endian, height first.
static void sides_have_limits(void **state) {
    (void)state;
    od_buffer file = load("rgb444.jpg");
    char *frame = memmem(file.data, file.size, "\xff\xc0", 2);
    assert_non_null(frame);
    memcpy(frame + 5, "\xff\xd0\xff\xd0", 4);
    expect(&file, OD_E_TOO_LARGE, "the image has 65488 x 65488 pixels; the limits are 65500 on a");
    memcpy(frame + 5, "\xff\xff\x00\x01", 4);
    expect(&file, OD_E_CORRUPT, "Maximum supported image dimension is 65500 pixels");
    od_buffer_fini(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_gives_the_pixels_of_pil),
        cmocka_unit_test(png_gives_the_pixels_of_pil),
        cmocka_unit_test(jpeg_is_decoded_at_a_fraction),
        cmocka_unit_test(memory_grows_and_stays),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(wrong_bytes_do_no_harm),
        cmocka_unit_test(another_kind_of_file_is_refused),
        cmocka_unit_test(sides_have_limits),
    };
    return cmocka_run_group_tests_name("images", tests, NULL, NULL);
}
