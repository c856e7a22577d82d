// SPDX-License-Identifier: Apache-2.0
// libjpeg reports errors by a function that must not return, so a decode is one function that is
// left by longjmp; what the jump passes over is libjpeg's own and freed by jpeg_destroy_decompress.
//
// Warnings (a wrong byte in the entropy-coded data, say) are no errors, as for PIL; but when the
// bytes run out libjpeg warns and makes up the rest, which is one here.
#include "core/data/decode.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h> // jpeglib.h needs it first

#include <jpeglib.h>

#include <jerror.h>

enum { MAX_SCANS = 500 }; // of a progressive file; each costs a pass over the whole image

typedef struct jpeg_run {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf stop;
    od_status status;
    char text[JMSG_LENGTH_MAX];
} jpeg_run;

static void on_error(j_common_ptr jpeg) {
    jpeg_run *run = jpeg->client_data;
    run->errors.format_message(jpeg, run->text);
    run->status = run->errors.msg_code == JERR_OUT_OF_MEMORY ? OD_E_NO_MEMORY : OD_E_CORRUPT;
    longjmp(run->stop, 1);
}

static void on_message(j_common_ptr jpeg, int level) {
    jpeg_run *run = jpeg->client_data;
    if (level < 0 && run->errors.msg_code == JWRN_JPEG_EOF) {
        on_error(jpeg);
    }
}

static void on_progress(j_common_ptr jpeg) {
    jpeg_run *run = jpeg->client_data;
    if (run->jpeg.input_scan_number > MAX_SCANS) {
        snprintf(run->text, sizeof run->text, "more than %d scans", MAX_SCANS);
        run->status = OD_E_CORRUPT;
        longjmp(run->stop, 1);
    }
}

static uint8_t times(unsigned a, unsigned b) { // a * b / 255, rounded
    unsigned product = a * b + 128;
    return (uint8_t)(((product >> 8) + product) >> 8);
}

// Of inverted CMYK, 255 being no ink.
static void rgb_of_cmyk(const uint8_t *cmyk, int64_t count, uint8_t *rgb) {
    for (int64_t i = 0; i < count; i++) {
        for (int c = 0; c < 3; c++) {
            const unsigned ink = times(255U - cmyk[4 * i + c], cmyk[4 * i + 3]);
            rgb[3 * i + c] = (uint8_t)(cmyk[4 * i + 3] - ink);
        }
    }
}

static void read_rows(jpeg_run *run, od_image *out) {
    struct jpeg_decompress_struct *jpeg = &run->jpeg;
    const bool cmyk = jpeg->out_color_space == JCS_CMYK;
    const size_t stride = (size_t)out->width * 3;
    JSAMPARRAY inks = cmyk ? jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE,
                                                     (JDIMENSION)out->width * 4, 1)
                           : NULL;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = out->pixels + jpeg->output_scanline * stride;
        jpeg_read_scanlines(jpeg, cmyk ? inks : &row, 1);
        if (cmyk) {
            rgb_of_cmyk(inks[0], out->width, row);
        }
    }
}

static od_status start(jpeg_run *run, const od_decode_hint *hint, od_image *out, od_error *error) {
    struct jpeg_decompress_struct *jpeg = &run->jpeg;
    jpeg_read_header(jpeg, TRUE);
    OD_TRY(od_decode_check_sides(jpeg->image_width, jpeg->image_height, error));
    if (hint != NULL) {
        jpeg->scale_num = 1;
        jpeg->scale_denom = (unsigned)hint->scale(hint->ctx, jpeg->image_width, jpeg->image_height);
    }
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    return od_image_resize(out, jpeg->output_width, jpeg->output_height, 3, error);
}

static od_status decode(jpeg_run *run, const uint8_t *bytes, size_t size,
                        const od_decode_hint *hint, od_image *out, od_error *error) {
    if (setjmp(run->stop) != 0) {
        return od_error_set(error, run->status, "the image is damaged: %s", run->text);
    }
    jpeg_create_decompress(&run->jpeg);
    run->jpeg.progress = &run->progress;
    jpeg_mem_src(&run->jpeg, bytes, (unsigned long)size);
    OD_TRY(start(run, hint, out, error));
    read_rows(run, out);
    jpeg_finish_decompress(&run->jpeg);
    return OD_OK;
}

od_status od_decode_jpeg(const uint8_t *bytes, size_t size, const od_decode_hint *hint,
                         od_image *out, od_error *error) {
    jpeg_run run = {.progress = {.progress_monitor = on_progress}};
    run.jpeg.err = jpeg_std_error(&run.errors);
    run.jpeg.client_data = &run;
    run.errors.error_exit = on_error;
    run.errors.emit_message = on_message;
    od_status status = decode(&run, bytes, size, hint, out, error);
    jpeg_destroy_decompress(&run.jpeg);
    return status;
}
