// SPDX-License-Identifier: Apache-2.0
// Both sides make images and start weights from the same hash. ref, which would take minutes, has the
// same gradients (resnet_test.c).
#include "tests/parity/resnet_run.h"

#include "config.h"

#include "core/model/model.h"
#include "core/train/trainer.h"
#include "tests/parity/cmocka_headers.h"
#include "tests/parity/fixture.h"

#include <assert.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// How far a number may be from PyTorch's, relative to it.
typedef struct tolerance {
    double loss, evaluation, gradient_norm, statistic, update;
    double statistic_floor; // absolute: a cosine of two directions that happen to be orthogonal
    double accuracy;        // absolute
} tolerance;

static const tolerance float32 = {.loss = 1e-4,
                                  .evaluation = 1e-4,
                                  .gradient_norm = 1e-3,
                                  .statistic = 1e-3,
                                  .update = 1e-3,
                                  .statistic_floor = 1e-6,
                                  .accuracy = 1e-12};

// A run in bfloat16 has in its fixture ("drift") how far that took PyTorch's own run from its float32
// one: with the linear connection and SGD 3.4e-3 in the losses, 6.3e-3 in the gradient norms, 1.4e-2
// in a statistic, 1e-3 in a cosine, 6e-4 in the evaluation, 7e-3 in the updates; with the orthogonal
// one and Adam 1.5e-3, 1.9e-3, 1.3e-2, 2.5e-3, 9e-4, 1.8e-2. orthod, which rounds the operands of
// products and not the stream, the norms and the results, as autocast does, is as far from float32 at
// most, so that the two are up to twice as far from each other.
static tolerance of_bfloat16(const cJSON *fixture) {
    const double drifts = 2;
    const cJSON *drift = cJSON_GetObjectItemCaseSensitive(fixture, "drift");
    return (tolerance){.loss = drifts * fixture_number(drift, "loss"),
                       .evaluation = drifts * fixture_number(drift, "eval_loss"),
                       .gradient_norm = drifts * fixture_number(drift, "grad_norm"),
                       .statistic = drifts * fixture_number(drift, "statistics"),
                       .update = drifts * fixture_number(drift, "updates"),
                       .statistic_floor = drifts * fixture_number(drift, "cosines"),
                       .accuracy = 0.25}; // two of 8 images, where the classes are about even
}

enum { SKETCH = 8, SKETCH_SEED = 1000, NORM_SEED = 500 };

typedef struct parity_run {
    const char *name;
    const char *label; // of the machine
    const od_backend *backend;
    od_device_options options;
    cJSON *fixture;
    od_spec spec;
    tolerance allowed;
    od_dataset *train, *eval;
    od_trainer *trainer;
    od_tensor_list start;
    double worst; // of all numbers, relative to what is allowed
    int misses;
} parity_run;

static const cJSON *member(const cJSON *object, const char *key) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    if (node == NULL) {
        fail_msg("the fixture has no '%s'", key);
    }
    return node;
}

static void compare(parity_run *run, const char *what, double got, double want, double allowed) {
    const double apart = fabs(got - want);
    run->worst = fmax(run->worst, apart / fmax(allowed, 1e-300));
    if (!(apart <= allowed)) { // also when it is NaN
        print_error("%s on %s: %s is %.9g, PyTorch has %.9g; %.2g apart is allowed\n", run->name,
                    run->label, what, got, want, allowed);
        run->misses++;
    }
}

// --- material that both sides make ---------------------------------------------------------------
static uint32_t hashed(uint64_t index, uint64_t seed) {
    uint32_t x = (uint32_t)(index * 0x9E3779B1U + seed * 0x85EBCA77U);
    x = (x ^ (x >> 15)) * 0x2C1B3C6DU;
    x = (x ^ (x >> 12)) * 0x297A2D39U;
    return x ^ (x >> 15);
}

static float noise(uint64_t index, uint64_t seed) {
    return (float)((int32_t)(hashed(index, seed) >> 8) - (1 << 23)) / (1 << 23);
}

static float sign_of(uint32_t bits) {
    return bits >> 31 != 0 ? -1 : 1;
}

static od_dataset *images_of(const od_model_spec *model, int64_t count, uint64_t seed) {
    const int64_t row = model->image_size * model->channels, image = model->image_size * row;
    od_dataset *data = calloc(1, sizeof *data);
    assert_non_null(data);
    *data = (od_dataset){.count = count,
                         .height = model->image_size,
                         .width = model->image_size,
                         .channels = model->channels,
                         .classes = model->classes,
                         .pixels = malloc((size_t)(count * image)),
                         .labels = malloc((size_t)count * sizeof *data->labels)};
    assert_non_null(data->pixels);
    assert_non_null(data->labels);
    for (int64_t i = 0; i < count; i++) {
        data->labels[i] = (int32_t)(hashed((uint64_t)i, seed + 2) % (uint32_t)model->classes);
        for (int64_t p = 0; p < image; p++) {
            const uint32_t dark = hashed((uint64_t)(i * image + p), seed) >> 25;
            const uint32_t light = p / row == data->labels[i] ? 128 : 0;
            data->pixels[i * image + p] = (uint8_t)(dark + light);
        }
    }
    return data;
}

static int64_t count_of(const od_named_tensor *tensor) {
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
    }
    return count;
}

// Uniform as PyTorch's start is; what starts at 0, 1 or an identity is shaken a little, and the
// biases of batch norms, which running means follow, are moved up or down by norm_bias.
static void draw_tensor(const od_model *model, size_t index, float norm_bias, float *values) {
    const od_model_tensor *tensor = &model->tensors[index];
    const bool norm = index + 1 < (size_t)model->tensor_count &&
                      strstr(tensor[0].name, ".bias") != NULL &&
                      strstr(tensor[1].name, ".running_mean") != NULL;
    for (int64_t i = 0; i < tensor->count; i++) {
        const float drawn = noise((uint64_t)i, 100 + index);
        if (tensor->init.kind == OD_INIT_UNIFORM) {
            values[i] = drawn * tensor->init.scale;
        } else if (tensor->init.kind == OD_INIT_IDENTITY) {
            const bool diagonal = i / tensor->shape[0] == i % tensor->shape[0];
            values[i] = (diagonal ? tensor->init.scale : 0) + drawn / 16;
        } else {
            values[i] = tensor->init.scale + drawn / 4;
        }
        if (norm) {
            values[i] += norm_bias * sign_of(hashed((uint64_t)i, NORM_SEED + index));
        }
    }
}

static void draw_start(parity_run *run) {
    od_error error = {0};
    od_model *model = NULL;
    const float norm_bias = (float)fixture_number(run->fixture, "norm_bias");
    fixture_ok(od_model_new(&run->spec, true, &model, &error), &error);
    fixture_ok(od_trainer_model(run->trainer, &run->start, &error), &error);
    for (size_t t = 0; t < run->start.count; t++) {
        if (run->start.tensors[t].rank > 0) {
            draw_tensor(model, t, norm_bias, run->start.tensors[t].data);
        }
    }
    od_model_free(model);
    fixture_ok(od_trainer_load_model(run->trainer, run->start.tensors, run->start.count, &error),
               &error);
}

static void read_spec(parity_run *run) {
    od_error error = {0};
    od_faults faults = {0};
    fixture_ok(od_spec_read(fixture_spec(run->fixture), 1, &run->spec, &faults, &error), &error);
    if (faults.count > 0) {
        fail_msg("%s %s", faults.items[0].pointer, faults.items[0].detail);
    }
    od_faults_fini(&faults);
    const cJSON *images = member(run->fixture, "images");
    run->spec.model.image_size = (int64_t)fixture_number(images, "side");
    run->spec.model.channels = (int64_t)fixture_number(images, "channels");
    run->spec.model.classes = (int64_t)fixture_number(images, "classes");
    for (int c = 0; c < 3; c++) {
        run->spec.data.mean[c] = 0.5F;
        run->spec.data.std[c] = 0.25F;
    }
}

static void prepare(parity_run *run) {
    od_error error = {0};
    char name[64];
    snprintf(name, sizeof name, "%s.json", run->name);
    run->fixture = fixture_json(name);
    read_spec(run);
    run->allowed =
        run->spec.train.precision == OD_PRECISION_BF16 ? of_bfloat16(run->fixture) : float32;
    run->train = images_of(&run->spec.model, run->spec.data.limit_train, 1);
    run->eval = images_of(&run->spec.model, run->spec.data.limit_eval, 2);
    fixture_ok(od_trainer_new(&run->spec, run->backend, &run->options, run->train, run->eval,
                              &run->trainer, &error),
               &error);
    draw_start(run);
}

// --- comparisons ---------------------------------------------------------------------------------
static void compare_statistic(parity_run *run, int row, const char *name, double got, double want) {
    char what[64];
    snprintf(what, sizeof what, "conv/block%02d/%s", row, name);
    compare(run, what, got, want,
            run->allowed.statistic * fabs(want) + run->allowed.statistic_floor);
}

// What the pattern adds: the same names and no others, in any order.
static void compare_extras(parity_run *run, int row, const od_connection_stats *stats,
                           const cJSON *want) {
    assert_int_equal(stats->extra_count, cJSON_GetArraySize(want));
    for (int i = 0; i < stats->extra_count; i++) {
        const od_extra_statistic *extra = &stats->extras[i];
        compare_statistic(run, row, extra->name, extra->value, fixture_number(want, extra->name));
    }
}

static void compare_statistics(parity_run *run, const cJSON *rows) {
    int count = 0;
    const od_connection_stats *stats = od_trainer_stats_borrow(run->trainer, &count);
    assert_int_equal(count, cJSON_GetArraySize(rows));
    for (int i = 0; i < count; i++) {
        const cJSON *row = cJSON_GetArrayItem(rows, i);
        assert_string_equal(stats[i].tag, member(row, "tag")->valuestring);
        assert_int_equal(stats[i].block, (int)fixture_number(row, "block"));
        for (int k = 0; k < OD_CONNECT_STATS; k++) {
            const double want = cJSON_GetArrayItem(member(row, "values"), k)->valuedouble;
            compare_statistic(run, i, od_connection_stat_names[k], stats[i].values[k], want);
        }
        compare_extras(run, i, &stats[i], cJSON_GetObjectItemCaseSensitive(row, "extras"));
    }
}

static void compare_step(parity_run *run, const cJSON *want) {
    od_error error = {0};
    od_step_result got;
    const cJSON *statistics = cJSON_GetObjectItemCaseSensitive(want, "statistics");
    fixture_ok(od_trainer_step(run->trainer, statistics != NULL, true, &got, &error), &error);
    const double loss = fixture_number(want, "loss"), norm = fixture_number(want, "grad_norm");
    const double rate = fixture_number(want, "lr");
    char what[48];
    assert_int_equal(got.step, (int)fixture_number(want, "step"));
    assert_int_equal(got.samples, (int)fixture_number(want, "samples"));
    snprintf(what, sizeof what, "the loss of step %d", (int)got.step);
    compare(run, what, got.loss, loss, run->allowed.loss * loss);
    snprintf(what, sizeof what, "the gradient norm of step %d", (int)got.step);
    compare(run, what, got.grad_norm, norm, run->allowed.gradient_norm * norm);
    compare(run, "the learning rate", got.lr, rate, 1e-12 * rate);
    compare(run, "the accuracy", got.accuracy, fixture_number(want, "accuracy"),
            run->allowed.accuracy);
    if (statistics != NULL) {
        compare_statistics(run, statistics);
    }
}

static void compare_evaluation(parity_run *run) {
    od_error error = {0};
    od_eval_result got;
    const cJSON *want = member(run->fixture, "eval");
    fixture_ok(od_trainer_evaluate(run->trainer, &got, &error), &error);
    const double loss = fixture_number(want, "loss");
    compare(run, "the evaluation's loss", got.loss, loss, run->allowed.evaluation * loss);
    compare(run, "acc@1", got.acc1, fixture_number(want, "acc1"), run->allowed.accuracy);
    compare(run, "acc@5", got.acc5, fixture_number(want, "acc5"), run->allowed.accuracy);
}

static double number_at(const cJSON *list, int index) {
    const cJSON *item = cJSON_GetArrayItem(list, index);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

// The elements, each with a random sign, are dealt to SKETCH sums. What the sums are off by is about
// as long a vector as the error of all elements (a count sketch: the expected squares are equal).
// Allowed is a part of the length of the update.
static void compare_tensor(parity_run *run, size_t index, const od_named_tensor *got) {
    const cJSON *digest = member(member(run->fixture, "digests"), got->name);
    const float *values = got->data, *start = run->start.tensors[index].data;
    const int64_t count = count_of(got);
    double sums[SKETCH] = {0}, error2 = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = hashed((uint64_t)i, SKETCH_SEED + index);
        sums[bits % SKETCH] += (double)sign_of(bits) * ((double)values[i] - (double)start[i]);
    }
    for (int k = 0; k < SKETCH; k++) {
        error2 += pow(sums[k] - number_at(digest, 1 + k), 2);
    }
    compare(run, got->name, sqrt(error2), 0, run->allowed.update * number_at(digest, 0));
}

static void compare_model(parity_run *run) {
    od_error error = {0};
    od_tensor_list model = {0};
    fixture_ok(od_trainer_model(run->trainer, &model, &error), &error);
    assert_int_equal(model.count, run->start.count);
    assert_int_equal(od_trainer_plan_borrow(run->trainer)->parameters,
                     (int)fixture_number(run->fixture, "parameters"));
    const bool digested = !cJSON_IsNull(member(run->fixture, "digests"));
    for (size_t i = 0; i < model.count; i++) {
        const od_named_tensor *tensor = &model.tensors[i];
        if (tensor->dtype == OD_I64) {
            assert_int_equal(*(const int64_t *)tensor->data,
                             (int)fixture_number(run->fixture, "batches_tracked"));
        } else if (digested && tensor->rank > 0) {
            compare_tensor(run, i, tensor);
        }
    }
    od_trainer_tensors_fini(&model);
}

// --- tests ---------------------------------------------------------------------------------------
static void train_as_pytorch(void **state) {
    parity_run *run = *state;
    prepare(run);
    const cJSON *steps = member(run->fixture, "steps");
    assert_int_equal(od_trainer_plan_borrow(run->trainer)->steps, cJSON_GetArraySize(steps));
    const cJSON *step;
    cJSON_ArrayForEach(step, steps) {
        compare_step(run, step);
    }
    compare_evaluation(run);
    compare_model(run);
    printf("# %s on %s: at most %.2g of what is allowed\n", run->name, run->label, run->worst);
    assert_int_equal(run->misses, 0);
}

static int close_run(void **state) {
    parity_run *run = *state;
    od_trainer_free(run->trainer);
    od_dataset_free(run->train);
    od_dataset_free(run->eval);
    od_trainer_tensors_fini(&run->start);
    cJSON_Delete(run->fixture);
    return 0;
}

enum { MOST_TESTS = 32 };

static struct {
    parity_run runs[MOST_TESTS];
    struct CMUnitTest tests[MOST_TESTS];
    char names[MOST_TESTS][64];
    size_t count;
} group;

static void add_run(const resnet_case *row, const fixture_machine *machine) {
    assert(group.count < MOST_TESTS);
    const size_t i = group.count++;
    parity_run *run = &group.runs[i];
    *run = (parity_run){.name = row->name,
                        .label = machine->label,
                        .backend = machine->backend,
                        .options = {.threads = row->threads, .blas = machine->options.blas}};
    snprintf(group.names[i], sizeof group.names[i], "%s on %s", run->name, run->label);
    group.tests[i] = (struct CMUnitTest){.name = group.names[i],
                                         .test_func = train_as_pytorch,
                                         .teardown_func = close_run,
                                         .initial_state = run};
}

int resnet_run_cases(const char *name, const resnet_case *cases, size_t count) {
    // Memory stays with the process: page faults would be a quarter of the time.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    bool is_first = true;
    for (const fixture_machine *machine = fixture_machines; machine->label != NULL; machine++) {
        if (machine->backend == &od_backend_ref) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            if (is_first || cases[i].everywhere) {
                add_run(&cases[i], machine);
            }
        }
        is_first = false;
    }
    return _cmocka_run_group_tests(name, group.tests, group.count, NULL, NULL);
}
