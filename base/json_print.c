// SPDX-License-Identifier: Apache-2.0
// The writing half of base/json.h. cJSON's own printer is not used: it compares with a tolerance
// when it chooses the digits, so that some doubles come back one unit in the last place away.
// Numbers that JSON has no word for are here too, in both directions.
#include "base/json.h"

#include "base/buffer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *od_json_number(double value) {
    if (isfinite(value)) {
        return cJSON_CreateNumber(value);
    }
    return cJSON_CreateString(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
}

int od_json_to_double(const cJSON *node, double *out) {
    static const struct {
        const char *name;
        double value;
    } names[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    if (cJSON_IsNumber(node)) {
        *out = node->valuedouble;
        return 0;
    }
    for (size_t i = 0; cJSON_IsString(node) && i < sizeof names / sizeof *names; i++) {
        if (strcmp(node->valuestring, names[i].name) == 0) {
            *out = names[i].value;
            return 0;
        }
    }
    return -1;
}

char *od_json_number_text(char out[OD_JSON_NUMBER_BYTES], double value) {
    if (fabs(value) < 9007199254740992.0 && value == floor(value)) {
        // Adding 0 turns -0 into 0: equal values have equal text.
        snprintf(out, OD_JSON_NUMBER_BYTES, "%.0f", value + 0.0);
        return out;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, OD_JSON_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(out, NULL) == value) {
            break;
        }
    }
    return out;
}

static od_status write_value(od_buffer *out, const cJSON *value, bool sorted);

static od_status write_string(od_buffer *out, const char *text) {
    OD_TRY(od_buffer_append(out, "\"", 1));
    while (*text != '\0') {
        const char *run = text;
        while ((unsigned char)*text >= 0x20 && *text != '"' && *text != '\\') {
            text++;
        }
        OD_TRY(od_buffer_append(out, run, (size_t)(text - run)));
        if (*text == '"' || *text == '\\') {
            OD_TRY(od_buffer_printf(out, "\\%c", *text++));
        } else if (*text != '\0') {
            OD_TRY(od_buffer_printf(out, "\\u%04x", (unsigned)*text++));
        }
    }
    return od_buffer_append(out, "\"", 1);
}

static int compare_names(const void *left, const void *right) {
    const cJSON *const *a = left;
    const cJSON *const *b = right;
    return strcmp((*a)->string, (*b)->string);
}

static od_status write_children(od_buffer *out, const cJSON *parent, bool sorted) {
    size_t room = (size_t)cJSON_GetArraySize(parent) + 1;
    const cJSON **children = malloc(room * sizeof(const cJSON *));
    if (children == NULL) {
        return OD_E_NO_MEMORY;
    }
    size_t count = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, parent) {
        children[count++] = child;
    }
    if (sorted && cJSON_IsObject(parent)) {
        qsort(children, count, sizeof(const cJSON *), compare_names);
    }
    od_status status = OD_OK;
    for (size_t i = 0; status == OD_OK && i < count; i++) {
        status = od_buffer_append_text(out, i > 0 ? "," : "");
        if (status == OD_OK && cJSON_IsObject(parent)) {
            status = write_string(out, children[i]->string);
            status = status == OD_OK ? od_buffer_append(out, ":", 1) : status;
        }
        status = status == OD_OK ? write_value(out, children[i], sorted) : status;
    }
    free(children);
    return status;
}

static od_status write_value(od_buffer *out, const cJSON *value, bool sorted) {
    char number[OD_JSON_NUMBER_BYTES];
    switch (value->type & 0xff) {
    case cJSON_False:
        return od_buffer_append_text(out, "false");
    case cJSON_True:
        return od_buffer_append_text(out, "true");
    case cJSON_Number:
        return od_buffer_append_text(out, od_json_number_text(number, value->valuedouble));
    case cJSON_String:
        return write_string(out, value->valuestring);
    case cJSON_Array:
        OD_TRY(od_buffer_append(out, "[", 1));
        OD_TRY(write_children(out, value, sorted));
        return od_buffer_append(out, "]", 1);
    case cJSON_Object:
        OD_TRY(od_buffer_append(out, "{", 1));
        OD_TRY(write_children(out, value, sorted));
        return od_buffer_append(out, "}", 1);
    default:
        return od_buffer_append_text(out, "null");
    }
}

static char *text_of(const cJSON *value, bool sorted) {
    od_buffer out = {0};
    if (write_value(&out, value, sorted) != OD_OK) {
        od_buffer_fini(&out);
        return NULL;
    }
    return od_buffer_take(&out);
}

char *od_json_canonical(const cJSON *value) {
    return text_of(value, true);
}

char *od_json_print(const cJSON *value) {
    return text_of(value, false);
}
