// SPDX-License-Identifier: Apache-2.0
// Exactness matters more than speed here: a summary has a handful of arms.
#include "base/student.h"

#include <float.h>
#include <math.h>

od_student_summary od_student_summarise(const double *values, size_t count) {
    od_student_summary summary = {count, NAN, NAN};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    if (count > 0) {
        summary.mean = sum / (double)count;
    }
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        squares += (values[i] - summary.mean) * (values[i] - summary.mean);
    }
    if (count > 1) {
        summary.std = sqrt(squares / (double)(count - 1));
    }
    return summary;
}

// The m-th coefficient of the continued fraction of I_x(a, b), m from 1 (DLMF 8.17.23).
static double coefficient(int m, double a, double b, double x) {
    int k = m / 2;
    return m % 2 == 0 ? k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
                      : -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
}

static double away_from_zero(double value) {
    return fabs(value) < DBL_MIN ? DBL_MIN : value;
}

// 1 / (1 + d_1 / (1 + d_2 / (1 + ...))), DLMF 8.17.22, from the front (modified Lentz method).
static double continued_fraction(double a, double b, double x) {
    double fraction = 1;
    double numerator = 1;
    double denominator = 0;
    for (int m = 1; m <= 100000; m++) {
        double d = coefficient(m, a, b, x);
        denominator = 1 / away_from_zero(1 + d * denominator);
        numerator = away_from_zero(1 + d / numerator);
        fraction *= numerator * denominator;
        if (fabs(numerator * denominator - 1) < DBL_EPSILON) {
            break;
        }
    }
    return 1 / fraction;
}

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign); // lgamma writes a global
}

// I_x(a, b) (DLMF 8.17.2); beyond x = (a + 1) / (a + b + 2) by 1 - I_{1-x}(b, a) (8.17.4), where
// the fraction converges faster. y is 1 - x, given so that it keeps its digits when x is near 1.
static double incomplete_beta(double a, double b, double x, double y) {
    if (x <= 0 || y <= 0) {
        return x <= 0 ? 0 : 1;
    }
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(y));
    if (x <= (a + 1) / (a + b + 2)) {
        return front * continued_fraction(a, b, x) / a;
    }
    return 1 - front * continued_fraction(b, a, y) / b;
}

// P(T > t) for t >= 0, without the digits that 1 - P would lose.
static double upper_tail(double t, double degrees) {
    double whole = degrees + t * t;
    return incomplete_beta(degrees / 2, 0.5, degrees / whole, t * t / whole) / 2;
}

double od_student_cdf(double t, double degrees) {
    return t < 0 ? upper_tail(-t, degrees) : 1 - upper_tail(t, degrees);
}

double od_student_quantile(double probability, double degrees) {
    if (probability == 0.5) {
        return 0;
    }
    double tail = probability < 0.5 ? probability : 1 - probability;
    double low = 0;
    double high = 1;
    while (upper_tail(high, degrees) > tail && high < DBL_MAX / 4) {
        high *= 2;
    }
    // Halving ends when no double is left between the two.
    for (;;) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) {
            break;
        }
        if (upper_tail(middle, degrees) > tail) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return probability < 0.5 ? -high : high;
}

bool od_student_interval(const od_student_summary *summary, double confidence, double *low,
                         double *high) {
    if (summary->count < 2) {
        return false;
    }
    double n = (double)summary->count;
    double half = od_student_quantile((1 + confidence) / 2, n - 1) * summary->std / sqrt(n);
    *low = summary->mean - half;
    *high = summary->mean + half;
    return true;
}

// t falls with n, so the n that the greatest n's t asks for is at most the right one, and close.
bool od_student_count_needed(double std, double half_width, double confidence, size_t *count) {
    double probability = (1 + confidence) / 2;
    double ratio = std / half_width;
    double least = od_student_quantile(probability, OD_STUDENT_COUNT_MAX - 1) * ratio;
    if (!isfinite(std) || !(least * least <= OD_STUDENT_COUNT_MAX)) {
        return false;
    }
    size_t n = (size_t)fmax(2, ceil(least * least));
    while (n <= OD_STUDENT_COUNT_MAX &&
           od_student_quantile(probability, (double)n - 1) * ratio > sqrt((double)n)) {
        n++;
    }
    if (n > OD_STUDENT_COUNT_MAX) {
        return false;
    }
    *count = n;
    return true;
}
