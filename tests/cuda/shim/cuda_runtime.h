// SPDX-License-Identifier: Apache-2.0
// A stand-in for the CUDA runtime on a machine without a GPU: the part of it that the cuda backend
// uses, so that the same sources run on the host, under sanitizers. Kernels run for real: each
// thread of a block is a fiber (simt.cc), with barriers, warp shuffles and shared memory. What
// would be undefined on a GPU (a barrier or shuffle that not all threads reach) ends the program.
// It proves what the code computes, not how fast, and nothing about races between blocks.
#ifndef OD_TESTS_CUDA_SHIM_CUDA_RUNTIME_H
#define OD_TESTS_CUDA_SHIM_CUDA_RUNTIME_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cudaError {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorNoDevice = 100,
} cudaError_t;

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };

typedef struct simt_stream *cudaStream_t;

struct cudaDeviceProp {
    char name[256];
};

const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError(void);
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device);
cudaError_t cudaMalloc(void **out, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMemset(void *to, int value, size_t bytes);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaStreamCreate(cudaStream_t *out);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);

// For tests: the call to cudaMalloc after `calls` more fails; negative: none does.
void simt_fail_malloc_after(int calls);
// For tests: how many devices there are (1 at the start).
void simt_set_device_count(int count);

#ifdef __cplusplus
}

#include <cmath>
#include <cstdint>
#include <functional>

#define __global__
#define __device__
#define __shared__ static // blocks run one after the other

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {
    }
};

extern dim3 threadIdx, blockIdx, blockDim, gridDim; // of the fiber that runs

void simt_launch(dim3 blocks, unsigned threads, const std::function<void()> &body);
void __syncthreads();
float __shfl_xor_sync(unsigned mask, float value, int distance);

#endif
#endif
