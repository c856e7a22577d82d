// SPDX-License-Identifier: Apache-2.0
// Residual connections (arXiv 2505.11881): the new stream, its backward and the statistics.
#include "core/backend/ref/ref.h"

#include <math.h>

static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

// What stands for <x,x>: <x,x> + eps for the orthogonal connection, max(<x,x>, eps) for the others.
static double norm2_of(double xx, od_connection connection, double eps) {
    return connection == OD_CONNECT_ORTHOGONAL ? xx + eps : fmax(xx, eps);
}

// Adds the six statistics of one row to sums.
static void add_stats(double sums[OD_CONNECT_STATS], const float *x, const float *f, int64_t n,
                      od_connection connection, double eps) {
    double norm2 = norm2_of(dot(x, x, n), connection, eps);
    double s = dot(x, f, n) / norm2;
    double par2 = 0;
    double ortho2 = 0;
    for (int64_t i = 0; i < n; i++) {
        double par = s * (double)x[i];
        double ortho = (double)f[i] - par;
        par2 += par * par;
        ortho2 += ortho * ortho;
    }
    par2 = fmax(par2, eps);
    ortho2 = fmax(ortho2, eps);
    double f2 = fmax(dot(f, f, n), eps);
    sums[0] += norm2;
    sums[1] += par2;
    sums[2] += ortho2;
    sums[3] += par2 / norm2;
    sums[4] += ortho2 / norm2;
    sums[5] += dot(x, f, n) / (sqrt(norm2) * sqrt(f2));
}

// coef: the row's two coefficients, NULL unless the connection is orthogonal.
static void forward_row(float *y, float *coef, const float *x, const float *f, int64_t n,
                        od_connection connection, double eps) {
    double sign = connection == OD_CONNECT_NEGATIVE ? -1 : 1;
    double s = 0;
    if (coef != NULL) {
        double norm2 = norm2_of(dot(x, x, n), connection, eps);
        s = dot(x, f, n) / norm2;
        coef[0] = (float)s;
        coef[1] = (float)(1 / norm2);
    }
    for (int64_t i = 0; i < n; i++) {
        y[i] = (float)((double)x[i] + sign * (double)f[i] - s * (double)x[i]);
    }
}

void od_ref_connect_forward(od_device *device, float *y, float *coef, float *stats, const float *x,
                            const float *f, int64_t rows, int64_t n, od_connection connection,
                            float eps) {
    (void)device;
    bool orthogonal = connection == OD_CONNECT_ORTHOGONAL;
    double sums[OD_CONNECT_STATS] = {0};
    for (int64_t r = 0; r < rows; r++) {
        forward_row(y + r * n, orthogonal ? coef + 2 * r : NULL, x + r * n, f + r * n, n,
                    connection, (double)eps);
        add_stats(sums, x + r * n, f + r * n, n, connection, (double)eps);
    }
    for (int i = 0; stats != NULL && i < OD_CONNECT_STATS; i++) {
        stats[i] = (float)(sums[i] / (double)rows);
    }
}

void od_ref_connect_layernorm_forward(od_device *device, float *y, float *z, float *mean,
                                      float *rstd, float *coef, float *stats, const float *x,
                                      const float *f, int64_t rows, int64_t n,
                                      od_connection connection, float eps, float norm_eps) {
    od_ref_connect_forward(device, y, coef, stats, x, f, rows, n, connection, eps);
    od_ref_layernorm_forward(device, z, mean, rstd, y, NULL, NULL, rows, n, norm_eps);
}

static void backward_row(float *dx, float *df, const float *g, const float *x, const float *f,
                         const float *coef, int64_t n, od_connection connection, bool accumulate) {
    double sign = connection == OD_CONNECT_NEGATIVE ? -1 : 1;
    double s = coef != NULL ? (double)coef[0] : 0;
    double a = coef != NULL ? dot(g, x, n) * (double)coef[1] : 0;
    for (int64_t i = 0; i < n; i++) {
        double gi = (double)g[i];
        double xi = (double)x[i];
        double dxi = gi - s * gi - a * (double)f[i] + 2 * s * a * xi;
        df[i] = (float)(sign * gi - a * xi);
        dx[i] = (float)((accumulate ? (double)dx[i] : 0) + dxi); // may be g: written last
    }
}

void od_ref_connect_backward(od_device *device, float *dx, float *df, const float *g,
                             const float *x, const float *f, const float *coef, int64_t rows,
                             int64_t n, od_connection connection, bool accumulate_dx) {
    (void)device;
    bool orthogonal = connection == OD_CONNECT_ORTHOGONAL;
    for (int64_t r = 0; r < rows; r++) {
        backward_row(dx + r * n, df + r * n, g + r * n, x + r * n, f + r * n,
                     orthogonal ? coef + 2 * r : NULL, n, connection, accumulate_dx);
    }
}
