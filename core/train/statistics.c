// SPDX-License-Identifier: Apache-2.0
#include "core/train/statistics.h"

#include "core/graph/plan.h"

#include <math.h>
#include <string.h>

const char *const od_connection_stat_names[OD_CONNECT_STATS] = {
    "x_norm2", "f_par_norm2", "f_ortho_norm2", "rho_par", "rho_ortho", "cos_x_out",
};

static double scalar(const float *raw) {
    return (double)raw[OD_PATTERN_STAT_SCALAR];
}

static double cosine(const float *raw) {
    return cos(scalar(raw));
}

static double sine(const float *raw) {
    return sin(scalar(raw));
}

static double parallel(const float *raw) {
    return (double)raw[OD_PATTERN_STAT_PAR_RAW];
}

static double orthogonal(const float *raw) {
    return (double)raw[OD_PATTERN_STAT_ORTHO_RAW];
}

static double scaled(const float *raw) {
    return (double)raw[OD_PATTERN_STAT_SCALED_X];
}

static double ratio(const float *raw) {
    return (double)raw[OD_PATTERN_STAT_RATIO];
}

static double zero(const float *raw) {
    (void)raw;
    return 0;
}

static double one(const float *raw) {
    (void)raw;
    return 1;
}

static double weight_norm(const float *raw) {
    double squares;
    memcpy(&squares, raw + OD_CONNECT_WEIGHT_SQUARES, sizeof squares);
    return sqrt(squares);
}

typedef struct extra {
    const char *name;
    double (*of)(const float *raw);
    bool orthogonal_only;
} extra;

static const extra extras[][OD_STATISTICS_MOST_EXTRAS + 1] = {
    [OD_PATTERN_DEFAULT] = {{NULL, NULL, false}},
    [OD_PATTERN_REZERO] = {{"pattern/alpha", scalar, false},
                           {"pattern/f_ortho_raw_norm2", orthogonal, true}},
    [OD_PATTERN_REZERO_CONSTRAINED] = {{"pattern/theta", scalar, false},
                                       {"pattern/alpha", cosine, false},
                                       {"pattern/beta", sine, false},
                                       {"pattern/f_par_raw_norm2", parallel, true},
                                       {"pattern/f_ortho_raw_norm2", orthogonal, true}},
    [OD_PATTERN_RESCALE] = {{"pattern/rescale_alpha", scalar, false},
                            {"pattern/rescale_mode", zero, false},
                            {"pattern/f_par_raw_norm2", parallel, false},
                            {"pattern/scaled_x_norm2", scaled, false},
                            {"pattern/stream_scale_ratio", ratio, false}},
    [OD_PATTERN_RESCALE_CONV] = {{"pattern/rescale_conv_weight_norm", weight_norm, false},
                                 {"pattern/rescale_mode", one, false},
                                 {"pattern/f_par_raw_norm2", parallel, false},
                                 {"pattern/scaled_x_norm2", scaled, false},
                                 {"pattern/stream_scale_ratio", ratio, false}},
};

void od_statistics_add(od_connection_stats *stats, const od_node *node, od_connection connection,
                       const float *raw, double share) {
    for (int s = 0; s < OD_CONNECT_STATS; s++) {
        stats->values[s] += share * (double)raw[s];
    }
    stats->extra_count = 0;
    for (const extra *e = extras[node->attributes.pattern]; e->name != NULL; e++) {
        if (e->orthogonal_only && connection != OD_CONNECT_ORTHOGONAL) {
            continue;
        }
        od_extra_statistic *to = &stats->extras[stats->extra_count++];
        to->name = e->name;
        to->value += share * e->of(raw);
    }
}

void od_statistics_clear(od_connection_stats *stats) {
    memset(stats->values, 0, sizeof stats->values);
    memset(stats->extras, 0, sizeof stats->extras);
    stats->extra_count = 0;
}
