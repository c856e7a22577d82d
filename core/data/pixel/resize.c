// SPDX-License-Identifier: Apache-2.0
// Pillow's two-pass resampling: each pass weighs the pixels under a filter that is as wide as the
// pixels it shrinks, with integer coefficients, and rounds to 8 bits. The horizontal pass covers
// the rows that the vertical one reads, and both only the window that is asked for.
#include "core/data/pixel/pixel.h"

#include <math.h>
#include <stdlib.h>

enum { COEFFICIENT_BITS = 32 - 8 - 2, BLOCK = 16 };

// One axis: output i is the sum over k < counts[i] of weights[i * room + k] * input[firsts[i] + k].
typedef struct axis {
    int64_t room, capacity;             // weights an output; outputs * room that fit
    int32_t *weights, *firsts, *counts; // of [capacity], [capacity], [capacity]
} axis;

struct od_pixel_resizer {
    axis across, down;
    od_image between; // box rows, out columns
    double *exact;    // [exact_capacity]: weights of one output before they are rounded
    int64_t exact_capacity;
};

// --- filters -------------------------------------------------------------------------------

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) {
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    }
    return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

static const struct {
    double support;
    double (*at)(double x);
} filters[] = {[OD_PIXEL_BILINEAR] = {1.0, bilinear}, [OD_PIXEL_BICUBIC] = {2.0, bicubic}};

// --- coefficients --------------------------------------------------------------------------

// How `in` pixels become `out`, of which [first, first + count) are wanted.
typedef struct span {
    int64_t in, out, first, count;
    od_pixel_filter filter;
} span;

static int32_t to_fixed(double weight) {
    const double scaled = weight * (1 << COEFFICIENT_BITS);
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

static void weigh(const span *s, int64_t i, axis *a, double *exact) {
    const double scale = (double)s->in / (double)s->out;
    const double stretch = scale < 1.0 ? 1.0 : scale;
    const double support = filters[s->filter].support * stretch;
    const double center = ((double)(s->first + i) + 0.5) * scale;
    const double from = center - support + 0.5, to = center + support + 0.5;
    const int64_t first = from < 0 ? 0 : (int64_t)from;
    const int64_t end = (int64_t)to < s->in ? (int64_t)to : s->in;
    const int64_t count = end - first;
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
        exact[k] = filters[s->filter].at(((double)(k + first) - center + 0.5) * (1.0 / stretch));
        sum += exact[k];
    }
    for (int64_t k = 0; k < count; k++) {
        a->weights[i * a->room + k] = to_fixed(sum != 0 ? exact[k] / sum : exact[k]);
    }
    a->firsts[i] = (int32_t)first;
    a->counts[i] = (int32_t)count;
}

static int32_t *grown(int32_t **values, int64_t count) {
    int32_t *larger = realloc(*values, (size_t)count * sizeof **values);
    *values = larger != NULL ? larger : *values;
    return larger;
}

static od_status make_room(od_pixel_resizer *r, axis *a, int64_t count, od_error *error) {
    const int64_t needed = count * a->room;
    if (needed > a->capacity) {
        if (grown(&a->weights, needed) == NULL || grown(&a->firsts, needed) == NULL ||
            grown(&a->counts, needed) == NULL) {
            return od_error_set(error, OD_E_NO_MEMORY, "no memory to scale an image");
        }
        a->capacity = needed;
    }
    if (a->room > r->exact_capacity) {
        double *exact = realloc(r->exact, (size_t)a->room * sizeof *exact);
        if (exact == NULL) {
            return od_error_set(error, OD_E_NO_MEMORY, "no memory to scale an image");
        }
        r->exact = exact;
        r->exact_capacity = a->room;
    }
    return OD_OK;
}

static od_status prepare(od_pixel_resizer *r, axis *a, const span *s, od_error *error) {
    const double scale = (double)s->in / (double)s->out;
    a->room = (int64_t)ceil(filters[s->filter].support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
    OD_TRY(make_room(r, a, s->count, error));
    for (int64_t i = 0; i < s->count; i++) {
        weigh(s, i, a, r->exact);
    }
    return OD_OK;
}

// --- passes --------------------------------------------------------------------------------

static const int32_t HALF = 1 << (COEFFICIENT_BITS - 1);

static uint8_t to_level(int32_t sum) {
    const int32_t level = sum >> COEFFICIENT_BITS;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void across_rgb(uint8_t *to, const uint8_t *row, const axis *a, int64_t width) {
    for (int64_t x = 0; x < width; x++) {
        const int32_t *weights = a->weights + x * a->room;
        const uint8_t *from = row + (int64_t)a->firsts[x] * 3;
        int32_t red = HALF, green = HALF, blue = HALF;
        for (int32_t k = 0; k < a->counts[x]; k++, from += 3) {
            red += weights[k] * from[0];
            green += weights[k] * from[1];
            blue += weights[k] * from[2];
        }
        *to++ = to_level(red);
        *to++ = to_level(green);
        *to++ = to_level(blue);
    }
}

static void across_gray(uint8_t *to, const uint8_t *row, const axis *a, int64_t width) {
    for (int64_t x = 0; x < width; x++) {
        const int32_t *weights = a->weights + x * a->room;
        const uint8_t *from = row + a->firsts[x];
        int32_t gray = HALF;
        for (int32_t k = 0; k < a->counts[x]; k++) {
            gray += weights[k] * from[k];
        }
        *to++ = to_level(gray);
    }
}

// Values [0, count) of an output row; `from` is their place in the first row that they come from,
// whose rows are `bytes` apart. count is known where this is inlined, so the loops are vectors.
static inline void down_values(uint8_t *to, const uint8_t *from, int64_t bytes,
                               const int32_t *weights, int32_t rows, int count) {
    int32_t sums[BLOCK];
    for (int i = 0; i < count; i++) {
        sums[i] = HALF;
    }
    for (int32_t k = 0; k < rows; k++, from += bytes) {
        for (int i = 0; i < count; i++) {
            sums[i] += weights[k] * from[i];
        }
    }
    for (int i = 0; i < count; i++) {
        to[i] = to_level(sums[i]);
    }
}

// Output row y.
static void down_row(uint8_t *to, const od_image *between, const axis *a, int64_t y,
                     int64_t first_row) {
    const int64_t bytes = between->width * between->channels;
    const uint8_t *from = between->pixels + (a->firsts[y] - first_row) * bytes;
    const int32_t *weights = a->weights + y * a->room;
    int64_t i = 0;
    for (; i + BLOCK <= bytes; i += BLOCK) {
        down_values(to + i, from + i, bytes, weights, a->counts[y], BLOCK);
    }
    for (; i < bytes; i++) {
        down_values(to + i, from + i, bytes, weights, a->counts[y], 1);
    }
}

od_status od_pixel_resize(od_image *out, const od_image *in, const od_pixel_scaling *scaling,
                          od_pixel_resizer *resizer, od_error *error) {
    const od_pixel_box *box = &scaling->box;
    const span width = {box->width, scaling->width, scaling->left, out->width, scaling->filter};
    const span height = {box->height, scaling->height, scaling->top, out->height, scaling->filter};
    axis *across = &resizer->across, *down = &resizer->down;
    od_image *between = &resizer->between;
    OD_TRY(prepare(resizer, across, &width, error));
    OD_TRY(prepare(resizer, down, &height, error));
    const int64_t first = down->firsts[0];
    const int64_t end = down->firsts[out->height - 1] + down->counts[out->height - 1];
    OD_TRY(od_image_resize(between, out->width, end - first, in->channels, error));
    const int64_t bytes = out->width * in->channels;
    for (int64_t y = 0; y < between->height; y++) {
        const uint8_t *row =
            in->pixels + ((box->top + first + y) * in->width + box->left) * in->channels;
        (in->channels == 3 ? across_rgb : across_gray)(between->pixels + y * bytes, row, across,
                                                       out->width);
    }
    for (int64_t y = 0; y < out->height; y++) {
        down_row(out->pixels + y * bytes, between, down, y, first);
    }
    return OD_OK;
}

// --- memory --------------------------------------------------------------------------------

od_status od_pixel_resizer_new(od_pixel_resizer **out, od_error *error) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to scale images");
    }
    return OD_OK;
}

static void axis_fini(axis *a) {
    free(a->weights);
    free(a->firsts);
    free(a->counts);
}

void od_pixel_resizer_free(od_pixel_resizer *resizer) {
    if (resizer != NULL) {
        axis_fini(&resizer->across);
        axis_fini(&resizer->down);
        od_image_fini(&resizer->between);
        free(resizer->exact);
        free(resizer);
    }
}
