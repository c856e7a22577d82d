// SPDX-License-Identifier: Apache-2.0
// Training runs of whole ResNets against PyTorch's (resnet_cases.py): the same images and start
// weights, made from the same hash on both sides, the same steps; then losses, gradient norms,
// statistics, evaluation, running statistics and what is left of the final weights are compared.
// On the cpu backend: ref, which would take minutes, has the same gradients (resnet_test.c). OpenBLAS
// does the first two cases when oneDNN does them all.
#include "config.h"

#include "core/model/model.h"
#include "core/train/trainer.h"
#include "tests/parity/cmocka_headers.h"
#include "tests/parity/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Relative to PyTorch's numbers, or DRIFTS times what rounding did to PyTorch's own run where that is
// more: of ResNet-50, 3e-4 of the loss and 2e-3 of the gradient norm. An update has to allow for a
// ReLU whose input is so near 0 that rounding decides: in the last stage, with 32 values a channel,
// one of them moves the gradients of all stages before by 1 to 2%.
static const double LOSS = 1e-4, GRADIENT_NORM = 1e-3, STATISTIC = 1e-3, RUNNING = 1e-3;
static const double UPDATE = 3e-2, DRIFTS = 4;
static const double STATISTIC_FLOOR = 5e-5; // of a cosine of two directions that are orthogonal
enum { SIGN_VECTORS = 8, MOST_MACHINES = 4 };

static const char *const cases[] = {"resnet18-accumulate", "resnet50-feature-sgd",
                                    "resnet18-linear-sgd", "resnet18-feature-adam",
                                    "resnet18-feature-sgd"};
enum { CASES = sizeof cases / sizeof *cases, SOME_CASES = 2 };

typedef struct parity_run {
    const char *name;
    const fixture_machine *machine;
    cJSON *fixture;
    od_spec spec;
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
                    run->machine->label, what, got, want, allowed);
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

// Uniform as PyTorch's start is; what starts at 0 or 1 is shaken a little.
static void draw_start(parity_run *run) {
    od_error error = {0};
    od_model *model = NULL;
    fixture_ok(od_model_new(&run->spec, true, &model, &error), &error);
    fixture_ok(od_trainer_model(run->trainer, &run->start, &error), &error);
    for (size_t t = 0; t < run->start.count; t++) {
        const od_named_tensor *tensor = &run->start.tensors[t];
        const od_init *init = &model->tensors[t].init;
        float *values = tensor->data;
        const int64_t count = tensor->rank > 0 ? count_of(tensor) : 0;
        for (int64_t i = 0; i < count; i++) {
            const float drawn = noise((uint64_t)i, 100 + t);
            values[i] =
                init->kind == OD_INIT_UNIFORM ? drawn * init->scale : init->scale + drawn / 4;
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
    run->train = images_of(&run->spec.model, run->spec.data.limit_train, 1);
    run->eval = images_of(&run->spec.model, run->spec.data.limit_eval, 2);
    fixture_ok(od_trainer_new(&run->spec, run->machine->backend, &run->machine->options, run->train,
                              run->eval, &run->trainer, &error),
               &error);
    draw_start(run);
}

// --- comparisons ---------------------------------------------------------------------------------
// The drift of the gradient norm stands for that of the statistics too.
static double allowed(const parity_run *run, const char *drift, double bound) {
    return fmax(bound, DRIFTS * fixture_number(member(run->fixture, "drift"), drift));
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
            char what[64];
            snprintf(what, sizeof what, "conv/block%02d/%s", i, od_connection_stat_names[k]);
            const double want = cJSON_GetArrayItem(member(row, "values"), k)->valuedouble;
            const double bound = allowed(run, "grad_norm", STATISTIC);
            compare(run, what, stats[i].values[k], want, bound * fabs(want) + STATISTIC_FLOOR);
        }
    }
}

static void compare_step(parity_run *run, const cJSON *want) {
    od_error error = {0};
    od_step_result got;
    const cJSON *statistics = cJSON_GetObjectItemCaseSensitive(want, "statistics");
    fixture_ok(od_trainer_step(run->trainer, statistics != NULL, true, &got, &error), &error);
    const double loss = fixture_number(want, "loss"), norm = fixture_number(want, "grad_norm");
    char what[48];
    assert_int_equal(got.step, (int)fixture_number(want, "step"));
    assert_int_equal(got.samples, (int)fixture_number(want, "samples"));
    snprintf(what, sizeof what, "the loss of step %d", (int)got.step);
    compare(run, what, got.loss, loss, allowed(run, "loss", LOSS) * loss);
    snprintf(what, sizeof what, "the gradient norm of step %d", (int)got.step);
    compare(run, what, got.grad_norm, norm, allowed(run, "grad_norm", GRADIENT_NORM) * norm);
    compare(run, "the accuracy", got.accuracy, fixture_number(want, "accuracy"), 1e-12);
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
    compare(run, "the evaluation's loss", got.loss, loss, allowed(run, "eval_loss", LOSS) * loss);
    compare(run, "acc@1", got.acc1, fixture_number(want, "acc1"), 1e-12);
    compare(run, "acc@5", got.acc5, fixture_number(want, "acc5"), 1e-12);
}

static double number_at(const cJSON *list, int index) {
    const cJSON *item = cJSON_GetArrayItem(list, index);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

// A product with random signs is off by about the length of the error vector: the mean of their
// squares estimates that length. Allowed: a part of the length of the update, or DRIFTS times what
// rounding alone did to PyTorch's own run where that is more.
static void compare_tensor(parity_run *run, size_t index, const od_named_tensor *got) {
    const cJSON *digest = member(member(run->fixture, "digests"), got->name);
    const float *values = got->data, *start = run->start.tensors[index].data;
    const int64_t count = count_of(got);
    double error2 = 0;
    for (int k = 0; k < SIGN_VECTORS; k++) {
        double product = 0;
        for (int64_t i = 0; i < count; i++) {
            const double sign =
                hashed((uint64_t)i, 1000 * (index + 1) + (uint64_t)k) >> 31 != 0 ? -1 : 1;
            product += sign * ((double)values[i] - (double)start[i]);
        }
        error2 += pow(product - number_at(digest, 2 + k), 2) / SIGN_VECTORS;
    }
    const double length = number_at(digest, 0), drift = number_at(digest, 1);
    const double bound = strstr(got->name, ".running_") != NULL ? RUNNING : UPDATE;
    compare(run, got->name, sqrt(error2), 0, fmax(bound * length, DRIFTS * drift));
}

static void compare_model(parity_run *run) {
    od_error error = {0};
    od_tensor_list model = {0};
    fixture_ok(od_trainer_model(run->trainer, &model, &error), &error);
    assert_int_equal(model.count, run->start.count);
    for (size_t i = 0; i < model.count; i++) {
        const od_named_tensor *tensor = &model.tensors[i];
        if (tensor->dtype == OD_I64) {
            assert_int_equal(*(const int64_t *)tensor->data,
                             (int)fixture_number(run->fixture, "batches_tracked"));
        } else if (tensor->rank > 0) {
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
    printf("# %s on %s: at most %.2g of what is allowed\n", run->name, run->machine->label,
           run->worst);
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

int main(void) {
    static parity_run runs[CASES * MOST_MACHINES];
    static struct CMUnitTest tests[CASES * MOST_MACHINES];
    static char names[CASES * MOST_MACHINES][64];
    size_t count = 0;
    for (const fixture_machine *machine = fixture_machines; machine->label != NULL; machine++) {
        if (machine->backend == &od_backend_ref) {
            continue;
        }
        const size_t some = count == 0 ? CASES : SOME_CASES;
        for (size_t i = 0; i < some; i++, count++) {
            runs[count] = (parity_run){.name = cases[i], .machine = machine};
            snprintf(names[count], sizeof names[count], "%s on %s", cases[i], machine->label);
            tests[count] = (struct CMUnitTest){.name = names[count],
                                               .test_func = train_as_pytorch,
                                               .teardown_func = close_run,
                                               .initial_state = &runs[count]};
        }
    }
    return _cmocka_run_group_tests("resnet parity", tests, count, NULL, NULL);
}
