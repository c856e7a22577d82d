// SPDX-License-Identifier: Apache-2.0
// The device and the goldens that ops_test.c works with.
#include "tests/parity/bench.h"

#include "tests/parity/cmocka_headers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    const char *name;
    od_safetensors tensors;
    cJSON *scalars;
} files[] = {{.name = "ops.safetensors"}, {.name = "patterns.safetensors"}};
enum { FILES = sizeof files / sizeof *files };

int bench_read_goldens(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++) {
        fixture_safetensors(files[i].name, &files[i].tensors);
        files[i].scalars = cJSON_Parse(files[i].tensors.metadata_json);
        if (files[i].scalars == NULL) {
            return -1;
        }
    }
    return 0;
}

int bench_drop_goldens(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++) {
        cJSON_Delete(files[i].scalars);
        od_safetensors_fini(&files[i].tensors);
    }
    return 0;
}

int bench_open(void **state) {
    od_error error = {0};
    bench *b = *state;
    if (b->machine->backend->open(&b->machine->options, &b->device, &error) != OD_OK) {
        print_error("%s: %s\n", b->machine->label, error.text);
        return -1;
    }
    b->backend = b->machine->backend;
    return 0;
}

int bench_close(void **state) {
    bench *b = *state;
    for (int i = 0; i < b->block_count; i++) {
        b->backend->free(b->device, b->blocks[i]);
    }
    b->backend->close(b->device);
    return 0;
}

// --- goldens ------------------------------------------------------------------------------------
// "linear/x"; good until the next call.
static const char *name_of(const bench *b, const char *name) {
    static char full[OD_TENSOR_NAME_BYTES];
    snprintf(full, sizeof full, "%s/%s", b->prefix, name);
    return full;
}

const od_named_tensor *bench_golden(const bench *b, const char *name) {
    const od_named_tensor *tensor = NULL;
    for (int i = 0; tensor == NULL && i < FILES; i++) {
        tensor = od_safetensors_find(&files[i].tensors, name_of(b, name));
    }
    if (tensor == NULL) {
        fail_msg("no file of goldens has %s", name_of(b, name));
    }
    return tensor;
}

int64_t bench_extent(const bench *b, const char *name, int axis) {
    return bench_golden(b, name)->shape[axis];
}

double bench_scalar(const bench *b, const char *name) {
    const cJSON *node = NULL;
    for (int i = 0; node == NULL && i < FILES; i++) {
        node = cJSON_GetObjectItemCaseSensitive(files[i].scalars, name_of(b, name));
    }
    if (node == NULL || !cJSON_IsString(node)) {
        fail_msg("no file of goldens has the number %s", name_of(b, name));
        return NAN;
    }
    return strtod(node->valuestring, NULL);
}

static int64_t count_of(const od_named_tensor *tensor) {
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
    }
    return count;
}

// --- memory -------------------------------------------------------------------------------------
void *bench_block(bench *b, size_t bytes) {
    od_error error = {0};
    assert_true(b->block_count < BENCH_MAX_BLOCKS);
    void **out = &b->blocks[b->block_count];
    fixture_ok(b->backend->alloc(b->device, bytes, out, &error), &error);
    b->block_count++;
    return *out;
}

float *bench_filled(bench *b, int64_t count, float value) {
    size_t bytes = (size_t)count * sizeof(float);
    float *host = malloc(bytes);
    assert_non_null(host);
    for (int64_t i = 0; i < count; i++) {
        host[i] = value;
    }
    float *memory = bench_block(b, bytes);
    b->backend->upload(b->device, memory, host, bytes);
    free(host);
    return memory;
}

float *bench_input(bench *b, const char *name) {
    const od_named_tensor *tensor = bench_golden(b, name);
    size_t bytes = (size_t)count_of(tensor) * sizeof(float);
    float *memory = bench_block(b, bytes);
    b->backend->upload(b->device, memory, tensor->data, bytes);
    return memory;
}

float *bench_output(bench *b, const char *name) {
    return bench_filled(b, count_of(bench_golden(b, name)), NAN);
}

float *bench_gradient(bench *b, const char *name) {
    return bench_filled(b, count_of(bench_golden(b, name)), BENCH_PRIOR);
}

int32_t *bench_labels(bench *b) {
    const od_named_tensor *labels = bench_golden(b, "labels");
    int64_t count = count_of(labels);
    int32_t host[BENCH_MAX_ROWS];
    assert_true(count <= BENCH_MAX_ROWS);
    for (int64_t i = 0; i < count; i++) {
        host[i] = (int32_t)((const int64_t *)labels->data)[i];
    }
    int32_t *memory = bench_block(b, (size_t)count * sizeof *memory);
    b->backend->upload(b->device, memory, host, (size_t)count * sizeof *host);
    return memory;
}

// --- comparisons --------------------------------------------------------------------------------
// Bytes from the device once all kernels are through; free() them.
static void *downloaded(const bench *b, const void *got, size_t bytes) {
    od_error error = {0};
    fixture_ok(b->backend->sync(b->device, &error), &error);
    void *host = malloc(bytes);
    assert_non_null(host);
    b->backend->download(b->device, host, got, bytes);
    return host;
}

static double largest(const float *values, int64_t count) {
    double most = 0;
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)values[i]));
    }
    return most;
}

// How far element i of want may be missed.
typedef double bound_function(const od_named_tensor *want, int64_t i);

static void compare(const bench *b, const char *name, const float *got, double added,
                    bound_function *bound_of) {
    const od_named_tensor *tensor = bench_golden(b, name);
    const float *want = tensor->data;
    int64_t count = count_of(tensor);
    float *host = downloaded(b, got, (size_t)count * sizeof *host);
    int64_t i = 0;
    double found = 0;
    for (; i < count; i++) {
        found = (double)host[i] - added;
        if (!(fabs(found - (double)want[i]) <= bound_of(tensor, i))) { // also when it is NaN
            break;
        }
    }
    free(host);
    if (i < count) {
        fail_msg("%s[%lld] is %.9g, PyTorch has %.9g; %.2g apart is allowed", name_of(b, name),
                 (long long)i, found, (double)want[i], bound_of(tensor, i));
    }
}

static double row_bound(const od_named_tensor *want, int64_t i) {
    int64_t n = want->rank >= 2 ? want->shape[want->rank - 1] : 1;
    return BENCH_RELATIVE * largest((const float *)want->data + i / n * n, n) + BENCH_FLOOR;
}

static double moment_bound(const od_named_tensor *want, int64_t i) {
    const float *values = want->data;
    return 1e-6 * fabs((double)values[i]) + 1e-7 * largest(values, count_of(want));
}

void bench_expect(const bench *b, const char *name, const float *got) {
    compare(b, name, got, 0, row_bound);
}

void bench_expect_gradient(const bench *b, const char *name, const float *got) {
    compare(b, name, got, (double)BENCH_PRIOR, row_bound);
}

void bench_expect_moment(const bench *b, const char *name, const float *got) {
    compare(b, name, got, 0, moment_bound);
}

void bench_expect_ranks(const bench *b, const int32_t *got) {
    const int64_t *want = bench_golden(b, "rank")->data;
    int64_t rows = bench_extent(b, "rank", 0);
    int32_t *host = downloaded(b, got, (size_t)rows * sizeof *host);
    for (int64_t i = 0; i < rows; i++) {
        assert_int_equal(host[i], want[i]);
    }
    free(host);
}

void bench_expect_update(const bench *b, int step, const float *p) {
    char names[2][16];
    snprintf(names[0], sizeof names[0], "p%d", step - 1);
    snprintf(names[1], sizeof names[1], "p%d", step);
    const float *from = bench_golden(b, names[0])->data;
    const float *to = bench_golden(b, names[1])->data;
    int64_t count = bench_extent(b, names[1], 0);
    float *host = downloaded(b, p, (size_t)count * sizeof *host);
    int64_t i = 0;
    double found = 0;
    for (; i < count; i++) {
        double moved = (double)to[i] - (double)from[i];
        found = (double)host[i];
        if (!(fabs(found - (double)to[i]) <= 1e-5 * fabs(moved) + 2e-7 * fabs((double)to[i]))) {
            break;
        }
    }
    free(host);
    if (i < count) {
        fail_msg("%s[%lld] is %.9g, PyTorch has %.9g after %.9g", name_of(b, names[1]),
                 (long long)i, found, (double)to[i], (double)from[i]);
    }
}
