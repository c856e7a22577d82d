// SPDX-License-Identifier: Apache-2.0
// Wall time as milliseconds since 1970 (UTC) for what people read, monotonic time for durations.
#ifndef OD_BASE_CLOCK_H
#define OD_BASE_CLOCK_H

#include <stdint.h>

enum { OD_CLOCK_TEXT_BYTES = 32 };

int64_t od_clock_wall_ms(void);
int64_t od_clock_monotonic_ns(void);

// RFC 3339 in UTC with milliseconds, "2026-11-23T08:00:00.123Z", into out; returns out.
char *od_clock_text(char out[OD_CLOCK_TEXT_BYTES], int64_t wall_ms);

#endif
