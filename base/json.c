// SPDX-License-Identifier: Apache-2.0
// A recursive-descent reader of RFC 8259 that builds cJSON nodes, and what is done with such
// trees. cJSON's own reader is not used: it takes byte order marks, raw control characters,
// numbers such as 01 and duplicate keys, and cuts numbers at 63 characters.
#include "base/json.h"

#include "base/buffer.h"
#include "base/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const char *start;
    const char *at;
    const char *end;
    int depth;
    od_buffer scratch; // one string or number at a time
    od_error *error;
} reader;

typedef struct key {
    const char *name; // the node's own
    const char *at;   // where it stands in the text
} key;

typedef struct key_list {
    key *items;
    size_t count;
    size_t capacity;
} key_list;

static od_status read_value(reader *in, cJSON **out);

// --- errors -------------------------------------------------------------------------------

static od_status no_memory(reader *in) {
    return od_error_set(in->error, OD_E_NO_MEMORY, "no memory to read JSON");
}

// Lines end with LF; columns count from 1 in code points.
static od_status fail_at(reader *in, const char *at, const char *what) {
    size_t line = 1;
    size_t column = 1;
    for (const char *p = in->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*p & 0xc0) != 0x80) {
            column++;
        }
    }
    return od_error_set(in->error, OD_E_SYNTAX, "line %zu, column %zu: %s", line, column, what);
}

static od_status fail_expected(reader *in, const char *expected) {
    char what[160];
    if (in->at == in->end) {
        snprintf(what, sizeof what, "the text ends where %s should be", expected);
    } else if (*in->at > ' ' && *in->at < 0x7f) {
        snprintf(what, sizeof what, "'%c' stands where %s should be", *in->at, expected);
    } else {
        snprintf(what, sizeof what, "byte 0x%02x stands where %s should be",
                 (unsigned)(unsigned char)*in->at, expected);
    }
    return fail_at(in, in->at, what);
}

// --- scanning -----------------------------------------------------------------------------

static void skip_space(reader *in) {
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')) {
        in->at++;
    }
}

static bool next_is(const reader *in, char c) {
    return in->at < in->end && *in->at == c;
}

static bool skip(reader *in, char c) {
    if (!next_is(in, c)) {
        return false;
    }
    in->at++;
    return true;
}

static bool next_is_digit(const reader *in) {
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

// --- strings ------------------------------------------------------------------------------

static size_t utf8_encode(char out[4], unsigned point) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(heads[length] | point);
    return length;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static od_status read_hex4(reader *in, unsigned *out) {
    *out = 0;
    for (int i = 0; i < 4; i++, in->at++) {
        int digit = in->at < in->end ? hex_digit(*in->at) : -1;
        if (digit < 0) {
            return fail_expected(in, "one of four hexadecimal digits");
        }
        *out = *out * 16 + (unsigned)digit;
    }
    return OD_OK;
}

// Behind "\u"; escape points at the backslash.
static od_status read_unicode_escape(reader *in, const char *escape) {
    unsigned point;
    OD_TRY(read_hex4(in, &point));
    if (point == 0) {
        return fail_at(in, escape, "\\u0000 is not accepted in strings");
    }
    if (point >= 0xdc00 && point <= 0xdfff) {
        return fail_at(in, escape, "a low surrogate without the high one before it");
    }
    if (point >= 0xd800 && point <= 0xdbff) {
        unsigned low = 0;
        if (in->end - in->at >= 2 && in->at[0] == '\\' && in->at[1] == 'u') {
            in->at += 2;
            OD_TRY(read_hex4(in, &low));
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return fail_at(in, escape, "a high surrogate without the low one after it");
        }
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    char bytes[4];
    if (od_buffer_append(&in->scratch, bytes, utf8_encode(bytes, point)) != OD_OK) {
        return no_memory(in);
    }
    return OD_OK;
}

static od_status read_escape(reader *in) {
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *escape = in->at++;
    if (skip(in, 'u')) {
        return read_unicode_escape(in, escape);
    }
    const char *name = in->at < in->end && *in->at != '\0' ? strchr(names, *in->at) : NULL;
    if (name == NULL) {
        return fail_expected(in, "an escape (one of \" \\ / b f n r t u)");
    }
    in->at++;
    if (od_buffer_append(&in->scratch, &values[name - names], 1) != OD_OK) {
        return no_memory(in);
    }
    return OD_OK;
}

static od_status read_character(reader *in) {
    unsigned char c = (unsigned char)*in->at;
    if (c == '\\') {
        return read_escape(in);
    }
    if (c < 0x20) {
        return fail_at(in, in->at, "a control character in a string; write it as \\n or \\u00XX");
    }
    size_t length = od_utf8_length(in->at, in->end);
    if (length == 0) {
        return fail_at(in, in->at, "invalid UTF-8");
    }
    if (od_buffer_append(&in->scratch, in->at, length) != OD_OK) {
        return no_memory(in);
    }
    in->at += length;
    return OD_OK;
}

// Leaves the unescaped text in scratch.
static od_status read_text(reader *in) {
    const char *quote = in->at++;
    in->scratch.size = 0;
    if (od_buffer_append(&in->scratch, "", 0) != OD_OK) {
        return no_memory(in);
    }
    while (!next_is(in, '"')) {
        if (in->at == in->end) {
            return fail_at(in, quote, "a string that does not end");
        }
        OD_TRY(read_character(in));
    }
    in->at++;
    return OD_OK;
}

static od_status read_string(reader *in, cJSON **out) {
    OD_TRY(read_text(in));
    *out = cJSON_CreateString(in->scratch.data);
    return *out != NULL ? OD_OK : no_memory(in);
}

// --- numbers and names --------------------------------------------------------------------

static od_status skip_digits(reader *in) {
    if (!next_is_digit(in)) {
        return fail_expected(in, "a digit");
    }
    while (next_is_digit(in)) {
        in->at++;
    }
    return OD_OK;
}

static od_status skip_number(reader *in) {
    skip(in, '-');
    if (skip(in, '0')) {
        if (next_is_digit(in)) {
            return fail_at(in, in->at - 1, "a number with a leading zero");
        }
    } else {
        OD_TRY(skip_digits(in));
    }
    if (skip(in, '.')) {
        OD_TRY(skip_digits(in));
    }
    if (skip(in, 'e') || skip(in, 'E')) {
        if (!skip(in, '+')) {
            skip(in, '-');
        }
        OD_TRY(skip_digits(in));
    }
    return OD_OK;
}

static od_status read_number(reader *in, cJSON **out) {
    const char *first = in->at;
    OD_TRY(skip_number(in));
    // strtod needs a NUL behind the number.
    in->scratch.size = 0;
    if (od_buffer_append(&in->scratch, first, (size_t)(in->at - first)) != OD_OK) {
        return no_memory(in);
    }
    double value = strtod(in->scratch.data, NULL);
    if (!isfinite(value)) {
        return fail_at(in, first, "a number beyond the range of a double");
    }
    *out = cJSON_CreateNumber(value);
    return *out != NULL ? OD_OK : no_memory(in);
}

static od_status read_name(reader *in, cJSON **out) {
    static const struct {
        const char *name;
        cJSON *(*make)(void);
    } names[] = {
        {"true", cJSON_CreateTrue}, {"false", cJSON_CreateFalse}, {"null", cJSON_CreateNull}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i].name);
        if ((size_t)(in->end - in->at) >= length && memcmp(in->at, names[i].name, length) == 0) {
            in->at += length;
            *out = names[i].make();
            return *out != NULL ? OD_OK : no_memory(in);
        }
    }
    return fail_expected(in, "a value");
}

// --- arrays and objects -------------------------------------------------------------------

static od_status enter(reader *in) {
    if (in->depth == OD_JSON_MAX_DEPTH) {
        char what[64];
        snprintf(what, sizeof what, "nested more than %d deep", OD_JSON_MAX_DEPTH);
        return fail_at(in, in->at, what);
    }
    in->depth++;
    in->at++;
    skip_space(in);
    return OD_OK;
}

static od_status read_items(reader *in, cJSON *array) {
    OD_TRY(enter(in));
    while (!next_is(in, ']')) {
        cJSON *item;
        OD_TRY(read_value(in, &item));
        cJSON_AddItemToArray(array, item);
        skip_space(in);
        if (!next_is(in, ']')) {
            if (!skip(in, ',')) {
                return fail_expected(in, "',' or ']'");
            }
            skip_space(in);
            if (next_is(in, ']')) {
                return fail_expected(in, "a value");
            }
        }
    }
    in->at++;
    in->depth--;
    return OD_OK;
}

static int compare_keys(const void *left, const void *right) {
    const key *a = left;
    const key *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

// Sorting finds duplicates in n log n, however many keys a hostile text has.
static od_status refuse_duplicates(reader *in, key_list *keys) {
    if (keys->count > 1) {
        qsort(keys->items, keys->count, sizeof *keys->items, compare_keys);
    }
    for (size_t i = 1; i < keys->count; i++) {
        if (strcmp(keys->items[i - 1].name, keys->items[i].name) == 0) {
            char what[160];
            snprintf(what, sizeof what, "the key \"%.100s\" stands twice in this object",
                     keys->items[i].name);
            return fail_at(in, keys->items[i].at, what);
        }
    }
    return OD_OK;
}

static od_status remember_key(reader *in, key_list *keys, const char *name, const char *at) {
    if (keys->count == keys->capacity) {
        size_t capacity = keys->capacity * 2 + 16;
        key *items = realloc(keys->items, capacity * sizeof *items);
        if (items == NULL) {
            return no_memory(in);
        }
        keys->items = items;
        keys->capacity = capacity;
    }
    keys->items[keys->count++] = (key){name, at};
    return OD_OK;
}

static od_status read_member(reader *in, cJSON *object, key_list *keys) {
    const char *at = in->at;
    if (!next_is(in, '"')) {
        return fail_expected(in, "a key in double quotes");
    }
    OD_TRY(read_text(in));
    char *name = strdup(in->scratch.data);
    if (name == NULL) {
        return no_memory(in);
    }
    cJSON *value = NULL;
    od_status status = OD_OK;
    skip_space(in);
    if (!skip(in, ':')) {
        status = fail_expected(in, "':'");
        goto err_name;
    }
    status = read_value(in, &value);
    if (status != OD_OK) {
        goto err_name;
    }
    value->string = name; // with malloc, as cJSON's own; cJSON_Delete frees it
    cJSON_AddItemToArray(object, value);
    return remember_key(in, keys, name, at);

err_name:
    free(name);
    return status;
}

static od_status read_members(reader *in, cJSON *object, key_list *keys) {
    OD_TRY(enter(in));
    while (!next_is(in, '}')) {
        OD_TRY(read_member(in, object, keys));
        skip_space(in);
        if (!next_is(in, '}')) {
            if (!skip(in, ',')) {
                return fail_expected(in, "',' or '}'");
            }
            skip_space(in);
            if (next_is(in, '}')) {
                return fail_expected(in, "a key in double quotes");
            }
        }
    }
    in->at++;
    in->depth--;
    return refuse_duplicates(in, keys);
}

static od_status read_array(reader *in, cJSON **out) {
    cJSON *array = cJSON_CreateArray();
    od_status status = array != NULL ? read_items(in, array) : no_memory(in);
    if (status != OD_OK) {
        cJSON_Delete(array);
        return status;
    }
    *out = array;
    return OD_OK;
}

static od_status read_object(reader *in, cJSON **out) {
    key_list keys = {0};
    cJSON *object = cJSON_CreateObject();
    od_status status = object != NULL ? read_members(in, object, &keys) : no_memory(in);
    free(keys.items);
    if (status != OD_OK) {
        cJSON_Delete(object);
        return status;
    }
    *out = object;
    return OD_OK;
}

static od_status read_value(reader *in, cJSON **out) {
    skip_space(in);
    if (next_is(in, '{')) {
        return read_object(in, out);
    }
    if (next_is(in, '[')) {
        return read_array(in, out);
    }
    if (next_is(in, '"')) {
        return read_string(in, out);
    }
    if (next_is(in, '-') || next_is_digit(in)) {
        return read_number(in, out);
    }
    return read_name(in, out);
}

od_status od_json_parse(const char *text, size_t size, cJSON **out, od_error *error) {
    reader in = {.start = text, .at = text, .end = text + size, .error = error};
    cJSON *value = NULL;
    od_status status = read_value(&in, &value);
    if (status == OD_OK) {
        skip_space(&in);
        if (in.at != in.end) {
            status = fail_expected(&in, "the end of the text");
        }
    }
    od_buffer_fini(&in.scratch);
    if (status != OD_OK) {
        cJSON_Delete(value);
        return status;
    }
    *out = value;
    return OD_OK;
}

// --- paths --------------------------------------------------------------------------------

static cJSON *member(const cJSON *object, const char *name, size_t length) {
    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    cJSON *child;
    cJSON_ArrayForEach(child, object) {
        if (strncmp(child->string, name, length) == 0 && child->string[length] == '\0') {
            return child;
        }
    }
    return NULL;
}

// end is the path's NUL or one of its dots.
static cJSON *walk(const cJSON *object, const char *path, const char *end) {
    for (;;) {
        size_t length = strcspn(path, ".");
        cJSON *node = member(object, path, length);
        path += length;
        if (node == NULL || path == end) {
            return node;
        }
        object = node;
        path++;
    }
}

cJSON *od_json_at(const cJSON *object, const char *dotted_path) {
    return walk(object, dotted_path, dotted_path + strlen(dotted_path));
}

od_status od_json_set(cJSON *object, const char *dotted_path, cJSON *value) {
    if (value == NULL) {
        return OD_E_NO_MEMORY;
    }
    const char *dot = strrchr(dotted_path, '.');
    const char *name = dot != NULL ? dot + 1 : dotted_path;
    cJSON *parent = dot != NULL ? walk(object, dotted_path, dot) : object;
    if (!cJSON_IsObject(parent)) {
        cJSON_Delete(value);
        return OD_E_NOT_FOUND;
    }
    cJSON *old = member(parent, name, strlen(name));
    char *copy = strdup(name);
    if (copy == NULL) {
        cJSON_Delete(value);
        return OD_E_NO_MEMORY;
    }
    cJSON_free(value->string);
    value->string = copy;
    if (old != NULL) {
        cJSON_ReplaceItemViaPointer(parent, old, value);
    } else {
        cJSON_AddItemToArray(parent, value);
    }
    return OD_OK;
}

bool od_json_equal(const cJSON *a, const cJSON *b) {
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b)) {
        return a->valuedouble == b->valuedouble;
    }
    if ((a->type & 0xff) != (b->type & 0xff)) {
        return false;
    }
    if (cJSON_IsString(a)) {
        return strcmp(a->valuestring, b->valuestring) == 0;
    }
    const cJSON *left;
    const cJSON *right = b->child;
    cJSON_ArrayForEach(left, a) {
        if (right == NULL) {
            return false;
        }
        const cJSON *other =
            cJSON_IsObject(a) ? cJSON_GetObjectItemCaseSensitive(b, left->string) : right;
        if (other == NULL || !od_json_equal(left, other)) {
            return false;
        }
        right = right->next;
    }
    return right == NULL;
}
