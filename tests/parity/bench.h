// SPDX-License-Identifier: Apache-2.0
// A device with memory on it, and the goldens of one operation (ops.safetensors and
// patterns.safetensors in data/) to fill that memory from and to compare it with. Everything here
// fails the running test when it cannot.
#ifndef OD_TESTS_PARITY_BENCH_H
#define OD_TESTS_PARITY_BENCH_H

#include "tests/parity/fixture.h"

// A value may be off by BENCH_RELATIVE times the largest of its row (its own size in a vector), and
// by BENCH_FLOOR. Float32 keeps 6e-8 of each operand; sums of some dozens lie below these bounds.
#define BENCH_RELATIVE 2e-6
#define BENCH_FLOOR 2e-6
// What gradients that a kernel must add to start at.
#define BENCH_PRIOR 0.25f

enum { BENCH_MAX_BLOCKS = 32, BENCH_MAX_ROWS = 64 };

typedef struct bench {
    const fixture_machine *machine;
    const od_backend *backend;
    od_device *device;
    const char *prefix; // the case whose tensors are meant: "linear" for "linear/x"
    void *blocks[BENCH_MAX_BLOCKS];
    int block_count;
} bench;

// cmocka fixtures. A test's state is a bench with its machine filled in.
int bench_read_goldens(void **state);
int bench_drop_goldens(void **state);
int bench_open(void **state);
int bench_close(void **state);

// --- goldens of the case ------------------------------------------------------------------------
const od_named_tensor *bench_golden(const bench *b, const char *name);
int64_t bench_extent(const bench *b, const char *name, int axis);
double bench_scalar(const bench *b, const char *name);

// --- memory on the device, freed by bench_close -----------------------------------------------------
void *bench_block(bench *b, size_t bytes);
float *bench_filled(bench *b, int64_t count, float value);
float *bench_input(bench *b, const char *name);    // holds the golden
float *bench_output(bench *b, const char *name);   // of its shape, NaN: to be overwritten
float *bench_gradient(bench *b, const char *name); // of its shape, BENCH_PRIOR: to be added to
int32_t *bench_labels(bench *b);                   // the golden "labels"

// --- comparisons of what is on the device -------------------------------------------------------
void bench_expect(const bench *b, const char *name, const float *got);
void bench_expect_gradient(const bench *b, const char *name, const float *got); // golden + prior
void bench_expect_ranks(const bench *b, const int32_t *got);
// The goldens p0, p1, ... are parameters after that many updates. p, after update `step`, must be
// right in what it moved by, which is small beside what it is.
void bench_expect_update(const bench *b, int step, const float *p);
// Relative to each element, for second moments are tiny.
void bench_expect_moment(const bench *b, const char *name, const float *got);

#endif
