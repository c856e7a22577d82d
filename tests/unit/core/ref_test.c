// SPDX-License-Identifier: Apache-2.0
// core/backend/ref: every backward against central differences of its forward, and values that can
// be worked out by hand. Whatever holds for ref here, kernels_test.c carries over to cpu.
#include "core/backend/ref/ref.h"

#include "tests/unit/core/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 512, INPUTS = 4, OUTPUTS = 2 };

// --- derivatives -----------------------------------------------------------------------------

// A differentiable function: up to INPUTS inputs and OUTPUTS outputs of the given sizes, and its
// backward from the gradients of the outputs to those of the inputs. add is accumulate_dx where
// the kernel has it; gradients that are always accumulated are marked in always.
typedef struct function {
    const char *name;
    int64_t in[INPUTS], out[OUTPUTS]; // 0: not there
    void (*forward)(float y[OUTPUTS][MOST], float x[INPUTS][MOST]);
    void (*backward)(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST], float x[INPUTS][MOST],
                     float y[OUTPUTS][MOST], bool add);
    bool follows_add[INPUTS], always[INPUTS];
} function;

// The loss is sum_k sum_i w[k][i] y[k][i], summed in float64.
static double loss_of(const function *f, float x[INPUTS][MOST], float w[OUTPUTS][MOST]) {
    float y[OUTPUTS][MOST];
    f->forward(y, x);
    double loss = 0;
    for (int k = 0; k < OUTPUTS; k++) {
        for (int64_t i = 0; i < f->out[k]; i++) {
            loss += (double)w[k][i] * (double)y[k][i];
        }
    }
    return loss;
}

// Central differences of fourth order; the step is a power of two, so x +- step is nearly exact.
static double slope_of(const function *f, float x[INPUTS][MOST], float w[OUTPUTS][MOST],
                       float *value) {
    static const struct {
        float steps;
        double weight;
    } terms[] = {{-2, 1.0 / 12}, {-1, -8.0 / 12}, {1, 8.0 / 12}, {2, -1.0 / 12}};
    const float step = 0x1p-5f;
    const float kept = *value;
    double slope = 0;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        *value = kept + terms[i].steps * step;
        slope += terms[i].weight * loss_of(f, x, w);
    }
    *value = kept;
    return slope / (double)step;
}

static void check_gradients(const function *f, bool add) {
    static float x[INPUTS][MOST], w[OUTPUTS][MOST], y[OUTPUTS][MOST], dx[INPUTS][MOST];
    const float before = 0.25f;
    for (uint32_t k = 0; k < INPUTS; k++) {
        od_test_fill(x[k], f->in[k], 1, k + 1);
        for (int64_t i = 0; i < f->in[k]; i++) {
            dx[k][i] = before;
        }
    }
    for (uint32_t k = 0; k < OUTPUTS; k++) {
        od_test_fill(w[k], f->out[k], 1, k + 10);
    }
    f->forward(y, x);
    f->backward(dx, w, x, y, add);
    for (int k = 0; k < INPUTS; k++) {
        bool added = f->always[k] || (add && f->follows_add[k]);
        for (int64_t i = 0; i < f->in[k]; i++) {
            double expected = slope_of(f, x, w, &x[k][i]) + (added ? (double)before : 0);
            double got = (double)dx[k][i];
            if (!(fabs(got - expected) <= 3e-4 * fmax(1, fabs(expected)))) {
                fail_msg("%s: gradient %lld of input %d is %g, by differences %g", f->name,
                         (long long)i, k, got, expected);
            }
        }
    }
}

static void gradients(void **state) {
    check_gradients(*state, false);
    check_gradients(*state, true);
}

static void linear(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    od_ref_linear_forward(NULL, y[0], x[0], x[1], x[2], 5, 4, 3);
}

static void linear_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST], float x[INPUTS][MOST],
                        float y[OUTPUTS][MOST], bool add) {
    (void)y;
    od_ref_linear_backward(NULL, dx[0], dx[1], dx[2], dy[0], x[0], x[1], 5, 4, 3, add);
}

static void linear_gelu(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    float pre[MOST];
    od_ref_linear_gelu_forward(NULL, y[0], pre, x[0], x[1], x[2], 5, 4, 3);
}

static void linear_gelu_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST], float x[INPUTS][MOST],
                             float y[OUTPUTS][MOST], bool add) {
    float pre[MOST], again[MOST], dpre[MOST];
    od_ref_linear_gelu_forward(NULL, again, pre, x[0], x[1], x[2], 5, 4, 3);
    assert_memory_equal(again, y[0], 15 * sizeof(float));
    od_ref_gelu_backward(NULL, dpre, dy[0], pre, 15);
    od_ref_linear_backward(NULL, dx[0], dx[1], dx[2], dpre, x[0], x[1], 5, 4, 3, add);
}

static void layernorm(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    float mean[4], rstd[4];
    od_ref_layernorm_forward(NULL, y[0], mean, rstd, x[0], x[1], x[2], 4, 7, 0.01f);
}

static void layernorm_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST], float x[INPUTS][MOST],
                           float y[OUTPUTS][MOST], bool add) {
    float mean[4], rstd[4];
    od_ref_layernorm_forward(NULL, y[0], mean, rstd, x[0], x[1], x[2], 4, 7, 0.01f);
    od_ref_layernorm_backward(NULL, dx[0], dx[1], dx[2], dy[0], x[0], mean, rstd, x[1], 4, 7, add);
}

static void plain_layernorm(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    float mean[4], rstd[4];
    od_ref_layernorm_forward(NULL, y[0], mean, rstd, x[0], NULL, NULL, 4, 7, 0.01f);
}

static void plain_layernorm_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],
                                 float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {
    float mean[4], rstd[4];
    od_ref_layernorm_forward(NULL, y[0], mean, rstd, x[0], NULL, NULL, 4, 7, 0.01f);
    od_ref_layernorm_backward(NULL, dx[0], NULL, NULL, dy[0], x[0], mean, rstd, NULL, 4, 7, add);
}

static void attention(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    float p[MOST];
    od_ref_attention_forward(NULL, y[0], p, x[0], 2, 3, 2, 4);
}

static void attention_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST], float x[INPUTS][MOST],
                           float y[OUTPUTS][MOST], bool add) {
    (void)add;
    float p[MOST];
    od_ref_attention_forward(NULL, y[0], p, x[0], 2, 3, 2, 4);
    od_ref_attention_backward(NULL, dx[0], dy[0], x[0], p, 2, 3, 2, 4);
}

#define CONNECT(name, connection)                                                              \
    static void name(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {                          \
        float coef[8];                                                                         \
        od_ref_connect_forward(NULL, y[0], coef, NULL, x[0], x[1], 4, 7, connection, 0.1f);    \
    }                                                                                          \
    static void name##_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],                   \
                            float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {         \
        float coef[8];                                                                         \
        od_ref_connect_forward(NULL, y[0], coef, NULL, x[0], x[1], 4, 7, connection, 0.1f);    \
        od_ref_connect_backward(NULL, dx[0], dx[1], dy[0], x[0], x[1], coef, 4, 7, connection, \
                                add);                                                          \
    }
CONNECT(linear_connection, OD_CONNECT_LINEAR)
CONNECT(negative_connection, OD_CONNECT_NEGATIVE)
CONNECT(orthogonal_connection, OD_CONNECT_ORTHOGONAL)

// x[2] is the scalar. In two of the four rows <x,x> is below the eps of 2, where it is clamped.
#define PATTERN(name, connection, pattern)                                                \
    static void name(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {                     \
        float coef[8];                                                                    \
        const od_pattern_options options = {connection, pattern, 2, x[2]};                \
        od_ref_pattern_forward(NULL, y[0], coef, NULL, x[0], x[1], 4, 7, &options);       \
    }                                                                                     \
    static void name##_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],              \
                            float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {    \
        float coef[8];                                                                    \
        const od_pattern_options options = {connection, pattern, 2, x[2]};                \
        od_ref_pattern_forward(NULL, y[0], coef, NULL, x[0], x[1], 4, 7, &options);       \
        od_ref_pattern_backward(NULL, dx[0], dx[1], dx[2], dy[0], x[0], x[1], coef, 4, 7, \
                                &options, add);                                           \
    }
PATTERN(linear_rezero, OD_CONNECT_LINEAR, OD_PATTERN_REZERO)
PATTERN(orthogonal_rezero, OD_CONNECT_ORTHOGONAL, OD_PATTERN_REZERO)
PATTERN(linear_constrained, OD_CONNECT_LINEAR, OD_PATTERN_REZERO_CONSTRAINED)
PATTERN(orthogonal_constrained, OD_CONNECT_ORTHOGONAL, OD_PATTERN_REZERO_CONSTRAINED)
PATTERN(linear_rescale, OD_CONNECT_LINEAR, OD_PATTERN_RESCALE)
PATTERN(orthogonal_rescale, OD_CONNECT_ORTHOGONAL, OD_PATTERN_RESCALE)

// x[2] is w [7, 7]: y = x w^T + f - s x, as the op connect_conv1x1 puts it together.
static void rescale_conv(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    float coef[8];
    const od_pattern_options options = {OD_CONNECT_ORTHOGONAL, OD_PATTERN_RESCALE_CONV, 0.1f, NULL};
    od_ref_linear_forward(NULL, y[0], x[0], x[2], NULL, 4, 7, 7);
    od_ref_pattern_forward(NULL, y[0], coef, NULL, x[0], x[1], 4, 7, &options);
}

static void rescale_conv_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],
                              float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {
    float coef[8];
    const od_pattern_options options = {OD_CONNECT_ORTHOGONAL, OD_PATTERN_RESCALE_CONV, 0.1f, NULL};
    rescale_conv(y, x);
    od_ref_pattern_forward(NULL, y[0], coef, NULL, x[0], x[1], 4, 7, &options);
    od_ref_pattern_backward(NULL, dx[0], dx[1], NULL, dy[0], x[0], x[1], coef, 4, 7, &options, add);
    od_ref_linear_backward(NULL, dx[0], dx[2], NULL, dy[0], x[0], x[2], 4, 7, 7, true);
}

static od_philox stream_of(uint64_t index) {
    od_philox draws;
    od_philox_init(&draws, 9, OD_PURPOSE_DROP, 1, index);
    return draws;
}

static void dropout(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    const od_philox draws = stream_of(0);
    od_ref_drop(NULL, y[0], x[0], 77, 1, 0.4f, &draws);
}

static void dropout_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST], float x[INPUTS][MOST],
                         float y[OUTPUTS][MOST], bool add) {
    (void)x, (void)y, (void)add;
    const od_philox draws = stream_of(0);
    od_ref_drop(NULL, dx[0], dy[0], 77, 1, 0.4f, &draws);
}

// Both outputs count: the stream and its layer norm.
static void connect_layernorm(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    float coef[8], mean[4], rstd[4];
    od_ref_connect_layernorm_forward(NULL, y[0], y[1], mean, rstd, coef, NULL, x[0], x[1], 4, 7,
                                     OD_CONNECT_ORTHOGONAL, 0.1f, 0.01f);
}

static void connect_layernorm_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],
                                   float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {
    float coef[8], mean[4], rstd[4], g[MOST];
    od_ref_connect_layernorm_forward(NULL, y[0], y[1], mean, rstd, coef, NULL, x[0], x[1], 4, 7,
                                     OD_CONNECT_ORTHOGONAL, 0.1f, 0.01f);
    memcpy(g, dy[0], sizeof g);
    od_ref_layernorm_backward(NULL, g, NULL, NULL, dy[1], y[0], mean, rstd, NULL, 4, 7, true);
    od_ref_connect_backward(NULL, dx[0], dx[1], g, x[0], x[1], coef, 4, 7, OD_CONNECT_ORTHOGONAL,
                            add);
}

static void embed_tokens(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    od_ref_embed_tokens_forward(NULL, y[0], x[0], x[1], x[2], 3, 4, 5);
}

static void embed_tokens_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],
                              float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {
    (void)x, (void)y, (void)add;
    od_ref_embed_tokens_backward(NULL, dx[0], dx[1], dx[2], dy[0], 3, 4, 5);
}

static void first_token(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    od_ref_first_token_forward(NULL, y[0], x[0], 3, 4, 5);
}

static void first_token_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST], float x[INPUTS][MOST],
                             float y[OUTPUTS][MOST], bool add) {
    (void)x, (void)y;
    od_ref_first_token_backward(NULL, dx[0], dy[0], 3, 4, 5, add);
}

static const int32_t labels[4] = {0, 6, 3, 3};

static void cross_entropy(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    int32_t rank[4];
    od_ref_cross_entropy(NULL, y[0], rank, NULL, x[0], labels, 4, 7, 0.1f, 1);
}

// The kernel gives the gradient of the plain sum; each row is weighted here.
static void cross_entropy_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],
                               float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {
    (void)add;
    int32_t rank[4];
    od_ref_cross_entropy(NULL, y[0], rank, dx[0], x[0], labels, 4, 7, 0.1f, 1);
    for (int r = 0; r < 4; r++) {
        od_ref_scale(NULL, dx[0] + 7 * r, dy[0][r], 7);
    }
}

// The targets are no input to differentiate by: they are constants here.
static const float targets[28] = {0.5F, 0.25F, 0, 0, 0.25F, 0,    0,    1,    0,    0,
                                  0,    0,     0, 0, 0.1F,  0.2F, 0.3F, 0.1F, 0.1F, 0.1F,
                                  0.1F, 0,     2, 0, 0,     0,    0.5F, 0};

static void cross_entropy_soft(float y[OUTPUTS][MOST], float x[INPUTS][MOST]) {
    od_ref_cross_entropy_soft(NULL, y[0], NULL, x[0], targets, 4, 7, 1);
}

static void cross_entropy_soft_back(float dx[INPUTS][MOST], float dy[OUTPUTS][MOST],
                                    float x[INPUTS][MOST], float y[OUTPUTS][MOST], bool add) {
    (void)add;
    od_ref_cross_entropy_soft(NULL, y[0], dx[0], x[0], targets, 4, 7, 1);
    for (int r = 0; r < 4; r++) {
        od_ref_scale(NULL, dx[0] + 7 * r, dy[0][r], 7);
    }
}

#define ROW(name) #name, .forward = name, .backward = name##_back
static const function functions[] = {
    {ROW(linear), .in = {20, 12, 3}, .out = {15}, .follows_add = {true}, .always = {0, 1, 1}},
    {ROW(linear_gelu), .in = {20, 12, 3}, .out = {15}, .follows_add = {true}, .always = {0, 1, 1}},
    {ROW(layernorm), .in = {28, 7, 7}, .out = {28}, .follows_add = {true}, .always = {0, 1, 1}},
    {ROW(plain_layernorm), .in = {28}, .out = {28}, .follows_add = {true}},
    {ROW(attention), .in = {144}, .out = {48}},
    {ROW(linear_connection), .in = {28, 28}, .out = {28}, .follows_add = {true}},
    {ROW(negative_connection), .in = {28, 28}, .out = {28}, .follows_add = {true}},
    {ROW(orthogonal_connection), .in = {28, 28}, .out = {28}, .follows_add = {true}},
    {ROW(linear_rezero), .in = {28, 28, 1}, .out = {28}, .follows_add = {true},
     .always = {0, 0, 1}},
    {ROW(orthogonal_rezero), .in = {28, 28, 1}, .out = {28}, .follows_add = {true},
     .always = {0, 0, 1}},
    {ROW(linear_constrained), .in = {28, 28, 1}, .out = {28}, .follows_add = {true},
     .always = {0, 0, 1}},
    {ROW(orthogonal_constrained), .in = {28, 28, 1}, .out = {28}, .follows_add = {true},
     .always = {0, 0, 1}},
    {ROW(linear_rescale), .in = {28, 28, 1}, .out = {28}, .follows_add = {true},
     .always = {0, 0, 1}},
    {ROW(orthogonal_rescale), .in = {28, 28, 1}, .out = {28}, .follows_add = {true},
     .always = {0, 0, 1}},
    {ROW(rescale_conv), .in = {28, 28, 49}, .out = {28}, .follows_add = {true},
     .always = {0, 0, 1}},
    {ROW(dropout), .in = {77}, .out = {77}},
    {ROW(connect_layernorm), .in = {28, 28}, .out = {28, 28}, .follows_add = {true}},
    {ROW(embed_tokens), .in = {60, 5, 20}, .out = {75}, .always = {0, 1, 1}},
    {ROW(first_token), .in = {60}, .out = {15}, .follows_add = {true}},
    {ROW(cross_entropy), .in = {28}, .out = {4}},
    {ROW(cross_entropy_soft), .in = {28}, .out = {4}},
};

// --- values by hand --------------------------------------------------------------------------

static void assert_near(float got, double expected) {
    if (!(fabs((double)got - expected) <= 1e-6 * fmax(1, fabs(expected)))) {
        fail_msg("%.9g is not %.9g", (double)got, expected);
    }
}

// x = (3, 4), f = (1, 2), eps = 1: <x,f> = 11, <x,x> + eps = 26, s = 11/26.
static void orthogonal_update_by_hand(void **state) {
    (void)state;
    const float x[] = {3, 4}, f[] = {1, 2};
    float y[2], coef[2], stats[OD_CONNECT_STATS];
    od_ref_connect_forward(NULL, y, coef, stats, x, f, 1, 2, OD_CONNECT_ORTHOGONAL, 1);
    assert_near(coef[0], 11.0 / 26);
    assert_near(coef[1], 1.0 / 26);
    assert_near(y[0], 3 + 1 - 3 * 11.0 / 26);
    assert_near(y[1], 4 + 2 - 4 * 11.0 / 26);
    double s = 11.0 / 26, par2 = s * s * 25;
    double ortho2 = (1 - 3 * s) * (1 - 3 * s) + (2 - 4 * s) * (2 - 4 * s);
    ortho2 = ortho2 < 1 ? 1 : ortho2; // clamped by eps
    const double expected[] = {26, par2, ortho2, par2 / 26, ortho2 / 26, 11 / sqrt(26.0 * 5)};
    for (int i = 0; i < OD_CONNECT_STATS; i++) {
        assert_near(stats[i], expected[i]);
    }
}

// Shares and moments of what is drawn, over 2^18 draws: within five standard errors.
static void draws_have_their_distribution(void **state) {
    (void)state;
    enum { COUNT = 1 << 18 };
    static float x[COUNT], y[COUNT];
    for (int i = 0; i < COUNT; i++) {
        x[i] = 1;
    }
    const od_philox draws = stream_of(1);
    const double error = 1 / sqrt(COUNT);
    od_ref_drop(NULL, y, x, COUNT, 1, 0.3f, &draws);
    double kept = 0, pairs = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(y[i] == 0 || y[i] == 1 / 0.7f);
        kept += y[i] > 0;
        pairs += i > 0 && y[i] > 0 && y[i - 1] > 0;
    }
    assert_true(fabs(kept / COUNT - 0.7) < 5 * 0.46 * error);
    assert_true(fabs(pairs / COUNT - 0.49) <
                10 * 0.5 * error); // neighbours do not know of each other
    od_ref_add_noise(NULL, y, x, COUNT, 0.5f, &draws);
    double sum = 0, squares = 0, products = 0, beyond = 0;
    for (int i = 0; i < COUNT; i++) {
        const double z = ((double)y[i] - 1) / 0.5;
        sum += z;
        squares += z * z;
        products += i % 2 == 1 ? z * (((double)y[i - 1] - 1) / 0.5) : 0;
        beyond += fabs(z) > 1.959964;
    }
    assert_true(fabs(sum / COUNT) < 5 * error);
    assert_true(fabs(squares / COUNT - 1) < 5 * sqrt(2) * error);
    assert_true(fabs(products / (0.5 * COUNT)) < 5 * sqrt(2) * error); // the two of a pair
    assert_true(fabs(beyond / COUNT - 0.05) < 5 * 0.22 * error);
}

// One draw a sample: all of it stays or goes, as the draws of the stream say.
static void whole_samples_are_dropped(void **state) {
    (void)state;
    enum { SAMPLES = 64, VALUES = 5 };
    float x[SAMPLES * VALUES], y[SAMPLES * VALUES];
    od_test_fill(x, SAMPLES * VALUES, 1, 1);
    const od_philox draws = stream_of(2);
    od_philox again = draws;
    od_ref_drop(NULL, y, x, SAMPLES * VALUES, VALUES, 0.5f, &draws);
    for (int s = 0; s < SAMPLES; s++) {
        const bool kept = od_philox_uniform(&again) >= 0.5f;
        for (int i = s * VALUES; i < (s + 1) * VALUES; i++) {
            assert_true(y[i] == (kept ? 2 * x[i] : 0));
        }
    }
    od_ref_drop(NULL, y, x, SAMPLES * VALUES, VALUES, 0, &draws);
    assert_memory_equal(x, y, sizeof x);
    od_ref_drop(NULL, y, x, SAMPLES * VALUES, VALUES, 1, &draws);
    assert_true(y[0] == 0 && y[SAMPLES * VALUES - 1] == 0);
}

// The linear connection has no eps in <x,x>, unless <x,x> is below it.
static void linear_statistics_by_hand(void **state) {
    (void)state;
    const float x[] = {3, 4, 0, 0}, f[] = {1, 2, 2, 0};
    float y[4], stats[OD_CONNECT_STATS];
    od_ref_connect_forward(NULL, y, NULL, stats, x, f, 2, 2, OD_CONNECT_LINEAR, 0.25f);
    assert_near(y[0], 4);
    assert_near(y[3], 0);
    // Row 1: s = 11/25, f_par = s x, f_ortho = f - s x. Row 2: <x,x> becomes 0.25, s = 0.
    double s = 11.0 / 25, par2 = s * s * 25;
    double ortho2 = fmax((1 - 3 * s) * (1 - 3 * s) + (2 - 4 * s) * (2 - 4 * s), 0.25);
    const double expected[] = {(25 + 0.25) / 2,        (par2 + 0.25) / 2,
                               (ortho2 + 4) / 2,       (par2 / 25 + 1) / 2,
                               (ortho2 / 25 + 16) / 2, 11 / (5 * sqrt(5.0)) / 2};
    for (int i = 0; i < OD_CONNECT_STATS; i++) {
        assert_near(stats[i], expected[i]);
    }
}

static void gelu_by_hand(void **state) {
    (void)state;
    const float x[] = {0, 1, -1, 3, -40, 40};
    // 0.5 x (1 + tanh(0.7978845608 (x + 0.044715 x^3))), tanh from tables
    const double expected[] = {0, 0.8411919906, -0.1588080094, 2.9963626079, 0, 40};
    float y[6];
    od_ref_gelu_forward(NULL, y, x, 6);
    for (int i = 0; i < 6; i++) {
        assert_near(y[i], expected[i]);
    }
}

static void cross_entropy_by_hand(void **state) {
    (void)state;
    // Even logits: every p is 1/4, whatever the smoothing. Ties go to the smaller index.
    const float logits[] = {7, 7, 7, 7, 0, 1, 3, 2};
    const int32_t label[] = {2, 1};
    float loss[2], dlogits[8];
    int32_t rank[2];
    od_ref_cross_entropy(NULL, loss, rank, dlogits, logits, label, 2, 4, 0.2f, 0.5f);
    assert_near(loss[0], log(4));
    assert_int_equal(rank[0], 2);
    assert_near(dlogits[0], 0.5 * (0.25 - 0.05));
    assert_near(dlogits[2], 0.5 * (0.25 - 0.85));
    assert_int_equal(rank[1], 2); // 3 and 2 are larger
    double lse = log(1 + exp(1) + exp(3) + exp(2));
    assert_near(loss[1], lse - 0.8 * 1 - 0.05 * (0 + 1 + 3 + 2));
}

static void patches_list_channel_row_column(void **state) {
    (void)state;
    enum { B = 2, H = 4, W = 6, C = 3, P = 2 };
    float images[B * H * W * C], patches[B * H * W * C];
    for (int i = 0; i < B * H * W * C; i++) {
        images[i] = (float)i;
    }
    od_ref_patchify(NULL, patches, images, B, H, W, C, P);
    // Image 1, second row of patches, third in it, channel 2, its lower left value.
    int patch = (1 * 2 + 1) * 3 + 2;
    int value = (2 * P + 1) * P + 0;
    int pixel = ((1 * H + 3) * W + 4) * C + 2;
    assert_near(patches[patch * C * P * P + value], pixel);
    double sum = 0;
    for (int i = 0; i < B * H * W * C; i++) {
        sum += (double)patches[i];
    }
    assert_near((float)sum, (B * H * W * C - 1) * (B * H * W * C) / 2.0f);
}

static void adam_by_hand(void **state) {
    (void)state;
    od_adam_options options = {.lr = 0.5, .beta1 = 0.5, .beta2 = 0.75, .eps = 0, .step = 1};
    float p = 1, m = 0, v = 0, g = 2;
    od_ref_adam(NULL, &p, &m, &v, &g, 1, &options);
    assert_near(m, 1);   // 0.5 * 2
    assert_near(v, 1);   // 0.25 * 4
    assert_near(p, 0.5); // the first step has the length lr
    options.step = 2;
    g = 0;
    od_ref_adam(NULL, &p, &m, &v, &g, 1, &options);
    // m = 0.5, v = 0.75, corrections 0.75 and 0.4375
    assert_near(p, 0.5 - 0.5 * (0.5 / 0.75) / sqrt(0.75 / 0.4375));
}

static void weight_decay_by_hand(void **state) {
    (void)state;
    od_adam_options options = {
        .lr = 0.5, .beta1 = 0.5, .beta2 = 0.75, .weight_decay = 0.25, .step = 1};
    float p = 4, m = 0, v = 0, g = 1;
    od_ref_adam(NULL, &p, &m, &v, &g, 1, &options);
    assert_near(m, 1); // L2: the gradient is 1 + 0.25 * 4
    assert_near(p, 3.5);
    p = 4, m = 0, v = 0;
    options.decoupled = true;
    od_ref_adam(NULL, &p, &m, &v, &g, 1, &options);
    assert_near(m, 0.5);
    assert_near(p, 4 - 0.5 * 0.25 * 4 - 0.5);
}

static void sgd_by_hand(void **state) {
    (void)state;
    od_sgd_options options = {.lr = 0.5, .momentum = 0.5, .weight_decay = 0.25, .first = true};
    float p = 4, v = NAN, g = 1;
    od_ref_sgd(NULL, &p, &v, &g, 1, &options);
    assert_near(v, 2);
    assert_near(p, 3);
    options.first = false;
    od_ref_sgd(NULL, &p, &v, &g, 1, &options);
    assert_near(v, 0.5 * 2 + 1 + 0.25 * 3);
    assert_near(p, 3 - 0.5 * 2.75);
}

int main(void) {
    enum { FUNCTIONS = sizeof functions / sizeof *functions };
    static const struct CMUnitTest by_hand[] = {
        cmocka_unit_test(orthogonal_update_by_hand),
        cmocka_unit_test(linear_statistics_by_hand),
        cmocka_unit_test(draws_have_their_distribution),
        cmocka_unit_test(whole_samples_are_dropped),
        cmocka_unit_test(gelu_by_hand),
        cmocka_unit_test(cross_entropy_by_hand),
        cmocka_unit_test(patches_list_channel_row_column),
        cmocka_unit_test(adam_by_hand),
        cmocka_unit_test(weight_decay_by_hand),
        cmocka_unit_test(sgd_by_hand),
    };
    enum { BY_HAND = sizeof by_hand / sizeof *by_hand };
    struct CMUnitTest tests[FUNCTIONS + BY_HAND];
    for (size_t i = 0; i < FUNCTIONS; i++) {
        tests[i] = (struct CMUnitTest){.name = functions[i].name,
                                       .test_func = gradients,
                                       .initial_state = (void *)(uintptr_t)&functions[i]};
    }
    memcpy(tests + FUNCTIONS, by_hand, sizeof by_hand);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
