// SPDX-License-Identifier: Apache-2.0
// Runs CUDA kernels on the host. A block's threads run on fibers, which are stacks of their own: a
// fiber takes one thread after the other that has not begun, until one of them waits at a barrier
// or a shuffle; then another fiber goes on. When nothing can run, whoever waits together is let go:
// a warp whose 32 lanes are all at a shuffle, or all threads at the barrier. The order in which
// threads go on is turned round each time, so that code which lacks a barrier shows it.
#include "cuda_runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

// Saves this stack's pointer in *save and goes on with the other's. ucontext would do the same with
// two system calls a switch, and kernels shuffle a lot.
extern "C" void simt_switch(void **save, void *other);
asm(R"(
.text
.globl simt_switch
.type simt_switch, @function
simt_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size simt_switch, .-simt_switch
)");

namespace {

enum { WARP_LANES = 32, STACK_BYTES = 65536 };

enum class thread_state { fresh, ready, at_barrier, at_shuffle, done };

struct fiber {
    void *stack_pointer; // while it does not run
    std::vector<char> stack;
};

struct gpu_thread {
    thread_state state;
    fiber *home;             // since it began
    float offered, received; // in a shuffle
    int distance;
};

std::vector<gpu_thread> threads; // of the block
unsigned next_fresh;
unsigned running;
std::vector<std::unique_ptr<fiber>> fibers;
std::vector<fiber *> idle;
fiber *current;
void *scheduler; // its stack pointer while a fiber runs
const std::function<void()> *kernel_body;

[[noreturn]] void undefined(const char *what) {
    fprintf(stderr, "simt: block (%u,%u): %s\n", blockIdx.x, blockIdx.y, what);
    abort();
}

void enter(unsigned index) {
    running = index;
    threadIdx = dim3(index, 0, 0);
}

// What a fiber does for ever. `self` is on its own stack, `current` may change while it waits.
void fiber_main() {
    fiber *self = current;
    for (;;) {
        while (next_fresh < threads.size()) {
            threads[next_fresh].home = self;
            enter(next_fresh++);
            (*kernel_body)();
            threads[running].state = thread_state::done;
        }
        idle.push_back(self);
        simt_switch(&self->stack_pointer, scheduler);
    }
}

fiber *new_fiber() {
    fibers.push_back(std::make_unique<fiber>());
    fiber *made = fibers.back().get();
    made->stack.resize(STACK_BYTES);
    // As simt_switch would have left it: six registers, then where to go on. The stack must be 16
    // bytes aligned before the call that an entry believes it came from.
    uintptr_t top = (uintptr_t)(made->stack.data() + made->stack.size()) & ~(uintptr_t)15;
    void **slots = (void **)top - 8;
    std::fill(slots, slots + 6, nullptr);
    slots[6] = (void *)fiber_main;
    made->stack_pointer = slots;
    return made;
}

void switch_to(fiber *to) {
    current = to;
    simt_switch(&scheduler, to->stack_pointer);
}

void begin_fresh() {
    while (next_fresh < threads.size()) {
        fiber *free_fiber = idle.empty() ? new_fiber() : idle.back();
        if (!idle.empty()) {
            idle.pop_back();
        }
        switch_to(free_fiber);
    }
}

void wait_in(thread_state state) {
    unsigned self = running;
    threads[self].state = state;
    simt_switch(&threads[self].home->stack_pointer, scheduler);
}

// Runs every thread that can go on, once. Returns whether there was one.
bool run_ready(bool backwards) {
    bool any = false;
    unsigned count = (unsigned)threads.size();
    for (unsigned i = 0; i < count; i++) {
        unsigned index = backwards ? count - 1 - i : i;
        if (threads[index].state == thread_state::ready) {
            enter(index);
            switch_to(threads[index].home);
            any = true;
        }
    }
    return any;
}

unsigned count_in(unsigned first, unsigned last, thread_state state) {
    unsigned count = 0;
    for (unsigned i = first; i < last; i++) {
        count += threads[i].state == state;
    }
    return count;
}

// Lets warps go on whose lanes are all at the same shuffle. Returns whether there was one.
bool release_shuffles() {
    bool any = false;
    unsigned count = (unsigned)threads.size();
    for (unsigned first = 0; first < count; first += WARP_LANES) {
        unsigned last = first + WARP_LANES;
        unsigned waiting = count_in(first, last < count ? last : count, thread_state::at_shuffle);
        if (waiting == 0) {
            continue;
        }
        if (last > count || waiting != WARP_LANES) {
            undefined("a shuffle that not all 32 lanes of the warp reach");
        }
        for (unsigned i = first; i < last; i++) {
            if (threads[i].distance != threads[first].distance) {
                undefined("lanes of a warp at different shuffles");
            }
            unsigned partner = first + ((i - first) ^ (unsigned)threads[i].distance);
            threads[i].received = threads[partner].offered;
            threads[i].state = thread_state::ready;
        }
        any = true;
    }
    return any;
}

// True when the block has ended.
bool release_barrier() {
    unsigned count = (unsigned)threads.size();
    if (count_in(0, count, thread_state::done) == count) {
        return true;
    }
    if (count_in(0, count, thread_state::at_barrier) != count) {
        undefined("a barrier that not all threads reach");
    }
    for (gpu_thread &thread : threads) {
        thread.state = thread_state::ready;
    }
    return false;
}

void run_block() {
    for (gpu_thread &thread : threads) {
        thread = gpu_thread{thread_state::fresh, nullptr, 0, 0, 0};
    }
    next_fresh = 0;
    begin_fresh();
    bool backwards = true;
    for (;;) {
        if (run_ready(backwards) || release_shuffles()) {
            backwards = !backwards;
        } else if (release_barrier()) {
            return;
        }
    }
}

} // namespace

dim3 threadIdx, blockIdx, blockDim, gridDim;

void simt_launch(dim3 blocks, unsigned threads_per_block, const std::function<void()> &body) {
    threads.resize(threads_per_block);
    kernel_body = &body;
    gridDim = blocks;
    blockDim = dim3(threads_per_block, 1, 1);
    for (unsigned y = 0; y < blocks.y; y++) {
        for (unsigned x = 0; x < blocks.x; x++) {
            blockIdx = dim3(x, y, 0);
            run_block();
        }
    }
}

void __syncthreads() {
    wait_in(thread_state::at_barrier);
}

float __shfl_xor_sync(unsigned mask, float value, int distance) {
    if (mask != 0xffffffffu) {
        undefined("a shuffle with a partial mask");
    }
    unsigned self = running;
    threads[self].offered = value;
    threads[self].distance = distance;
    wait_in(thread_state::at_shuffle);
    return threads[self].received;
}
