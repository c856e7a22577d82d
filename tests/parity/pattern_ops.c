// SPDX-License-Identifier: Apache-2.0
#include "tests/parity/pattern_ops.h"

#include <math.h>

// --- patterns -----------------------------------------------------------------------------------
typedef struct pattern_case {
    const char *prefix;
    int64_t rows, n;
    od_pattern_options options;
    float *x, *f, *w; // w: of the 1x1 convolution, or NULL
} pattern_case;

static pattern_case case_of(bench *b, const char *prefix, od_connection connection,
                            od_pattern pattern) {
    b->prefix = prefix;
    const bool convolves = pattern == OD_PATTERN_RESCALE_CONV;
    return (pattern_case){
        .prefix = prefix,
        .rows = bench_extent(b, "x", 0),
        .n = bench_extent(b, "x", 1),
        .options = {.connection = connection,
                    .pattern = pattern,
                    .eps = (float)bench_scalar(b, "eps"),
                    .scalar = convolves ? NULL : bench_input(b, "a")},
        .x = bench_input(b, "x"),
        .f = bench_input(b, "f"),
        .w = convolves ? bench_input(b, "w") : NULL,
    };
}

static float *forward(bench *b, const pattern_case *c) {
    float *y = bench_output(b, "y");
    float *coef = bench_filled(b, 2 * c->rows, NAN);
    float *stats = bench_output(b, "stats");
    if (c->w != NULL) {
        b->backend->linear_forward(b->device, y, c->x, c->w, NULL, c->rows, c->n, c->n);
    }
    b->backend->pattern_forward(b->device, y, coef, stats, c->x, c->f, c->rows, c->n, &c->options);
    bench_expect(b, "y", y);
    bench_expect(b, "stats", stats);
    return coef;
}

// In one of the three ways that backward knows: into dx, added to it, over g.
typedef enum way { OVERWRITE, ADD, IN_PLACE } way;

static void backward(bench *b, const pattern_case *c, const float *coef, way how) {
    float *g = bench_input(b, "g");
    float *df = bench_output(b, "df");
    float *dx = how == IN_PLACE ? g : how == ADD ? bench_gradient(b, "dx") : bench_output(b, "dx");
    float *da = c->w == NULL ? bench_gradient(b, "da") : NULL;
    if (c->w != NULL && how == IN_PLACE) {
        return; // the product with w needs g too
    }
    b->backend->pattern_backward(b->device, dx, df, da, g, c->x, c->f, coef, c->rows, c->n,
                                 &c->options, how == ADD);
    if (c->w != NULL) {
        float *dw = bench_gradient(b, "dw");
        b->backend->linear_backward(b->device, dx, dw, NULL, g, c->x, c->w, c->rows, c->n, c->n,
                                    true);
        bench_expect_gradient(b, "dw", dw);
    } else {
        bench_expect_gradient(b, "da", da);
    }
    bench_expect(b, "df", df);
    if (how == ADD) {
        bench_expect_gradient(b, "dx", dx);
    } else {
        bench_expect(b, "dx", dx);
    }
}

static void pattern(bench *b, const char *prefix, od_connection connection, od_pattern kind) {
    const pattern_case c = case_of(b, prefix, connection, kind);
    const float *coef = forward(b, &c);
    backward(b, &c, coef, OVERWRITE);
    backward(b, &c, coef, ADD);
    backward(b, &c, coef, IN_PLACE);
}

#define PATTERN_TEST(name, connection, kind)      \
    static void name(void **state) {              \
        pattern(*state, #name, connection, kind); \
    }
#define PATTERN_TESTS(name, kind)                                 \
    PATTERN_TEST(name##_linear_odd, OD_CONNECT_LINEAR, kind)      \
    PATTERN_TEST(name##_linear_short, OD_CONNECT_LINEAR, kind)    \
    PATTERN_TEST(name##_feature_odd, OD_CONNECT_ORTHOGONAL, kind) \
    PATTERN_TEST(name##_feature_short, OD_CONNECT_ORTHOGONAL, kind)
PATTERN_TESTS(rezero, OD_PATTERN_REZERO)
PATTERN_TESTS(rezero_constrained, OD_PATTERN_REZERO_CONSTRAINED)
PATTERN_TESTS(rescale_stream, OD_PATTERN_RESCALE)
PATTERN_TESTS(conv1x1, OD_PATTERN_RESCALE_CONV)

// --- whole samples as rows ----------------------------------------------------------------------
static void samples(bench *b, const char *prefix, od_pattern kind) {
    b->prefix = prefix;
    const int64_t rows = bench_extent(b, "x", 0);
    const int64_t n = bench_extent(b, "x", 1) * bench_extent(b, "x", 2) * bench_extent(b, "x", 3);
    const float eps = (float)bench_scalar(b, "eps");
    const od_pattern_options options = {OD_CONNECT_ORTHOGONAL, kind, eps, bench_input(b, "a")};
    float *x = bench_input(b, "x"), *f = bench_input(b, "f"), *g = bench_input(b, "g");
    float *y = bench_output(b, "y"), *dx = bench_output(b, "dx"), *df = bench_output(b, "df");
    float *coef = bench_filled(b, 2 * rows, NAN);
    float *stats = bench_filled(b, OD_PATTERN_STATS, NAN); // the golden has the first six
    if (kind == OD_PATTERN_DEFAULT) {
        b->backend->connect_forward(b->device, y, coef, stats, x, f, rows, n, OD_CONNECT_ORTHOGONAL,
                                    eps);
        b->backend->connect_backward(b->device, dx, df, g, x, f, coef, rows, n,
                                     OD_CONNECT_ORTHOGONAL, false);
    } else {
        b->backend->pattern_forward(b->device, y, coef, stats, x, f, rows, n, &options);
        b->backend->pattern_backward(b->device, dx, df, NULL, g, x, f, coef, rows, n, &options,
                                     false);
    }
    bench_expect(b, "y", y);
    bench_expect(b, "stats", stats);
    bench_expect(b, "dx", dx);
    bench_expect(b, "df", df);
}

static void global(void **state) {
    samples(*state, "global", OD_PATTERN_DEFAULT);
}

static void global_constrained(void **state) {
    samples(*state, "global_constrained", OD_PATTERN_REZERO_CONSTRAINED);
}

// --- randomness: PyTorch multiplied with masks of the same stream -------------------------------
static od_philox stream(void) {
    od_philox draws;
    od_philox_init(&draws, 77, OD_PURPOSE_DROP, 5, ((uint64_t)1 << 40) + 3);
    return draws;
}

static void drop(bench *b, const char *prefix, bool whole_samples) {
    b->prefix = prefix;
    const od_philox draws = stream();
    const int64_t n = bench_extent(b, "x", 1), count = bench_extent(b, "x", 0) * n;
    const int64_t group = whole_samples ? n : 1;
    const float rate = (float)bench_scalar(b, "rate");
    float *y = bench_output(b, "y"), *dy = bench_input(b, "dy");
    b->backend->drop(b->device, y, bench_input(b, "x"), count, group, rate, &draws);
    bench_expect(b, "y", y);
    b->backend->drop(b->device, dy, dy, count, group, rate, &draws);
    bench_expect(b, "dx", dy);
}

static void dropout(void **state) {
    drop(*state, "dropout", false);
}

static void drop_path(void **state) {
    drop(*state, "drop_path", true);
}

static void noise(void **state) {
    bench *b = *state;
    b->prefix = "noise";
    od_philox draws;
    od_philox_init(&draws, 77, OD_PURPOSE_NOISE, 5, ((uint64_t)1 << 40) + 3);
    float *y = bench_output(b, "y");
    b->backend->add_noise(b->device, y, bench_input(b, "x"),
                          bench_extent(b, "x", 0) * bench_extent(b, "x", 1),
                          (float)bench_scalar(b, "scale"), &draws);
    bench_expect(b, "y", y);
}

#define TEST(function) \
    { #function, function, bench_open, bench_close, NULL }
#define TESTS(name)                                                               \
    TEST(name##_linear_odd), TEST(name##_linear_short), TEST(name##_feature_odd), \
        TEST(name##_feature_short)
const struct CMUnitTest pattern_ops[PATTERN_OPS] = {
    TESTS(rezero), TESTS(rezero_constrained), TESTS(rescale_stream), TESTS(conv1x1),
    TEST(global),  TEST(global_constrained),  TEST(dropout),         TEST(drop_path),
    TEST(noise),
};
