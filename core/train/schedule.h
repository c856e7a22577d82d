// SPDX-License-Identifier: Apache-2.0
// The learning rate of each optimizer step: lr(t) = lr * factor(t), t counted from 0.
//
// With E epochs of S steps and W = warmup_epochs * S (which may be a fraction of a step):
//   t < W:  t / W   ("const" warm-up of `step`: 0.1)
//   after:  q = (t - W) / max(1, E S - W),
//     cos   c = (1 + cos(pi min(q, 1))) / 2
//     lin   c = max(0, 1 - q)
//     const c = 1
//     step  c = decay_ratio ^ (number of decay_epochs e with t >= e S)
//   and, with min_lr, m = min(min_lr / lr, 1):  m + (1 - m) c.
// These are the reference implementation's lambdas, but that its cosine rises again behind the end.
#ifndef OD_CORE_TRAIN_SCHEDULE_H
#define OD_CORE_TRAIN_SCHEDULE_H

#include "core/spec.h"

#include <stdint.h>

// A pure function. step >= 0, steps_per_epoch >= 1, epochs >= 1; base_lr is the optimizer's lr.
double od_schedule_factor(const od_schedule_spec *schedule, double base_lr, int64_t epochs,
                          int64_t steps_per_epoch, int64_t step);

#endif
