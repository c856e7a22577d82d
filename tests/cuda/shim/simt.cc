// SPDX-License-Identifier: Apache-2.0
// Runs CUDA kernels on the host. A block's threads are fibers on stacks of their own; a fiber runs
// until it reaches a barrier or a shuffle, or ends. When no fiber can run, whoever waits together
// is let go: a warp whose 32 lanes are all at a shuffle, or all threads at the barrier. The order
// in which fibers run is turned round after each round, so that code which lacks a barrier shows it.
#include "cuda_runtime.h"

#include <cstdio>
#include <cstdlib>
#include <ucontext.h>
#include <vector>

namespace {

enum { WARP_LANES = 32, STACK_BYTES = 65536 };

enum class fiber_state { ready, at_barrier, at_shuffle, done };

struct fiber {
    ucontext_t context;
    std::vector<char> stack;
    fiber_state state;
    float offered, received; // in a shuffle
    int distance;
};

std::vector<fiber> fibers;
ucontext_t scheduler;
unsigned running;
const std::function<void()> *kernel_body;

[[noreturn]] void undefined(const char *what) {
    fprintf(stderr, "simt: block (%u,%u): %s\n", blockIdx.x, blockIdx.y, what);
    abort();
}

void run_body() {
    (*kernel_body)();
    fibers[running].state = fiber_state::done;
    swapcontext(&fibers[running].context, &scheduler);
}

void start_fiber(fiber &f) {
    f.stack.resize(STACK_BYTES);
    f.state = fiber_state::ready;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.data();
    f.context.uc_stack.ss_size = f.stack.size();
    f.context.uc_link = nullptr;
    makecontext(&f.context, run_body, 0);
}

void wait_in(fiber_state state) {
    unsigned self = running;
    fibers[self].state = state;
    swapcontext(&fibers[self].context, &scheduler);
}

void resume(unsigned index) {
    running = index;
    threadIdx = dim3(index, 0, 0);
    swapcontext(&scheduler, &fibers[index].context);
}

// Runs every fiber that can run, once. Returns whether there was one.
bool run_ready(unsigned threads, bool backwards) {
    bool any = false;
    for (unsigned i = 0; i < threads; i++) {
        unsigned index = backwards ? threads - 1 - i : i;
        if (fibers[index].state == fiber_state::ready) {
            resume(index);
            any = true;
        }
    }
    return any;
}

unsigned count_in(unsigned first, unsigned last, fiber_state state) {
    unsigned count = 0;
    for (unsigned i = first; i < last; i++) {
        count += fibers[i].state == state;
    }
    return count;
}

// Lets warps go on whose lanes are all at the same shuffle. Returns whether there was one.
bool release_shuffles(unsigned threads) {
    bool any = false;
    for (unsigned first = 0; first < threads; first += WARP_LANES) {
        unsigned last = first + WARP_LANES;
        unsigned waiting = count_in(first, last < threads ? last : threads, fiber_state::at_shuffle);
        if (waiting == 0) {
            continue;
        }
        if (last > threads || waiting != WARP_LANES) {
            undefined("a shuffle that not all 32 lanes of the warp reach");
        }
        for (unsigned i = first; i < last; i++) {
            if (fibers[i].distance != fibers[first].distance) {
                undefined("lanes of a warp at different shuffles");
            }
            unsigned partner = first + ((i - first) ^ (unsigned)fibers[i].distance);
            fibers[i].received = fibers[partner].offered;
            fibers[i].state = fiber_state::ready;
        }
        any = true;
    }
    return any;
}

// True when the block has ended.
bool release_barrier(unsigned threads) {
    unsigned done = count_in(0, threads, fiber_state::done);
    if (done == threads) {
        return true;
    }
    if (count_in(0, threads, fiber_state::at_barrier) != threads) {
        undefined("a barrier that not all threads reach");
    }
    for (unsigned i = 0; i < threads; i++) {
        fibers[i].state = fiber_state::ready;
    }
    return false;
}

void run_block(unsigned threads) {
    for (unsigned i = 0; i < threads; i++) {
        start_fiber(fibers[i]);
    }
    bool backwards = false;
    for (;;) {
        if (run_ready(threads, backwards) || release_shuffles(threads)) {
            backwards = !backwards;
        } else if (release_barrier(threads)) {
            return;
        }
    }
}

} // namespace

dim3 threadIdx, blockIdx, blockDim, gridDim;

void simt_launch(dim3 blocks, unsigned threads, const std::function<void()> &body) {
    if (fibers.size() < threads) {
        fibers.resize(threads);
    }
    kernel_body = &body;
    gridDim = blocks;
    blockDim = dim3(threads, 1, 1);
    for (unsigned y = 0; y < blocks.y; y++) {
        for (unsigned x = 0; x < blocks.x; x++) {
            blockIdx = dim3(x, y, 0);
            run_block(threads);
        }
    }
}

void __syncthreads() {
    wait_in(fiber_state::at_barrier);
}

float __shfl_xor_sync(unsigned mask, float value, int distance) {
    if (mask != 0xffffffffu) {
        undefined("a shuffle with a partial mask");
    }
    unsigned self = running;
    fibers[self].offered = value;
    fibers[self].distance = distance;
    wait_in(fiber_state::at_shuffle);
    return fibers[self].received;
}
