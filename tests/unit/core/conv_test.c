// SPDX-License-Identifier: Apache-2.0
// core/backend, convolutional nets: `ref` against finite differences, then `cpu` against `ref` with
// both libraries, one to three threads and every level of the instruction set. Outputs are full of
// NaN before the call, so that a value left out shows; every call is made twice and must give the
// same bits.
#include "tests/unit/core/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// --- memory ----------------------------------------------------------------------------------

enum { MOST_BLOCKS = 256 };

static void *blocks[MOST_BLOCKS];
static int block_count;

static int free_blocks(void **state) {
    (void)state;
    while (block_count > 0) {
        free(blocks[--block_count]);
    }
    return 0;
}

static float *room(int64_t count) {
    const size_t lines = (size_t)count * sizeof(float) / 64 + 1;
    float *values = aligned_alloc(64, lines * 64);
    assert_non_null(values);
    assert_true(block_count < MOST_BLOCKS);
    blocks[block_count++] = values;
    return values;
}

static float *output(int64_t count) {
    float *values = room(count);
    for (int64_t i = 0; i < count; i++) {
        values[i] = NAN;
    }
    return values;
}

static float *input(int64_t count, float factor, uint32_t seed) {
    float *values = room(count);
    od_test_fill(values, count, factor, seed);
    return values;
}

static float *copy_of(const float *values, int64_t count) {
    float *copy = room(count);
    memcpy(copy, values, (size_t)count * sizeof *copy);
    return copy;
}

// Within tolerance of the largest value.
static void expect_near(const char *what, const float *got, const float *want, int64_t count,
                        double tolerance) {
    double largest = 1e-3;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)want[i]));
    }
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs((double)got[i] - (double)want[i]) <= tolerance * largest)) {
            fail_msg("%s[%lld] is %.9g, ref has %.9g", what, (long long)i, (double)got[i],
                     (double)want[i]);
        }
    }
}

static void expect_same(const char *what, const float *got, const float *again, int64_t count) {
    if (memcmp(got, again, (size_t)count * sizeof *got) != 0) {
        fail_msg("%s has other bits the second time", what);
    }
}

static double weighted_sum(const float *values, const float *weights, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)values[i] * (double)weights[i];
    }
    return sum;
}

// --- convolutions ----------------------------------------------------------------------------

// batch, height, width, in, out, kernel, stride, padding
static const od_conv2d convs[] = {
    {1, 1, 1, 1, 1, 1, 1, 0},     {2, 5, 4, 3, 7, 3, 1, 1},     {3, 8, 8, 3, 16, 3, 1, 1},
    {2, 7, 9, 17, 5, 3, 2, 1},    {4, 8, 8, 16, 32, 3, 2, 1},   {2, 6, 6, 24, 40, 1, 1, 0},
    {5, 7, 7, 16, 33, 1, 2, 0},   {1, 1, 1, 64, 32, 3, 1, 1},   {3, 2, 2, 64, 64, 3, 2, 1},
    {2, 14, 14, 64, 64, 3, 1, 1}, {9, 12, 10, 20, 12, 5, 3, 2}, {2, 40, 40, 3, 9, 3, 1, 1},
};
enum { CONVS = sizeof convs / sizeof *convs };

typedef struct conv_data {
    const od_conv2d *conv;
    int64_t x_count, w_count, y_count;
    float *x, *w, *b, *dy;
} conv_data;

static conv_data conv_inputs(const od_conv2d *conv) {
    conv_data d = {.conv = conv};
    d.x_count = conv->batch * conv->height * conv->width * conv->in;
    d.w_count = conv->out * conv->in * conv->kernel * conv->kernel;
    d.y_count = conv->batch * od_conv2d_side(conv, conv->height) *
                od_conv2d_side(conv, conv->width) * conv->out;
    d.x = input(d.x_count, 1, 1);
    d.w = input(d.w_count, 0.5F, 2);
    d.b = input(conv->out, 1, 3);
    d.dy = input(d.y_count, 1, 4);
    return d;
}

typedef struct conv_results {
    float *y, *dx, *dw, *db;
} conv_results;

static conv_results conv_run(const od_backend *backend, od_device *device, const conv_data *d) {
    od_error error = {0};
    conv_results r = {output(d->y_count), output(d->x_count), input(d->w_count, 1, 5),
                      input(d->conv->out, 1, 6)};
    backend->conv2d_forward(device, r.y, d->x, d->w, d->b, d->conv);
    backend->conv2d_backward(device, r.dx, r.dw, r.db, d->dy, d->x, d->w, d->conv);
    assert_int_equal(backend->sync(device, &error), OD_OK);
    return r;
}

// The slope of sum(y dy) at values[i], y being what ref computes.
static double conv_slope(const conv_data *d, float *values, int64_t i) {
    float *y = output(d->y_count);
    const float kept = values[i];
    double sums[2];
    for (int side = 0; side < 2; side++) {
        values[i] = kept + (side == 0 ? -0.5F : 0.5F); // y is linear in each value
        od_backend_ref.conv2d_forward(NULL, y, d->x, d->w, d->b, d->conv);
        sums[side] = weighted_sum(y, d->dy, d->y_count);
    }
    values[i] = kept;
    free(blocks[--block_count]);
    return sums[1] - sums[0];
}

static void ref_conv_has_the_gradients_of_its_forward(void **state) {
    (void)state;
    for (int c = 1; c < 6; c++) {
        const conv_data d = conv_inputs(&convs[c]);
        const conv_results r = conv_run(&od_backend_ref, NULL, &d);
        const float *before_dw = input(d.w_count, 1, 5), *before_db = input(d.conv->out, 1, 6);
        for (int64_t i = 0; i < d.x_count; i += d.x_count / 7 + 1) {
            assert_float_equal(r.dx[i], conv_slope(&d, d.x, i), 1e-4F);
        }
        for (int64_t i = 0; i < d.w_count; i += d.w_count / 7 + 1) {
            assert_float_equal(r.dw[i] - before_dw[i], conv_slope(&d, d.w, i), 1e-4F);
        }
        for (int64_t i = 0; i < d.conv->out; i += 3) {
            assert_float_equal(r.db[i] - before_db[i], conv_slope(&d, d.b, i), 1e-4F);
        }
        free_blocks(NULL);
    }
}

static void ref_conv_computes_by_hand(void **state) {
    (void)state;
    // One 2 x 2 image of two channels; the kernel sees it with zeros around.
    const od_conv2d conv = {1, 2, 2, 2, 1, 3, 1, 1};
    const float x[] = {1, 10, 2, 20, 3, 30, 4, 40}, b[] = {0.5F};
    float w[18] = {0}, y[4];
    w[4] = 1;     // channel 0: the pixel itself
    w[9 + 5] = 2; // channel 1: twice the right neighbour
    od_backend_ref.conv2d_forward(NULL, y, x, w, b, &conv);
    const float want[] = {1 + 40 + 0.5F, 2 + 0.5F, 3 + 80 + 0.5F, 4 + 0.5F};
    expect_near("y", y, want, 4, 1e-7);
}

// want: what ref computes in the device's precision.
static void check_conv(const conv_data *d, const conv_results *want, od_device *device) {
    const conv_results got = conv_run(&od_backend_cpu, device, d);
    const conv_results again = conv_run(&od_backend_cpu, device, d);
    const int64_t out = d->conv->out;
    expect_near("y", got.y, want->y, d->y_count, 3e-6);
    expect_near("dx", got.dx, want->dx, d->x_count, 3e-6);
    expect_near("dw", got.dw, want->dw, d->w_count, 5e-6);
    expect_near("db", got.db, want->db, out, 5e-6);
    expect_same("y", got.y, again.y, d->y_count);
    expect_same("dx", got.dx, again.dx, d->x_count);
    expect_same("dw", got.dw, again.dw, d->w_count);
    expect_same("db", got.db, again.db, out);
    // Without dx the others are the same.
    float *dw = input(d->w_count, 1, 5), *db = input(out, 1, 6);
    od_backend_cpu.conv2d_backward(device, NULL, dw, db, d->dy, d->x, d->w, d->conv);
    expect_same("dw without dx", dw, got.dw, d->w_count);
    expect_same("db without dx", db, got.db, out);
}

static void check_convs(const od_test_cpu *cpus, int count, od_device *ref) {
    od_device *devices[2 * OD_TEST_MOST_CPUS];
    assert_in_range(count, 1, 2 * OD_TEST_MOST_CPUS);
    for (int i = 0; i < count; i++) {
        devices[i] = od_test_open_cpu(&cpus[i]);
    }
    for (int c = 0; c < CONVS; c++) {
        const conv_data d = conv_inputs(&convs[c]);
        const conv_results want = conv_run(&od_backend_ref, ref, &d);
        for (int i = 0; i < count; i++) {
            check_conv(&d, &want, devices[i]);
        }
        free_blocks(NULL);
    }
    for (int i = 0; i < count; i++) {
        od_backend_cpu.close(devices[i]);
    }
}

static void cpu_convs_agree_with_ref(void **state) {
    (void)state;
    od_test_cpu cpus[OD_TEST_MOST_CPUS];
    check_convs(cpus, od_test_cpus(cpus), NULL);
}

static od_device *open_ref_in_bf16(void) {
    const od_device_options options = {.threads = 1, .precision = OD_PRECISION_BF16};
    od_device *ref = NULL;
    assert_int_equal(od_backend_ref.open(&options, &ref, NULL), OD_OK);
    return ref;
}

// A product of two bfloat16 numbers is exact in float32, so only the order of the sums differs, and
// the bounds are those of float32. Rounding itself is a thousand times as much.
static void cpu_convs_agree_with_ref_in_bf16(void **state) {
    (void)state;
    od_device *ref = open_ref_in_bf16();
    od_test_cpu cpus[2 * OD_TEST_MOST_CPUS];
    const int count = od_test_bf16_cpus(cpus);
    for (int i = 0; i < count; i++) {
        cpus[count + i] = cpus[i];
        cpus[count + i].blas = "openblas"; // which has no convolutions: the loops
    }
    check_convs(cpus, 2 * count, ref);
    od_backend_ref.close(ref);
}

// Whatever a product adds up is the same with operands that were rounded before.
static void ref_conv_rounds_its_operands(void **state) {
    (void)state;
    od_device *ref = open_ref_in_bf16();
    conv_data d = conv_inputs(&convs[3]);
    const conv_results got = conv_run(&od_backend_ref, ref, &d);
    const float one = 1;
    for (int64_t i = 0; i < d.x_count; i++) {
        od_backend_ref.linear_forward(ref, &d.x[i], &d.x[i], &one, NULL, 1, 1, 1);
    }
    for (int64_t i = 0; i < d.w_count; i++) {
        od_backend_ref.linear_forward(ref, &d.w[i], &d.w[i], &one, NULL, 1, 1, 1);
    }
    const conv_results forward = conv_run(&od_backend_ref, NULL, &d);
    expect_same("y", got.y, forward.y, d.y_count);
    expect_same("db, of dy as it is", got.db, forward.db, d.conv->out);
    for (int64_t i = 0; i < d.y_count; i++) {
        od_backend_ref.linear_forward(ref, &d.dy[i], &d.dy[i], &one, NULL, 1, 1, 1);
    }
    const conv_results backward = conv_run(&od_backend_ref, NULL, &d);
    expect_same("dx", got.dx, backward.dx, d.x_count);
    expect_same("dw", got.dw, backward.dw, d.w_count);
    od_backend_ref.close(ref);
}

// --- batch norm ------------------------------------------------------------------------------

// rows, n; the last ones have several blocks of rows
static const int64_t norms[][2] = {{2, 1},    {4, 64},    {7, 17}, {16, 3},
                                   {256, 40}, {1000, 64}, {600, 7}};
enum { NORMS = sizeof norms / sizeof *norms };

typedef struct norm_data {
    od_batchnorm norm;
    int64_t count;
    float *x, *gamma, *beta, *dy, *mean, *var;
} norm_data;

static norm_data norm_inputs(const int64_t shape[2], bool relu) {
    norm_data d = {.norm = {shape[0], shape[1], 1e-3F, 0.1F, relu}, .count = shape[0] * shape[1]};
    d.x = input(d.count, 2, 1);
    for (int64_t i = 0; i < d.count; i++) {
        d.x[i] += (float)(i % shape[1]); // each channel with a mean of its own
    }
    d.gamma = input(shape[1], 1, 2);
    d.beta = input(shape[1], 1, 3);
    d.dy = input(d.count, 1, 4);
    d.mean = input(shape[1], 1, 5);
    d.var = input(shape[1], 0.5F, 6);
    for (int64_t c = 0; c < shape[1]; c++) {
        d.var[c] += 1;
    }
    return d;
}

typedef struct norm_results {
    float *y, *mean, *rstd, *running_mean, *running_var, *evaluated, *dx, *dgamma, *dbeta;
} norm_results;

typedef enum way { OVERWRITE, ADD, IN_PLACE } way;

static norm_results norm_run(const od_backend *backend, od_device *device, const norm_data *d,
                             way how) {
    od_error error = {0};
    const int64_t n = d->norm.n;
    norm_results r = {output(d->count),      output(n),          output(n),
                      copy_of(d->mean, n),   copy_of(d->var, n), output(d->count),
                      input(d->count, 1, 7), input(n, 1, 8),     input(n, 1, 9)};
    const float *dy = d->dy;
    if (how == IN_PLACE) {
        memcpy(r.dx, d->dy, (size_t)d->count * sizeof *r.dx);
        dy = r.dx;
    }
    backend->batchnorm_forward(device, r.y, r.mean, r.rstd, r.running_mean, r.running_var, d->x,
                               d->gamma, d->beta, &d->norm);
    backend->batchnorm_evaluate(device, r.evaluated, d->x, d->mean, d->var, d->gamma, d->beta,
                                &d->norm);
    backend->batchnorm_backward(device, r.dx, r.dgamma, r.dbeta, dy, d->x, r.mean, r.rstd, d->gamma,
                                d->beta, &d->norm, how == ADD);
    assert_int_equal(backend->sync(device, &error), OD_OK);
    return r;
}

// The slope of sum(y dy) at values[i] by a central difference of ref's forward.
static double norm_slope(const norm_data *d, float *values, int64_t i) {
    const int64_t n = d->norm.n;
    float *y = output(d->count), *mean = output(n), *rstd = output(n);
    const float kept = values[i], step = 1e-2F;
    double sums[2], at[2];
    for (int side = 0; side < 2; side++) {
        values[i] = kept + (side == 0 ? -step : step);
        at[side] = (double)values[i];
        od_backend_ref.batchnorm_forward(NULL, y, mean, rstd, NULL, NULL, d->x, d->gamma, d->beta,
                                         &d->norm);
        sums[side] = weighted_sum(y, d->dy, d->count);
    }
    values[i] = kept;
    for (int b = 0; b < 3; b++) {
        free(blocks[--block_count]);
    }
    return (sums[1] - sums[0]) / (at[1] - at[0]);
}

static void ref_norm_has_the_gradients_of_its_forward(void **state) {
    (void)state;
    const norm_data d = norm_inputs(norms[2], false);
    const norm_results r = norm_run(&od_backend_ref, NULL, &d, ADD);
    const float *dx = input(d.count, 1, 7);
    const float *dgamma = input(d.norm.n, 1, 8), *dbeta = input(d.norm.n, 1, 9);
    for (int64_t i = 0; i < d.count; i += 5) {
        assert_float_equal(r.dx[i] - dx[i], norm_slope(&d, d.x, i), 2e-3F);
    }
    for (int64_t c = 0; c < d.norm.n; c++) {
        assert_float_equal(r.dgamma[c] - dgamma[c], norm_slope(&d, d.gamma, c), 1e-3F);
        assert_float_equal(r.dbeta[c] - dbeta[c], norm_slope(&d, d.beta, c), 1e-3F);
    }
}

// The ReLU lets gradients through where it lets values through, and nowhere else.
static void ref_norm_masks_by_its_relu(void **state) {
    (void)state;
    norm_data d = norm_inputs(norms[2], true);
    const norm_results cut = norm_run(&od_backend_ref, NULL, &d, OVERWRITE);
    d.norm.relu = false;
    const norm_results open = norm_run(&od_backend_ref, NULL, &d, OVERWRITE);
    int zeros = 0;
    for (int64_t i = 0; i < d.count; i++) {
        assert_float_equal(cut.y[i], fmaxf(open.y[i], 0), 0);
        zeros += open.y[i] < 0;
        d.dy[i] = open.y[i] > 0 ? d.dy[i] : 0;
    }
    assert_in_range(zeros, 10, d.count - 10);
    const norm_results masked = norm_run(&od_backend_ref, NULL, &d, OVERWRITE);
    expect_same("dx", masked.dx, cut.dx, d.count);
    expect_same("dgamma", masked.dgamma, cut.dgamma, d.norm.n);
}

static void ref_norm_moves_the_running_statistics(void **state) {
    (void)state;
    const float x[] = {1, 3, 8}, gamma[] = {2}, beta[] = {-1}; // mean 4, variance 26/3 or 26/2
    float y[3], mean, rstd, running_mean = 10, running_var = 1;
    const od_batchnorm norm = {3, 1, 0, 0.1F, false};
    od_backend_ref.batchnorm_forward(NULL, y, &mean, &rstd, &running_mean, &running_var, x, gamma,
                                     beta, &norm);
    assert_float_equal(mean, 4, 1e-6F);
    assert_float_equal(rstd, 1 / sqrtf(26.0F / 3), 1e-6F);
    assert_float_equal(running_mean, 0.9F * 10 + 0.1F * 4, 1e-6F);
    assert_float_equal(running_var, 0.9F * 1 + 0.1F * 13, 1e-6F);
    assert_float_equal(y[2], 2 * 4 / sqrtf(26.0F / 3) - 1, 1e-6F);
}

static void check_norm(const norm_data *d, way how, od_device *device) {
    const int64_t n = d->norm.n;
    const norm_results want = norm_run(&od_backend_ref, NULL, d, how == ADD ? ADD : OVERWRITE);
    const norm_results got = norm_run(&od_backend_cpu, device, d, how);
    const norm_results again = norm_run(&od_backend_cpu, device, d, how);
    expect_near("y", got.y, want.y, d->count, 1e-5);
    expect_near("mean", got.mean, want.mean, n, 1e-6);
    expect_near("rstd", got.rstd, want.rstd, n, 1e-6);
    expect_near("running mean", got.running_mean, want.running_mean, n, 1e-6);
    expect_near("running variance", got.running_var, want.running_var, n, 1e-6);
    expect_near("y in evaluation", got.evaluated, want.evaluated, d->count, 3e-6);
    expect_near("dx", got.dx, want.dx, d->count, 1e-5);
    expect_near("dgamma", got.dgamma, want.dgamma, n, 1e-5);
    expect_near("dbeta", got.dbeta, want.dbeta, n, 1e-5);
    expect_same("y", got.y, again.y, d->count);
    expect_same("dx", got.dx, again.dx, d->count);
    expect_same("dgamma", got.dgamma, again.dgamma, n);
}

static void cpu_norms_agree_with_ref(void **state) {
    (void)state;
    od_test_cpu cpus[OD_TEST_MOST_CPUS];
    const int count = od_test_cpus(cpus);
    for (int i = 0; i < count; i++) {
        od_device *device = od_test_open_cpu(&cpus[i]);
        for (int s = 0; s < NORMS; s++) {
            for (int how = OVERWRITE; how <= IN_PLACE; how++) {
                const norm_data d = norm_inputs(norms[s], s % 2 == 0);
                check_norm(&d, (way)how, device);
                free_blocks(NULL);
            }
        }
        od_backend_cpu.close(device);
    }
}

// Nobody's statistics change when a forward is computed again.
static void norms_leave_missing_statistics_alone(void **state) {
    (void)state;
    const od_test_cpu cpu = {.threads = 2};
    od_device *device = od_test_open_cpu(&cpu);
    const norm_data d = norm_inputs(norms[6], true);
    const norm_results want = norm_run(&od_backend_cpu, device, &d, OVERWRITE);
    float *y = output(d.count), *mean = output(d.norm.n), *rstd = output(d.norm.n);
    od_backend_cpu.batchnorm_forward(device, y, mean, rstd, NULL, NULL, d.x, d.gamma, d.beta,
                                     &d.norm);
    expect_same("y", y, want.y, d.count);
    od_backend_cpu.close(device);
}

// The sums of a batch norm do not depend on the number of threads.
static void norms_do_not_depend_on_threads(void **state) {
    (void)state;
    const norm_data d = norm_inputs(norms[5], true);
    norm_results r[2];
    for (int i = 0; i < 2; i++) {
        const od_test_cpu cpu = {.threads = i == 0 ? 1 : 3};
        od_device *device = od_test_open_cpu(&cpu);
        r[i] = norm_run(&od_backend_cpu, device, &d, OVERWRITE);
        od_backend_cpu.close(device);
    }
    expect_same("y", r[0].y, r[1].y, d.count);
    expect_same("dx", r[0].dx, r[1].dx, d.count);
    expect_same("running variance", r[0].running_var, r[1].running_var, d.norm.n);
}

// --- pool ------------------------------------------------------------------------------------

static void pools_average(void **state) {
    (void)state;
    const struct {
        int64_t batch, positions, n;
    } shapes[] = {{1, 1, 1}, {3, 16, 64}, {2, 49, 17}, {5, 2, 512}};
    const od_test_cpu cpu = {.threads = 2};
    od_device *device = od_test_open_cpu(&cpu);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int64_t batch = shapes[s].batch, positions = shapes[s].positions, n = shapes[s].n;
        const float *x = input(batch * positions * n, 1, 1), *dy = input(batch * n, 1, 2);
        float *y[] = {output(batch * n), output(batch * n)};
        float *dx[] = {output(batch * positions * n), output(batch * positions * n)};
        od_backend_ref.avgpool_forward(NULL, y[0], x, batch, positions, n);
        od_backend_cpu.avgpool_forward(device, y[1], x, batch, positions, n);
        od_backend_ref.avgpool_backward(NULL, dx[0], dy, batch, positions, n);
        od_backend_cpu.avgpool_backward(device, dx[1], dy, batch, positions, n);
        double sum = 0;
        for (int64_t t = 0; t < positions; t++) {
            sum += (double)x[t * n];
        }
        assert_float_equal(y[0][0], (float)(sum / (double)positions), 1e-6F);
        assert_float_equal(dx[0][0], dy[0] / (float)positions, 1e-6F);
        expect_near("y", y[1], y[0], batch * n, 1e-6);
        expect_near("dx", dx[1], dx[0], batch * positions * n, 1e-6);
        free_blocks(NULL);
    }
    od_backend_cpu.close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(ref_conv_computes_by_hand, free_blocks),
        cmocka_unit_test_teardown(ref_conv_has_the_gradients_of_its_forward, free_blocks),
        cmocka_unit_test_teardown(cpu_convs_agree_with_ref, free_blocks),
        cmocka_unit_test_teardown(ref_conv_rounds_its_operands, free_blocks),
        cmocka_unit_test_teardown(cpu_convs_agree_with_ref_in_bf16, free_blocks),
        cmocka_unit_test_teardown(ref_norm_moves_the_running_statistics, free_blocks),
        cmocka_unit_test_teardown(ref_norm_has_the_gradients_of_its_forward, free_blocks),
        cmocka_unit_test_teardown(ref_norm_masks_by_its_relu, free_blocks),
        cmocka_unit_test_teardown(cpu_norms_agree_with_ref, free_blocks),
        cmocka_unit_test_teardown(norms_leave_missing_statistics_alone, free_blocks),
        cmocka_unit_test_teardown(norms_do_not_depend_on_threads, free_blocks),
        cmocka_unit_test_teardown(pools_average, free_blocks),
    };
    return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
