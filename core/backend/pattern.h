// SPDX-License-Identifier: Apache-2.0
// The numbers behind a connection with a pattern (backend.h), which its kernels share. Also read by
// CUDA's compiler, hence the macro. Private to the backends.
#ifndef OD_CORE_BACKEND_PATTERN_H
#define OD_CORE_BACKEND_PATTERN_H

#include "core/backend/backend.h"

#include <math.h>

#ifdef __CUDACC__
#define OD_PATTERN_FUNCTION __host__ __device__ static inline
#else
#define OD_PATTERN_FUNCTION static inline
#endif

typedef struct od_pattern_terms {
    double p, q, r;    // y = p x + q f + r s x
    double dp, dq, dr; // their derivatives by the scalar
    bool orthogonal;   // n = <x,x> + eps, else max(<x,x>, eps)
    bool has_u;        // y also has u
    // Of the statistics: f_par is par s x + along x (+ u - x), f_ortho is ortho (f - s x);
    // f_in = f where whole, else in f_par + f_ortho.
    double par, along, ortho, in;
    bool whole;
} od_pattern_terms;

// a: the learnable scalar; anything where the pattern has none.
OD_PATTERN_FUNCTION od_pattern_terms od_pattern_terms_of(od_connection connection,
                                                         od_pattern pattern, double a) {
    od_pattern_terms t = {1, 1, 0, 0, 0, 0, false, false, 1, 0, 1, 1, false};
    t.orthogonal = connection == OD_CONNECT_ORTHOGONAL;
    if (pattern == OD_PATTERN_REZERO) {
        t.q = a;
        t.dq = 1;
        t.whole = !t.orthogonal;
        if (t.orthogonal) {
            t.r = -a;
            t.dr = -1;
            t.ortho = a;
            t.in = 0;
        }
    } else if (pattern == OD_PATTERN_REZERO_CONSTRAINED) {
        t.par = cos(a);
        t.ortho = sin(a);
        t.q = t.ortho;
        t.dq = t.par;
        t.r = t.par - t.ortho;
        t.dr = -t.ortho - t.par;
        t.whole = !t.orthogonal;
    } else {
        t.has_u = pattern == OD_PATTERN_RESCALE_CONV;
        t.p = t.has_u ? 0 : 1 + a;
        t.dp = t.has_u ? 0 : 1;
        t.r = -1;
        t.par = 0;
        t.along = t.has_u ? 0 : a;
    }
    return t;
}

// What stands for <x,x>.
OD_PATTERN_FUNCTION double od_pattern_norm2(const od_pattern_terms *terms, double xx, double eps) {
    return terms->orthogonal ? xx + eps : fmax(xx, eps);
}

// The sums over one row that its statistics are made of.
typedef struct od_pattern_sums {
    double norm2;              // n
    double par, ortho, in;     // squared norms of f_par, f_ortho, f_in
    double dot;                // <x, f_in>
    double par_raw, ortho_raw; // ||s x||^2, ||f - s x||^2
    double scaled;             // ||p x||^2 or ||u||^2
} od_pattern_sums;

// Adds what value i of a row contributes; u is 0 without one.
OD_PATTERN_FUNCTION void od_pattern_add(od_pattern_sums *sums, const od_pattern_terms *terms,
                                        double s, double x, double f, double u) {
    double scaled = terms->has_u ? u : terms->p * x;
    double par_raw = s * x;
    double ortho_raw = f - par_raw;
    double par = terms->par * par_raw + terms->along * x + (terms->has_u ? u - x : 0);
    double ortho = terms->ortho * ortho_raw;
    double in = terms->whole ? f : terms->in * par + ortho;
    sums->par += par * par;
    sums->ortho += ortho * ortho;
    sums->in += in * in;
    sums->dot += x * in;
    sums->par_raw += par_raw * par_raw;
    sums->ortho_raw += ortho_raw * ortho_raw;
    sums->scaled += scaled * scaled;
}

// Adds one row's statistics to out. The scalar is not of rows and stays for the caller.
OD_PATTERN_FUNCTION void od_pattern_add_row(double out[OD_PATTERN_STATS],
                                            const od_pattern_sums *sums, double eps) {
    double par = fmax(sums->par, eps);
    double ortho = fmax(sums->ortho, eps);
    double scaled = fmax(sums->scaled, eps);
    out[0] += sums->norm2;
    out[1] += par;
    out[2] += ortho;
    out[3] += par / sums->norm2;
    out[4] += ortho / sums->norm2;
    out[5] += sums->dot / sqrt(sums->norm2 * fmax(sums->in, eps));
    out[OD_PATTERN_STAT_PAR_RAW] += sums->par_raw;
    out[OD_PATTERN_STAT_ORTHO_RAW] += sums->ortho_raw;
    out[OD_PATTERN_STAT_SCALED_X] += scaled;
    out[OD_PATTERN_STAT_RATIO] += scaled / sums->norm2;
}

#endif
