// SPDX-License-Identifier: Apache-2.0
#include "core/train/schedule.h"

#include <math.h>

static const double WARMUP_CONST = 0.1;

static double cosine(const od_schedule_spec *schedule, double q, double epoch) {
    (void)schedule, (void)epoch;
    return 0.5 * (1 + cos(M_PI * fmin(q, 1)));
}

static double linear(const od_schedule_spec *schedule, double q, double epoch) {
    (void)schedule, (void)epoch;
    return fmax(0, 1 - q);
}

static double constant(const od_schedule_spec *schedule, double q, double epoch) {
    (void)schedule, (void)q, (void)epoch;
    return 1;
}

static double stairs(const od_schedule_spec *schedule, double q, double epoch) {
    (void)q;
    double factor = 1;
    for (int i = 0; i < schedule->decay_count; i++) {
        factor *= epoch >= schedule->decay_epochs[i] ? schedule->decay_ratio : 1;
    }
    return factor;
}

typedef double (*decay)(const od_schedule_spec *schedule, double q, double epoch);
static const decay decays[] = {
    [OD_SCHEDULE_COS] = cosine,
    [OD_SCHEDULE_LIN] = linear,
    [OD_SCHEDULE_CONST] = constant,
    [OD_SCHEDULE_STEP] = stairs,
};

double od_schedule_factor(const od_schedule_spec *schedule, double base_lr, int64_t epochs,
                          int64_t steps_per_epoch, int64_t step) {
    const double t = (double)step;
    const double per_epoch = (double)steps_per_epoch;
    const double warmup = schedule->warmup_epochs * per_epoch;
    if (t < warmup) {
        const bool flat = schedule->type == OD_SCHEDULE_STEP && schedule->warmup_const;
        return flat ? WARMUP_CONST : t / warmup;
    }
    const double q = (t - warmup) / fmax(1, (double)epochs * per_epoch - warmup);
    const double factor = decays[schedule->type](schedule, q, t / per_epoch);
    if (schedule->min_lr < 0) {
        return factor;
    }
    const double least = fmin(schedule->min_lr / base_lr, 1);
    return least + (1 - least) * factor;
}
