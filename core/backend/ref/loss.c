// SPDX-License-Identifier: Apache-2.0
// Cross entropy with label smoothing, and with soft targets.
#include "core/backend/ref/ref.h"

#include <math.h>

static double log_sum_exp(const float *logits, int64_t classes) {
    double largest = -INFINITY;
    for (int64_t c = 0; c < classes; c++) {
        largest = fmax(largest, (double)logits[c]);
    }
    double sum = 0;
    for (int64_t c = 0; c < classes; c++) {
        sum += exp((double)logits[c] - largest);
    }
    return largest + log(sum);
}

static int32_t rank_of(const float *logits, int32_t label, int64_t classes) {
    int32_t rank = 0;
    for (int64_t c = 0; c < classes; c++) {
        rank += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
    }
    return rank;
}

void od_ref_cross_entropy(od_device *device, float *loss, int32_t *rank, float *dlogits,
                          const float *logits, const int32_t *labels, int64_t rows, int64_t classes,
                          float smoothing, float scale) {
    (void)device;
    double e = (double)smoothing;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = logits + r * classes;
        double normalizer = log_sum_exp(row, classes);
        double sum = 0;
        for (int64_t c = 0; c < classes; c++) {
            double target = (c == labels[r] ? 1 - e : 0) + e / (double)classes;
            double log_p = (double)row[c] - normalizer;
            sum -= target * log_p;
            if (dlogits != NULL) {
                dlogits[r * classes + c] = (float)((exp(log_p) - target) * (double)scale);
            }
        }
        loss[r] = (float)sum;
        rank[r] = rank_of(row, labels[r], classes);
    }
}

void od_ref_cross_entropy_soft(od_device *device, float *loss, float *dlogits, const float *logits,
                               const float *targets, int64_t rows, int64_t classes, float scale) {
    (void)device;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = logits + r * classes, *target = targets + r * classes;
        double normalizer = log_sum_exp(row, classes);
        double sum = 0, share = 0;
        for (int64_t c = 0; c < classes; c++) {
            sum -= (double)target[c] * ((double)row[c] - normalizer);
            share += (double)target[c];
        }
        for (int64_t c = 0; c < classes && dlogits != NULL; c++) {
            double p = exp((double)row[c] - normalizer);
            dlogits[r * classes + c] = (float)((p * share - (double)target[c]) * (double)scale);
        }
        loss[r] = (float)sum;
    }
}
