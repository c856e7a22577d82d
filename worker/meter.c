// SPDX-License-Identifier: Apache-2.0
#include "worker/meter.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 96, HEX_BYTES = 40 };

void od_meter_add(od_meter *meter, const od_step_result *step, int64_t took_ns) {
    meter->steps++;
    meter->loss_sum += step->loss;
    meter->accuracy_sum += step->accuracy;
    meter->timed_samples += step->samples;
    meter->timed_ns += took_ns;
}

static void add(cJSON *values, const char *name, double value) {
    cJSON_AddItemToObject(values, name, od_json_number(value));
}

cJSON *od_meter_take(od_meter *meter, const od_step_result *step) {
    cJSON *values = cJSON_CreateObject();
    double steps = (double)meter->steps;
    add(values, "train/loss", meter->loss_sum / steps);
    if (!isnan(meter->accuracy_sum)) { // mixup
        add(values, "train/acc@1", meter->accuracy_sum / steps);
    }
    add(values, "train/lr", step->lr);
    add(values, "train/grad/global_norm", step->grad_norm);
    if (meter->timed_ns > 0) {
        add(values, "train/samples_per_sec",
            (double)meter->timed_samples * 1e9 / (double)meter->timed_ns);
    }
    *meter = (od_meter){0};
    return values;
}

// Statistic number s of a connection: the six, then those of its pattern. NULL behind the last.
static const char *statistic(const od_connection_stats *stats, int s, double *value) {
    if (s < OD_CONNECT_STATS) {
        *value = stats->values[s];
        return od_connection_stat_names[s];
    }
    if (s < OD_CONNECT_STATS + stats->extra_count) {
        const od_extra_statistic *extra = &stats->extras[s - OD_CONNECT_STATS];
        *value = extra->value;
        return extra->name;
    }
    return NULL;
}

// A mean over the connections called tag, or over all of them for "all", that have the statistic.
typedef struct mean {
    double sum;
    int count;
} mean;

static mean mean_of(const od_connection_stats *stats, int count, const char *tag,
                    const char *name) {
    const bool all = strcmp(tag, "all") == 0;
    mean out = {0};
    for (int c = 0; c < count; c++) {
        const char *found;
        double value;
        for (int s = 0; (found = statistic(&stats[c], s, &value)) != NULL; s++) {
            if (strcmp(found, name) == 0 && (all || strcmp(stats[c].tag, tag) == 0)) {
                out.sum += value;
                out.count++;
            }
        }
    }
    return out;
}

// Connections of one network may have different statistics: where they are drawn in each step.
static void add_means(cJSON *values, const od_connection_stats *stats, int count, const char *tag) {
    for (int c = 0; c < count; c++) {
        const char *name;
        double value;
        for (int s = 0; (name = statistic(&stats[c], s, &value)) != NULL; s++) {
            char series[NAME_BYTES];
            snprintf(series, sizeof series, "activation/%s/mean/%s", tag, name);
            if (cJSON_GetObjectItemCaseSensitive(values, series) == NULL) {
                const mean m = mean_of(stats, count, tag, name);
                if (m.count > 0) {
                    add(values, series, m.sum / m.count);
                }
            }
        }
    }
}

static bool is_first_of_its_tag(const od_connection_stats *stats, int c) {
    for (int before = 0; before < c; before++) {
        if (strcmp(stats[before].tag, stats[c].tag) == 0) {
            return false;
        }
    }
    return true;
}

void od_meter_add_stats(cJSON *values, const od_connection_stats *stats, int count) {
    for (int c = 0; c < count; c++) {
        const char *name;
        double value;
        for (int s = 0; (name = statistic(&stats[c], s, &value)) != NULL; s++) {
            char series[NAME_BYTES];
            snprintf(series, sizeof series, "activation/%s/block%02d/%s", stats[c].tag,
                     stats[c].block, name);
            add(values, series, value);
        }
    }
    for (int c = 0; c < count; c++) {
        if (is_first_of_its_tag(stats, c)) {
            add_means(values, stats, count, stats[c].tag);
        }
    }
    if (count > 0) {
        add_means(values, stats, count, "all");
    }
}

static void add_hex(cJSON *object, const char *name, double value) {
    char text[HEX_BYTES];
    snprintf(text, sizeof text, "%a", value);
    cJSON_AddStringToObject(object, name, text);
}

static bool read_hex(const cJSON *object, const char *name, double *out) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsString(node) || *node->valuestring == '\0') {
        return false;
    }
    char *end;
    *out = strtod(node->valuestring, &end);
    return *end == '\0';
}

cJSON *od_meter_save(const od_meter *meter) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "steps", (double)meter->steps);
    add_hex(object, "loss_sum", meter->loss_sum);
    add_hex(object, "accuracy_sum", meter->accuracy_sum);
    return object;
}

od_status od_meter_load(od_meter *out, const cJSON *node, od_error *error) {
    od_meter meter = {0};
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(node, "steps");
    if (!cJSON_IsNumber(steps) || steps->valuedouble < 0 || steps->valuedouble > 0x1p53 ||
        !read_hex(node, "loss_sum", &meter.loss_sum) ||
        !read_hex(node, "accuracy_sum", &meter.accuracy_sum)) {
        return od_error_set(error, OD_E_CORRUPT,
                            "\"interval\" lacks steps, loss_sum or accuracy_sum");
    }
    meter.steps = (int64_t)steps->valuedouble;
    *out = meter;
    return OD_OK;
}
