// SPDX-License-Identifier: Apache-2.0
// Every kernel of every backend against the values that PyTorch computed in float64 for the same
// float32 inputs (golden_ops.py). Outputs that a kernel must overwrite are full of NaN before.
#include "tests/parity/bench.h"
#include "tests/parity/cmocka_headers.h"
#include "tests/parity/pattern_ops.h"

#include <math.h>
#include <stdio.h>

// --- kernels ------------------------------------------------------------------------------------
static void layernorm(bench *b, const char *prefix, bool affine) {
    b->prefix = prefix;
    int64_t rows = bench_extent(b, "x", 0);
    int64_t n = bench_extent(b, "x", 1);
    float *x = bench_input(b, "x");
    float *gamma = affine ? bench_input(b, "gamma") : NULL;
    float *beta = affine ? bench_input(b, "beta") : NULL;
    float *y = bench_output(b, "y");
    float *mean = bench_output(b, "mean");
    float *rstd = bench_output(b, "rstd");
    b->backend->layernorm_forward(b->device, y, mean, rstd, x, gamma, beta, rows, n,
                                  (float)bench_scalar(b, "eps"));
    bench_expect(b, "y", y);
    bench_expect(b, "mean", mean);
    bench_expect(b, "rstd", rstd);
    float *dgamma = affine ? bench_gradient(b, "dgamma") : NULL;
    float *dbeta = affine ? bench_gradient(b, "dbeta") : NULL;
    float *dy = bench_input(b, "dy");
    float *dx = bench_output(b, "dx");
    float *added_dx = bench_gradient(b, "dx");
    b->backend->layernorm_backward(b->device, dx, dgamma, dbeta, dy, x, mean, rstd, gamma, rows, n,
                                   false);
    bench_expect(b, "dx", dx);
    if (affine) {
        bench_expect_gradient(b, "dgamma", dgamma);
        bench_expect_gradient(b, "dbeta", dbeta);
    }
    b->backend->layernorm_backward(b->device, added_dx, dgamma, dbeta, dy, x, mean, rstd, gamma,
                                   rows, n, true);
    bench_expect_gradient(b, "dx", added_dx);
}

static void layernorm_plain(void **state) {
    layernorm(*state, "layernorm", false);
}

static void layernorm_affine(void **state) {
    layernorm(*state, "layernorm_affine", true);
}

static void linear(void **state) {
    bench *b = *state;
    b->prefix = "linear";
    int64_t rows = bench_extent(b, "x", 0);
    int64_t in = bench_extent(b, "x", 1);
    int64_t out = bench_extent(b, "y", 1);
    float *x = bench_input(b, "x");
    float *w = bench_input(b, "w");
    float *y = bench_output(b, "y");
    b->backend->linear_forward(b->device, y, x, w, bench_input(b, "b"), rows, in, out);
    bench_expect(b, "y", y);
    float *dy = bench_input(b, "dy");
    float *dx = bench_output(b, "dx");
    float *dw = bench_gradient(b, "dw");
    float *db = bench_gradient(b, "db");
    b->backend->linear_backward(b->device, dx, dw, db, dy, x, w, rows, in, out, false);
    bench_expect(b, "dx", dx);
    bench_expect_gradient(b, "dw", dw);
    bench_expect_gradient(b, "db", db);
    float *added_dx = bench_gradient(b, "dx");
    b->backend->linear_backward(b->device, added_dx, dw, NULL, dy, x, w, rows, in, out, true);
    bench_expect_gradient(b, "dx", added_dx);
}

static void linear_gelu(void **state) {
    bench *b = *state;
    b->prefix = "linear";
    float *y = bench_output(b, "y");
    float *pre = bench_output(b, "y");
    b->backend->linear_gelu_forward(b->device, y, pre, bench_input(b, "x"), bench_input(b, "w"),
                                    bench_input(b, "b"), bench_extent(b, "x", 0),
                                    bench_extent(b, "x", 1), bench_extent(b, "y", 1));
    bench_expect(b, "y", pre);
    b->prefix = "linear_gelu";
    bench_expect(b, "y", y);
}

static void gelu(void **state) {
    bench *b = *state;
    b->prefix = "gelu";
    int64_t count = bench_extent(b, "x", 0);
    float *x = bench_input(b, "x");
    float *y = bench_output(b, "y");
    b->backend->gelu_forward(b->device, y, x, count);
    bench_expect(b, "y", y);
    float *dx = bench_output(b, "dx");
    float *dy = bench_input(b, "dy");
    b->backend->gelu_backward(b->device, dx, dy, x, count);
    bench_expect(b, "dx", dx);
    b->backend->gelu_backward(b->device, dy, dy, x, count); // in place
    bench_expect(b, "dx", dy);
}

static void attention(bench *b, const char *prefix) {
    b->prefix = prefix;
    int64_t batch = bench_extent(b, "out", 0);
    int64_t tokens = bench_extent(b, "out", 1);
    int64_t heads = bench_extent(b, "out", 2);
    int64_t head_dim = bench_extent(b, "out", 3);
    float *qkv = bench_input(b, "qkv");
    float *out = bench_output(b, "out");
    float *p = bench_output(b, "p");
    b->backend->attention_forward(b->device, out, p, qkv, batch, tokens, heads, head_dim);
    bench_expect(b, "p", p);
    bench_expect(b, "out", out);
    float *dqkv = bench_output(b, "dqkv");
    b->backend->attention_backward(b->device, dqkv, bench_input(b, "dout"), qkv, p, batch, tokens,
                                   heads, head_dim);
    bench_expect(b, "dqkv", dqkv);
}

static void attention_soft(void **state) {
    attention(*state, "attention");
}

static void attention_sharp(void **state) {
    attention(*state, "attention_sharp");
}

static void connect(bench *b, const char *prefix, od_connection connection) {
    b->prefix = prefix;
    int64_t rows = bench_extent(b, "x", 0);
    int64_t n = bench_extent(b, "x", 1);
    float eps = (float)bench_scalar(b, "eps");
    float *x = bench_input(b, "x");
    float *f = bench_input(b, "f");
    float *y = bench_output(b, "y");
    float *coef = bench_filled(b, 2 * rows, NAN);
    float *stats = bench_output(b, "stats");
    b->backend->connect_forward(b->device, y, coef, stats, x, f, rows, n, connection, eps);
    bench_expect(b, "y", y);
    bench_expect(b, "stats", stats);
    float *g = bench_input(b, "g");
    float *dx = bench_output(b, "dx");
    float *df = bench_output(b, "df");
    float *added_dx = bench_gradient(b, "dx");
    b->backend->connect_backward(b->device, dx, df, g, x, f, coef, rows, n, connection, false);
    bench_expect(b, "dx", dx);
    bench_expect(b, "df", df);
    b->backend->connect_backward(b->device, added_dx, df, g, x, f, coef, rows, n, connection, true);
    bench_expect_gradient(b, "dx", added_dx);
    b->backend->connect_backward(b->device, g, df, g, x, f, coef, rows, n, connection, false);
    bench_expect(b, "dx", g);
}

static void connect_layernorm(bench *b, const char *prefix, od_connection connection) {
    b->prefix = prefix;
    int64_t rows = bench_extent(b, "x", 0);
    int64_t n = bench_extent(b, "x", 1);
    float *y = bench_output(b, "y");
    float *z = bench_output(b, "z");
    float *mean = bench_filled(b, rows, NAN);
    float *rstd = bench_filled(b, rows, NAN);
    float *coef = bench_filled(b, 2 * rows, NAN);
    float *stats = bench_output(b, "stats");
    float *x = bench_input(b, "x");
    float *f = bench_input(b, "f");
    b->backend->connect_layernorm_forward(b->device, y, z, mean, rstd, coef, stats, x, f, rows, n,
                                          connection, (float)bench_scalar(b, "eps"), 1e-6f);
    bench_expect(b, "y", y);
    bench_expect(b, "z", z);
    bench_expect(b, "stats", stats);
    // What it keeps is what backward needs.
    float *dx = bench_output(b, "dx");
    float *df = bench_output(b, "df");
    b->backend->connect_backward(b->device, dx, df, bench_input(b, "g"), x, f, coef, rows, n,
                                 connection, false);
    bench_expect(b, "dx", dx);
    bench_expect(b, "df", df);
}

#define CONNECT_TEST(name, connection)                           \
    static void connect_##name(void **state) {                   \
        connect(*state, "connect_" #name, connection);           \
    }                                                            \
    static void connect_layernorm_##name(void **state) {         \
        connect_layernorm(*state, "connect_" #name, connection); \
    }
CONNECT_TEST(linear_odd, OD_CONNECT_LINEAR)
CONNECT_TEST(linear_plain, OD_CONNECT_LINEAR)
CONNECT_TEST(negative_odd, OD_CONNECT_NEGATIVE)
CONNECT_TEST(negative_plain, OD_CONNECT_NEGATIVE)
CONNECT_TEST(feature_odd, OD_CONNECT_ORTHOGONAL)
CONNECT_TEST(feature_plain, OD_CONNECT_ORTHOGONAL)

// A convolution with stride = kernel is patchify and a product with its weight.
static void patchify(bench *b, const char *prefix) {
    b->prefix = prefix;
    int64_t batch = bench_extent(b, "images", 0);
    int64_t height = bench_extent(b, "images", 1);
    int64_t width = bench_extent(b, "images", 2);
    int64_t channels = bench_extent(b, "images", 3);
    int64_t patch = (int64_t)bench_scalar(b, "patch");
    int64_t rows = batch * (height / patch) * (width / patch);
    int64_t in = channels * patch * patch;
    float *patches = bench_filled(b, rows * in, NAN);
    b->backend->patchify(b->device, patches, bench_input(b, "images"), batch, height, width,
                         channels, patch);
    float *y = bench_output(b, "y");
    b->backend->linear_forward(b->device, y, patches, bench_input(b, "w"), NULL, rows, in,
                               bench_extent(b, "w", 0));
    bench_expect(b, "y", y);
}

static void patchify_grey(void **state) {
    patchify(*state, "patchify");
}

static void patchify_rgb(void **state) {
    patchify(*state, "patchify_rgb");
}

static void embed_tokens(void **state) {
    bench *b = *state;
    b->prefix = "embed_tokens";
    int64_t batch = bench_extent(b, "x", 0);
    int64_t tokens = bench_extent(b, "x", 1);
    int64_t n = bench_extent(b, "x", 2);
    float *y = bench_output(b, "y");
    b->backend->embed_tokens_forward(b->device, y, bench_input(b, "x"), bench_input(b, "cls"),
                                     bench_input(b, "pos"), batch, tokens, n);
    bench_expect(b, "y", y);
    float *dx = bench_output(b, "dx");
    float *dcls = bench_gradient(b, "dcls");
    float *dpos = bench_gradient(b, "dpos");
    b->backend->embed_tokens_backward(b->device, dx, dcls, dpos, bench_input(b, "dy"), batch,
                                      tokens, n);
    bench_expect(b, "dx", dx);
    bench_expect_gradient(b, "dcls", dcls);
    bench_expect_gradient(b, "dpos", dpos);
}

static void first_token(void **state) {
    bench *b = *state;
    b->prefix = "first_token";
    int64_t batch = bench_extent(b, "x", 0);
    int64_t tokens = bench_extent(b, "x", 1);
    int64_t n = bench_extent(b, "x", 2);
    float *y = bench_output(b, "y");
    b->backend->first_token_forward(b->device, y, bench_input(b, "x"), batch, tokens, n);
    bench_expect(b, "y", y);
    float *dy = bench_input(b, "dy");
    float *dx = bench_output(b, "dx");
    float *added_dx = bench_gradient(b, "dx");
    b->backend->first_token_backward(b->device, dx, dy, batch, tokens, n, false);
    bench_expect(b, "dx", dx);
    b->backend->first_token_backward(b->device, added_dx, dy, batch, tokens, n, true);
    bench_expect_gradient(b, "dx", added_dx);
}

static void cross_entropy(bench *b, const char *prefix) {
    b->prefix = prefix;
    int64_t rows = bench_extent(b, "logits", 0);
    int64_t classes = bench_extent(b, "logits", 1);
    float *logits = bench_input(b, "logits");
    int32_t *labels = bench_labels(b);
    float *loss = bench_output(b, "loss");
    float *dlogits = bench_output(b, "dlogits");
    int32_t *rank = bench_block(b, (size_t)rows * sizeof *rank);
    float smoothing = (float)bench_scalar(b, "smoothing");
    b->backend->cross_entropy(b->device, loss, rank, dlogits, logits, labels, rows, classes,
                              smoothing, 1.0f / (float)rows);
    bench_expect(b, "loss", loss);
    bench_expect(b, "dlogits", dlogits);
    bench_expect_ranks(b, rank);
}

static void cross_entropy_hard(void **state) {
    cross_entropy(*state, "cross_entropy_0");
}

static void cross_entropy_smooth(void **state) {
    cross_entropy(*state, "cross_entropy_0.1");
}

static void cross_entropy_soft(void **state) {
    bench *b = *state;
    b->prefix = "cross_entropy_soft";
    int64_t rows = bench_extent(b, "logits", 0);
    int64_t classes = bench_extent(b, "logits", 1);
    float *logits = bench_input(b, "logits");
    float *targets = bench_input(b, "targets");
    float *loss = bench_output(b, "loss");
    float *dlogits = bench_output(b, "dlogits");
    b->backend->cross_entropy_soft(b->device, loss, dlogits, logits, targets, rows, classes,
                                   1.0f / (float)rows);
    bench_expect(b, "loss", loss);
    bench_expect(b, "dlogits", dlogits);
}

static void sum_of_squares(void **state) {
    bench *b = *state;
    b->prefix = "sum_of_squares";
    double *sum = bench_block(b, sizeof *sum);
    b->backend->sum_of_squares(b->device, sum, bench_input(b, "x"), bench_extent(b, "x", 0));
    double host = NAN;
    b->backend->download(b->device, &host, sum, sizeof host);
    double want = (double)*(const float *)bench_golden(b, "sum")->data;
    assert_true(fabs(host - want) <= 1e-6 * want);
}

static void adam(bench *b, const char *prefix, bool decoupled) {
    b->prefix = prefix;
    int64_t count = bench_extent(b, "p0", 0);
    float *p = bench_input(b, "p0");
    float *m = bench_filled(b, count, 0);
    float *v = bench_filled(b, count, 0);
    const float *gradients = bench_golden(b, "g")->data;
    float *g = bench_filled(b, count, 0);
    for (int step = 1; step <= 3; step++) {
        od_adam_options options = {.decoupled = decoupled, .step = step};
        options.lr = bench_scalar(b, "lr");
        options.beta1 = bench_scalar(b, "beta1");
        options.beta2 = bench_scalar(b, "beta2");
        options.eps = bench_scalar(b, "eps");
        options.weight_decay = bench_scalar(b, "weight_decay");
        b->backend->upload(b->device, g, gradients + (step - 1) * count,
                           (size_t)count * sizeof *gradients);
        b->backend->adam(b->device, p, m, v, g, count, &options);
        bench_expect_update(b, step, p);
    }
    bench_expect_moment(b, "m", m);
    bench_expect_moment(b, "v", v);
}

static void adam_l2(void **state) {
    adam(*state, "adam", false);
}

static void adam_tiny(void **state) {
    adam(*state, "adam_tiny", false);
}

static void adam_decoupled(void **state) {
    adam(*state, "adamw", true);
}

static void sgd(bench *b, const char *prefix) {
    b->prefix = prefix;
    int64_t count = bench_extent(b, "p0", 0);
    float *p = bench_input(b, "p0");
    float *v = bench_filled(b, count, 0);
    const float *gradients = bench_golden(b, "g")->data;
    float *g = bench_filled(b, count, 0);
    for (int step = 1; step <= 3; step++) {
        od_sgd_options options = {.first = step == 1};
        options.lr = bench_scalar(b, "lr");
        options.momentum = bench_scalar(b, "momentum");
        options.weight_decay = bench_scalar(b, "weight_decay");
        b->backend->upload(b->device, g, gradients + (step - 1) * count,
                           (size_t)count * sizeof *gradients);
        b->backend->sgd(b->device, p, v, g, count, &options);
        bench_expect_update(b, step, p);
    }
}

static void sgd_momentum(void **state) {
    sgd(*state, "sgd");
}

static void sgd_plain(void **state) {
    sgd(*state, "sgd_plain");
}

// --- all tests on all machines --------------------------------------------------------------------
#define TEST(function) \
    { #function, function, bench_open, bench_close, NULL }
static const struct CMUnitTest all[] = {
    TEST(layernorm_plain),
    TEST(layernorm_affine),
    TEST(linear),
    TEST(linear_gelu),
    TEST(gelu),
    TEST(attention_soft),
    TEST(attention_sharp),
    TEST(connect_linear_odd),
    TEST(connect_linear_plain),
    TEST(connect_negative_odd),
    TEST(connect_negative_plain),
    TEST(connect_feature_odd),
    TEST(connect_feature_plain),
    TEST(connect_layernorm_linear_odd),
    TEST(connect_layernorm_linear_plain),
    TEST(connect_layernorm_negative_odd),
    TEST(connect_layernorm_negative_plain),
    TEST(connect_layernorm_feature_odd),
    TEST(connect_layernorm_feature_plain),
    TEST(patchify_grey),
    TEST(patchify_rgb),
    TEST(embed_tokens),
    TEST(first_token),
    TEST(cross_entropy_hard),
    TEST(cross_entropy_smooth),
    TEST(cross_entropy_soft),
    TEST(sum_of_squares),
    TEST(adam_l2),
    TEST(adam_tiny),
    TEST(adam_decoupled),
    TEST(sgd_momentum),
    TEST(sgd_plain),
};

enum { OWN = sizeof all / sizeof *all, COUNT = OWN + PATTERN_OPS, MOST_MACHINES = 4 };

// One group: automake's TAP driver wants one plan a program.
int main(void) {
    static struct CMUnitTest tests[COUNT * MOST_MACHINES];
    static bench benches[COUNT * MOST_MACHINES];
    static char names[COUNT * MOST_MACHINES][96];
    size_t count = 0;
    for (const fixture_machine *machine = fixture_machines; machine->label != NULL; machine++) {
        for (size_t i = 0; i < COUNT; i++, count++) {
            const struct CMUnitTest *test = i < OWN ? &all[i] : &pattern_ops[i - OWN];
            snprintf(names[count], sizeof names[count], "%s on %s", test->name, machine->label);
            tests[count] = *test;
            tests[count].name = names[count];
            benches[count].machine = machine;
            tests[count].initial_state = &benches[count];
        }
    }
    return _cmocka_run_group_tests("ops", tests, count, bench_read_goldens, bench_drop_goldens);
}
