// SPDX-License-Identifier: Apache-2.0
// core/op/connect.c and connect_conv1x1.c in a conv net: rows that are whole samples, and a stream
// that a 1x1 convolution scales. A graph of two products, the connection, a pool and the loss.
#include "core/graph/run.h"

#include "tests/unit/core/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 3, SIDE = 2, IN = 3, CHANNELS = 4 };
enum { PIXELS = SIDE * SIDE, SAMPLE = PIXELS * CHANNELS, WEIGHTS = CHANNELS * IN };
enum { LEARNABLE = CHANNELS * CHANNELS, PARAMETERS = 2 * WEIGHTS + LEARNABLE };
static const float EPS = 0.125F;

typedef struct rig {
    od_graph *graph;
    od_plan *plan;
    od_run *run;
    od_device *device;
    int x, f, y, loss;
    float parameters[PARAMETERS], gradients[PARAMETERS]; // for x, for f, the pattern's
    float images[BATCH * PIXELS * IN];
    int32_t labels[BATCH];
} rig;

typedef struct values {
    int images, labels, x_weight, f_weight, learnable;
} values;

static int node(rig *r, od_op_kind op, const char *name, const int *inputs, int count) {
    od_node_spec spec = {.op = op, .name = name, .input_count = count};
    memcpy(spec.inputs, inputs, (size_t)count * sizeof *inputs);
    return od_graph_add(r->graph, &spec);
}

static int connect(rig *r, const values *v, od_pattern pattern, bool global) {
    const bool convolves = pattern == OD_PATTERN_RESCALE_CONV;
    return od_graph_add(r->graph,
                        &(od_node_spec){.op = convolves ? OD_OP_CONNECT_CONV1X1 : OD_OP_CONNECT,
                                        .name = "y",
                                        .inputs = {r->x, convolves ? v->learnable : r->f,
                                                   convolves ? r->f : v->learnable},
                                        .input_count = pattern == OD_PATTERN_DEFAULT ? 2 : 3,
                                        .attributes = {.connection = OD_CONNECT_ORTHOGONAL,
                                                       .pattern = pattern,
                                                       .global = global,
                                                       .eps = EPS},
                                        .tag = "conv"});
}

static values build(rig *r, od_pattern pattern, bool global) {
    const od_shape weight = {2, {CHANNELS, IN}};
    values v = {
        .images = od_graph_input(r->graph, "images", OD_VALUE_F32, (od_shape){3, {SIDE, SIDE, IN}}),
        .labels = od_graph_input(r->graph, "labels", OD_VALUE_I32, (od_shape){0}),
        .x_weight = od_graph_parameter(r->graph, "x.weight", weight),
        .f_weight = od_graph_parameter(r->graph, "f.weight", weight),
        .learnable = od_graph_parameter(r->graph, "learnable",
                                        pattern == OD_PATTERN_RESCALE_CONV
                                            ? (od_shape){2, {CHANNELS, CHANNELS}}
                                            : (od_shape){1, {1}}),
    };
    r->x = node(r, OD_OP_LINEAR, "x", (const int[]){v.images, v.x_weight}, 2);
    r->f = node(r, OD_OP_LINEAR, "f", (const int[]){v.images, v.f_weight}, 2);
    r->y = connect(r, &v, pattern, global);
    const int pooled = node(r, OD_OP_AVGPOOL, "pooled", &r->y, 1);
    r->loss = node(r, OD_OP_CROSS_ENTROPY, "loss", (const int[]){pooled, v.labels}, 2);
    od_graph_keep(r->graph, r->x);
    od_graph_keep(r->graph, r->f);
    od_graph_keep(r->graph, r->y);
    od_graph_keep(r->graph, r->loss);
    return v;
}

static void fill(rig *r) {
    od_test_fill(r->parameters, PARAMETERS, 1, 1);
    od_test_fill(r->images, BATCH * PIXELS * IN, 1, 2);
    for (int i = 0; i < BATCH; i++) {
        r->labels[i] = i;
    }
}

// Everything on ref, whose device memory is the host's.
static void rig_init(rig *r, od_pattern pattern, bool global) {
    od_error error = {0};
    *r = (rig){0};
    assert_int_equal(od_graph_new(&r->graph, NULL), OD_OK);
    const values v = build(r, pattern, global);
    if (od_graph_finish(r->graph, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(od_backend_ref.open(NULL, &r->device, NULL), OD_OK);
    assert_int_equal(od_plan_new(r->graph, BATCH, &r->plan, NULL), OD_OK);
    assert_int_equal(od_run_new(r->graph, r->plan, &od_backend_ref, r->device, &r->run, NULL),
                     OD_OK);
    fill(r);
    od_run_bind(r->run, v.images, r->images, NULL);
    od_run_bind(r->run, v.labels, r->labels, NULL);
    od_run_bind(r->run, v.x_weight, r->parameters, r->gradients);
    od_run_bind(r->run, v.f_weight, r->parameters + WEIGHTS, r->gradients + WEIGHTS);
    od_run_bind(r->run, v.learnable, r->parameters + 2 * WEIGHTS, r->gradients + 2 * WEIGHTS);
}

static void rig_fini(rig *r) {
    od_run_free(r->run);
    od_plan_free(r->plan);
    od_graph_free(r->graph);
    od_backend_ref.close(r->device);
}

static const od_run_options options = {
    .batch = BATCH, .training = true, .want_stats = true, .loss_scale = 1};

static double loss_of(rig *r) {
    od_run_forward(r->run, &options);
    const float *loss = od_run_memory(r->run, r->loss);
    double sum = 0;
    for (int i = 0; i < BATCH; i++) {
        sum += (double)loss[i];
    }
    return sum;
}

static double slope_of(rig *r, float *value) {
    const float kept = *value, step = 0x1p-5F;
    const double weights[] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    const float at[] = {-2, -1, 1, 2};
    double slope = 0;
    for (int i = 0; i < 4; i++) {
        *value = kept + at[i] * step;
        slope += weights[i] * loss_of(r);
    }
    *value = kept;
    return slope / (double)step;
}

static void check_gradients(rig *r) {
    loss_of(r);
    od_run_backward(r->run, &options);
    for (int i = 0; i < PARAMETERS; i++) {
        const double got = (double)r->gradients[i], expected = slope_of(r, &r->parameters[i]);
        if (!(fabs(got - expected) <= 2e-4)) {
            fail_msg("gradient %d is %g, by differences %g", i, got, expected);
        }
    }
}

static void gradients_are_slopes(void **state) {
    (void)state;
    static const od_pattern patterns[] = {OD_PATTERN_DEFAULT, OD_PATTERN_REZERO,
                                          OD_PATTERN_REZERO_CONSTRAINED, OD_PATTERN_RESCALE,
                                          OD_PATTERN_RESCALE_CONV};
    for (size_t i = 0; i < 10; i++) {
        rig r;
        rig_init(&r, patterns[i / 2], i % 2 == 1);
        check_gradients(&r);
        rig_fini(&r);
    }
}

// y = x + f - s x with one s for each sample.
static void global_rows_are_samples(void **state) {
    (void)state;
    rig r;
    rig_init(&r, OD_PATTERN_DEFAULT, true);
    loss_of(&r);
    const float *x = od_run_memory(r.run, r.x), *f = od_run_memory(r.run, r.f);
    const float *y = od_run_memory(r.run, r.y);
    for (int b = 0; b < BATCH; b++) {
        double xx = (double)EPS, xf = 0;
        for (int i = b * SAMPLE; i < (b + 1) * SAMPLE; i++) {
            xx += (double)x[i] * (double)x[i];
            xf += (double)x[i] * (double)f[i];
        }
        for (int i = b * SAMPLE; i < (b + 1) * SAMPLE; i++) {
            const double expected = (double)x[i] + (double)f[i] - xf / xx * (double)x[i];
            assert_true(fabs((double)y[i] - expected) < 1e-6);
        }
    }
    rig_fini(&r);
}

// As in the reference, a linear connection's statistics are of pixels, whatever the method.
static void linear_rows_stay_pixels(void **state) {
    (void)state;
    rig r;
    rig_init(&r, OD_PATTERN_DEFAULT, true);
    loss_of(&r);
    const float of_samples = od_run_stats(r.run)[0];
    const bool linear[] = {true};
    od_run_options switched = options;
    switched.linear = linear;
    od_run_forward(r.run, &switched);
    const float of_pixels = od_run_stats(r.run)[0];
    assert_true(fabs((double)(of_samples - EPS) / PIXELS - (double)of_pixels) < 0.02);
    rig_fini(&r);
}

static void identity_scales_nothing(void **state) {
    (void)state;
    rig scaled, plain;
    rig_init(&scaled, OD_PATTERN_RESCALE_CONV, false);
    rig_init(&plain, OD_PATTERN_DEFAULT, false);
    for (int i = 0; i < LEARNABLE; i++) {
        scaled.parameters[2 * WEIGHTS + i] = i % (CHANNELS + 1) == 0;
    }
    assert_true(fabs(loss_of(&scaled) - loss_of(&plain)) < 1e-6);
    double squares;
    memcpy(&squares, od_run_stats(scaled.run) + OD_CONNECT_WEIGHT_SQUARES, sizeof squares);
    assert_true(squares == CHANNELS);
    rig_fini(&scaled);
    rig_fini(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(global_rows_are_samples),
        cmocka_unit_test(linear_rows_stay_pixels),
        cmocka_unit_test(identity_scales_nothing),
    };
    return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
