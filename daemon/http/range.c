// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

// Reads digits at *text and moves it behind them; a number beyond 64 bits reads as the largest.
static bool read_number(const char **text, uint64_t *out) {
    const char *at = *text;
    uint64_t value = 0;
    bool large = false;
    for (; *at >= '0' && *at <= '9'; at++) {
        large = large || __builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
    }
    *out = large ? UINT64_MAX : value;
    bool some = at != *text;
    *text = at;
    return some;
}

od_range_kind od_range_parse(const char *header, uint64_t total, od_range *out) {
    static const char unit[] = "bytes=";
    *out = (od_range){.first = 0, .size = total};
    if (header == NULL || strncasecmp(header, unit, sizeof unit - 1) != 0) {
        return OD_RANGE_WHOLE;
    }
    const char *at = header + sizeof unit - 1;
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    bool has_first = read_number(&at, &first);
    if (*at++ != '-') {
        return OD_RANGE_WHOLE;
    }
    bool has_last = read_number(&at, &last);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first)) {
        return OD_RANGE_WHOLE;
    }
    if (!has_first) { // the last `last` bytes
        first = last < total ? total - last : 0;
        last = last == 0 ? 0 : UINT64_MAX;
        if (last == 0) {
            return OD_RANGE_UNSATISFIABLE;
        }
    }
    if (first >= total) {
        return OD_RANGE_UNSATISFIABLE;
    }
    if (!has_last || last >= total) {
        last = total - 1;
    }
    *out = (od_range){.first = first, .size = last - first + 1};
    return OD_RANGE_PART;
}
