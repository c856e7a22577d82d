// SPDX-License-Identifier: Apache-2.0
// A schema stays the JSON it was read from. Loading walks it once and refuses what checking could
// not follow, so that checking needs no errors of its own but "no memory". One row of `keywords`
// is one keyword: how its value must look, and how it is checked (nothing: an annotation).
#include "base/schema.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/pointer.h"
#include "base/schema_check.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct od_schema {
    cJSON *root;
};

typedef struct loader {
    const cJSON *defs; // NULL without $defs
    od_buffer pointer;
    od_error *error;
} loader;

// Looks at the value of a keyword; NULL when it is fine, else what it has to be.
typedef const char *(*shape)(const loader *in, const cJSON *value);

typedef enum inside { NOTHING_INSIDE, ONE_SCHEMA, MAP_OF_SCHEMAS } inside;

typedef struct keyword {
    const char *name;
    shape shape;
    inside inside;
    od_schema_check_keyword *check;
} keyword;

static const keyword *find_keyword(const char *name);

// --- shapes -------------------------------------------------------------------------------

static const char *anything(const loader *in, const cJSON *value) {
    (void)in;
    (void)value;
    return NULL;
}

static const char *string(const loader *in, const cJSON *value) {
    (void)in;
    return cJSON_IsString(value) ? NULL : "must be a string";
}

static const char *dialect(const loader *in, const cJSON *value) {
    (void)in;
    static const char uri[] = "https://json-schema.org/draft/2020-12/schema";
    return cJSON_IsString(value) && strcmp(value->valuestring, uri) == 0
               ? NULL
               : "must be https://json-schema.org/draft/2020-12/schema";
}

static const char *number(const loader *in, const cJSON *value) {
    (void)in;
    return cJSON_IsNumber(value) ? NULL : "must be a number";
}

static const char *boolean(const loader *in, const cJSON *value) {
    (void)in;
    return cJSON_IsBool(value) ? NULL : "must be true or false";
}

static const char *count(const loader *in, const cJSON *value) {
    (void)in;
    return cJSON_IsNumber(value) && value->valuedouble >= 0 &&
                   value->valuedouble == floor(value->valuedouble)
               ? NULL
               : "must be a whole number from 0";
}

static const char *array(const loader *in, const cJSON *value) {
    (void)in;
    return cJSON_IsArray(value) ? NULL : "must be an array";
}

static const char *strings(const loader *in, const cJSON *value) {
    (void)in;
    const cJSON *item;
    cJSON_ArrayForEach(item, value) {
        if (!cJSON_IsString(item)) {
            return "must hold strings only";
        }
    }
    return cJSON_IsArray(value) ? NULL : "must be an array of strings";
}

static const char *types(const loader *in, const cJSON *value) {
    (void)in;
    if (cJSON_IsString(value)) {
        return od_schema_check_type_known(value->valuestring) ? NULL : "is no type";
    }
    if (!cJSON_IsArray(value) || value->child == NULL) {
        return "must be a type or a list of types";
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, value) {
        if (!cJSON_IsString(item) || !od_schema_check_type_known(item->valuestring)) {
            return "holds what is no type";
        }
    }
    return NULL;
}

static const char *pattern(const loader *in, const cJSON *value) {
    (void)in;
    regex_t expression;
    if (!cJSON_IsString(value) ||
        regcomp(&expression, value->valuestring, REG_EXTENDED | REG_NOSUB) != 0) {
        return "must be a POSIX extended regular expression";
    }
    regfree(&expression);
    return NULL;
}

static const char *map(const loader *in, const cJSON *value) {
    (void)in;
    return cJSON_IsObject(value) ? NULL : "must be an object";
}

// A chain of references that is longer than there are definitions goes round in circles.
static const char *reference(const loader *in, const cJSON *value) {
    for (int hops = cJSON_GetArraySize(in->defs); value != NULL; hops--) {
        const cJSON *target = od_schema_check_resolve(in->defs, value);
        if (target == NULL) {
            return "must lead to #/$defs/NAME";
        }
        if (hops <= 0) {
            return "leads round in circles";
        }
        value = cJSON_GetObjectItemCaseSensitive(target, "$ref");
    }
    return NULL;
}

// --- keywords -----------------------------------------------------------------------------

static const keyword keywords[] = {
    {"$schema", dialect, NOTHING_INSIDE, NULL},
    {"$id", string, NOTHING_INSIDE, NULL},
    {"$defs", map, MAP_OF_SCHEMAS, NULL},
    {"$ref", reference, NOTHING_INSIDE, od_schema_check_ref},
    {"title", string, NOTHING_INSIDE, NULL},
    {"description", string, NOTHING_INSIDE, NULL},
    {"default", anything, NOTHING_INSIDE, NULL},
    {"examples", array, NOTHING_INSIDE, NULL},
    {"type", types, NOTHING_INSIDE, NULL}, // checked before all others
    {"enum", array, NOTHING_INSIDE, od_schema_check_enum},
    {"const", anything, NOTHING_INSIDE, od_schema_check_const},
    {"minimum", number, NOTHING_INSIDE, od_schema_check_bound},
    {"maximum", number, NOTHING_INSIDE, od_schema_check_bound},
    {"exclusiveMinimum", number, NOTHING_INSIDE, od_schema_check_bound},
    {"exclusiveMaximum", number, NOTHING_INSIDE, od_schema_check_bound},
    {"minLength", count, NOTHING_INSIDE, od_schema_check_size},
    {"maxLength", count, NOTHING_INSIDE, od_schema_check_size},
    {"minItems", count, NOTHING_INSIDE, od_schema_check_size},
    {"maxItems", count, NOTHING_INSIDE, od_schema_check_size},
    {"minProperties", count, NOTHING_INSIDE, od_schema_check_size},
    {"maxProperties", count, NOTHING_INSIDE, od_schema_check_size},
    {"pattern", pattern, NOTHING_INSIDE, od_schema_check_pattern},
    {"items", anything, ONE_SCHEMA, od_schema_check_items},
    {"uniqueItems", boolean, NOTHING_INSIDE, od_schema_check_unique_items},
    {"properties", map, MAP_OF_SCHEMAS, od_schema_check_properties},
    {"required", strings, NOTHING_INSIDE, od_schema_check_required},
    {"additionalProperties", anything, ONE_SCHEMA, od_schema_check_additional_properties},
    {"propertyNames", anything, ONE_SCHEMA, od_schema_check_property_names},
};

static const keyword *find_keyword(const char *name) {
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (strcmp(keywords[i].name, name) == 0) {
            return &keywords[i];
        }
    }
    return NULL;
}

od_schema_check_keyword *od_schema_check_of(const char *name) {
    return find_keyword(name)->check;
}

// --- loading ------------------------------------------------------------------------------

static od_status load_schema(loader *in, const cJSON *schema);

static od_status load_child(loader *in, const char *name, const cJSON *schema) {
    size_t size = in->pointer.size;
    OD_TRY(od_pointer_push(&in->pointer, name));
    OD_TRY(load_schema(in, schema));
    od_pointer_cut(&in->pointer, size);
    return OD_OK;
}

static od_status load_inside(loader *in, inside what, const cJSON *value) {
    if (what == ONE_SCHEMA) {
        return load_child(in, value->string, value);
    }
    size_t size = in->pointer.size;
    OD_TRY(od_pointer_push(&in->pointer, value->string));
    const cJSON *child;
    cJSON_ArrayForEach(child, value) {
        OD_TRY(load_child(in, child->string, child));
    }
    od_pointer_cut(&in->pointer, size);
    return OD_OK;
}

static od_status load_keyword(loader *in, const cJSON *value) {
    const keyword *known = find_keyword(value->string);
    if (known == NULL) {
        return od_error_set(in->error, OD_E_UNSUPPORTED,
                            "schema: the keyword \"%s\" in \"%s\" is not supported", value->string,
                            in->pointer.data);
    }
    const char *fault = known->shape(in, value);
    if (fault != NULL) {
        return od_error_set(in->error, OD_E_INVALID, "schema: \"%s\" in \"%s\" %s", value->string,
                            in->pointer.data, fault);
    }
    return known->inside == NOTHING_INSIDE ? OD_OK : load_inside(in, known->inside, value);
}

static od_status load_schema(loader *in, const cJSON *schema) {
    if (cJSON_IsBool(schema)) {
        return OD_OK;
    }
    if (!cJSON_IsObject(schema)) {
        return od_error_set(in->error, OD_E_INVALID,
                            "schema: \"%s\" must be an object, true or false", in->pointer.data);
    }
    const cJSON *value;
    cJSON_ArrayForEach(value, schema) {
        OD_TRY(load_keyword(in, value));
    }
    return OD_OK;
}

od_status od_schema_new(const char *text, size_t size, od_schema **out, od_error *error) {
    od_schema *schema = calloc(1, sizeof *schema);
    if (schema == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a schema");
    }
    loader in = {.error = error};
    od_status status = od_json_parse(text, size, &schema->root, error);
    if (status != OD_OK) {
        goto err_schema;
    }
    in.defs = cJSON_GetObjectItemCaseSensitive(schema->root, "$defs");
    status = od_buffer_append(&in.pointer, "", 0);
    if (status == OD_OK) {
        status = load_schema(&in, schema->root);
    }
    od_buffer_fini(&in.pointer);
    if (status == OD_E_NO_MEMORY) {
        od_error_set(error, status, "no memory for a schema");
    }
    if (status != OD_OK) {
        goto err_schema;
    }
    *out = schema;
    return OD_OK;

err_schema:
    od_schema_free(schema);
    return status;
}

void od_schema_free(od_schema *schema) {
    if (schema != NULL) {
        cJSON_Delete(schema->root);
        free(schema);
    }
}

// --- use ----------------------------------------------------------------------------------

od_status od_schema_validate(const od_schema *schema, const cJSON *instance, od_faults *faults) {
    od_schema_check check = {
        .defs = cJSON_GetObjectItemCaseSensitive(schema->root, "$defs"),
        .faults = faults,
    };
    od_status status = od_buffer_append(&check.pointer, "", 0);
    if (status == OD_OK) {
        status = od_schema_check_value(&check, schema->root, instance);
    }
    od_buffer_fini(&check.pointer);
    return status;
}

static const cJSON *default_of(const cJSON *defs, const cJSON *schema) {
    for (; schema != NULL; schema = od_schema_check_follow(defs, schema)) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(schema, "default");
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

// The property of instance that schema describes, taken out of it, or a copy of its default; *out
// is NULL when there is neither.
static od_status take_property(const cJSON *defs, const cJSON *schema, cJSON *instance,
                               cJSON **out) {
    cJSON *present = cJSON_GetObjectItemCaseSensitive(instance, schema->string);
    if (present != NULL) {
        *out = cJSON_DetachItemViaPointer(instance, present);
        return OD_OK;
    }
    *out = NULL;
    const cJSON *value = default_of(defs, schema);
    if (value == NULL) {
        return OD_OK;
    }
    cJSON *copy = cJSON_Duplicate(value, true);
    char *name = strdup(schema->string);
    if (copy == NULL || name == NULL) {
        cJSON_Delete(copy);
        free(name);
        return OD_E_NO_MEMORY;
    }
    cJSON_free(copy->string);
    copy->string = name;
    *out = copy;
    return OD_OK;
}

static od_status fill(const cJSON *defs, const cJSON *schema, cJSON *instance, int depth) {
    if (depth > OD_JSON_MAX_DEPTH) {
        return OD_E_INVALID; // a default inside itself
    }
    for (; cJSON_IsObject(instance) && schema != NULL;
         schema = od_schema_check_follow(defs, schema)) {
        const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
        const cJSON *property;
        cJSON_ArrayForEach(property, properties) {
            cJSON *value;
            OD_TRY(take_property(defs, property, instance, &value));
            if (value != NULL) {
                cJSON_AddItemToArray(instance, value);
                OD_TRY(fill(defs, property, value, depth + 1));
            }
        }
    }
    return OD_OK;
}

od_status od_schema_fill_defaults(const od_schema *schema, cJSON *instance) {
    return fill(cJSON_GetObjectItemCaseSensitive(schema->root, "$defs"), schema->root, instance, 0);
}
