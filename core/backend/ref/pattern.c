// SPDX-License-Identifier: Apache-2.0
// Connections with a pattern: the new stream, its backward and the statistics.
#include "core/backend/pattern.h"

#include "core/backend/ref/ref.h"

static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static double scalar_of(const od_pattern_options *options) {
    return options->scalar != NULL ? (double)*options->scalar : 0;
}

static od_pattern_terms terms_of(const od_pattern_options *options) {
    return od_pattern_terms_of(options->connection, options->pattern, scalar_of(options));
}

// y holds u where the pattern has one.
static void add_stats(double sums[OD_PATTERN_STATS], const od_pattern_terms *terms, const float *y,
                      const float *x, const float *f, int64_t n, double norm2, double eps) {
    double s = dot(x, f, n) / norm2;
    od_pattern_sums row = {.norm2 = norm2};
    for (int64_t i = 0; i < n; i++) {
        od_pattern_add(&row, terms, s, (double)x[i], (double)f[i], terms->has_u ? (double)y[i] : 0);
    }
    od_pattern_add_row(sums, &row, eps);
}

static void forward_row(const od_pattern_terms *terms, float *y, float coef[2], const float *x,
                        const float *f, int64_t n, double norm2) {
    double s = dot(x, f, n) / norm2;
    coef[0] = (float)s;
    coef[1] = (float)(1 / norm2);
    for (int64_t i = 0; i < n; i++) {
        double u = terms->has_u ? (double)y[i] : 0;
        y[i] = (float)(u + terms->p * (double)x[i] + terms->q * (double)f[i] +
                       terms->r * s * (double)x[i]);
    }
}

void od_ref_pattern_forward(od_device *device, float *y, float *coef, float *stats, const float *x,
                            const float *f, int64_t rows, int64_t n,
                            const od_pattern_options *options) {
    (void)device;
    const od_pattern_terms terms = terms_of(options);
    const double eps = (double)options->eps;
    double sums[OD_PATTERN_STATS] = {0};
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * n, *fr = f + r * n;
        double norm2 = od_pattern_norm2(&terms, dot(xr, xr, n), eps);
        add_stats(sums, &terms, y + r * n, xr, fr, n, norm2, eps);
        forward_row(&terms, y + r * n, coef + 2 * r, xr, fr, n, norm2);
    }
    for (int i = 0; stats != NULL && i < OD_PATTERN_STATS; i++) {
        stats[i] = (float)(sums[i] / (double)rows);
    }
    if (stats != NULL) {
        stats[OD_PATTERN_STAT_SCALAR] = (float)scalar_of(options);
    }
}

// Returns the row's share of the scalar's gradient.
static double backward_row(const od_pattern_terms *terms, float *dx, float *df, const float *g,
                           const float *x, const float *f, const float coef[2], int64_t n,
                           bool clamped, bool accumulate) {
    double s = (double)coef[0];
    double gx = dot(g, x, n);
    double gf = dot(g, f, n);
    double b = gx * (double)coef[1];
    for (int64_t i = 0; i < n; i++) {
        double gi = (double)g[i];
        double xi = (double)x[i];
        double dxi = terms->p * gi + terms->r * (s * gi + b * (double)f[i]) -
                     (clamped ? 0 : 2 * terms->r * s * b * xi);
        df[i] = (float)(terms->q * gi + terms->r * b * xi);
        dx[i] = (float)((accumulate ? (double)dx[i] : 0) + dxi); // may be g: written last
    }
    return terms->dp * gx + terms->dq * gf + terms->dr * s * gx;
}

void od_ref_pattern_backward(od_device *device, float *dx, float *df, float *dscalar,
                             const float *g, const float *x, const float *f, const float *coef,
                             int64_t rows, int64_t n, const od_pattern_options *options,
                             bool accumulate_dx) {
    (void)device;
    const od_pattern_terms terms = terms_of(options);
    const float largest = (float)(1 / (double)options->eps); // 1/n where n is clamped
    double sum = 0;
    for (int64_t r = 0; r < rows; r++) {
        bool clamped = !terms.orthogonal && coef[2 * r + 1] >= largest;
        sum += backward_row(&terms, dx + r * n, df + r * n, g + r * n, x + r * n, f + r * n,
                            coef + 2 * r, n, clamped, accumulate_dx);
    }
    if (dscalar != NULL) {
        *dscalar += (float)sum;
    }
}
