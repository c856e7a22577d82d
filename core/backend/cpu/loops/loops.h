// SPDX-License-Identifier: Apache-2.0
// What one thread does to its part of the work. Every file of this folder is compiled once for
// each level of the instruction set, with OD_ISA set to its name (base, v3 = AVX2 and FMA, v4 =
// AVX-512, v4b = v4 and AVX-512 BF16), and the level is chosen when a device is opened. Nothing here knows of threads,
// devices or memory other than its arguments.
#ifndef OD_CORE_BACKEND_CPU_LOOPS_LOOPS_H
#define OD_CORE_BACKEND_CPU_LOOPS_LOOPS_H

#include "core/backend/backend.h"
#include "core/backend/pattern.h"

// One call of connect_forward or connect_layernorm_forward; see backend.h.
typedef struct od_cpu_connect_args {
    float *y, *coef;
    const float *x, *f;
    int64_t n;
    od_connection connection;
    float eps;
    float *z, *mean, *rstd; // NULL: no layer norm follows
    float norm_eps;
} od_cpu_connect_args;

// One call of pattern_forward or pattern_backward; see backend.h.
typedef struct od_cpu_pattern_args {
    od_pattern_terms terms;
    float eps;
    int64_t n;
    const float *x, *f;
    float *y, *coef; // forward writes coef
    const float *g;  // and the rest is for backward
    float *dx, *df;
    bool accumulate_dx;
} od_cpu_pattern_args;

// Per value: g += l2 p; m = keep1 m + take1 g; v = keep2 v + take2 g^2;
// p = shrink p - rate m / (root sqrt(v) + eps).
typedef struct od_cpu_adam_factors {
    float keep1, take1, keep2, take2, rate, root, eps, l2, shrink;
} od_cpu_adam_factors;

// What the loops of a batch norm read; see backend.h. In evaluation mean and rstd come from the
// running statistics.
typedef struct od_cpu_batchnorm_args {
    const float *x, *mean, *rstd, *gamma, *beta;
    int64_t n;
    bool relu;
} od_cpu_batchnorm_args;

// Values that random loops treat at once.
enum { OD_CPU_DRAWS = 64 };

// Columns of a packed operand in bfloat16.
enum { OD_CPU_BF16_PANEL = 64 };

typedef struct od_cpu_loops {
    const char *name; // of the level
    // y = a + b; y may be a or b.
    void (*add)(float *y, const float *a, const float *b, int64_t count);
    // y[rows, n] += b[n].
    void (*add_bias)(float *y, const float *b, int64_t rows, int64_t n);
    // sum[n] += the column sums of x[rows, n], whose rows are stride values apart.
    void (*add_column_sums)(float *sum, const float *x, int64_t rows, int64_t n, int64_t stride);
    void (*gelu_forward)(float *y, const float *x, int64_t count);
    void (*gelu_backward)(float *dx, const float *dy, const float *x, int64_t count);

    void (*layernorm_forward)(float *y, float *mean, float *rstd, const float *x,
                              const float *gamma, const float *beta, int64_t rows, int64_t n,
                              float eps);
    void (*layernorm_backward)(float *dx, const float *dy, const float *x, const float *mean,
                               const float *rstd, const float *gamma, int64_t rows, int64_t n,
                               bool accumulate_dx);
    // dgamma and dbeta of the columns [begin, end), over all rows.
    void (*layernorm_affine)(float *dgamma, float *dbeta, const float *dy, const float *x,
                             const float *mean, const float *rstd, int64_t rows, int64_t n,
                             int64_t begin, int64_t end);

    // Rows [begin, end). Adds their statistics to sums unless that is NULL.
    void (*connect_forward)(const od_cpu_connect_args *args, int64_t begin, int64_t end,
                            double *sums);
    void (*connect_backward)(float *dx, float *df, const float *g, const float *x, const float *f,
                             const float *coef, int64_t begin, int64_t end, int64_t n,
                             od_connection connection, bool accumulate_dx);

    // Rows [begin, end). Adds their statistics (OD_PATTERN_STATS, but for the scalar) to sums unless
    // that is NULL.
    void (*pattern_forward)(const od_cpu_pattern_args *args, int64_t begin, int64_t end,
                            double *sums);
    // Returns the rows' share of the scalar's gradient.
    double (*pattern_backward)(const od_cpu_pattern_args *args, int64_t begin, int64_t end);

    // Values [begin, end) of drop and add_noise; begin is a multiple of OD_CPU_DRAWS.
    void (*drop)(float *y, const float *x, int64_t begin, int64_t end, float rate,
                 const od_philox *draws);
    void (*add_noise)(float *y, const float *x, int64_t begin, int64_t end, float scale,
                      const od_philox *draws);

    // Values of scratch that either direction of attention needs; the scratch is aligned to 64
    // bytes and may hold anything.
    size_t (*attention_scratch)(int64_t tokens, int64_t head_dim);
    // Pairs [begin, end) of batch element and head, counted b * heads + head. bf16: the operands of
    // products are rounded to bfloat16.
    void (*attention_forward)(float *out, float *p, const float *qkv, int64_t begin, int64_t end,
                              int64_t tokens, int64_t heads, int64_t head_dim, bool bf16,
                              float *scratch);
    void (*attention_backward)(float *dqkv, const float *dout, const float *qkv, const float *p,
                               int64_t begin, int64_t end, int64_t tokens, int64_t heads,
                               int64_t head_dim, bool bf16, float *scratch);

    // Products in bfloat16: c[m,n] = a[m,k] b[k,n] with both operands packed first, in pairs along
    // k; an odd k has a 0 behind it. Rounded to the nearest, ties to even.
    // to[rows, pairs] = x[rows, k]: operand a, with step = pairs and jump = 1.
    void (*bf16_rows)(uint32_t *to, const float *x, int64_t rows, int64_t k);
    // Panels [begin, end) of to[panels, pairs, PANEL] = b[k,n]: operand b, or one panel of it the
    // transposed operand a, with step = 1 and jump = PANEL. Columns behind n are 0.
    void (*bf16_panels)(uint32_t *to, const float *b, int64_t k, int64_t n, int64_t begin,
                        int64_t end);
    // The same from b[n,k].
    void (*bf16_panels_transposed)(uint32_t *to, const float *b, int64_t k, int64_t n,
                                   int64_t begin, int64_t end);
    // c = init + a b. a(i, pair) is at a[i * step + pair * jump]; init (NULL: 0) may be c.
    // c_stride and init_stride: values from one row to the next; 0 in init repeats one row.
    void (*bf16_multiply)(float *c, int64_t c_stride, const float *init, int64_t init_stride,
                          const uint32_t *a, int64_t step, int64_t jump, const uint32_t *panels,
                          int64_t m, int64_t n, int64_t pairs);

    // Per column of x[rows, n]: the sum, and the sum of squares about this block's own mean.
    void (*batchnorm_moments)(float *sum, float *squares, const float *x, int64_t rows, int64_t n);
    // Rows [begin, end).
    void (*batchnorm_forward)(float *y, const od_cpu_batchnorm_args *args, int64_t begin,
                              int64_t end);
    // The column sums of d and d h over rows [begin, end), overwritten.
    void (*batchnorm_sums)(float *sum_d, float *sum_dh, const float *dy,
                           const od_cpu_batchnorm_args *args, int64_t begin, int64_t end);
    void (*batchnorm_backward)(float *dx, const float *dy, const float *mean_d,
                               const float *mean_dh, const od_cpu_batchnorm_args *args,
                               int64_t begin, int64_t end, bool accumulate_dx);

    void (*cross_entropy_row)(float *loss, int32_t *rank, float *dlogits, const float *logits,
                              int32_t label, int64_t classes, float smoothing, float scale);
    void (*cross_entropy_soft_row)(float *loss, float *dlogits, const float *logits,
                                   const float *targets, int64_t classes, float scale);

    double (*sum_of_squares)(const float *x, int64_t count);
    void (*scale)(float *x, float factor, int64_t count);
    void (*adam)(float *p, float *m, float *v, const float *g, int64_t count,
                 const od_cpu_adam_factors *factors);
    // momentum: NULL in the first update, which does not read v.
    void (*sgd)(float *p, float *v, const float *g, int64_t count, float lr, const float *momentum,
                float weight_decay);
} od_cpu_loops;

#define OD_CPU_LOOP_MAP(X)    \
    X(add)                    \
    X(add_bias)               \
    X(add_column_sums)        \
    X(gelu_forward)           \
    X(gelu_backward)          \
    X(layernorm_forward)      \
    X(layernorm_backward)     \
    X(layernorm_affine)       \
    X(connect_forward)        \
    X(connect_backward)       \
    X(pattern_forward)        \
    X(pattern_backward)       \
    X(drop)                   \
    X(add_noise)              \
    X(attention_scratch)      \
    X(attention_forward)      \
    X(attention_backward)     \
    X(bf16_rows)              \
    X(bf16_panels)            \
    X(bf16_panels_transposed) \
    X(bf16_multiply)          \
    X(batchnorm_moments)      \
    X(batchnorm_forward)      \
    X(batchnorm_sums)         \
    X(batchnorm_backward)     \
    X(cross_entropy_row)      \
    X(cross_entropy_soft_row) \
    X(sum_of_squares)         \
    X(scale)                  \
    X(adam)                   \
    X(sgd)

extern const od_cpu_loops od_cpu_loops_base;
extern const od_cpu_loops od_cpu_loops_v3; // these only with HAVE_X86_64_LEVELS
extern const od_cpu_loops od_cpu_loops_v4;
extern const od_cpu_loops od_cpu_loops_v4b;

// The best that this machine can run.
const od_cpu_loops *od_cpu_loops_best(void);

// od_cpu_loop_NAME_ISA. Whoever only reads the code, as a linter does, reads the base level.
#ifndef OD_ISA
#define OD_ISA base
#endif
#define OD_LOOP_JOIN(name, isa) od_cpu_loop_##name##_##isa
#define OD_LOOP_EXPAND(name, isa) OD_LOOP_JOIN(name, isa)
#define OD_LOOP(name) OD_LOOP_EXPAND(name, OD_ISA)
#define OD_LOOP_DECLARE(name) extern __typeof__(*((const od_cpu_loops *)0)->name) OD_LOOP(name);
OD_CPU_LOOP_MAP(OD_LOOP_DECLARE)
#undef OD_LOOP_DECLARE

#endif
