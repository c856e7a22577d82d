// SPDX-License-Identifier: Apache-2.0
// Means of few values and how sure one can be of them: Student's t distribution.
#ifndef OD_BASE_STUDENT_H
#define OD_BASE_STUDENT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct od_student_summary {
    size_t count;
    double mean; // sum(x) / n; NaN without values
    double std;  // sqrt(sum((x - mean)^2) / (n - 1)), the sample's; NaN below two values
} od_student_summary;

od_student_summary od_student_summarise(const double *values, size_t count);

// P(T <= t) for T with `degrees` > 0 degrees of freedom:
//   1 - I_x(degrees/2, 1/2) / 2 for t >= 0, x = degrees / (degrees + t^2), and 1 - P(-t) below
// (Abramowitz and Stegun 26.7.1), with I the regularised incomplete beta function. Right to 1e-12
// for hundreds of degrees of freedom, to 1e-9 for a hundred thousand.
double od_student_cdf(double t, double degrees);

// The t with od_student_cdf(t, degrees) = probability, 0 < probability < 1, degrees > 0.
double od_student_quantile(double probability, double degrees);

// The interval mean -+ t std / sqrt(n) that holds the true mean with that confidence (0.95), where
// t is the (1 + confidence) / 2 quantile for n - 1 degrees of freedom. Differences of pairs give
// the paired interval. false, with nothing written, below two values.
bool od_student_interval(const od_student_summary *summary, double confidence, double *low,
                         double *high);

enum { OD_STUDENT_COUNT_MAX = 100000 };

// How many values an interval of mean -+ half_width needs if their deviation stays `std`: the least
// n >= 2 with t std / sqrt(n) <= half_width, t the (1 + confidence) / 2 quantile for n - 1 degrees
// of freedom. half_width > 0. false, with nothing written, when std is not finite or n would be
// beyond OD_STUDENT_COUNT_MAX.
bool od_student_count_needed(double std, double half_width, double confidence, size_t *count);

#endif
