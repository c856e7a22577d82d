// SPDX-License-Identifier: Apache-2.0
// core/backend/backend.c, host.c and cpu/cpu.c: what the table promises beside the values of its
// kernels. The values are compared in kernels_test.c.
#include "tests/unit/core/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void finds_by_name(void **state) {
    (void)state;
    assert_ptr_equal(od_backend_find("ref"), &od_backend_ref);
    assert_ptr_equal(od_backend_find("cpu"), &od_backend_cpu);
    assert_null(od_backend_find("gpu"));
    assert_null(od_backend_find(""));
}

static void tables_are_full(void **state) {
    (void)state;
    const char *names[] = {"ref", "cpu"};
    for (size_t i = 0; i < 2; i++) {
        const od_backend *b = od_backend_find(names[i]);
#define CHECK(name) assert_non_null(b->name);
        OD_KERNEL_MAP(CHECK)
        CHECK(open)
        CHECK(close)
        CHECK(describe)
        CHECK(alloc)
        CHECK(free)
        CHECK(upload)
        CHECK(download)
        CHECK(zero)
        CHECK(sync)
#undef CHECK
    }
}

static void refuses_bad_options(void **state) {
    (void)state;
    static const struct {
        od_device_options options;
        const char *says;
    } cases[] = {
        {{.threads = 0}, "threads is 0"},
        {{.threads = -3}, "threads is -3"},
        {{.threads = 1, .blas = "mkl"}, "blas is 'mkl'; give onednn or openblas"},
        {{.threads = 1, .blas = ""}, "blas is ''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int which = 0; which < 2; which++) {
            const od_backend *b = which == 0 ? &od_backend_ref : &od_backend_cpu;
            od_device *device = NULL;
            od_error error = {0};
            assert_int_equal(b->open(&cases[i].options, &device, &error), OD_E_INVALID);
            assert_non_null(strstr(error.text, cases[i].says));
            assert_null(device);
        }
    }
}

static void says_what_multiplies(void **state) {
    (void)state;
    od_test_cpu all[OD_TEST_MOST_CPUS];
    int count = od_test_cpus(all);
    for (int i = 0; i < count; i++) {
        od_device *device = od_test_open_cpu(&all[i]);
        if (all[i].blas != NULL) {
            assert_memory_equal(od_backend_cpu.describe(device), all[i].blas, strlen(all[i].blas));
        }
        od_backend_cpu.close(device);
    }
    od_device *device = NULL;
    assert_int_equal(od_backend_cpu.open(NULL, &device, NULL), OD_OK);
#ifdef HAVE_ONEDNN
    assert_memory_equal(od_backend_cpu.describe(device), "onednn ", 7);
#else
    assert_memory_equal(od_backend_cpu.describe(device), "openblas ", 9);
#endif
    od_backend_cpu.close(device);
    od_backend_cpu.close(NULL);
}

// In bfloat16 it is the loops, but for convolutions where a library has them.
static void says_what_multiplies_in_bfloat16(void **state) {
    (void)state;
    od_device_options options = {.threads = 1, .blas = "openblas", .precision = OD_PRECISION_BF16};
    od_device *device = NULL;
    char loops[64];
    snprintf(loops, sizeof loops, "bfloat16 loops %s", od_cpu_loops_best()->name);
    assert_int_equal(od_backend_cpu.open(&options, &device, NULL), OD_OK);
    assert_string_equal(od_backend_cpu.describe(device), loops);
    od_backend_cpu.close(device);
#ifdef HAVE_ONEDNN
    options.blas = "onednn";
    assert_int_equal(od_backend_cpu.open(&options, &device, NULL), OD_OK);
    const char *says = od_backend_cpu.describe(device);
    assert_memory_equal(says, loops, strlen(loops));
    if (strcmp(od_cpu_loops_best()->name, "v4b") == 0) { // oneDNN wants the same instructions
        assert_memory_equal(says + strlen(loops), ", convolutions onednn ", 22);
    }
    od_backend_cpu.close(device);
#endif
}

static void memory_is_zero_and_aligned(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *memory = NULL;
        assert_int_equal(od_backend_cpu.alloc(NULL, sizes[i], &memory, NULL), OD_OK);
        assert_int_equal((uintptr_t)memory % 64, 0);
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(((unsigned char *)memory)[k], 0);
        }
        od_backend_cpu.free(NULL, memory);
    }
    od_backend_cpu.free(NULL, NULL);
}

// AddressSanitizer's allocator gives up where malloc returns NULL, unless told not to.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static void too_much_memory_is_refused(void **state) {
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 64, (size_t)1 << 62};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *memory = NULL;
        od_error error = {0};
        assert_int_equal(od_backend_cpu.alloc(NULL, sizes[i], &memory, &error), OD_E_NO_MEMORY);
        assert_null(memory);
        assert_true(strlen(error.text) > 0);
    }
}

static void copies_and_zeroes(void **state) {
    (void)state;
    float host[5] = {1, 2, 3, 4, 5}, back[5] = {0};
    void *memory = NULL;
    assert_int_equal(od_backend_cpu.alloc(NULL, sizeof host, &memory, NULL), OD_OK);
    od_backend_cpu.upload(NULL, memory, host, sizeof host);
    od_backend_cpu.download(NULL, back, memory, sizeof back);
    assert_memory_equal(host, back, sizeof host);
    od_backend_cpu.zero(NULL, memory, 2 * sizeof *host);
    od_backend_cpu.download(NULL, back, memory, sizeof back);
    assert_true(back[0] == 0 && back[1] == 0 && back[2] == 3);
    od_backend_cpu.free(NULL, memory);
}

static void sync_tells_the_first_failure_once(void **state) {
    (void)state;
    od_device *device = NULL;
    od_error error = {0};
    assert_int_equal(od_backend_cpu.open(NULL, &device, &error), OD_OK);
    od_cpu_fail(device, "first");
    od_cpu_fail(device, "second");
    assert_int_equal(od_backend_cpu.sync(device, &error), OD_E_NO_MEMORY);
    assert_string_equal(error.text, "first");
    assert_int_equal(od_backend_cpu.sync(device, &error), OD_OK);
    od_backend_cpu.close(device);
}

// sum_of_squares and the statistics do not depend on the number of threads.
static void sums_ignore_threads(void **state) {
    (void)state;
    enum { COUNT = 10007, N = 17, ROW_COUNT = COUNT / N };
    static float x[COUNT], f[COUNT], y[COUNT], coef[2 * ROW_COUNT];
    od_test_fill(x, COUNT, 1, 1);
    od_test_fill(f, COUNT, 1, 2);
    double first_sum = 0;
    float first_stats[OD_CONNECT_STATS] = {0};
    for (int threads = 1; threads <= 3; threads++) {
        od_device *device = od_test_open_cpu(&(od_test_cpu){.threads = threads});
        double sum = 0;
        float stats[OD_CONNECT_STATS];
        od_backend_cpu.sum_of_squares(device, &sum, x, COUNT);
        od_backend_cpu.connect_forward(device, y, coef, stats, x, f, ROW_COUNT, N,
                                       OD_CONNECT_ORTHOGONAL, 1e-6f);
        if (threads == 1) {
            first_sum = sum;
            memcpy(first_stats, stats, sizeof stats);
        }
        assert_memory_equal(&sum, &first_sum, sizeof sum);
        assert_memory_equal(stats, first_stats, sizeof stats);
        od_backend_cpu.close(device);
    }
}

// What an orthogonal connection adds has no part along the stream.
static void addition_is_orthogonal(void **state) {
    (void)state;
    enum { N = 384 };
    float x[N], f[N], y[N], coef[2];
    od_device *device = od_test_open_cpu(&(od_test_cpu){.threads = 1});
    for (uint32_t seed = 1; seed <= 50; seed++) {
        od_test_fill(x, N, 1, seed);
        od_test_fill(f, N, 100, seed + 100);
        od_backend_cpu.connect_forward(device, y, coef, NULL, x, f, 1, N, OD_CONNECT_ORTHOGONAL,
                                       1e-6f);
        double xx = 0, ff = 0, x_ortho = 0;
        for (int i = 0; i < N; i++) {
            xx += (double)x[i] * (double)x[i];
            ff += (double)f[i] * (double)f[i];
            x_ortho += (double)x[i] * ((double)y[i] - (double)x[i]);
        }
        assert_true(fabs(x_ortho) <= 1e-6 * sqrt(xx * ff));
    }
    od_backend_cpu.close(device);
}

// A value that is not a number never becomes one.
static void nan_stays_nan(void **state) {
    (void)state;
    enum { T = 17, D = 16 };
    static float qkv[T * 3 * D], out[T * D], p[T * T], logits[10], mean[1], rstd[1];
    const int32_t label = 3;
    int32_t rank = 0;
    od_test_cpu all[OD_TEST_MOST_CPUS];
    int count = od_test_cpus(all);
    for (int i = 0; i < count; i++) {
        od_device *device = od_test_open_cpu(&all[i]);
        od_test_fill(qkv, T * 3 * D, 1, 1);
        qkv[5 * 3 * D + 2] = NAN; // a query
        od_backend_cpu.attention_forward(device, out, p, qkv, 1, T, 1, D);
        assert_true(isnan(out[5 * D]) && isnan(p[5 * T]) && !isnan(out[4 * D]));
        od_backend_cpu.gelu_forward(device, out, qkv, T * D);
        assert_true(isnan(out[5 * 3 * D + 2]) && !isnan(out[5 * 3 * D + 3]));
        od_backend_cpu.layernorm_forward(device, out, mean, rstd, qkv + 5 * 3 * D, NULL, NULL, 1, D,
                                         1e-6f);
        assert_true(isnan(out[0]));
        od_test_fill(logits, 10, 1, 1);
        logits[7] = NAN;
        od_backend_cpu.cross_entropy(device, out, &rank, NULL, logits, &label, 1, 10, 0, 1);
        assert_true(isnan(out[0]));
        od_backend_cpu.close(device);
    }
}

static double operand(float x) {
    od_device *device = NULL;
    const od_device_options options = {.threads = 1, .precision = OD_PRECISION_BF16};
    assert_int_equal(od_backend_ref.open(&options, &device, NULL), OD_OK);
    const float one = 1;
    float y = 0;
    od_backend_ref.linear_forward(device, &y, &x, &one, NULL, 1, 1, 1);
    od_backend_ref.close(device);
    return (double)y;
}

// bfloat16 has 8 bits of mantissa, the hidden one included.
static void ref_rounds_operands_to_bfloat16(void **state) {
    (void)state;
    assert_true(operand(1 + 0x1p-7F) == 1 + 0x1p-7);
    assert_true(operand(1 + 0x1p-8F) == 1);                       // a tie, to even
    assert_true(operand(1 + 0x1.8p-7F) == 1 + 0x1p-6);            // and up
    assert_true(operand(-1 - 0x1p-8F - 0x1p-20F) == -1 - 0x1p-7); // just above the tie
    assert_true(operand(3.0e-3F) == 0x1.8ap-9);                   // 0x1.89374cp-9
    assert_true(operand(0x1.fffffep+127F) == (double)INFINITY);   // the largest float32
    assert_true(operand(0x1.fep+127F) == (double)0x1.fep+127F);   // the largest bfloat16
    assert_true(operand(-INFINITY) == (double)-INFINITY && isnan(operand(NAN)));
}

// No rounding makes a number of NaN, whose bits may be all ones, on any level.
static void nan_stays_nan_in_bfloat16(void **state) {
    (void)state;
    enum { ROWS = 7, IN = 9, OUT = 66 };
    static float x[ROWS * IN], w[OUT * IN], y[ROWS * OUT], dx[ROWS * IN], dw[OUT * IN];
    const uint32_t ones = 0x7fffffffU;
    od_test_cpu all[OD_TEST_MOST_CPUS];
    const int count = od_test_bf16_cpus(all);
    for (int i = 0; i < count; i++) {
        od_device *device = od_test_open_cpu(&all[i]);
        od_test_fill(x, ROWS * IN, 1, 1);
        od_test_fill(w, OUT * IN, 1, 2);
        memcpy(&x[3 * IN + 8], &ones, sizeof ones);
        od_backend_cpu.linear_forward(device, y, x, w, NULL, ROWS, IN, OUT);
        assert_true(isnan(y[3 * OUT]) && isnan(y[3 * OUT + 65]) && isfinite(y[4 * OUT]));
        od_test_fill(y, ROWS * OUT, 1, 3);
        memset(dw, 0, sizeof dw);
        od_backend_cpu.linear_backward(device, dx, dw, NULL, y, x, w, ROWS, IN, OUT, false);
        assert_true(isnan(dw[8]) && isnan(dw[65 * IN + 8]) && isfinite(dw[7]) && isfinite(dx[0]));
        od_backend_cpu.close(device);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_name),
        cmocka_unit_test(tables_are_full),
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(says_what_multiplies),
        cmocka_unit_test(says_what_multiplies_in_bfloat16),
        cmocka_unit_test(memory_is_zero_and_aligned),
        cmocka_unit_test(too_much_memory_is_refused),
        cmocka_unit_test(copies_and_zeroes),
        cmocka_unit_test(sync_tells_the_first_failure_once),
        cmocka_unit_test(sums_ignore_threads),
        cmocka_unit_test(addition_is_orthogonal),
        cmocka_unit_test(nan_stays_nan),
        cmocka_unit_test(ref_rounds_operands_to_bfloat16),
        cmocka_unit_test(nan_stays_nan_in_bfloat16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
