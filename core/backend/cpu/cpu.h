// SPDX-License-Identifier: Apache-2.0
// The cpu backend. Three layers, each knowing only the one below:
//   kernels (this folder)  the functions of the table; they share rows among OpenMP threads
//   loops/                 what one thread does to its rows; plain loops compiled once for each
//                          level of the instruction set and chosen at run time
//   blas                   single-threaded matrix products in float32 by oneDNN or OpenBLAS (those
//                          in bfloat16 are loops), and oneDNN's convolutions in either precision
// Every thread calls the blas for its own share. So there is one pool of threads, and the bits do
// not depend on how a library divides its work.
#ifndef OD_CORE_BACKEND_CPU_CPU_H
#define OD_CORE_BACKEND_CPU_CPU_H

#include "core/backend/cpu/loops/loops.h"
#include "core/backend/kernels.h"

#include <omp.h>
#include <stdatomic.h>

// What the device keeps of the library for its convolutions.
typedef struct od_cpu_convolutions od_cpu_convolutions;

// Matrix products and convolutions of one library.
typedef struct od_cpu_blas {
    const char *name;
    // Once a device, before any sgemm. out: what describe() says.
    void (*init)(char *out, size_t out_bytes);
    // Row-major, called from inside a parallel region.
    // c[m,n] = op(a) op(b) + beta c; op(a) [m,k], op(b) [k,n]; lda, ldb, ldc count the values
    // between rows as stored. OD_E_NO_MEMORY when the library has no room to work in.
    od_status (*sgemm)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                       const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                       float *c, int64_t ldc) OD_MUST_CHECK;
    // As conv2d_forward and conv2d_backward of the table, outside of a parallel region.
    __typeof__(((const od_backend *)0)->conv2d_forward) conv_forward;
    __typeof__(((const od_backend *)0)->conv2d_backward) conv_backward;
    void (*conv_free)(od_cpu_convolutions *convolutions); // NULL is fine; NULL: there are none
    // Whether these round operands on a device in bfloat16; where not, and where NULL, the loops do.
    bool (*conv_has_bf16)(void);
} od_cpu_blas;

extern const od_cpu_blas od_cpu_blas_onednn; // only there with HAVE_ONEDNN
extern const od_cpu_blas od_cpu_blas_openblas;

// Sums that must not depend on the number of threads are taken over this many equal blocks.
enum { OD_CPU_BLOCKS = 256 };

typedef struct od_cpu_partial {
    double sums[16]; // whole cache lines, so that threads do not share one
} od_cpu_partial;

struct od_device {
    int threads;
    od_precision precision;
    const od_cpu_blas *blas;
    const od_cpu_loops *loops;
    od_cpu_convolutions *convolutions;      // NULL until the first one
    _Atomic(const char *) failure;          // a literal: the first failure since the last sync
    float *scratch;                         // of all threads
    size_t scratch_floats;                  // of one thread
    od_cpu_partial partials[OD_CPU_BLOCKS]; // block sums of the kernel that runs
    char description[64];
};

typedef struct od_cpu_share {
    int64_t begin, end; // begin <= end
} od_cpu_share;

// This thread's part of 0..count, in multiples of grain, inside a parallel region.
static inline od_cpu_share od_cpu_my_share(int64_t count, int64_t grain) {
    int64_t threads = omp_get_num_threads();
    int64_t grains = (count + grain - 1) / grain;
    int64_t begin = grains * omp_get_thread_num() / threads * grain;
    int64_t end = grains * (omp_get_thread_num() + 1) / threads * grain;
    return (od_cpu_share){begin < count ? begin : count, end < count ? end : count};
}

// Keeps the first failure for sync. text is a literal. Any thread.
void od_cpu_fail(od_device *device, const char *text);

// At least `floats` values, aligned to 64 bytes, for each thread; thread t's begin at
// scratch + t * scratch_floats. Grows when a shape is new, never in a step that was seen before.
// NULL after od_cpu_fail.
float *od_cpu_scratch(od_device *device, size_t floats);

// The same memory as one piece of at least `floats` values, for all threads.
float *od_cpu_shared_scratch(od_device *device, size_t floats);

#define OD_CPU_DECLARE(name) OD_KERNEL_DECLARE(cpu, name)
OD_KERNEL_MAP(OD_CPU_DECLARE)
#undef OD_CPU_DECLARE

#endif
