// SPDX-License-Identifier: Apache-2.0
// Strict JSON (RFC 8259, I-JSON) on top of cJSON, which alone accepts too much.
#ifndef OD_BASE_JSON_H
#define OD_BASE_JSON_H

#include "base/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OD_JSON_MAX_DEPTH = 64, OD_JSON_NUMBER_BYTES = 32 };

// Parses exactly one JSON value. OD_E_SYNTAX, with line and column in error, for anything RFC 8259
// does not allow, and for invalid UTF-8, NUL (also as \u0000), lone surrogates, duplicate keys,
// nesting beyond OD_JSON_MAX_DEPTH, and numbers beyond the range of a double. text needs no NUL
// behind it. *out is the caller's (cJSON_Delete).
od_status od_json_parse(const char *text, size_t size, cJSON **out, od_error *error) OD_MUST_CHECK;

// The value at a dotted path of object keys ("train.optimizer.lr"), or NULL. Borrowed.
cJSON *od_json_at(const cJSON *object, const char *dotted_path);

// Sets the value at a dotted path whose parents are objects; consumes value in every case.
// OD_E_NOT_FOUND when a parent is missing or is no object.
od_status od_json_set(cJSON *object, const char *dotted_path, cJSON *value) OD_MUST_CHECK;

// A number node, or, as JSON has no such numbers, the strings "NaN", "Infinity", "-Infinity".
cJSON *od_json_number(double value);

// The inverse: 0 and *out for a number or one of those three strings, else -1.
int od_json_to_double(const cJSON *node, double *out);

// The shortest of 15 to 17 digits that reads back as value, which must be finite; into out.
char *od_json_number_text(char out[OD_JSON_NUMBER_BYTES], double value);

// Equal as JSON Schema has it: 1 and 1.0 are, the order of an object's keys does not matter.
bool od_json_equal(const cJSON *a, const cJSON *b);

// Compact text in which every number reads back as the same double. free() it. NULL: no memory.
char *od_json_print(const cJSON *value);

// Compact text with the keys of every object sorted, equal for equal values. free() it. NULL: no
// memory.
char *od_json_canonical(const cJSON *value);

#endif
