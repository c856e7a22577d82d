// SPDX-License-Identifier: Apache-2.0
// The seam between the trainer and the machine it runs on: one table of kernels, implemented by
// `ref` (slow, obvious, sums in float64: the truth in tests), `cpu` (oneDNN or OpenBLAS, OpenMP,
// vectorised loops) and `cuda`. Nothing above this table knows which one runs.
//
// Rules for every kernel, unless its comment says otherwise:
// - Matrices are float32, row-major, contiguous; [rows, n] has n contiguous values a row. All
//   pointers are device memory from od_backend.alloc at offsets that are multiples of 64 bytes.
// - Outputs are overwritten and alias no input. A gradient of a parameter (dw, db, dgamma, ...)
//   is always accumulated (+=). A gradient of an activation that other consumers add to has a flag
//   `accumulate_dx`: false overwrites, true adds.
// - rows may be smaller than the count the memory was planned for (the last batch in evaluation);
//   it is never 0.
// - Kernels are queued in order and return nothing. A failure is kept by the device and reported
//   by sync(); until then, what the later kernels write means nothing.
// - Same inputs, same device kind, same thread count: same bits.
#ifndef OD_CORE_BACKEND_BACKEND_H
#define OD_CORE_BACKEND_BACKEND_H

#include "base/error.h"
#include "core/rng/philox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct od_device od_device; // opaque; each backend has its own

// What the operands of matrix products are. Everything else is float32 in either: parameters,
// activations in memory, gradients, the sums of products (float64 in ref), layer norm, GELU,
// softmax, the connection, loss, statistics, optimizer.
// OD_PRECISION_BF16, as torch.autocast does it, but that results are not rounded: each operand is
// rounded to bfloat16 (the nearest, ties to even) where a product reads it. Those are
//   linear, convolution
//              forward x, w (not the bias); backward dy, w for dx, and dy, x for dw (not for db)
//   attention  forward q, k and p, v; backward p, dout for dv, dout, v for dp, ds, k for dq, and
//              ds, q for dk. The softmax and its backward read q k^T and p unrounded.
typedef enum od_precision { OD_PRECISION_FP32, OD_PRECISION_BF16 } od_precision;

typedef struct od_device_options {
    int threads;      // OpenMP threads, >= 1; ignored by cuda
    const char *blas; // cpu: "onednn", "openblas" or NULL for the best that is compiled in
    od_precision precision;
} od_device_options; // NULL in the place of options: one thread, the best blas, float32

typedef enum od_connection {
    OD_CONNECT_LINEAR,     // x + f
    OD_CONNECT_NEGATIVE,   // x - f
    OD_CONNECT_ORTHOGONAL, // x + f - s x,  s = <x,f> / (<x,x> + eps)
} od_connection;

// The statistics of one connection, means over rows of: ||x||^2, ||f_par||^2, ||f_ortho||^2,
// ||f_par||^2/||x||^2, ||f_ortho||^2/||x||^2, <x,f>/(||x|| ||f||). f_par = s x, f_ortho = f - s x.
// Orthogonal: s and ||x||^2 have n = <x,x> + eps in the place of <x,x>. Linear and negative:
// max(<x,x>, eps) in its place. The squared norms of f, f_par and f_ortho are clamped from below
// by eps. (arXiv 2505.11881 and its reference implementation.)
enum { OD_CONNECT_STATS = 6 };

// On top of the linear and the orthogonal connection. With s and n as above, f_par = s x and
// f_ortho = f - s x, the new stream is y = p x + q f + r s x, where a is a learnable scalar:
typedef enum od_pattern {
    OD_PATTERN_DEFAULT,            // the connection itself
    OD_PATTERN_REZERO,             // linear x + a f; orthogonal x + a f_ortho
    OD_PATTERN_REZERO_CONSTRAINED, // x + cos(a) f_par + sin(a) f_ortho
    OD_PATTERN_RESCALE,            // (1 + a) x + f_ortho
    OD_PATTERN_RESCALE_CONV,       // u + f_ortho, u = a product with x that the caller computes
} od_pattern;

// What a pattern's statistics are: the six above, of what the pattern makes of f (as the reference
// has it), then the values that follow, means over rows where they are of rows. f_in is what y
// adds to x.
//   rezero linear                  all of f, f_par, f_ortho
//   rezero orthogonal              f_ortho and f_in are a f_ortho; f_par is unscaled
//   rezero_constrained linear      cos(a) f_par, sin(a) f_ortho; the cosine is that of f
//   rezero_constrained orthogonal  cos(a) f_par, sin(a) f_ortho; the cosine is that of their sum
//   rescale                        f_par is (1 + a) x - x or u - x, f_in its sum with f_ortho
enum {
    OD_PATTERN_STAT_SCALAR = OD_CONNECT_STATS, // a; 0 where there is none
    OD_PATTERN_STAT_PAR_RAW,                   // ||s x||^2, not clamped
    OD_PATTERN_STAT_ORTHO_RAW,                 // ||f - s x||^2, not clamped
    OD_PATTERN_STAT_SCALED_X,                  // ||p x||^2 or ||u||^2, clamped from below by eps
    OD_PATTERN_STAT_RATIO,                     // the same / ||x||^2
    OD_PATTERN_STATS,
};

typedef struct od_pattern_options {
    od_connection connection; // linear or orthogonal
    od_pattern pattern;       // not the default
    float eps;
    const float *scalar; // a, in device memory; NULL for OD_PATTERN_RESCALE_CONV
} od_pattern_options;

typedef struct od_adam_options {
    double lr, beta1, beta2, eps, weight_decay;
    bool decoupled; // AdamW: p -= lr * weight_decay * p; else L2: g += weight_decay * p
    int64_t step;   // of this update, from 1: bias corrections 1 - beta^step
} od_adam_options;

typedef struct od_sgd_options {
    double lr, momentum, weight_decay; // v = momentum v + (g + weight_decay p); p -= lr v
    bool first;                        // the first update sets v = g + weight_decay p
} od_sgd_options;

// A convolution with a square kernel and zeros around the image, as torch.nn.Conv2d's.
typedef struct od_conv2d {
    int64_t batch, height, width, in; // of x [batch, height, width, in]
    int64_t out;                      // channels of y
    int64_t kernel, stride, padding;
} od_conv2d;

// The side of y that belongs to a side (height or width) of x.
static inline int64_t od_conv2d_side(const od_conv2d *conv, int64_t side) {
    return (side + 2 * conv->padding - conv->kernel) / conv->stride + 1;
}

typedef struct od_batchnorm {
    int64_t rows, n; // rows: batch and positions; n: channels
    float eps, momentum;
    bool relu; // y = max(y, 0) at the end
} od_batchnorm;

typedef struct od_backend {
    const char *name; // "ref", "cpu", "cuda"

    // --- device ---------------------------------------------------------------------------
    // OD_E_INVALID: fewer than one thread or an unknown blas; OD_E_UNSUPPORTED: a blas that is not
    // compiled in, or a precision that this backend has not.
    od_status (*open)(const od_device_options *options, od_device **out,
                      od_error *error) OD_MUST_CHECK;
    // What computes the matrix products, for logs: "onednn 2.6.3", "openblas 0.3.21 SkylakeX",
    // "plain loops", "bfloat16 loops v4b, convolutions onednn 2.6.3". Lives as long as the device.
    const char *(*describe)(const od_device *device);
    void (*close)(od_device *device); // NULL is fine
    // Zeroed memory, aligned to 64 bytes.
    od_status (*alloc)(od_device *device, size_t bytes, void **out, od_error *error) OD_MUST_CHECK;
    void (*free)(od_device *device, void *memory); // NULL is fine
    void (*upload)(od_device *device, void *to, const void *from_host, size_t bytes);
    // Waits for all queued kernels that write `from`.
    void (*download)(od_device *device, void *to_host, const void *from, size_t bytes);
    void (*zero)(od_device *device, void *to, size_t bytes);
    // Waits for everything queued; reports the first failure since the last sync.
    od_status (*sync)(od_device *device, od_error *error) OD_MUST_CHECK;

    // --- matrix products --------------------------------------------------------------------
    // y[rows,out] = x[rows,in] w^T + b;  w [out,in] as in torch.nn.Linear; b [out] or NULL.
    void (*linear_forward)(od_device *device, float *y, const float *x, const float *w,
                           const float *b, int64_t rows, int64_t in, int64_t out);
    // The same followed by GELU: pre[rows,out] = x w^T + b (kept for backward), y = gelu(pre).
    void (*linear_gelu_forward)(od_device *device, float *y, float *pre, const float *x,
                                const float *w, const float *b, int64_t rows, int64_t in,
                                int64_t out);
    // dx[rows,in] = dy w (NULL: not wanted); dw[out,in] += dy^T x; db[out] += column sums of dy
    // (NULL: no bias).
    void (*linear_backward)(od_device *device, float *dx, float *dw, float *db, const float *dy,
                            const float *x, const float *w, int64_t rows, int64_t in, int64_t out,
                            bool accumulate_dx);

    // --- pointwise --------------------------------------------------------------------------
    // y = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), torch.nn.GELU(approximate="tanh").
    void (*gelu_forward)(od_device *device, float *y, const float *x, int64_t count);
    // dx = dy gelu'(x); dx may be dy.
    void (*gelu_backward)(od_device *device, float *dx, const float *dy, const float *x,
                          int64_t count);

    // --- layer norm -------------------------------------------------------------------------
    // Per row: y = (x - mean) rstd gamma + beta, rstd = 1/sqrt(var + eps), var with 1/n.
    // gamma, beta [n]: both or none (NULL). mean, rstd [rows] are kept for backward.
    void (*layernorm_forward)(od_device *device, float *y, float *mean, float *rstd, const float *x,
                              const float *gamma, const float *beta, int64_t rows, int64_t n,
                              float eps);
    // With h = (x - mean) rstd, d = dy gamma:
    //   dx = rstd (d - mean_n(d) - h mean_n(d h)); dgamma += sum_rows(dy h); dbeta += sum_rows(dy).
    void (*layernorm_backward)(od_device *device, float *dx, float *dgamma, float *dbeta,
                               const float *dy, const float *x, const float *mean,
                               const float *rstd, const float *gamma, int64_t rows, int64_t n,
                               bool accumulate_dx);

    // --- attention --------------------------------------------------------------------------
    // qkv [batch, tokens, 3, heads, head_dim] (timm's layout), out [batch, tokens, heads, head_dim].
    // p[batch, heads, tokens, tokens] = softmax(q k^T / sqrt(head_dim)) over the last axis, kept
    // for backward; out = p v.
    void (*attention_forward)(od_device *device, float *out, float *p, const float *qkv,
                              int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim);
    // dv = p^T dout; dp = dout v^T; ds = p (dp - rowsum(dp p)); dq = ds k / sqrt(head_dim);
    // dk = ds^T q / sqrt(head_dim). dqkv has qkv's layout.
    void (*attention_backward)(od_device *device, float *dqkv, const float *dout, const float *qkv,
                               const float *p, int64_t batch, int64_t tokens, int64_t heads,
                               int64_t head_dim);

    // --- residual connection ----------------------------------------------------------------
    // y = the new stream of [rows, n]. coef [rows, 2] keeps (s, 1/n) of each row for the backward
    // of OD_CONNECT_ORTHOGONAL and is not touched by the others. stats: NULL, or
    // float[OD_CONNECT_STATS] in device memory that is overwritten.
    void (*connect_forward)(od_device *device, float *y, float *coef, float *stats, const float *x,
                            const float *f, int64_t rows, int64_t n, od_connection connection,
                            float eps);
    // With a = <g,x> / n: orthogonal df = g - a x, dx = g - s g - a f + 2 s a x; linear
    // df = dx = g; negative df = -g, dx = g. dx may be g.
    void (*connect_backward)(od_device *device, float *dx, float *df, const float *g,
                             const float *x, const float *f, const float *coef, int64_t rows,
                             int64_t n, od_connection connection, bool accumulate_dx);
    // connect_forward followed by layernorm_forward of y without affine parameters, in one pass:
    // y as above, z = layernorm(y), mean and rstd [rows] kept.
    void (*connect_layernorm_forward)(od_device *device, float *y, float *z, float *mean,
                                      float *rstd, float *coef, float *stats, const float *x,
                                      const float *f, int64_t rows, int64_t n,
                                      od_connection connection, float eps, float norm_eps);

    // The same with a pattern. coef as above, for every connection. stats: NULL or
    // float[OD_PATTERN_STATS]. With OD_PATTERN_RESCALE_CONV y holds u and becomes u + f_ortho.
    void (*pattern_forward)(od_device *device, float *y, float *coef, float *stats, const float *x,
                            const float *f, int64_t rows, int64_t n,
                            const od_pattern_options *options);
    // With b = <g,x> / n:  df = q g + r b x,  dx = p g + r s g + r b f - 2 r s b x, where the last
    // term is missing in rows whose n is clamped to eps. dx may be g. *dscalar (NULL without one)
    // += p' sum <g,x> + q' sum <g,f> + r' sum s <g,x>, the derivatives by a. With
    // OD_PATTERN_RESCALE_CONV p is 0: the gradient of u is g.
    void (*pattern_backward)(od_device *device, float *dx, float *df, float *dscalar,
                             const float *g, const float *x, const float *f, const float *coef,
                             int64_t rows, int64_t n, const od_pattern_options *options,
                             bool accumulate_dx);

    // --- randomness -------------------------------------------------------------------------
    // draws names a stream (od_philox_init) and is not changed; draw i is word i % 4 of its block
    // i / 4, as od_philox_next gives them. y may be x.
    // Values come in groups of `group`: group k is kept, times 1 / (1 - rate), where the uniform of
    // draw k (od_philox_uniform) is at least rate; else it is 0.
    void (*drop)(od_device *device, float *y, const float *x, int64_t count, int64_t group,
                 float rate, const od_philox *draws);
    // y = x + scale z. Of draws 2k and 2k + 1, by Box and Muller: radius = sqrt(-2 log((d + 1) /
    // 2^32)), angle = 2 pi d' / 2^32, z[2k] = radius cos(angle), z[2k+1] = radius sin(angle).
    void (*add_noise)(od_device *device, float *y, const float *x, int64_t count, float scale,
                      const od_philox *draws);

    // --- tokens -----------------------------------------------------------------------------
    // patches [batch * (height/p) * (width/p), channels * p * p] from images [batch, height, width,
    // channels]; a patch lists channel, row, column, as a Conv2d weight [out, channels, p, p] does.
    void (*patchify)(od_device *device, float *patches, const float *images, int64_t batch,
                     int64_t height, int64_t width, int64_t channels, int64_t patch);
    // y[b,0,:] = cls; y[b,1+t,:] = x[b,t,:] + pos[t,:].  x [batch, tokens, n], y [batch, tokens+1, n].
    void (*embed_tokens_forward)(od_device *device, float *y, const float *x, const float *cls,
                                 const float *pos, int64_t batch, int64_t tokens, int64_t n);
    // dx[b,t,:] = dy[b,1+t,:]; dcls += sum_b dy[b,0,:]; dpos[t,:] += sum_b dy[b,1+t,:].
    void (*embed_tokens_backward)(od_device *device, float *dx, float *dcls, float *dpos,
                                  const float *dy, int64_t batch, int64_t tokens, int64_t n);
    // y[b,:] = x[b,0,:] of x [batch, tokens, n].
    void (*first_token_forward)(od_device *device, float *y, const float *x, int64_t batch,
                                int64_t tokens, int64_t n);
    // dx[b,0,:] = dy[b,:], all other dx = 0; with accumulate_dx only dx[b,0,:] += dy[b,:].
    void (*first_token_backward)(od_device *device, float *dx, const float *dy, int64_t batch,
                                 int64_t tokens, int64_t n, bool accumulate_dx);

    // --- convolutional nets -----------------------------------------------------------------
    // Images are [batch, height, width, channels]. These members may be NULL in a backend that does
    // not have them yet.
    //
    // y[b,i,j,o] = b[o] + sum over c, p, q of w[o,c,p,q] x[b, i stride + p - padding,
    // j stride + q - padding, c], x being 0 outside; w [out, in, kernel, kernel], b [out].
    void (*conv2d_forward)(od_device *device, float *y, const float *x, const float *w,
                           const float *b, const od_conv2d *conv);
    // The gradients of that; dx NULL: not wanted.
    void (*conv2d_backward)(od_device *device, float *dx, float *dw, float *db, const float *dy,
                            const float *x, const float *w, const od_conv2d *conv);
    // torch.nn.BatchNorm2d in training. Per channel over the rows: y = (x - mean) rstd gamma + beta,
    // rstd = 1/sqrt(var + eps), var with 1/rows; mean, rstd [n] are kept for backward. Then
    // running_mean, running_var [n] (both or none NULL) become (1 - momentum) running + momentum
    // (mean, var rows / (rows - 1)).
    void (*batchnorm_forward)(od_device *device, float *y, float *mean, float *rstd,
                              float *running_mean, float *running_var, const float *x,
                              const float *gamma, const float *beta, const od_batchnorm *norm);
    // The same in evaluation: with the running statistics in the place of the batch's.
    void (*batchnorm_evaluate)(od_device *device, float *y, const float *x,
                               const float *running_mean, const float *running_var,
                               const float *gamma, const float *beta, const od_batchnorm *norm);
    // With h = (x - mean) rstd, d = dy (with relu: where h gamma + beta > 0, else 0):
    //   dx = gamma rstd (d - mean_rows(d) - h mean_rows(d h)); dgamma += sum_rows(d h);
    //   dbeta += sum_rows(d). dx may be dy.
    void (*batchnorm_backward)(od_device *device, float *dx, float *dgamma, float *dbeta,
                               const float *dy, const float *x, const float *mean,
                               const float *rstd, const float *gamma, const float *beta,
                               const od_batchnorm *norm, bool accumulate_dx);
    // y[batch, n] = the mean over positions of x [batch, positions, n].
    void (*avgpool_forward)(od_device *device, float *y, const float *x, int64_t batch,
                            int64_t positions, int64_t n);
    // dx[b,t,:] = dy[b,:] / positions.
    void (*avgpool_backward)(od_device *device, float *dx, const float *dy, int64_t batch,
                             int64_t positions, int64_t n);

    // --- loss -------------------------------------------------------------------------------
    // Per row with label y: loss[r] = (1-e) (-log p_y) + e/classes sum_c(-log p_c), p = softmax of
    // logits[r,:]. rank[r] = number of classes with a larger logit than the label's, or an equal
    // one and a smaller index (so acc@k counts rank < k). dlogits (NULL: not wanted) =
    // (p - target) scale, target = (1-e) onehot(y) + e/classes.
    void (*cross_entropy)(od_device *device, float *loss, int32_t *rank, float *dlogits,
                          const float *logits, const int32_t *labels, int64_t rows, int64_t classes,
                          float smoothing, float scale);
    // Per row with targets t[r,:]: loss[r] = sum_c(-t_c log p_c). dlogits (NULL: not wanted) =
    // (p sum_c(t_c) - t) scale. targets [rows, classes].
    void (*cross_entropy_soft)(od_device *device, float *loss, float *dlogits, const float *logits,
                               const float *targets, int64_t rows, int64_t classes, float scale);

    // --- parameters -------------------------------------------------------------------------
    // *out (one double in device memory) = sum x^2, in an order that depends on count alone.
    void (*sum_of_squares)(od_device *device, double *out, const float *x, int64_t count);
    void (*scale)(od_device *device, float *x, float factor, int64_t count);
    // torch.optim.Adam / AdamW: m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
    // p -= lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps). torch.optim.SGD with momentum.
    void (*adam)(od_device *device, float *p, float *m, float *v, const float *g, int64_t count,
                 const od_adam_options *options);
    void (*sgd)(od_device *device, float *p, float *v, const float *g, int64_t count,
                const od_sgd_options *options);
} od_backend;

extern const od_backend od_backend_ref;
extern const od_backend od_backend_cpu;

// "ref" or "cpu"; NULL for any other name.
const od_backend *od_backend_find(const char *name);

// Those, and "cuda" from its plugin. OD_E_INVALID: no such name; OD_E_UNSUPPORTED: the plugin was
// not built or does not load. *out is valid as long as the process.
od_status od_backend_load(const char *name, const od_backend **out, od_error *error) OD_MUST_CHECK;

#endif
