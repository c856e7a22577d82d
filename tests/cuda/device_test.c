// SPDX-License-Identifier: Apache-2.0
// core/backend/cuda/device.c: what the device does when the GPU is missing, full or has failed.
#include "core/backend/cuda/cuda.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static od_device *opened(void) {
    od_device *device = NULL;
    od_error error = {0};
    if (od_backend_cuda.open(NULL, &device, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return device;
}

static float *on_device(od_device *device, size_t count) {
    void *memory = NULL;
    assert_int_equal(od_backend_cuda.alloc(device, count * sizeof(float), &memory, NULL), OD_OK);
    return memory;
}

static void no_device_is_an_error(void **state) {
    (void)state;
    simt_set_device_count(0);
    od_device *device = NULL;
    od_error error = {0};
    od_status status = od_backend_cuda.open(NULL, &device, &error);
    simt_set_device_count(1);
    assert_int_equal(status, OD_E_DEVICE);
    assert_string_equal(error.text, "no usable CUDA device: no CUDA-capable device is detected");
    assert_null(device);
}

static void memory_is_zeroed_and_comes_back(void **state) {
    (void)state;
    od_device *device = opened();
    float *memory = on_device(device, 100);
    float host[100];
    od_backend_cuda.download(device, host, memory, sizeof host);
    for (int i = 0; i < 100; i++) {
        assert_true(host[i] == 0.0f);
        host[i] = (float)i;
    }
    od_backend_cuda.upload(device, memory, host, sizeof host);
    memset(host, 0, sizeof host);
    od_backend_cuda.download(device, host, memory, sizeof host);
    assert_true(host[99] == 99.0f);
    assert_int_equal(od_backend_cuda.sync(device, NULL), OD_OK);
    od_backend_cuda.free(device, memory);
    od_backend_cuda.close(device);
}

static void a_full_gpu_refuses_memory(void **state) {
    (void)state;
    od_device *device = opened();
    void *memory = NULL;
    od_error error = {0};
    simt_fail_malloc_after(0);
    od_status status = od_backend_cuda.alloc(device, 4096, &memory, &error);
    simt_fail_malloc_after(-1);
    assert_int_equal(status, OD_E_NO_MEMORY);
    assert_string_equal(error.text, "no 4096 bytes of GPU memory: out of memory");
    od_backend_cuda.close(device);
}

// The first failure is kept, later kernels do nothing, sync reports it once.
static void a_failure_is_kept_until_sync(void **state) {
    (void)state;
    od_device *device = opened();
    float *x = on_device(device, 64);
    double *sum = (double *)on_device(device, 2);
    simt_fail_malloc_after(0);
    od_backend_cuda.sum_of_squares(device, sum, x, 64); // wants scratch
    simt_fail_malloc_after(-1);
    float one = 1.0f;
    od_backend_cuda.upload(device, x, &one, sizeof one);
    od_error error = {0};
    assert_int_equal(od_backend_cuda.sync(device, &error), OD_E_NO_MEMORY);
    assert_string_equal(error.text, "CUDA: cudaMalloc of scratch: out of memory");
    float host = 2.0f;
    od_backend_cuda.download(device, &host, x, sizeof host);
    assert_true(host == 0.0f); // the upload after the failure was dropped
    assert_int_equal(od_backend_cuda.sync(device, &error), OD_OK);
    od_backend_cuda.free(device, x);
    od_backend_cuda.free(device, sum);
    od_backend_cuda.close(device);
}

static void close_takes_null(void **state) {
    (void)state;
    od_backend_cuda.close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_device_is_an_error),
        cmocka_unit_test(memory_is_zeroed_and_comes_back),
        cmocka_unit_test(a_full_gpu_refuses_memory),
        cmocka_unit_test(a_failure_is_kept_until_sync),
        cmocka_unit_test(close_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
