// SPDX-License-Identifier: Apache-2.0
// Cross entropy of one row, with label smoothing or with soft targets.
#include "core/backend/cpu/loops/loops.h"
#include "core/backend/cpu/loops/vector.h"

#include <math.h>

typedef struct row_sums {
    float largest;
    float exps;    // sum exp(logit - largest)
    float lowered; // sum (logit - largest)
} row_sums;

static row_sums sums_of(const float *logits, int64_t classes) {
    float largest = logits[0];
    for (int64_t c = 1; c < classes; c++) {
        largest = logits[c] > largest ? logits[c] : largest;
    }
    vec exps = {0};
    vec lowered = {0};
    for (int64_t c = 0; c < classes; c += LANES) {
        vec v = vec_load_upto(logits + c, classes - c) - largest;
        exps += vec_keep_upto(vec_exp(v), (vec){0}, classes - c);
        lowered += vec_keep_upto(v, (vec){0}, classes - c);
    }
    return (row_sums){largest, vec_sum(exps), vec_sum(lowered)};
}

static int32_t rank_of(const float *logits, int32_t label, int64_t classes) {
    int32_t rank = 0;
    for (int64_t c = 0; c < classes; c++) {
        rank += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
    }
    return rank;
}

void OD_LOOP(cross_entropy_row)(float *loss, int32_t *rank, float *dlogits, const float *logits,
                                int32_t label, int64_t classes, float smoothing, float scale) {
    row_sums sums = sums_of(logits, classes);
    float share = smoothing / (float)classes;
    *loss = logf(sums.exps) - (1.0f - smoothing) * (logits[label] - sums.largest) -
            share * sums.lowered;
    *rank = rank_of(logits, label, classes);
    if (dlogits == NULL) {
        return;
    }
    float inverse = 1.0f / sums.exps;
    for (int64_t c = 0; c < classes; c += LANES) {
        vec p = vec_exp(vec_load_upto(logits + c, classes - c) - sums.largest) * inverse;
        vec_store_upto(dlogits + c, (p - share) * scale, classes - c);
    }
    dlogits[label] -= (1.0f - smoothing) * scale;
}

void OD_LOOP(cross_entropy_soft_row)(float *loss, float *dlogits, const float *logits,
                                     const float *targets, int64_t classes, float scale) {
    row_sums sums = sums_of(logits, classes);
    vec all = {0}, products = {0};
    for (int64_t c = 0; c < classes; c += LANES) {
        vec t = vec_keep_upto(vec_load_upto(targets + c, classes - c), (vec){0}, classes - c);
        vec v = vec_load_upto(logits + c, classes - c) - sums.largest;
        all += t;
        products += t * vec_keep_upto(v, (vec){0}, classes - c);
    }
    float share = vec_sum(all);
    *loss = logf(sums.exps) * share - vec_sum(products);
    float inverse = share / sums.exps;
    for (int64_t c = 0; c < classes && dlogits != NULL; c += LANES) {
        vec p = vec_exp(vec_load_upto(logits + c, classes - c) - sums.largest) * inverse;
        vec t = vec_load_upto(targets + c, classes - c);
        vec_store_upto(dlogits + c, (p - t) * scale, classes - c);
    }
}
