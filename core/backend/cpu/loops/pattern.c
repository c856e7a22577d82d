// SPDX-License-Identifier: Apache-2.0
// Connections with a pattern: y = p x + q f + r s x, or u + f - s x.
#include "core/backend/cpu/loops/loops.h"
#include "core/backend/cpu/loops/vector.h"

// Sums over one row.
typedef struct dots {
    float first, second;
} dots;

// <a,a> and <a,b>.
INLINE dots dots_of(const float *a, const float *b, int64_t n) {
    vec aa = {0};
    vec ab = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        vec v = vec_load_upto(a + i, n - i);
        aa += v * v;
        ab += v * vec_load_upto(b + i, n - i);
    }
    return (dots){vec_sum(aa), vec_sum(ab)};
}

// <g,x> and <g,f>.
INLINE dots gradient_dots_of(const float *g, const float *x, const float *f, int64_t n) {
    vec gx = {0};
    vec gf = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        vec v = vec_load_upto(g + i, n - i);
        gx += v * vec_load_upto(x + i, n - i);
        gf += v * vec_load_upto(f + i, n - i);
    }
    return (dots){vec_sum(gx), vec_sum(gf)};
}

// In float64: statistics are asked for once in many steps.
static void add_stats(double *sums, const od_cpu_pattern_args *args, const float *y, const float *x,
                      const float *f) {
    double xx = 0, xf = 0;
#pragma omp simd reduction(+ : xx, xf)
    for (int64_t i = 0; i < args->n; i++) {
        xx += (double)x[i] * (double)x[i];
        xf += (double)x[i] * (double)f[i];
    }
    od_pattern_sums row = {.norm2 = od_pattern_norm2(&args->terms, xx, (double)args->eps)};
    for (int64_t i = 0; i < args->n; i++) {
        od_pattern_add(&row, &args->terms, xf / row.norm2, (double)x[i], (double)f[i],
                       args->terms.has_u ? (double)y[i] : 0);
    }
    od_pattern_add_row(sums, &row, (double)args->eps);
}

void OD_LOOP(pattern_forward)(const od_cpu_pattern_args *args, int64_t begin, int64_t end,
                              double *sums) {
    const od_pattern_terms *terms = &args->terms;
    const int64_t n = args->n;
    const float q = (float)terms->q;
    for (int64_t r = begin; r < end; r++) {
        const float *x = args->x + r * n;
        const float *f = args->f + r * n;
        float *y = args->y + r * n;
        const dots d = dots_of(x, f, n);
        const float inverse =
            1.0f / (float)od_pattern_norm2(terms, (double)d.first, (double)args->eps);
        const float s = d.second * inverse;
        args->coef[2 * r] = s;
        args->coef[2 * r + 1] = inverse;
        if (sums != NULL) {
            add_stats(sums, args, y, x, f);
        }
        const float along = (float)terms->p + (float)terms->r * s;
        for (int64_t i = 0; i < n; i += LANES) {
            vec out = vec_load_upto(x + i, n - i) * along + vec_load_upto(f + i, n - i) * q;
            vec u = terms->has_u ? vec_load_upto(y + i, n - i) : (vec){0};
            vec_store_upto(y + i, u + out, n - i);
        }
    }
}

double OD_LOOP(pattern_backward)(const od_cpu_pattern_args *args, int64_t begin, int64_t end) {
    const od_pattern_terms *terms = &args->terms;
    const int64_t n = args->n;
    const float largest = 1.0f / args->eps; // 1/n where n is clamped
    const float q = (float)terms->q, r = (float)terms->r;
    double sum = 0;
    for (int64_t row = begin; row < end; row++) {
        const float *g = args->g + row * n, *x = args->x + row * n, *f = args->f + row * n;
        float *dx = args->dx + row * n, *df = args->df + row * n;
        const float s = args->coef[2 * row], inverse = args->coef[2 * row + 1];
        const bool clamped = !terms->orthogonal && inverse >= largest;
        const dots d = gradient_dots_of(g, x, f, n);
        const float rb = r * d.first * inverse;
        const float from_g = (float)terms->p + r * s;
        const float from_x = clamped ? 0 : -2.0f * s * rb;
        for (int64_t i = 0; i < n; i += LANES) {
            vec gi = vec_load_upto(g + i, n - i);
            vec xi = vec_load_upto(x + i, n - i);
            vec fi = vec_load_upto(f + i, n - i);
            vec added = args->accumulate_dx ? vec_load_upto(dx + i, n - i) : (vec){0};
            vec_store_upto(df + i, gi * q + xi * rb, n - i);
            vec_store_upto(dx + i, added + gi * from_g + fi * rb + xi * from_x, n - i);
        }
        sum += terms->dp * (double)d.first + terms->dq * (double)d.second +
               terms->dr * (double)s * (double)d.first;
    }
    return sum;
}
