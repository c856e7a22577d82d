// SPDX-License-Identifier: Apache-2.0
// Residual connections (arXiv 2505.11881). A row is read from memory once: dot products, new
// stream and the layer norm that follows find it in the first-level cache.
#include "core/backend/cpu/loops/layernorm.h"

#include <math.h>

typedef struct dots {
    float xx, xf;
} dots;

INLINE dots dots_of(const float *x, const float *f, int64_t n) {
    vec xx = {0};
    vec xf = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        vec a = vec_load_upto(x + i, n - i);
        xx += a * a;
        xf += a * vec_load_upto(f + i, n - i);
    }
    return (dots){vec_sum(xx), vec_sum(xf)};
}

// y = x + sign f - s x; returns the sum of y.
INLINE float new_stream(float *y, const float *x, const float *f, float s, float sign, int64_t n) {
    vec sum = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        vec a = vec_load_upto(x + i, n - i);
        vec out = a + vec_load_upto(f + i, n - i) * sign - a * s;
        sum += out; // zeros behind the end of the row
        vec_store_upto(y + i, out, n - i);
    }
    return vec_sum(sum);
}

// Adds the six statistics of one row, in float64: they are asked for once in many steps.
static void add_stats(double *sums, const float *x, const float *f, int64_t n,
                      od_connection connection, double eps) {
    double xx = 0, xf = 0, ff = 0;
#pragma omp simd reduction(+ : xx, xf, ff)
    for (int64_t i = 0; i < n; i++) {
        xx += (double)x[i] * (double)x[i];
        xf += (double)x[i] * (double)f[i];
        ff += (double)f[i] * (double)f[i];
    }
    double norm2 = connection == OD_CONNECT_ORTHOGONAL ? xx + eps : fmax(xx, eps);
    double s = xf / norm2;
    double ortho2 = 0;
#pragma omp simd reduction(+ : ortho2)
    for (int64_t i = 0; i < n; i++) {
        double ortho = (double)f[i] - s * (double)x[i];
        ortho2 += ortho * ortho;
    }
    double par2 = fmax(s * s * xx, eps);
    ortho2 = fmax(ortho2, eps);
    sums[0] += norm2;
    sums[1] += par2;
    sums[2] += ortho2;
    sums[3] += par2 / norm2;
    sums[4] += ortho2 / norm2;
    sums[5] += xf / (sqrt(norm2) * sqrt(fmax(ff, eps)));
}

void OD_LOOP(connect_forward)(const od_cpu_connect_args *args, int64_t begin, int64_t end,
                              double *sums) {
    const int64_t n = args->n;
    const float sign = args->connection == OD_CONNECT_NEGATIVE ? -1.0f : 1.0f;
    for (int64_t r = begin; r < end; r++) {
        const float *x = args->x + r * n;
        const float *f = args->f + r * n;
        float *y = args->y + r * n;
        float s = 0;
        if (args->connection == OD_CONNECT_ORTHOGONAL) {
            dots d = dots_of(x, f, n);
            float inverse = 1.0f / (d.xx + args->eps);
            s = d.xf * inverse;
            args->coef[2 * r] = s;
            args->coef[2 * r + 1] = inverse;
        }
        if (sums != NULL) {
            add_stats(sums, x, f, n, args->connection, (double)args->eps);
        }
        float sum = new_stream(y, x, f, s, sign, n);
        if (args->z != NULL) {
            normalize_row(args->z + r * n, &args->mean[r], &args->rstd[r], y, sum / (float)n, n,
                          args->norm_eps);
        }
    }
}

INLINE void store_or_add(float *to, vec v, bool add, int64_t left) {
    vec_store_upto(to, add ? vec_load_upto(to, left) + v : v, left);
}

// df = g - a x, dx = (1 - s) g - a f + 2 s a x, a = <g,x> / n. dx may be g.
static void backward_orthogonal(float *dx, float *df, const float *g, const float *x,
                                const float *f, const float coef[2], int64_t n, bool accumulate) {
    vec gx = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        gx += vec_load_upto(g + i, n - i) * vec_load_upto(x + i, n - i);
    }
    const float s = coef[0];
    const float a = vec_sum(gx) * coef[1];
    for (int64_t i = 0; i < n; i += LANES) {
        vec gi = vec_load_upto(g + i, n - i);
        vec ax = vec_load_upto(x + i, n - i) * a;
        vec af = vec_load_upto(f + i, n - i) * a;
        vec_store_upto(df + i, gi - ax, n - i);
        store_or_add(dx + i, gi - gi * s - af + ax * (2.0f * s), accumulate, n - i);
    }
}

static void backward_plain(float *dx, float *df, const float *g, float sign, int64_t n,
                           bool accumulate) {
    for (int64_t i = 0; i < n; i += LANES) {
        vec gi = vec_load_upto(g + i, n - i);
        vec_store_upto(df + i, gi * sign, n - i);
        store_or_add(dx + i, gi, accumulate, n - i);
    }
}

void OD_LOOP(connect_backward)(float *dx, float *df, const float *g, const float *x, const float *f,
                               const float *coef, int64_t begin, int64_t end, int64_t n,
                               od_connection connection, bool accumulate_dx) {
    const float sign = connection == OD_CONNECT_NEGATIVE ? -1.0f : 1.0f;
    for (int64_t r = begin; r < end; r++) {
        if (connection == OD_CONNECT_ORTHOGONAL) {
            backward_orthogonal(dx + r * n, df + r * n, g + r * n, x + r * n, f + r * n,
                                coef + 2 * r, n, accumulate_dx);
        } else {
            backward_plain(dx + r * n, df + r * n, g + r * n, sign, n, accumulate_dx);
        }
    }
}
