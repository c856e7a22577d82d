// SPDX-License-Identifier: Apache-2.0
// How likely differences of pairs as large as these are when nothing but chance gave each its sign.
#ifndef OD_BASE_SIGN_FLIP_H
#define OD_BASE_SIGN_FLIP_H

#include <stdbool.h>
#include <stddef.h>

enum { OD_SIGN_FLIP_EXACT_MAX = 16, OD_SIGN_FLIP_DRAWS = 65536 };

// The two-sided p-value of the sign-flip test of differences d_1..d_n (Fisher, "The Design of
// Experiments", 1935, section 21). If both arms are alike, each d_i might as well have had the
// other sign, so that the sum that was seen is one of 2^n equally likely ones:
//   p = #{s in {-1, 1}^n : |s_1 d_1 + ... + s_n d_n| >= |d_1 + ... + d_n|} / 2^n
// for n <= OD_SIGN_FLIP_EXACT_MAX. With more, s is drawn OD_SIGN_FLIP_DRAWS times and
//   p = (1 + #{draws with ...}) / (1 + draws),
// which counts the signs that were seen as one draw more (Phipson and Smyth, 2010, "Permutation
// p-values should never be zero"). The draws are a function of n alone: the same differences
// always have the same p. Sums that differ by rounding alone (10^-12 of |d_1| + ... + |d_n|) count
// as equal. With n pairs p is at least 2 / 2^n: five pairs cannot reach 0.05.
//
// false, with nothing written: no values, or one that is not finite.
bool od_sign_flip(const double *values, size_t count, double *p);

#endif
