// SPDX-License-Identifier: Apache-2.0
// Batch norm: what one thread does to a block of rows small enough for the second-level cache. The
// sums of a block stay in float32; whoever calls adds up the blocks in float64.
#include "core/backend/cpu/loops/loops.h"
#include "core/backend/cpu/loops/vector.h"

#include <string.h>

void OD_LOOP(batchnorm_moments)(float *sum, float *squares, const float *x, int64_t rows,
                                int64_t n) {
    memset(sum, 0, (size_t)n * sizeof *sum);
    OD_LOOP(add_column_sums)(sum, x, rows, n, n);
    for (int64_t i = 0; i < n; i += LANES) {
        const vec mean = vec_load_upto(sum + i, n - i) / (float)rows;
        vec total = {0};
        for (int64_t r = 0; r < rows; r++) {
            const vec off = vec_load_upto(x + r * n + i, n - i) - mean;
            total += off * off;
        }
        vec_store_upto(squares + i, total, n - i);
    }
}

// Some channels in registers.
typedef struct channels {
    vec mean, rstd, gamma, beta;
} channels;

INLINE channels load_channels(const od_cpu_batchnorm_args *args, int64_t i) {
    const int64_t left = args->n - i;
    return (channels){vec_load_upto(args->mean + i, left), vec_load_upto(args->rstd + i, left),
                      vec_load_upto(args->gamma + i, left), vec_load_upto(args->beta + i, left)};
}

void OD_LOOP(batchnorm_forward)(float *y, const od_cpu_batchnorm_args *args, int64_t begin,
                                int64_t end) {
    const int64_t n = args->n;
    for (int64_t r = begin; r < end; r++) {
        for (int64_t i = 0; i < n; i += LANES) {
            const channels c = load_channels(args, i);
            vec v = (vec_load_upto(args->x + r * n + i, n - i) - c.mean) * (c.rstd * c.gamma);
            v += c.beta;
            v = args->relu ? vec_max(vec_all(0), v) : v;
            vec_store_upto(y + r * n + i, v, n - i);
        }
    }
}

// dy where the ReLU let its input through, 0 elsewhere.
INLINE vec passed(const od_cpu_batchnorm_args *args, const channels *c, vec off, vec dy) {
    const vec input = off * (c->rstd * c->gamma) + c->beta;
    return args->relu ? (vec)((vec_bits)(input > 0) & (vec_bits)dy) : dy;
}

void OD_LOOP(batchnorm_sums)(float *sum_d, float *sum_dh, const float *dy,
                             const od_cpu_batchnorm_args *args, int64_t begin, int64_t end) {
    const int64_t n = args->n;
    for (int64_t i = 0; i < n; i += LANES) {
        const channels c = load_channels(args, i);
        vec total_d = {0}, total_dh = {0};
        for (int64_t r = begin; r < end; r++) {
            const vec off = vec_load_upto(args->x + r * n + i, n - i) - c.mean;
            const vec d = passed(args, &c, off, vec_load_upto(dy + r * n + i, n - i));
            total_d += d;
            total_dh += d * off;
        }
        vec_store_upto(sum_d + i, total_d, n - i);
        vec_store_upto(sum_dh + i, total_dh * c.rstd, n - i);
    }
}

void OD_LOOP(batchnorm_backward)(float *dx, const float *dy, const float *mean_d,
                                 const float *mean_dh, const od_cpu_batchnorm_args *args,
                                 int64_t begin, int64_t end, bool accumulate_dx) {
    const int64_t n = args->n;
    for (int64_t r = begin; r < end; r++) {
        for (int64_t i = 0; i < n; i += LANES) {
            const int64_t left = n - i;
            const channels c = load_channels(args, i);
            const vec off = vec_load_upto(args->x + r * n + i, left) - c.mean;
            const vec d = passed(args, &c, off, vec_load_upto(dy + r * n + i, left));
            const vec h = off * c.rstd;
            vec v = d - vec_load_upto(mean_d + i, left) - h * vec_load_upto(mean_dh + i, left);
            v *= c.gamma * c.rstd;
            float *to = dx + r * n + i;
            vec_store_upto(to, accumulate_dx ? vec_load_upto(to, left) + v : v, left);
        }
    }
}
