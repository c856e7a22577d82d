// SPDX-License-Identifier: Apache-2.0
#include "core/data/mixup.h"

#include "core/rng/philox.h"

#include <math.h>

// --- drawing -------------------------------------------------------------------------------

static double unit(od_philox *stream) { // (0, 1]: has a logarithm
    return ((double)od_philox_next(stream) + 1.0) * 0x1p-32;
}

// The logarithm of a draw from the gamma distribution of shape alpha: Marsaglia and Tsang, "A
// simple method for generating gamma variables", whose boost for alpha < 1 underflows but in
// logarithms.
static double draw_log_gamma(od_philox *stream, double alpha) {
    const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3;
    const double c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = (double)od_philox_normal(stream);
        const double v = pow(1 + c * x, 3);
        const double u = unit(stream);
        if (v > 0 && log(u) < x * x / 2 + d - d * v + d * log(v)) {
            return log(d * v) + (alpha < 1 ? log(unit(stream)) / alpha : 0);
        }
    }
}

static double draw_beta(od_philox *stream, double alpha) {
    const double own = draw_log_gamma(stream, alpha), other = draw_log_gamma(stream, alpha);
    return 1 / (1 + exp(other - own));
}

static int64_t within(int64_t i, int64_t size) {
    return i < 0 ? 0 : i > size ? size : i;
}

// timm's rand_bbox: a box of 1 - lambda of the area, cut off at the image's borders.
static void draw_box(od_philox *stream, int64_t size, od_mixup *out) {
    const int64_t half = (int64_t)((double)size * sqrt(1 - out->lambda)) / 2;
    const int64_t row = od_philox_below(stream, (uint32_t)size);
    const int64_t column = od_philox_below(stream, (uint32_t)size);
    out->top = within(row - half, size);
    out->bottom = within(row + half, size);
    out->left = within(column - half, size);
    out->right = within(column + half, size);
    const int64_t area = (out->bottom - out->top) * (out->right - out->left);
    out->lambda = 1 - (double)area / (double)(size * size);
}

od_mixup od_mixup_draw(const od_mixup_spec *spec, uint64_t seed, int64_t epoch, int64_t batch,
                       int64_t size) {
    od_mixup mixup = {.lambda = 1};
    od_philox stream;
    od_philox_init(&stream, seed, OD_PURPOSE_MIXUP, (uint32_t)epoch, (uint64_t)batch);
    if ((double)od_philox_uniform(&stream) >= spec->prob) {
        return mixup;
    }
    mixup.is_cutmix = spec->alpha <= 0;
    if (spec->alpha > 0 && spec->cutmix_alpha > 0) {
        mixup.is_cutmix = (double)od_philox_uniform(&stream) < spec->switch_prob;
    }
    mixup.lambda = draw_beta(&stream, mixup.is_cutmix ? spec->cutmix_alpha : spec->alpha);
    if (mixup.is_cutmix) {
        draw_box(&stream, size, &mixup);
    }
    return mixup;
}

// --- mixing --------------------------------------------------------------------------------

static void blend(float *a, float *b, int64_t count, float own, float other) {
    for (int64_t i = 0; i < count; i++) {
        const float mixed = a[i] * own + b[i] * other;
        b[i] = b[i] * own + a[i] * other;
        a[i] = mixed;
    }
}

static void exchange(float *a, float *b, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

void od_mixup_images(const od_mixup *mixup, float *images, int64_t n, int64_t size,
                     int64_t channels) {
    const int64_t row = size * channels, image = size * row;
    const float own = (float)mixup->lambda, other = (float)(1 - mixup->lambda);
    for (int64_t i = 0; i < n / 2 && mixup->lambda < 1; i++) {
        float *a = images + i * image, *b = images + (n - 1 - i) * image;
        if (!mixup->is_cutmix) {
            blend(a, b, image, own, other);
            continue;
        }
        for (int64_t y = mixup->top; y < mixup->bottom; y++) {
            const int64_t first = y * row + mixup->left * channels;
            exchange(a + first, b + first, (mixup->right - mixup->left) * channels);
        }
    }
}

void od_mixup_targets(const od_mixup *mixup, float *targets, const int32_t *labels, int64_t n,
                      int64_t classes, double smoothing) {
    const float off = (float)(smoothing / (double)classes);
    const float on = (float)(1 - smoothing + smoothing / (double)classes);
    const float own = (float)mixup->lambda, other = (float)(1 - mixup->lambda);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t c = 0; c < classes; c++) {
            const float mine = c == labels[i] ? on : off;
            const float theirs = c == labels[n - 1 - i] ? on : off;
            *targets++ = mine * own + theirs * other;
        }
    }
}
