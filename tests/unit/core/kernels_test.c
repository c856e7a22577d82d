// SPDX-License-Identifier: Apache-2.0
// core/backend: every kernel of `cpu` against `ref`, on every level of the instruction set this
// machine has, with both libraries for matrix products and one to three threads. A kernel is one
// row of a table: what its buffers are, how it is called, on which shapes and with which options.
// Outputs are full of NaN before the call, so that a value left out shows; every buffer lies
// between guards; every call is made twice and must give the same bits.
#include "tests/unit/core/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_BUFFERS = 12, MOST_SHAPES = 10, MOST_FLAGS = 10, GUARD = 16 };

enum flag {
    NULL_FIRST = 1,  // the first optional argument is NULL
    NULL_SECOND = 2, // the second
    ADD = 4,         // accumulate_dx, or the second way of an optimizer
    ALIAS = 8,       // the output is its input, where the header allows that
    ZERO_ROWS = 16,  // the first half of each input is 0
    LARGE = 32,      // inputs are 100 times as large
    NEGATIVE = 64,   // the connection; linear without these
    ORTHOGONAL = 128,
    CONSTRAINED = 256, // the pattern; rezero without these
    RESCALE = 512,
    RESCALE_CONV = 1024,
};

typedef struct call {
    const od_backend *backend;
    od_device *device;
    float *p[MOST_BUFFERS];
    const int64_t *n; // the shape
    int flags;
} call;

// buffers: "kind:size" each. A size is a product of letters (a, b, ... is the shape's first,
// second, ... number; capitals are one more) and digits. Kinds: i input in [-1, 1], u input in
// [0.5, 1.5], o output, a accumulated output, d output of doubles, k output of int32, l labels
// below the shape's second number.
typedef struct kernel {
    const char *name, *buffers;
    void (*run)(const call *c);
    double tolerance;               // relative to the largest value of the buffer in ref
    int64_t shapes[MOST_SHAPES][5]; // up to the first 0
    int flags[MOST_FLAGS];          // beside 0, up to the first 0
} kernel;

static float *unless(const call *c, int flag, float *p) {
    return (c->flags & flag) != 0 ? NULL : p;
}

static bool has(const call *c, int flag) {
    return (c->flags & flag) != 0;
}

static od_connection connection_of(const call *c) {
    return has(c, ORTHOGONAL) ? OD_CONNECT_ORTHOGONAL
           : has(c, NEGATIVE) ? OD_CONNECT_NEGATIVE
                              : OD_CONNECT_LINEAR;
}

// For a kernel whose output may be one of its inputs: the input to give. ref is never called so,
// because its result must not depend on it.
static const float *input_or_alias(const call *c, float *output, const float *input,
                                   int64_t count) {
    if (!has(c, ALIAS) || c->backend == &od_backend_ref) {
        return input;
    }
    memcpy(output, input, (size_t)count * sizeof *input);
    return output;
}

static void run_linear_forward(const call *c) {
    c->backend->linear_forward(c->device, c->p[0], c->p[1], c->p[2], unless(c, NULL_FIRST, c->p[3]),
                               c->n[0], c->n[1], c->n[2]);
}

static void run_linear_gelu_forward(const call *c) {
    c->backend->linear_gelu_forward(c->device, c->p[0], c->p[1], c->p[2], c->p[3],
                                    unless(c, NULL_FIRST, c->p[4]), c->n[0], c->n[1], c->n[2]);
}

static void run_linear_backward(const call *c) {
    c->backend->linear_backward(c->device, unless(c, NULL_FIRST, c->p[0]), c->p[1],
                                unless(c, NULL_SECOND, c->p[2]), c->p[3], c->p[4], c->p[5], c->n[0],
                                c->n[1], c->n[2], false);
}

static void run_linear_backward_add(const call *c) {
    c->backend->linear_backward(c->device, c->p[0], c->p[1], c->p[2], c->p[3], c->p[4], c->p[5],
                                c->n[0], c->n[1], c->n[2], true);
}

static void run_gelu_forward(const call *c) {
    c->backend->gelu_forward(c->device, c->p[0], c->p[1], c->n[0]);
}

static void run_gelu_backward(const call *c) {
    const float *dy = input_or_alias(c, c->p[0], c->p[1], c->n[0]);
    c->backend->gelu_backward(c->device, c->p[0], dy, c->p[2], c->n[0]);
}

static void run_layernorm_forward(const call *c) {
    c->backend->layernorm_forward(c->device, c->p[0], c->p[1], c->p[2], c->p[3],
                                  unless(c, NULL_FIRST, c->p[4]), unless(c, NULL_FIRST, c->p[5]),
                                  c->n[0], c->n[1], 1e-3f);
}

static void run_layernorm_backward(const call *c) {
    c->backend->layernorm_backward(
        c->device, c->p[0], unless(c, NULL_FIRST, c->p[1]), unless(c, NULL_FIRST, c->p[2]), c->p[3],
        c->p[4], c->p[5], c->p[6], unless(c, NULL_FIRST, c->p[7]), c->n[0], c->n[1], false);
}

static void run_layernorm_backward_add(const call *c) {
    c->backend->layernorm_backward(c->device, c->p[0], c->p[1], c->p[2], c->p[3], c->p[4], c->p[5],
                                   c->p[6], c->p[7], c->n[0], c->n[1], true);
}

static void run_attention_forward(const call *c) {
    c->backend->attention_forward(c->device, c->p[0], c->p[1], c->p[2], c->n[0], c->n[1], c->n[2],
                                  c->n[3]);
}

static void run_attention_backward(const call *c) {
    c->backend->attention_backward(c->device, c->p[0], c->p[1], c->p[2], c->p[3], c->n[0], c->n[1],
                                   c->n[2], c->n[3]);
}

static void run_connect_forward(const call *c) {
    c->backend->connect_forward(c->device, c->p[0], c->p[1], unless(c, NULL_FIRST, c->p[2]),
                                c->p[3], c->p[4], c->n[0], c->n[1], connection_of(c), 1e-3f);
}

static void run_connect_layernorm_forward(const call *c) {
    c->backend->connect_layernorm_forward(c->device, c->p[0], c->p[5], c->p[6], c->p[7], c->p[1],
                                          unless(c, NULL_FIRST, c->p[2]), c->p[3], c->p[4], c->n[0],
                                          c->n[1], connection_of(c), 1e-3f, 1e-2f);
}

static void run_connect_backward(const call *c) {
    const float *g = input_or_alias(c, c->p[0], c->p[2], c->n[0] * c->n[1]);
    c->backend->connect_backward(c->device, c->p[0], c->p[1], g, c->p[3], c->p[4], c->p[5], c->n[0],
                                 c->n[1], connection_of(c), false);
}

static void run_connect_backward_add(const call *c) {
    c->backend->connect_backward(c->device, c->p[0], c->p[1], c->p[2], c->p[3], c->p[4], c->p[5],
                                 c->n[0], c->n[1], connection_of(c), true);
}

static od_pattern_options pattern_of(const call *c, const float *scalar) {
    od_pattern_options options = {
        .connection = connection_of(c),
        .pattern = has(c, CONSTRAINED)    ? OD_PATTERN_REZERO_CONSTRAINED
                   : has(c, RESCALE)      ? OD_PATTERN_RESCALE
                   : has(c, RESCALE_CONV) ? OD_PATTERN_RESCALE_CONV
                                          : OD_PATTERN_REZERO,
        .eps = 1e-3f,
        .scalar = has(c, RESCALE_CONV) ? NULL : scalar,
    };
    return options;
}

static void run_pattern_forward(const call *c) {
    od_pattern_options options = pattern_of(c, c->p[5]);
    c->backend->pattern_forward(c->device, c->p[0], c->p[1], unless(c, NULL_FIRST, c->p[2]),
                                c->p[3], c->p[4], c->n[0], c->n[1], &options);
}

// The scalar's gradient is a sum that may cancel: beside it stands what its terms amount to.
static float *scalar_gradient(const call *c) {
    c->p[2][1] = sqrtf((float)(c->n[0] * c->n[1]));
    return c->p[2];
}

static void run_pattern_backward(const call *c) {
    od_pattern_options options = pattern_of(c, c->p[7]);
    const float *g = input_or_alias(c, c->p[0], c->p[3], c->n[0] * c->n[1]);
    c->backend->pattern_backward(c->device, c->p[0], c->p[1], has(c, RESCALE_CONV) ? NULL : c->p[2],
                                 g, c->p[4], c->p[5], c->p[6], c->n[0], c->n[1], &options, false);
}

static void run_pattern_backward_add(const call *c) {
    od_pattern_options options = pattern_of(c, c->p[7]);
    c->backend->pattern_backward(c->device, c->p[0], c->p[1], scalar_gradient(c), c->p[3], c->p[4],
                                 c->p[5], c->p[6], c->n[0], c->n[1], &options, true);
}

static od_philox draws(void) {
    od_philox stream;
    od_philox_init(&stream, 0x123456789abcdef0, OD_PURPOSE_DROP, 3, 1234567);
    return stream;
}

static void run_drop(const call *c) {
    const od_philox stream = draws();
    const float *x = input_or_alias(c, c->p[0], c->p[1], c->n[0]);
    c->backend->drop(c->device, c->p[0], x, c->n[0], c->n[1], has(c, ADD) ? 1.0f : 0.3f, &stream);
}

static void run_add_noise(const call *c) {
    const od_philox stream = draws();
    const float *x = input_or_alias(c, c->p[0], c->p[1], c->n[0]);
    c->backend->add_noise(c->device, c->p[0], x, c->n[0], 0.7f, &stream);
}

static void run_patchify(const call *c) {
    c->backend->patchify(c->device, c->p[0], c->p[1], c->n[0], c->n[1], c->n[2], c->n[3], c->n[4]);
}

static void run_embed_tokens_forward(const call *c) {
    c->backend->embed_tokens_forward(c->device, c->p[0], c->p[1], c->p[2], c->p[3], c->n[0],
                                     c->n[1], c->n[2]);
}

static void run_embed_tokens_backward(const call *c) {
    c->backend->embed_tokens_backward(c->device, c->p[0], c->p[1], c->p[2], c->p[3], c->n[0],
                                      c->n[1], c->n[2]);
}

static void run_first_token_forward(const call *c) {
    c->backend->first_token_forward(c->device, c->p[0], c->p[1], c->n[0], c->n[1], c->n[2]);
}

static void run_first_token_backward(const call *c) {
    c->backend->first_token_backward(c->device, c->p[0], c->p[1], c->n[0], c->n[1], c->n[2], false);
}

static void run_first_token_backward_add(const call *c) {
    c->backend->first_token_backward(c->device, c->p[0], c->p[1], c->n[0], c->n[1], c->n[2], true);
}

static void run_cross_entropy(const call *c) {
    c->backend->cross_entropy(
        c->device, c->p[0], (int32_t *)(void *)c->p[1], unless(c, NULL_FIRST, c->p[2]), c->p[3],
        (const int32_t *)(void *)c->p[4], c->n[0], c->n[1], has(c, ADD) ? 0.0f : 0.1f, 0.125f);
}

static void run_cross_entropy_soft(const call *c) {
    c->backend->cross_entropy_soft(c->device, c->p[0], unless(c, NULL_FIRST, c->p[1]), c->p[2],
                                   c->p[3], c->n[0], c->n[1], 0.125f);
}

static void run_sum_of_squares(const call *c) {
    c->backend->sum_of_squares(c->device, (double *)(void *)c->p[0], c->p[1], c->n[0]);
}

static void run_scale(const call *c) {
    c->backend->scale(c->device, c->p[0], -0.75f, c->n[0]);
}

static void run_adam(const call *c) {
    od_adam_options options = {.lr = 0.01,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .eps = 1e-8,
                               .weight_decay = 0.05,
                               .decoupled = has(c, ADD),
                               .step = 3};
    c->backend->adam(c->device, c->p[0], c->p[1], c->p[2], c->p[3], c->n[0], &options);
}

static void run_sgd(const call *c) {
    od_sgd_options options = {
        .lr = 0.01, .momentum = 0.9, .weight_decay = 0.05, .first = has(c, ADD)};
    if (options.first) {
        c->p[1][0] = NAN; // what was there before the first update does not count
    }
    c->backend->sgd(c->device, c->p[0], c->p[1], c->p[2], c->n[0], &options);
}

#define MATRICES                                                                                   \
    {1, 1, 1}, {1, 64, 10}, {3, 5, 7}, {17, 16, 33}, {128, 64, 10}, {519, 33, 70}, {130, 64, 192}, \
    {                                                                                              \
        1100, 48, 64                                                                               \
    }
#define HEADS                                                                                     \
    {1, 1, 1, 1}, {2, 17, 4, 16}, {1, 3, 2, 5}, {2, 16, 3, 20}, {1, 65, 2, 64}, {3, 33, 1, 33}, { \
        1, 130, 2, 8                                                                              \
    }
#define ROWS                                                                      \
    {1, 1}, {1, 64}, {5, 3}, {7, 17}, {300, 64}, {33, 100}, {2, 384}, {64, 16}, { \
        3, 1000                                                                   \
    }
#define COUNTS                            \
    {1}, {2}, {15}, {16}, {17}, {1000}, { \
        70001                             \
    }
#define TOKENS                           \
    {1, 1, 1}, {2, 3, 5}, {3, 16, 64}, { \
        130, 4, 17                       \
    }

static const kernel kernels[] = {
    {"linear_forward", "o:ac i:ab i:cb i:c", run_linear_forward, 2e-6, {MATRICES}, {NULL_FIRST}},
    {"linear_gelu_forward",
     "o:ac o:ac i:ab i:cb i:c",
     run_linear_gelu_forward,
     2e-6,
     {MATRICES},
     {NULL_FIRST}},
    {"linear_backward",
     "o:ab a:cb a:c i:ac i:ab i:cb",
     run_linear_backward,
     3e-6,
     {MATRICES},
     {NULL_FIRST, NULL_SECOND}},
    {"linear_backward adding",
     "a:ab a:cb a:c i:ac i:ab i:cb",
     run_linear_backward_add,
     3e-6,
     {MATRICES},
     {LARGE}},
    {"gelu_forward", "o:a i:a", run_gelu_forward, 1e-6, {COUNTS}, {LARGE, ZERO_ROWS}},
    {"gelu_backward", "o:a i:a i:a", run_gelu_backward, 1e-6, {COUNTS}, {LARGE, ALIAS}},
    {"layernorm_forward",
     "o:ab o:a o:a i:ab i:b i:b",
     run_layernorm_forward,
     3e-6,
     {ROWS},
     {NULL_FIRST, LARGE, ZERO_ROWS}},
    {"layernorm_backward",
     "o:ab a:b a:b i:ab i:ab i:a u:a i:b",
     run_layernorm_backward,
     4e-6,
     {ROWS},
     {NULL_FIRST}},
    {"layernorm_backward adding",
     "a:ab a:b a:b i:ab i:ab i:a u:a i:b",
     run_layernorm_backward_add,
     4e-6,
     {ROWS},
     {ZERO_ROWS}},
    {"attention_forward",
     "o:abcd o:acbb i:ab3cd",
     run_attention_forward,
     5e-6,
     {HEADS},
     {ZERO_ROWS}},
    {"attention_forward with large scores",
     "o:abcd o:acbb i:ab3cd",
     run_attention_forward,
     2e-3,
     {{2, 17, 4, 16}, {1, 65, 2, 64}},
     {LARGE}},
    {"attention_backward",
     "o:ab3cd i:abcd i:ab3cd i:acbb",
     run_attention_backward,
     5e-6,
     {HEADS},
     {ZERO_ROWS}},
    {"connect_forward",
     "o:ab o:a2 o:6 i:ab i:ab",
     run_connect_forward,
     3e-6,
     {ROWS},
     {NULL_FIRST, NEGATIVE, ORTHOGONAL, ORTHOGONAL | NULL_FIRST, ORTHOGONAL | ZERO_ROWS,
      ORTHOGONAL | LARGE}},
    {"connect_layernorm_forward",
     "o:ab o:a2 o:6 i:ab i:ab o:ab o:a o:a",
     run_connect_layernorm_forward,
     1e-5,
     {ROWS},
     {NULL_FIRST, NEGATIVE, ORTHOGONAL, ORTHOGONAL | NULL_FIRST, ORTHOGONAL | ZERO_ROWS}},
    {"connect_backward",
     "o:ab o:ab i:ab i:ab i:ab i:a2",
     run_connect_backward,
     3e-6,
     {ROWS},
     {NEGATIVE, ORTHOGONAL, ALIAS, ORTHOGONAL | ALIAS, NEGATIVE | ALIAS, ORTHOGONAL | ZERO_ROWS}},
    {"connect_backward adding",
     "a:ab o:ab i:ab i:ab i:ab i:a2",
     run_connect_backward_add,
     3e-6,
     {ROWS},
     {NEGATIVE, ORTHOGONAL}},
    // Every connection with every pattern; 43 is room for OD_PATTERN_STATS.
    {"pattern_forward",
     "a:ab o:a2 o:43 i:ab i:ab u:1",
     run_pattern_forward,
     3e-6,
     {ROWS, {3, 20000}},
     {NULL_FIRST | RESCALE_CONV, CONSTRAINED, RESCALE, RESCALE_CONV, ORTHOGONAL,
      ORTHOGONAL | CONSTRAINED | ZERO_ROWS, ORTHOGONAL | RESCALE | LARGE,
      ORTHOGONAL | RESCALE_CONV | NULL_FIRST, ORTHOGONAL | RESCALE_CONV}},
    {"pattern_backward",
     "o:ab o:ab a:2 i:ab i:ab i:ab i:a2 u:1",
     run_pattern_backward,
     4e-6,
     {ROWS, {3, 20000}},
     {CONSTRAINED | ALIAS, RESCALE, RESCALE_CONV, ORTHOGONAL | ALIAS,
      ORTHOGONAL | CONSTRAINED | ZERO_ROWS, ORTHOGONAL | RESCALE, ORTHOGONAL | RESCALE_CONV}},
    {"pattern_backward adding",
     "a:ab o:ab a:2 i:ab i:ab i:ab i:a2 u:1",
     run_pattern_backward_add,
     4e-6,
     {ROWS},
     {CONSTRAINED, RESCALE, ORTHOGONAL, ORTHOGONAL | CONSTRAINED, ORTHOGONAL | RESCALE}},
    {"drop",
     "o:a i:a",
     run_drop,
     1e-6,
     {{1, 1}, {63, 1}, {64, 1}, {70001, 1}, {1, 7}, {70, 7}, {4096, 1024}, {60000, 20000}},
     {ADD, ALIAS}},
    {"add_noise", "o:a i:a", run_add_noise, 1e-6, {COUNTS, {63}}, {LARGE, ALIAS}},
    {"patchify",
     "o:abcd i:abcd",
     run_patchify,
     0,
     {{1, 1, 1, 1, 1}, {2, 28, 28, 1, 7}, {3, 8, 12, 3, 4}, {5, 6, 4, 2, 2}},
     {0}},
    {"embed_tokens_forward", "o:aBc i:abc i:c i:bc", run_embed_tokens_forward, 1e-7, {TOKENS}, {0}},
    {"embed_tokens_backward",
     "o:abc a:c a:bc i:aBc",
     run_embed_tokens_backward,
     2e-6,
     {TOKENS},
     {0}},
    {"first_token_forward", "o:ac i:abc", run_first_token_forward, 0, {TOKENS}, {0}},
    {"first_token_backward", "o:abc i:ac", run_first_token_backward, 0, {TOKENS}, {0}},
    {"first_token_backward adding",
     "a:abc i:ac",
     run_first_token_backward_add,
     1e-7,
     {TOKENS},
     {0}},
    {"cross_entropy",
     "o:a k:a o:ab i:ab l:a",
     run_cross_entropy,
     3e-6,
     {{1, 2}, {1, 10}, {130, 10}, {7, 17}, {3, 1000}},
     {NULL_FIRST, ADD, LARGE, ZERO_ROWS}},
    {"cross_entropy_soft",
     "o:a o:ab i:ab u:ab",
     run_cross_entropy_soft,
     3e-6,
     {{1, 2}, {1, 10}, {130, 10}, {7, 17}, {3, 1000}},
     {NULL_FIRST, LARGE, ZERO_ROWS}},
    {"sum_of_squares", "d:1 i:a", run_sum_of_squares, 1e-12, {COUNTS}, {LARGE}},
    {"scale", "a:a", run_scale, 1e-7, {COUNTS}, {0}},
    {"adam", "a:a a:a u:a i:a", run_adam, 1e-6, {COUNTS}, {ADD, ZERO_ROWS}},
    {"sgd", "a:a a:a i:a", run_sgd, 1e-6, {COUNTS}, {ADD}},
};

// With operands rounded to bfloat16.
static const kernel bf16_kernels[] = {
    // Both backends round the same operands to the same bits, so that sums differ as in float32.
    {"linear_forward in bf16",
     "o:ac i:ab i:cb i:c",
     run_linear_forward,
     2e-6,
     {MATRICES},
     {NULL_FIRST}},
    {"linear_gelu_forward in bf16",
     "o:ac o:ac i:ab i:cb i:c",
     run_linear_gelu_forward,
     2e-6,
     {MATRICES},
     {NULL_FIRST}},
    {"linear_backward in bf16",
     "o:ab a:cb a:c i:ac i:ab i:cb",
     run_linear_backward,
     3e-6,
     {MATRICES},
     {NULL_FIRST, NULL_SECOND}},
    {"linear_backward adding in bf16",
     "a:ab a:cb a:c i:ac i:ab i:cb",
     run_linear_backward_add,
     3e-6,
     {MATRICES},
     {LARGE}},
    // The operands p and ds are computed: a difference in their last float32 bit may be one of
    // 2^-8 after rounding, in some of the terms of a sum.
    {"attention_forward in bf16",
     "o:abcd o:acbb i:ab3cd",
     run_attention_forward,
     2e-3,
     {HEADS},
     {ZERO_ROWS}},
    {"attention_backward in bf16",
     "o:ab3cd i:abcd i:ab3cd i:acbb",
     run_attention_backward,
     2e-3,
     {HEADS},
     {ZERO_ROWS}},
};

// --- buffers ---------------------------------------------------------------------------------

typedef struct buffer {
    char kind;
    int64_t count; // values of 4 bytes
    float *memory; // with guards
    float *values; // memory + GUARD
} buffer;

static const uint32_t guard_bits = 0xdeadbeef;

static float *filled(float *values, int64_t count, char kind, const int64_t *shape, int flags,
                     uint32_t seed) {
    uint32_t state = seed * 2654435761u + 12345u;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        float unit = (float)(state >> 8) / 16777216.0f; // [0, 1)
        float input = (2 * unit - 1) * ((flags & LARGE) != 0 ? 100.0f : 1.0f);
        input = (flags & ZERO_ROWS) != 0 && i < count / 2 ? 0 : input;
        int32_t label = (int32_t)((double)unit * (double)shape[1]);
        switch (kind) {
        case 'i':
            values[i] = input;
            break;
        case 'u':
            values[i] = 0.5f + unit;
            break;
        case 'a':
            values[i] = 2 * unit - 1;
            break;
        case 'l':
            memcpy(&values[i], &label, sizeof label);
            break;
        default:
            values[i] = NAN;
        }
    }
    return values;
}

static int64_t size_of(const char **text, const int64_t *shape) {
    int64_t size = 1;
    for (; **text != '\0' && **text != ' '; ++*text) {
        char c = **text;
        size *= c >= 'a' ? shape[c - 'a'] : c >= 'A' ? shape[c - 'A'] + 1 : (int64_t)(c - '0');
    }
    return size;
}

// Allocates and fills the kernel's buffers on a device; returns their number.
static int make_buffers(buffer out[MOST_BUFFERS], const kernel *k, const call *c) {
    int count = 0;
    for (const char *text = k->buffers; *text != '\0'; count++) {
        buffer *b = &out[count];
        b->kind = *text;
        text += 2;
        b->count = size_of(&text, c->n) * (b->kind == 'd' ? 2 : 1);
        text += *text == ' ';
        void *memory = NULL;
        size_t bytes = (size_t)(b->count + 2 * GUARD) * sizeof(float);
        assert_int_equal(c->backend->alloc(c->device, bytes, &memory, NULL), OD_OK);
        b->memory = memory;
        b->values = b->memory + GUARD;
        for (int i = 0; i < GUARD; i++) {
            memcpy(&b->memory[i], &guard_bits, sizeof guard_bits);
            memcpy(&b->values[b->count + i], &guard_bits, sizeof guard_bits);
        }
        filled(b->values, b->count, b->kind, c->n, c->flags, (uint32_t)count + 1);
    }
    return count;
}

static void free_buffers(const call *c, buffer *buffers, int count) {
    for (int i = 0; i < count; i++) {
        c->backend->free(c->device, buffers[i].memory);
    }
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void check_guards(const kernel *k, const buffer *b, int index) {
    for (int i = 0; i < GUARD; i++) {
        if (bits_of(b->memory[i]) != guard_bits || bits_of(b->values[b->count + i]) != guard_bits) {
            fail_msg("%s writes outside of buffer %d", k->name, index);
        }
    }
}

static int run_on(buffer buffers[MOST_BUFFERS], const kernel *k, call *c) {
    int count = make_buffers(buffers, k, c);
    for (int i = 0; i < count; i++) {
        c->p[i] = buffers[i].values;
    }
    k->run(c);
    od_error error = {0};
    assert_int_equal(c->backend->sync(c->device, &error), OD_OK);
    for (int i = 0; i < count; i++) {
        check_guards(k, &buffers[i], i);
    }
    return count;
}

// --- comparison ------------------------------------------------------------------------------

static double value_at(const buffer *b, int64_t i) {
    int32_t whole;
    double wide;
    switch (b->kind) {
    case 'k':
    case 'l':
        memcpy(&whole, &b->values[i], sizeof whole);
        return whole;
    case 'd':
        memcpy(&wide, &b->values[i / 2 * 2], sizeof wide);
        return wide;
    default:
        return (double)b->values[i];
    }
}

static double largest_of(const buffer *b) {
    double largest = 0;
    for (int64_t i = 0; i < b->count; i++) {
        double v = fabs(value_at(b, i));
        largest = v > largest ? v : largest;
    }
    return largest;
}

static void compare(const kernel *k, const call *c, const buffer *got, const buffer *expected,
                    int index) {
    // Values so small that a float32 result may as well be 0 are alike.
    double bound = k->tolerance > 0 ? k->tolerance * largest_of(expected) + 1e-26 : 0;
    for (int64_t i = 0; i < got->count; i++) {
        double a = value_at(got, i);
        double e = value_at(expected, i);
        bool same = isnan(a) || isnan(e) ? isnan(a) && isnan(e) : fabs(a - e) <= bound;
        if (!same) {
            fail_msg("%s [%lld %lld %lld %lld] flags %d, %s, %d threads: buffer %d value %lld is "
                     "%.9g and not %.9g (within %.2g)",
                     k->name, (long long)c->n[0], (long long)c->n[1], (long long)c->n[2],
                     (long long)c->n[3], c->flags, c->backend->describe(c->device),
                     c->device->threads, index, (long long)i, a, e, bound);
        }
    }
}

static void check_same_bits(const kernel *k, const buffer *a, const buffer *b, int count) {
    for (int i = 0; i < count; i++) {
        if (memcmp(a[i].values, b[i].values, (size_t)a[i].count * sizeof(float)) != 0) {
            fail_msg("%s gives other bits in buffer %d the second time", k->name, i);
        }
    }
}

// --- the test -----------------------------------------------------------------------------------

static void check_call(const kernel *k, const int64_t *shape, int flags, od_device *device,
                       od_device *ref_device) {
    buffer expected[MOST_BUFFERS], got[MOST_BUFFERS], again[MOST_BUFFERS];
    call on_ref = {.backend = &od_backend_ref, .device = ref_device, .n = shape, .flags = flags};
    call on_cpu = {.backend = &od_backend_cpu, .device = device, .n = shape, .flags = flags};
    int count = run_on(expected, k, &on_ref);
    run_on(got, k, &on_cpu);
    run_on(again, k, &on_cpu);
    for (int i = 0; i < count; i++) {
        compare(k, &on_cpu, &got[i], &expected[i], i);
    }
    check_same_bits(k, got, again, count);
    free_buffers(&on_ref, expected, count);
    free_buffers(&on_cpu, got, count);
    free_buffers(&on_cpu, again, count);
}

static void check_kernel(const kernel *k, od_precision precision, const od_test_cpu *cpus,
                         int count) {
    od_device *ref_device = NULL;
    const od_device_options options = {.threads = 1, .precision = precision};
    assert_int_equal(od_backend_ref.open(&options, &ref_device, NULL), OD_OK);
    for (int i = 0; i < count; i++) {
        od_device *device = od_test_open_cpu(&cpus[i]);
        for (int s = 0; s < MOST_SHAPES && k->shapes[s][0] != 0; s++) {
            check_call(k, k->shapes[s], 0, device, ref_device);
            for (int f = 0; f < MOST_FLAGS && k->flags[f] != 0; f++) {
                check_call(k, k->shapes[s], k->flags[f], device, ref_device);
            }
        }
        od_backend_cpu.close(device);
    }
    od_backend_ref.close(ref_device);
}

static void matches_ref(void **state) {
    od_test_cpu all[OD_TEST_MOST_CPUS];
    check_kernel(*state, OD_PRECISION_FP32, all, od_test_cpus(all));
}

static void matches_ref_in_bf16(void **state) {
    od_test_cpu all[OD_TEST_MOST_CPUS];
    check_kernel(*state, OD_PRECISION_BF16, all, od_test_bf16_cpus(all));
}

static void list_tests(struct CMUnitTest *tests, const kernel *rows, size_t count,
                       CMUnitTestFunction test) {
    for (size_t i = 0; i < count; i++) {
        tests[i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = test, .initial_state = (void *)(uintptr_t)&rows[i]};
    }
}

int main(void) {
    enum {
        COUNT = sizeof kernels / sizeof *kernels,
        BF16_COUNT = sizeof bf16_kernels / sizeof *bf16_kernels
    };
    struct CMUnitTest tests[COUNT + BF16_COUNT];
    list_tests(tests, kernels, COUNT, matches_ref);
    list_tests(tests + COUNT, bf16_kernels, BF16_COUNT, matches_ref_in_bf16);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
