// SPDX-License-Identifier: Apache-2.0
// Values of the server's JSON as text for people.
#ifndef OD_CLI_VALUE_H
#define OD_CLI_VALUE_H

#include "cli/table.h"

#include <cjson/cJSON.h>

enum { OD_VALUE_TEXT_BYTES = 48 };

// The member's string; "" when it is absent or no string.
const char *od_value_text(const cJSON *object, const char *key);

// The member's number; fallback when it is absent or no number.
double od_value_number(const cJSON *object, const char *key, double fallback);

// A cell with any value: strings as they are, numbers in 6 digits or whole, null and NULL as "-",
// arrays and objects as JSON.
void od_value_cell(od_table *table, const cJSON *value);

// 75 is "1m15s", 7260 "2h01m", 90000 "1d01h"; into out, which it returns.
char *od_value_duration(char out[OD_VALUE_TEXT_BYTES], double seconds);

// 52428800 is "50.0 MiB".
char *od_value_bytes(char out[OD_VALUE_TEXT_BYTES], double bytes);

// "150/1404 10%" of a job's progress; "" before its first step.
char *od_value_progress(char out[OD_VALUE_TEXT_BYTES], const cJSON *progress);

// "2026-11-24 12:30:00" of RFC 3339 in UTC; "" for "".
char *od_value_time(char out[OD_VALUE_TEXT_BYTES], const char *text);

#endif
