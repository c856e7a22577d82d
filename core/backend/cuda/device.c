// SPDX-License-Identifier: Apache-2.0
// One GPU as an od_device: a stream, a cuBLAS handle, scratch memory and the first failure.
#include "core/backend/cuda/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool od_cuda_check(od_device *device, cudaError_t result, const char *what) {
    if (device->error.status == OD_OK && result != cudaSuccess) {
        od_status status = result == cudaErrorMemoryAllocation ? OD_E_NO_MEMORY : OD_E_DEVICE;
        od_error_set(&device->error, status, "CUDA: %s: %s", what, cudaGetErrorString(result));
    }
    return device->error.status == OD_OK;
}

void *od_cuda_scratch(od_device *device, size_t bytes) {
    if (bytes <= device->scratch_bytes || device->error.status != OD_OK) {
        return device->error.status == OD_OK ? device->scratch : NULL;
    }
    // Kernels that still read the old scratch run first: cudaFree waits for them.
    od_cuda_check(device, cudaFree(device->scratch), "cudaFree");
    device->scratch = NULL;
    device->scratch_bytes = 0;
    if (!od_cuda_check(device, cudaMalloc(&device->scratch, bytes), "cudaMalloc of scratch")) {
        return NULL;
    }
    device->scratch_bytes = bytes;
    return device->scratch;
}

// Names the first GPU. Fails where there is none, or no driver for it.
static od_status find_gpu(od_device *device, od_error *error) {
    int count = 0;
    cudaError_t result = cudaGetDeviceCount(&count);
    if (result != cudaSuccess || count == 0) {
        return od_error_set(error, OD_E_DEVICE, "no usable CUDA device: %s",
                            result != cudaSuccess ? cudaGetErrorString(result) : "none is there");
    }
    struct cudaDeviceProp properties;
    result = cudaGetDeviceProperties(&properties, 0);
    if (result != cudaSuccess) {
        return od_error_set(error, OD_E_DEVICE, "CUDA device 0: %s", cudaGetErrorString(result));
    }
    snprintf(device->description, sizeof device->description, "cublas %d on %.200s", CUBLAS_VERSION,
             properties.name);
    return OD_OK;
}

static od_status cuda_open(const od_device_options *options, od_device **out, od_error *error) {
    if (options != NULL && options->precision != OD_PRECISION_FP32) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "the cuda backend computes in float32 only; give train.precision "
                            "\"fp32\"");
    }
    od_device *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a device");
    }
    od_status status = find_gpu(device, error);
    if (status != OD_OK) {
        goto err_device;
    }
    if (!od_cuda_check(device, cudaStreamCreate(&device->stream), "cudaStreamCreate")) {
        status = device->error.status;
        goto err_copy;
    }
    if (cublasCreate(&device->blas) != CUBLAS_STATUS_SUCCESS) {
        status = od_error_set(&device->error, OD_E_DEVICE, "cuBLAS cannot be set up");
        goto err_stream;
    }
    cublasSetStream(device->blas, device->stream);
    // Plain float32: TF32 would keep 10 bits of mantissa and break the equality with PyTorch.
    cublasSetMathMode(device->blas, CUBLAS_PEDANTIC_MATH);
    *out = device;
    return OD_OK;

err_stream:
    cudaStreamDestroy(device->stream);
err_copy:
    if (error != NULL) {
        *error = device->error;
    }
err_device:
    free(device);
    return status;
}

static void cuda_close(od_device *device) {
    if (device == NULL) {
        return;
    }
    cudaStreamSynchronize(device->stream);
    cublasDestroy(device->blas);
    cudaFree(device->scratch);
    cudaStreamDestroy(device->stream);
    free(device);
}

static od_status cuda_alloc(od_device *device, size_t bytes, void **out, od_error *error) {
    cudaError_t result = cudaMalloc(out, bytes); // aligned to 256 bytes
    if (result == cudaSuccess) {
        result = cudaMemset(*out, 0, bytes);
    }
    if (result != cudaSuccess) {
        od_status status = result == cudaErrorMemoryAllocation ? OD_E_NO_MEMORY : OD_E_DEVICE;
        return od_error_set(error, status, "no %zu bytes of GPU memory: %s", bytes,
                            cudaGetErrorString(result));
    }
    (void)device;
    return OD_OK;
}

static void cuda_free(od_device *device, void *memory) {
    (void)device;
    cudaFree(memory);
}

static void cuda_upload(od_device *device, void *to, const void *from_host, size_t bytes) {
    if (device->error.status == OD_OK) {
        od_cuda_check(device,
                      cudaMemcpyAsync(to, from_host, bytes, cudaMemcpyHostToDevice, device->stream),
                      "upload");
        // The caller may change its memory as soon as this returns.
        od_cuda_check(device, cudaStreamSynchronize(device->stream), "upload");
    }
}

static void cuda_download(od_device *device, void *to_host, const void *from, size_t bytes) {
    if (device->error.status != OD_OK) {
        memset(to_host, 0, bytes); // sync reports why
        return;
    }
    od_cuda_check(device,
                  cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, device->stream),
                  "download");
    od_cuda_check(device, cudaStreamSynchronize(device->stream), "download");
}

static void cuda_zero(od_device *device, void *to, size_t bytes) {
    if (device->error.status == OD_OK) {
        od_cuda_check(device, cudaMemsetAsync(to, 0, bytes, device->stream), "zero");
    }
}

static od_status cuda_sync(od_device *device, od_error *error) {
    od_cuda_check(device, cudaStreamSynchronize(device->stream), "sync");
    od_status status = device->error.status;
    if (status != OD_OK && error != NULL) {
        *error = device->error;
    }
    device->error = (od_error){0};
    return status;
}

static const char *cuda_describe(const od_device *device) {
    return device->description;
}

const od_backend od_backend_cuda = {.name = "cuda",
                                    .open = cuda_open,
                                    .describe = cuda_describe,
                                    .close = cuda_close,
                                    .alloc = cuda_alloc,
                                    .free = cuda_free,
                                    .upload = cuda_upload,
                                    .download = cuda_download,
                                    .zero = cuda_zero,
                                    .sync = cuda_sync,
#define X(kernel) .kernel = od_cuda_##kernel,
                                    OD_COMMON_KERNEL_MAP(X)
#undef X
};
