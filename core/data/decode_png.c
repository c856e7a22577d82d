// SPDX-License-Identifier: Apache-2.0
// libpng reports errors by a function that must not return, as libjpeg does: see decode_jpeg.c.
#include "core/data/decode.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHUNK_BYTES = 8 << 20, MAX_CHUNKS = 1000 }; // other than pixels

typedef struct png_run {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t size, position;
    png_bytep *rows; // into the image or into wide
    png_bytep wide;  // 16-bit gray pixels before they are clipped
    char text[256];
} png_run;

static void on_error(png_structp png, png_const_charp text) {
    png_run *run = png_get_error_ptr(png);
    snprintf(run->text, sizeof run->text, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep out, png_size_t size) {
    png_run *run = png_get_io_ptr(png);
    if (size > run->size - run->position) {
        png_error(png, "the data is truncated");
    }
    memcpy(out, run->bytes + run->position, size);
    run->position += size;
}

static bool is_wide_gray(const png_run *run) {
    return png_get_color_type(run->png, run->info) == PNG_COLOR_TYPE_GRAY &&
           png_get_bit_depth(run->png, run->info) == 16;
}

// Eight bits of RGB whatever the file has; 16-bit gray stays what it is.
static void set_transforms(png_run *run) {
    png_set_palette_to_rgb(run->png);
    png_set_strip_alpha(run->png);
    if (!is_wide_gray(run)) {
        png_set_expand_gray_1_2_4_to_8(run->png);
        png_set_strip_16(run->png);
        png_set_gray_to_rgb(run->png);
    }
    png_set_interlace_handling(run->png);
    png_read_update_info(run->png, run->info);
}

static od_status make_rows(png_run *run, od_image *out, bool wide, od_error *error) {
    const size_t height = (size_t)out->height;
    const size_t stride = (size_t)out->width * (wide ? 2 : 3);
    run->rows = malloc(height * sizeof *run->rows);
    run->wide = wide ? malloc(height * stride) : NULL;
    if (run->rows == NULL || (wide && run->wide == NULL)) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for an image of %lld x %lld",
                            (long long)out->width, (long long)out->height);
    }
    for (size_t y = 0; y < height; y++) {
        run->rows[y] = (wide ? run->wide : out->pixels) + y * stride;
    }
    return OD_OK;
}

static void clip(const png_run *run, od_image *out) {
    for (int64_t i = 0; i < out->width * out->height; i++) {
        uint8_t level = run->wide[2 * i] > 0 ? 255 : run->wide[2 * i + 1];
        memset(out->pixels + 3 * i, level, 3);
    }
}

static od_status decode(png_run *run, od_image *out, od_error *error) {
    if (setjmp(png_jmpbuf(run->png)) != 0) {
        return od_error_set(error, OD_E_CORRUPT, "the image is damaged: %s", run->text);
    }
    png_set_read_fn(run->png, run, on_read);
    png_set_user_limits(run->png, OD_DECODE_MAX_SIDE, OD_DECODE_MAX_SIDE);
    png_set_chunk_cache_max(run->png, MAX_CHUNKS);
    png_set_chunk_malloc_max(run->png, MAX_CHUNK_BYTES);
    png_read_info(run->png, run->info);
    const png_uint_32 width = png_get_image_width(run->png, run->info);
    const png_uint_32 height = png_get_image_height(run->png, run->info);
    OD_TRY(od_decode_check_sides(width, height, error));
    OD_TRY(od_image_resize(out, width, height, 3, error));
    const bool wide = is_wide_gray(run);
    set_transforms(run);
    if (png_get_rowbytes(run->png, run->info) != (size_t)width * (wide ? 2 : 3)) {
        return od_error_set(error, OD_E_UNSUPPORTED, "the image is a PNG of an unknown kind");
    }
    OD_TRY(make_rows(run, out, wide, error));
    png_read_image(run->png, run->rows);
    png_read_end(run->png, NULL);
    if (wide) {
        clip(run, out);
    }
    return OD_OK;
}

od_status od_decode_png(const uint8_t *bytes, size_t size, od_image *out, od_error *error) {
    png_run run = {.bytes = bytes, .size = size};
    run.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &run, on_error, on_warning);
    run.info = run.png != NULL ? png_create_info_struct(run.png) : NULL;
    od_status status = run.info != NULL
                           ? decode(&run, out, error)
                           : od_error_set(error, OD_E_NO_MEMORY, "no memory to decode a PNG");
    png_destroy_read_struct(&run.png, &run.info, NULL);
    free(run.rows);
    free(run.wide);
    return status;
}
