// SPDX-License-Identifier: Apache-2.0
// Inside of base/schema.c: what each keyword asks of a value. Nobody else includes this.
#ifndef OD_BASE_SCHEMA_CHECK_H
#define OD_BASE_SCHEMA_CHECK_H

#include "base/buffer.h"
#include "base/schema.h"

typedef struct od_schema_check {
    const cJSON *defs; // NULL without $defs
    od_faults *faults;
    od_buffer pointer; // where the value under check stands in the document
} od_schema_check;

// Adds the faults that keyword, a member of schema, finds in instance.
typedef od_status od_schema_check_keyword(od_schema_check *check, const cJSON *schema,
                                          const cJSON *keyword, const cJSON *instance);

od_schema_check_keyword od_schema_check_ref;
od_schema_check_keyword od_schema_check_enum;
od_schema_check_keyword od_schema_check_const;
od_schema_check_keyword od_schema_check_bound;
od_schema_check_keyword od_schema_check_size;
od_schema_check_keyword od_schema_check_pattern;
od_schema_check_keyword od_schema_check_items;
od_schema_check_keyword od_schema_check_unique_items;
od_schema_check_keyword od_schema_check_properties;
od_schema_check_keyword od_schema_check_required;
od_schema_check_keyword od_schema_check_additional_properties;
od_schema_check_keyword od_schema_check_property_names;

// The check of the keyword called name, which is known; NULL for an annotation. In schema.c.
od_schema_check_keyword *od_schema_check_of(const char *name);

// Checks instance against a whole schema: its type first, and nothing else when that is wrong.
od_status od_schema_check_value(od_schema_check *check, const cJSON *schema,
                                const cJSON *instance) OD_MUST_CHECK;

bool od_schema_check_type_known(const char *name);

// The definition a $ref names, or NULL.
const cJSON *od_schema_check_resolve(const cJSON *defs, const cJSON *reference);
// The definition that schema's $ref names, or NULL when it has none.
const cJSON *od_schema_check_follow(const cJSON *defs, const cJSON *schema);

#endif
