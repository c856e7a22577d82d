// SPDX-License-Identifier: Apache-2.0
// The widest vector of float32 that this level of the instruction set has: arithmetic by the
// compilers' vector extension, and by intrinsics the four things it cannot say well (the lanes up
// to a row's end, minimum, maximum). Rows of any length are a loop over i += LANES with
// vec_load_upto(row + i, n - i).
#ifndef OD_CORE_BACKEND_CPU_LOOPS_VECTOR_H
#define OD_CORE_BACKEND_CPU_LOOPS_VECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline, unused))

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)

enum { LANES = 16 };
typedef float vec __attribute__((vector_size(64)));
typedef float vec_unaligned __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t vec_bits __attribute__((vector_size(64)));

INLINE __mmask16 lanes_below(int64_t left) {
    return (__mmask16)((1u << left) - 1u);
}

INLINE vec load_some(const float *from, int64_t left) {
    return _mm512_maskz_loadu_ps(lanes_below(left), from);
}

INLINE void store_some(float *to, vec v, int64_t left) {
    _mm512_mask_storeu_ps(to, lanes_below(left), v);
}

INLINE vec keep_some(vec v, vec other, int64_t left) {
    return _mm512_mask_mov_ps(other, lanes_below(left), v);
}

// Where a lane of a or b is NaN: b's.
INLINE vec vec_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}

INLINE vec vec_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}

// The largest lane.
INLINE float vec_largest(vec v) {
    return _mm512_reduce_max_ps(v);
}

#elif defined(__AVX2__)

enum { LANES = 8 };
typedef float vec __attribute__((vector_size(32)));
typedef float vec_unaligned __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t vec_bits __attribute__((vector_size(32)));

INLINE __m256i lanes_below(int64_t left) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)left), index);
}

INLINE vec load_some(const float *from, int64_t left) {
    return _mm256_maskload_ps(from, lanes_below(left));
}

INLINE void store_some(float *to, vec v, int64_t left) {
    _mm256_maskstore_ps(to, lanes_below(left), v);
}

INLINE vec keep_some(vec v, vec other, int64_t left) {
    return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(lanes_below(left)));
}

INLINE vec vec_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}

INLINE vec vec_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}

INLINE float vec_largest(vec v) {
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

#else

enum { LANES = 4 };
typedef float vec __attribute__((vector_size(16)));
typedef float vec_unaligned __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint32_t vec_bits __attribute__((vector_size(16)));

INLINE vec load_some(const float *from, int64_t left) {
    vec v = {0};
    memcpy(&v, from, (size_t)left * sizeof(float));
    return v;
}

INLINE void store_some(float *to, vec v, int64_t left) {
    memcpy(to, &v, (size_t)left * sizeof(float));
}

INLINE vec keep_some(vec v, vec other, int64_t left) {
    memcpy(&other, &v, (size_t)left * sizeof(float));
    return other;
}

INLINE vec choose(vec_bits mask, vec a, vec b) {
    return (vec)(((vec_bits)a & mask) | ((vec_bits)b & ~mask));
}

INLINE vec vec_min(vec a, vec b) {
    return choose((vec_bits)(a < b), a, b);
}

INLINE vec vec_max(vec a, vec b) {
    return choose((vec_bits)(a > b), a, b);
}

INLINE float vec_largest(vec v) {
    float a = v[0] > v[1] ? v[0] : v[1];
    float b = v[2] > v[3] ? v[2] : v[3];
    return a > b ? a : b;
}

#endif

INLINE vec vec_all(float x) {
    return (vec){0} + x;
}

INLINE vec vec_load(const float *from) {
    return *(const vec_unaligned *)from;
}

INLINE void vec_store(float *to, vec v) {
    *(vec_unaligned *)to = v;
}

// The first `left` values, zeros behind them; left >= 1 may be more than LANES.
INLINE vec vec_load_upto(const float *from, int64_t left) {
    return __builtin_expect(left >= LANES, 1) ? vec_load(from) : load_some(from, left);
}

INLINE void vec_store_upto(float *to, vec v, int64_t left) {
    if (__builtin_expect(left >= LANES, 1)) {
        vec_store(to, v);
    } else {
        store_some(to, v, left);
    }
}

// v in the first `left` lanes, other behind them.
INLINE vec vec_keep_upto(vec v, vec other, int64_t left) {
    return __builtin_expect(left >= LANES, 1) ? v : keep_some(v, other, left);
}

// The sum of all lanes, by halves.
INLINE float vec_sum(vec v) {
    typedef float quarter __attribute__((vector_size(16)));
#if defined(__AVX512F__)
    typedef float half __attribute__((vector_size(32)));
    half h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
             __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    quarter q =
        __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#elif defined(__AVX2__)
    quarter q =
        __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    quarter q = v;
#endif
    q += __builtin_shufflevector(q, q, 2, 3, 0, 1);
    return q[0] + q[1];
}

// exp to 2 units in the last place for x in [-87, 88]; what lies outside is moved there, so the
// result is never 0, subnormal or infinite. NaN stays NaN. No branch, no table.
// x = n ln 2 + r, exp(x) = 2^n exp(r); exp(r) = 1 + r + r^2 q(r) on |r| <= ln(2)/2, where q is the
// polynomial of degree 4 with the least relative error of the whole, 3.1e-9.
INLINE vec vec_exp(vec x) {
    const vec magic = vec_all(0x1.8p23f); // adding it leaves the nearest integer in the low bits
    x = vec_max(vec_all(-87.0f), vec_min(vec_all(88.0f), x));
    vec shifted = x * 0x1.715476p0f + magic; // 1 / ln 2
    vec n = shifted - magic;
    vec r = x - n * 0x1.63p-1f; // ln 2 in two parts: the first has few bits, n times it is exact
    r = r - n * -0x1.bd0106p-13f;
    vec q = r * 0x1.6a23cep-10f + 0x1.123a2p-7f;
    q = q * r + 0x1.5558f2p-5f;
    q = q * r + 0x1.555492p-3f;
    q = q * r + 0x1.fffffcp-2f;
    vec p = q * r * r + r + 1.0f;
    vec_bits power = ((vec_bits)shifted - (vec_bits)magic + 127u) << 23;
    return p * (vec)power;
}

// The bits of x rounded to bfloat16, the nearest, ties to even: the low halves are 0. NaN stays NaN.
INLINE vec_bits vec_bf16(vec x) {
    const vec_bits bits = (vec_bits)x;
    const vec_bits is_nan = (vec_bits)((bits & 0x7fffffffu) > 0x7f800000u);
    const vec_bits nearest = bits + 0x7fffu + (bits >> 16 & 1u);
    return ((nearest & ~is_nan) | ((bits | 0x400000u) & is_nan)) & 0xffff0000u;
}

// x as an operand of a matrix product, which is bfloat16 or float32.
INLINE vec vec_operand(vec x, bool bf16) {
    return bf16 ? (vec)vec_bf16(x) : x;
}

#endif
