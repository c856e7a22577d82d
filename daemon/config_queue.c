// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_MIN_MIB = 64, DELAY_MAX_S = 86400, RUNS_MAX = 4096 };

// Digits, then at most one letter of units; *unit is 0 without.
static bool read_amount(const char *value, const char *units, long long *out, char *unit) {
    char *end;
    errno = 0;
    *out = strtoll(value, &end, 10);
    *unit = *end;
    bool known = *end == '\0' || (strchr(units, *end) != NULL && end[1] == '\0');
    return *value >= '0' && *value <= '9' && errno == 0 && known;
}

od_status od_config_set_memory(od_config *config, const char *value, od_error *error) {
    static const char units[] = "KMGT";
    long long amount;
    char unit;
    bool good = read_amount(value, units, &amount, &unit);
    int shift = unit == '\0' || !good ? 0 : 10 * (int)(strchr(units, unit) - units + 1);
    if (!good || amount > INT64_MAX >> 1 >> shift ||
        amount << shift < (long long)MEMORY_MIN_MIB << 20) {
        return od_error_set(error, OD_E_INVALID,
                            "--memory %s: is not an amount of at least %dM, like 48G", value,
                            MEMORY_MIN_MIB);
    }
    config->memory_bytes = amount << shift;
    return OD_OK;
}

static od_status set_switch(bool *out, const char *name, const char *value, od_error *error) {
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        return od_error_set(error, OD_E_INVALID, "--%s %s: is not yes or no", name, value);
    }
    *out = value[0] == 'y';
    return OD_OK;
}

od_status od_config_set_backfill(od_config *config, const char *value, od_error *error) {
    return set_switch(&config->backfill, "backfill", value, error);
}

od_status od_config_set_preempt(od_config *config, const char *value, od_error *error) {
    return set_switch(&config->preempt, "preempt", value, error);
}

static od_status set_delay(int64_t *out_ms, const char *name, const char *value, od_error *error) {
    long long amount;
    char unit;
    if (!read_amount(value, "", &amount, &unit) || amount > DELAY_MAX_S) {
        return od_error_set(error, OD_E_INVALID, "--%s %s: is not a number of seconds from 0 to %d",
                            name, value, DELAY_MAX_S);
    }
    *out_ms = amount * 1000;
    return OD_OK;
}

od_status od_config_set_retry_delay(od_config *config, const char *value, od_error *error) {
    return set_delay(&config->retry_delay_ms, "retry-delay", value, error);
}

od_status od_config_set_retry_delay_max(od_config *config, const char *value, od_error *error) {
    return set_delay(&config->retry_delay_max_ms, "retry-delay-max", value, error);
}

// KEY=VALUE:N. The value may hold colons, the key no equals sign, as in the schema.
static bool read_limit(const char *text, od_label_limit *out) {
    const char *equals = strchr(text, '=');
    const char *colon = strrchr(text, ':');
    long long most;
    char unit;
    if (equals == NULL || colon == NULL || colon < equals || equals == text ||
        !read_amount(colon + 1, "", &most, &unit) || most < 1 || most > RUNS_MAX) {
        return false;
    }
    int key = (int)(equals - text);
    int value = (int)(colon - equals - 1);
    out->most = most;
    return snprintf(out->key, sizeof out->key, "%.*s", key, text) < (int)sizeof out->key &&
           snprintf(out->value, sizeof out->value, "%.*s", value, equals + 1) <
               (int)sizeof out->value;
}

od_status od_config_set_label_limit(od_config *config, const char *value, od_error *error) {
    if (config->label_limit_count == OD_CONFIG_LABEL_LIMITS_MAX) {
        return od_error_set(error, OD_E_INVALID, "--label-limit: more than %d of them",
                            OD_CONFIG_LABEL_LIMITS_MAX);
    }
    if (!read_limit(value, &config->label_limits[config->label_limit_count])) {
        return od_error_set(error, OD_E_INVALID,
                            "--label-limit %s: is not KEY=VALUE:N or KEY=*:N with N from 1 to %d",
                            value, RUNS_MAX);
    }
    config->label_limit_count++;
    return OD_OK;
}
