// SPDX-License-Identifier: Apache-2.0
// Mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899) as timm's Mixup has them in its batch
// mode: one ratio a batch, which is mixed with its own reverse, sample i with n - 1 - i. The size
// of CutMix's box corrects the ratio.
#ifndef OD_CORE_DATA_MIXUP_H
#define OD_CORE_DATA_MIXUP_H

#include "core/spec.h"

#include <stdbool.h>
#include <stdint.h>

// What one batch gets.
typedef struct od_mixup {
    double lambda;                    // share of a sample's own image and label; 1: not mixed
    bool is_cutmix;                   // the box [top, bottom) x [left, right) is the other's
    int64_t top, bottom, left, right; // within the image
} od_mixup;

// Of micro-batch number `batch` of an epoch, for images of size x size: a pure function of (seed,
// epoch, batch) by Philox, purpose OD_PURPOSE_MIXUP. Draws: whether (prob), which one when both
// alphas are above 0 (switch_prob: CutMix), lambda from Beta(alpha, alpha) of the chosen one; for
// CutMix then the box's centre: row, column.
od_mixup od_mixup_draw(const od_mixup_spec *spec, uint64_t seed, int64_t epoch, int64_t batch,
                       int64_t size);

// In place on images [n, size, size, channels], n even: mixup x_i = lambda x_i + (1 - lambda)
// x_{n-1-i}, all at once, in float32; CutMix exchanges the boxes of each pair.
void od_mixup_images(const od_mixup *mixup, float *images, int64_t n, int64_t size,
                     int64_t channels);

// targets [n, classes] = lambda t(labels[i]) + (1 - lambda) t(labels[n-1-i]), where t has
// 1 - smoothing + smoothing / classes at the label and smoothing / classes elsewhere.
void od_mixup_targets(const od_mixup *mixup, float *targets, const int32_t *labels, int64_t n,
                      int64_t classes, double smoothing);

#endif
