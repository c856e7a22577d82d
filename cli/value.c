// SPDX-License-Identifier: Apache-2.0
#include "cli/value.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *od_value_text(const cJSON *object, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

double od_value_number(const cJSON *object, const char *key, double fallback) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(value) ? value->valuedouble : fallback;
}

static void number_cell(od_table *table, double value) {
    bool whole = value == floor(value) && fabs(value) < 1e15;
    if (whole) {
        od_table_addf(table, "%.0f", value);
    } else {
        od_table_addf(table, "%.6g", value);
    }
}

void od_value_cell(od_table *table, const cJSON *value) {
    if (value == NULL || cJSON_IsNull(value)) {
        od_table_add(table, NULL);
    } else if (cJSON_IsString(value)) {
        od_table_add(table, value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        number_cell(table, value->valuedouble);
    } else {
        char *text = od_json_print(value);
        table->failed = table->failed || text == NULL;
        od_table_add(table, text);
        free(text);
    }
}

char *od_value_duration(char out[OD_VALUE_TEXT_BYTES], double seconds) {
    double whole = fmin(fmax(ceil(seconds), 0), 1e12);
    long long s = (long long)whole;
    if (s < 60) {
        snprintf(out, OD_VALUE_TEXT_BYTES, "%llds", s);
    } else if (s < 3600) {
        snprintf(out, OD_VALUE_TEXT_BYTES, "%lldm%02llds", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(out, OD_VALUE_TEXT_BYTES, "%lldh%02lldm", s / 3600, s / 60 % 60);
    } else {
        snprintf(out, OD_VALUE_TEXT_BYTES, "%lldd%02lldh", s / 86400, s / 3600 % 24);
    }
    return out;
}

char *od_value_bytes(char out[OD_VALUE_TEXT_BYTES], double bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        snprintf(out, OD_VALUE_TEXT_BYTES, "%.0f B", bytes);
        return out;
    }
    size_t unit = 0;
    for (bytes /= 1024; bytes >= 1024 && unit < 3; unit++) {
        bytes /= 1024;
    }
    snprintf(out, OD_VALUE_TEXT_BYTES, "%.1f %s", bytes, units[unit]);
    return out;
}

char *od_value_progress(char out[OD_VALUE_TEXT_BYTES], const cJSON *progress) {
    double step = od_value_number(progress, "step", 0);
    double steps = od_value_number(progress, "steps", 0);
    out[0] = '\0';
    if (steps > 0) {
        snprintf(out, OD_VALUE_TEXT_BYTES, "%.0f/%.0f %.0f%%", step, steps,
                 floor(100 * fmin(step / steps, 1)));
    }
    return out;
}

char *od_value_time(char out[OD_VALUE_TEXT_BYTES], const char *text) {
    snprintf(out, OD_VALUE_TEXT_BYTES, "%.10s%s%.8s", text, strlen(text) > 10 ? " " : "",
             strlen(text) > 10 ? text + 11 : "");
    return out;
}
