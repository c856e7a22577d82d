// SPDX-License-Identifier: Apache-2.0
// JSON Schema draft 2020-12: the part of it that orthod's own schemas use, and no other. A schema
// that uses a keyword this validator does not know is refused when it is loaded, never ignored.
// Known: $schema $id $defs $ref (to "#/$defs/NAME" only) title description default examples type
// enum const minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength (code points)
// pattern (a POSIX extended regular expression over bytes) items minItems maxItems uniqueItems
// properties required additionalProperties propertyNames minProperties maxProperties.
#ifndef OD_BASE_SCHEMA_H
#define OD_BASE_SCHEMA_H

#include "base/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

enum { OD_FAULTS_MAX = 100 };

typedef struct od_schema od_schema;

typedef struct od_fault {
    char *pointer; // RFC 6901, "/train/epochs"; "" for the whole document
    char *detail;  // "is 0; the minimum is 1"
} od_fault;

// {0} is an empty list. Adding copies both strings. Behind OD_FAULTS_MAX faults stands one more
// that says so, and what is added after that is dropped.
typedef struct od_faults {
    od_fault *items;
    size_t count;
} od_faults;

od_status od_faults_add(od_faults *faults, const char *pointer, const char *format,
                        ...) OD_MUST_CHECK __attribute__((format(printf, 3, 4)));
// Adds a fault unless the same one is there already.
od_status od_faults_add_once(od_faults *faults, const char *pointer,
                             const char *detail) OD_MUST_CHECK;
bool od_faults_full(const od_faults *faults);
void od_faults_fini(od_faults *faults);
// A JSON array of {"pointer", "detail"}; NULL: no memory.
cJSON *od_faults_json(const od_faults *faults);

// Reads a schema from text. OD_E_UNSUPPORTED names an unknown keyword and where it stands;
// OD_E_INVALID a keyword's value that makes no sense, a $ref that leads nowhere or round in circles.
od_status od_schema_new(const char *text, size_t size, od_schema **out,
                        od_error *error) OD_MUST_CHECK;
void od_schema_free(od_schema *schema);

// Appends every fault of instance to faults, not only the first. The status is about the checking
// itself (memory); a valid instance leaves faults as it was.
od_status od_schema_validate(const od_schema *schema, const cJSON *instance,
                             od_faults *faults) OD_MUST_CHECK;

// Adds copies of the schema's "default" values for the properties that instance lacks, also inside
// objects, and puts properties into the schema's order. To be called on a valid instance.
od_status od_schema_fill_defaults(const od_schema *schema, cJSON *instance) OD_MUST_CHECK;

#endif
