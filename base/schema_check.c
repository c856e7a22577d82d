// SPDX-License-Identifier: Apache-2.0
// The keywords of base/schema.c. A keyword says nothing about values of a type it is not for.
#include "base/schema_check.h"

#include "base/json.h"
#include "base/pointer.h"
#include "base/suggest.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 60 };

// --- references --------------------------------------------------------------------------

const cJSON *od_schema_check_resolve(const cJSON *defs, const cJSON *reference) {
    static const char prefix[] = "#/$defs/";
    if (!cJSON_IsString(reference) ||
        strncmp(reference->valuestring, prefix, sizeof prefix - 1) != 0) {
        return NULL;
    }
    return cJSON_GetObjectItemCaseSensitive(defs, reference->valuestring + sizeof prefix - 1);
}

const cJSON *od_schema_check_follow(const cJSON *defs, const cJSON *schema) {
    return od_schema_check_resolve(defs, cJSON_GetObjectItemCaseSensitive(schema, "$ref"));
}

// --- words --------------------------------------------------------------------------------

// Strings are cut between two characters, not within one.
static od_status show_string(od_buffer *out, const cJSON *value) {
    char *text = od_json_print(value);
    if (text == NULL) {
        return OD_E_NO_MEMORY;
    }
    size_t length = strlen(text);
    od_status status;
    if (length <= SHOWN_BYTES) {
        status = od_buffer_append(out, text, length);
    } else {
        length = SHOWN_BYTES;
        while (((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
        status = od_buffer_printf(out, "%.*s…\"", (int)length, text);
    }
    free(text);
    return status;
}

static od_status show(od_buffer *out, const cJSON *value) {
    char number[OD_JSON_NUMBER_BYTES];
    switch (value->type & 0xff) {
    case cJSON_Object:
        return od_buffer_append_text(out, "an object");
    case cJSON_Array:
        return od_buffer_append_text(out, "an array");
    case cJSON_Number:
        return od_buffer_append_text(out, od_json_number_text(number, value->valuedouble));
    default:
        return show_string(out, value);
    }
}

// "is VALUE; REST"
static od_status complain_value(od_schema_check *check, const cJSON *instance, const char *rest) {
    od_buffer shown = {0};
    od_status status = show(&shown, instance);
    if (status == OD_OK) {
        status = od_faults_add(check->faults, check->pointer.data, "is %s; %s", shown.data, rest);
    }
    od_buffer_fini(&shown);
    return status;
}

// --- types --------------------------------------------------------------------------------

static cJSON_bool is_integer(const cJSON *value) {
    return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble);
}

static const struct type {
    const char *name;
    const char *phrase;
    cJSON_bool (*holds)(const cJSON *value);
} types[] = {
    {"null", "null", cJSON_IsNull},          {"boolean", "true or false", cJSON_IsBool},
    {"integer", "an integer", is_integer},   {"number", "a number", cJSON_IsNumber},
    {"string", "a string", cJSON_IsString},  {"array", "an array", cJSON_IsArray},
    {"object", "an object", cJSON_IsObject},
};

static const struct type *find_type(const char *name) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

bool od_schema_check_type_known(const char *name) {
    return find_type(name) != NULL;
}

static bool type_holds(const cJSON *type, const cJSON *instance) {
    if (cJSON_IsString(type)) {
        return find_type(type->valuestring)->holds(instance);
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, type) {
        if (type_holds(item, instance)) {
            return true;
        }
    }
    return type == NULL;
}

static od_status list_types(od_buffer *out, const cJSON *type) {
    if (cJSON_IsString(type)) {
        return od_buffer_append_text(out, find_type(type->valuestring)->phrase);
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, type) {
        OD_TRY(od_buffer_append_text(out, item == type->child ? "" : " or "));
        OD_TRY(list_types(out, item));
    }
    return OD_OK;
}

static od_status complain_type(od_schema_check *check, const cJSON *type, const cJSON *instance) {
    od_buffer rest = {0};
    od_status status = od_buffer_append_text(&rest, "must be ");
    status = status == OD_OK ? list_types(&rest, type) : status;
    status = status == OD_OK ? complain_value(check, instance, rest.data) : status;
    od_buffer_fini(&rest);
    return status;
}

od_status od_schema_check_value(od_schema_check *check, const cJSON *schema,
                                const cJSON *instance) {
    if (cJSON_IsTrue(schema) || od_faults_full(check->faults)) {
        return OD_OK;
    }
    if (cJSON_IsFalse(schema)) {
        return od_faults_add(check->faults, check->pointer.data, "is not allowed here");
    }
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(schema, "type");
    if (!type_holds(type, instance)) {
        return complain_type(check, type, instance);
    }
    const cJSON *keyword;
    cJSON_ArrayForEach(keyword, schema) {
        od_schema_check_keyword *run = od_schema_check_of(keyword->string);
        if (run != NULL) {
            OD_TRY(run(check, schema, keyword, instance));
        }
    }
    return OD_OK;
}

od_status od_schema_check_ref(od_schema_check *check, const cJSON *schema, const cJSON *keyword,
                              const cJSON *instance) {
    (void)schema;
    return od_schema_check_value(check, od_schema_check_resolve(check->defs, keyword), instance);
}

// --- values -------------------------------------------------------------------------------

static od_status list_values(od_buffer *out, const cJSON *values) {
    OD_TRY(od_buffer_append_text(out, "one of "));
    const cJSON *value;
    cJSON_ArrayForEach(value, values) {
        OD_TRY(od_buffer_append_text(out, value == values->child ? "" : ", "));
        // A list of words reads better without quotes.
        OD_TRY(cJSON_IsString(value) ? od_buffer_append_text(out, value->valuestring)
                                     : show(out, value));
    }
    return OD_OK;
}

od_status od_schema_check_enum(od_schema_check *check, const cJSON *schema, const cJSON *keyword,
                               const cJSON *instance) {
    (void)schema;
    const cJSON *value;
    cJSON_ArrayForEach(value, keyword) {
        if (od_json_equal(value, instance)) {
            return OD_OK;
        }
    }
    od_buffer rest = {0};
    od_status status = list_values(&rest, keyword);
    status = status == OD_OK ? complain_value(check, instance, rest.data) : status;
    od_buffer_fini(&rest);
    return status;
}

od_status od_schema_check_const(od_schema_check *check, const cJSON *schema, const cJSON *keyword,
                                const cJSON *instance) {
    (void)schema;
    if (od_json_equal(keyword, instance)) {
        return OD_OK;
    }
    od_buffer rest = {0};
    od_status status = od_buffer_append_text(&rest, "must be ");
    status = status == OD_OK ? show(&rest, keyword) : status;
    status = status == OD_OK ? complain_value(check, instance, rest.data) : status;
    od_buffer_fini(&rest);
    return status;
}

od_status od_schema_check_bound(od_schema_check *check, const cJSON *schema, const cJSON *keyword,
                                const cJSON *instance) {
    (void)schema;
    static const struct {
        const char *keyword;
        bool below, equal, above; // which side of the bound is allowed
        const char *phrase;
    } bounds[] = {
        {"minimum", false, true, true, "the minimum is"},
        {"maximum", true, true, false, "the maximum is"},
        {"exclusiveMinimum", false, false, true, "must be greater than"},
        {"exclusiveMaximum", true, false, false, "must be less than"},
    };
    if (!cJSON_IsNumber(instance)) {
        return OD_OK;
    }
    size_t i = 0;
    while (strcmp(bounds[i].keyword, keyword->string) != 0) {
        i++;
    }
    double value = instance->valuedouble;
    double bound = keyword->valuedouble;
    if ((value < bound && bounds[i].below) || (value == bound && bounds[i].equal) ||
        (value > bound && bounds[i].above)) {
        return OD_OK;
    }
    char number[OD_JSON_NUMBER_BYTES];
    char rest[OD_JSON_NUMBER_BYTES + 32];
    snprintf(rest, sizeof rest, "%s %s", bounds[i].phrase, od_json_number_text(number, bound));
    return complain_value(check, instance, rest);
}

static size_t length_of(const cJSON *instance) {
    if (!cJSON_IsString(instance)) {
        return (size_t)cJSON_GetArraySize(instance);
    }
    size_t points = 0;
    for (const char *at = instance->valuestring; *at != '\0'; at++) {
        points += ((unsigned char)*at & 0xc0) != 0x80;
    }
    return points;
}

od_status od_schema_check_size(od_schema_check *check, const cJSON *schema, const cJSON *keyword,
                               const cJSON *instance) {
    (void)schema;
    static const struct {
        const char *suffix;
        cJSON_bool (*applies)(const cJSON *value);
        const char *noun;
    } sizes[] = {
        {"Length", cJSON_IsString, "characters"},
        {"Items", cJSON_IsArray, "items"},
        {"Properties", cJSON_IsObject, "keys"},
    };
    size_t i = 0;
    while (strcmp(sizes[i].suffix, keyword->string + 3) != 0) {
        i++;
    }
    if (!sizes[i].applies(instance)) {
        return OD_OK;
    }
    bool is_maximum = strncmp(keyword->string, "max", 3) == 0;
    double size = (double)length_of(instance);
    if (is_maximum ? size <= keyword->valuedouble : size >= keyword->valuedouble) {
        return OD_OK;
    }
    return od_faults_add(check->faults, check->pointer.data, "has %.0f %s; the %s is %.0f", size,
                         sizes[i].noun, is_maximum ? "maximum" : "minimum", keyword->valuedouble);
}

od_status od_schema_check_pattern(od_schema_check *check, const cJSON *schema, const cJSON *keyword,
                                  const cJSON *instance) {
    (void)schema;
    regex_t expression;
    if (!cJSON_IsString(instance)) {
        return OD_OK;
    }
    // That it compiles is known since loading: only memory can be missing.
    if (regcomp(&expression, keyword->valuestring, REG_EXTENDED | REG_NOSUB) != 0) {
        return OD_E_NO_MEMORY;
    }
    int miss = regexec(&expression, instance->valuestring, 0, NULL, 0);
    regfree(&expression);
    if (miss == 0) {
        return OD_OK;
    }
    char rest[256];
    snprintf(rest, sizeof rest, "must match %.200s", keyword->valuestring);
    return complain_value(check, instance, rest);
}

// A value that is too large is not looked into: that keeps checking cheap, whatever is sent.
static bool is_too_large(const cJSON *schema, const char *keyword, const cJSON *instance) {
    const cJSON *maximum = cJSON_GetObjectItemCaseSensitive(schema, keyword);
    return maximum != NULL && (double)cJSON_GetArraySize(instance) > maximum->valuedouble;
}

// --- arrays -------------------------------------------------------------------------------

static od_status check_child(od_schema_check *check, const cJSON *schema, const char *name,
                             const cJSON *child) {
    size_t size = check->pointer.size;
    OD_TRY(od_pointer_push(&check->pointer, name));
    OD_TRY(od_schema_check_value(check, schema, child));
    od_pointer_cut(&check->pointer, size);
    return OD_OK;
}

od_status od_schema_check_items(od_schema_check *check, const cJSON *schema, const cJSON *keyword,
                                const cJSON *instance) {
    if (!cJSON_IsArray(instance) || is_too_large(schema, "maxItems", instance)) {
        return OD_OK;
    }
    char index[24];
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, instance) {
        snprintf(index, sizeof index, "%zu", i++);
        OD_TRY(check_child(check, keyword, index, item));
    }
    return OD_OK;
}

typedef struct indexed_text {
    char *text;
    size_t index;
} indexed_text;

static int compare_texts(const void *left, const void *right) {
    const indexed_text *a = left;
    const indexed_text *b = right;
    int order = strcmp(a->text, b->text);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

// Equal items have equal canonical texts, and sorting those takes n log n.
static od_status complain_equal_items(od_schema_check *check, indexed_text *texts, size_t count) {
    qsort(texts, count, sizeof *texts, compare_texts);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(texts[i - 1].text, texts[i].text) == 0) {
            OD_TRY(od_faults_add(check->faults, check->pointer.data,
                                 "has equal items at %zu and %zu; all must differ",
                                 texts[i - 1].index, texts[i].index));
        }
    }
    return OD_OK;
}

od_status od_schema_check_unique_items(od_schema_check *check, const cJSON *schema,
                                       const cJSON *keyword, const cJSON *instance) {
    if (!cJSON_IsArray(instance) || !cJSON_IsTrue(keyword) || instance->child == NULL ||
        is_too_large(schema, "maxItems", instance)) {
        return OD_OK;
    }
    size_t count = (size_t)cJSON_GetArraySize(instance);
    indexed_text *texts = calloc(count, sizeof *texts);
    od_status status = texts != NULL ? OD_OK : OD_E_NO_MEMORY;
    size_t filled = 0;
    const cJSON *item = instance->child;
    for (; status == OD_OK && filled < count; item = item->next) {
        texts[filled] = (indexed_text){od_json_canonical(item), filled};
        status = texts[filled].text != NULL ? OD_OK : OD_E_NO_MEMORY;
        filled += status == OD_OK;
    }
    if (status == OD_OK) {
        status = complain_equal_items(check, texts, count);
    }
    while (filled > 0) {
        free(texts[--filled].text);
    }
    free(texts);
    return status;
}

// --- objects ------------------------------------------------------------------------------

od_status od_schema_check_properties(od_schema_check *check, const cJSON *schema,
                                     const cJSON *keyword, const cJSON *instance) {
    (void)schema;
    if (!cJSON_IsObject(instance)) {
        return OD_OK;
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, instance) {
        const cJSON *property = cJSON_GetObjectItemCaseSensitive(keyword, member->string);
        if (property != NULL) {
            OD_TRY(check_child(check, property, member->string, member));
        }
    }
    return OD_OK;
}

od_status od_schema_check_required(od_schema_check *check, const cJSON *schema,
                                   const cJSON *keyword, const cJSON *instance) {
    (void)schema;
    if (!cJSON_IsObject(instance)) {
        return OD_OK;
    }
    size_t size = check->pointer.size;
    const cJSON *name;
    cJSON_ArrayForEach(name, keyword) {
        if (cJSON_GetObjectItemCaseSensitive(instance, name->valuestring) == NULL) {
            OD_TRY(od_pointer_push(&check->pointer, name->valuestring));
            OD_TRY(
                od_faults_add(check->faults, check->pointer.data, "is missing; it has no default"));
            od_pointer_cut(&check->pointer, size);
        }
    }
    return OD_OK;
}

static od_status complain_unknown_key(od_schema_check *check, const cJSON *properties,
                                      const char *key) {
    const char *nearest = od_suggest_key(properties, key);
    if (nearest != NULL) {
        return od_faults_add(check->faults, check->pointer.data,
                             "unknown key; did you mean \"%s\"?", nearest);
    }
    od_buffer known = {0};
    od_status status = od_buffer_append_text(&known, "unknown key");
    const cJSON *property;
    cJSON_ArrayForEach(property, properties) {
        const char *comma = property == properties->child ? "; known here: " : ", ";
        status = status == OD_OK ? od_buffer_append_text(&known, comma) : status;
        status = status == OD_OK ? od_buffer_append_text(&known, property->string) : status;
    }
    status = status == OD_OK ? od_faults_add(check->faults, check->pointer.data, "%s", known.data)
                             : status;
    od_buffer_fini(&known);
    return status;
}

static od_status check_unknown_key(od_schema_check *check, const cJSON *properties,
                                   const char *key) {
    size_t size = check->pointer.size;
    OD_TRY(od_pointer_push(&check->pointer, key));
    OD_TRY(complain_unknown_key(check, properties, key));
    od_pointer_cut(&check->pointer, size);
    return OD_OK;
}

od_status od_schema_check_additional_properties(od_schema_check *check, const cJSON *schema,
                                                const cJSON *keyword, const cJSON *instance) {
    if (!cJSON_IsObject(instance) || is_too_large(schema, "maxProperties", instance)) {
        return OD_OK;
    }
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    const cJSON *member;
    cJSON_ArrayForEach(member, instance) {
        if (od_faults_full(check->faults)) {
            break;
        }
        if (cJSON_GetObjectItemCaseSensitive(properties, member->string) != NULL) {
            continue;
        }
        OD_TRY(cJSON_IsFalse(keyword) ? check_unknown_key(check, properties, member->string)
                                      : check_child(check, keyword, member->string, member));
    }
    return OD_OK;
}

// Checks the name as a string value, and says in each fault that it is about the key.
static od_status check_name(od_schema_check *check, const cJSON *schema, const char *name) {
    cJSON *node = cJSON_CreateString(name);
    od_faults found = {0};
    od_schema_check inner = {.defs = check->defs, .faults = &found};
    od_status status =
        node != NULL ? od_buffer_append(&inner.pointer, check->pointer.data, check->pointer.size)
                     : OD_E_NO_MEMORY;
    status = status == OD_OK ? check_child(&inner, schema, name, node) : status;
    for (size_t i = 0; status == OD_OK && i < found.count; i++) {
        status = od_faults_add(check->faults, found.items[i].pointer, "the key %s",
                               found.items[i].detail);
    }
    od_faults_fini(&found);
    od_buffer_fini(&inner.pointer);
    cJSON_Delete(node);
    return status;
}

od_status od_schema_check_property_names(od_schema_check *check, const cJSON *schema,
                                         const cJSON *keyword, const cJSON *instance) {
    if (!cJSON_IsObject(instance) || is_too_large(schema, "maxProperties", instance)) {
        return OD_OK;
    }
    const cJSON *member = instance->child;
    for (; member != NULL && !od_faults_full(check->faults); member = member->next) {
        OD_TRY(check_name(check, keyword, member->string));
    }
    return OD_OK;
}
