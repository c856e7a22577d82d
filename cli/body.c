// SPDX-License-Identifier: Apache-2.0
#include "cli/body.h"

#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static od_status read_input(od_buffer *out, od_error *error) {
    for (;;) {
        char part[65536];
        ssize_t count = read(STDIN_FILENO, part, sizeof part);
        if (count == 0) {
            return OD_OK;
        }
        if (count < 0 && errno != EINTR) {
            return od_error_set_errno(error, errno, "standard input");
        }
        if (count > 0 && od_buffer_append(out, part, (size_t)count) != OD_OK) {
            return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
        }
        if (out->size > OD_BODY_BYTES_MAX) {
            return od_error_set(error, OD_E_TOO_LARGE, "standard input: more than %d bytes",
                                OD_BODY_BYTES_MAX);
        }
    }
}

od_status od_body_read(const char *path, od_buffer *out, od_error *error) {
    return strcmp(path, "-") == 0 ? read_input(out, error)
                                  : od_file_read(path, OD_BODY_BYTES_MAX, out, error);
}

od_status od_body_kind_of(const od_buffer *body, od_body_kind *out, od_error *error) {
    const char *text = body->data != NULL ? body->data : "";
    *out = OD_BODY_RECIPE;
    if (text[strspn(text, " \t\r\n")] != '{') {
        return OD_OK;
    }
    cJSON *json = NULL;
    OD_TRY(od_json_parse(text, body->size, &json, error));
    *out = cJSON_HasObjectItem(json, "base") || cJSON_HasObjectItem(json, "vary")
               ? OD_BODY_EXPERIMENT
               : OD_BODY_SPEC;
    cJSON_Delete(json);
    return OD_OK;
}

// The object at key in parent, made anew when there is none; NULL: no memory.
static cJSON *enter(cJSON *parent, const char *key) {
    cJSON *child = cJSON_GetObjectItemCaseSensitive(parent, key);
    if (cJSON_IsObject(child)) {
        return child;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
    return cJSON_AddObjectToObject(parent, key);
}

static bool make_parents(cJSON *object, const char *path) {
    char *copy = strdup(path);
    char *rest = copy;
    for (char *dot = copy != NULL ? strchr(rest, '.') : NULL; dot != NULL && object != NULL;
         dot = strchr(rest, '.')) {
        *dot = '\0';
        object = enter(object, rest);
        rest = dot + 1;
    }
    free(copy);
    return copy != NULL && object != NULL;
}

static od_status set(cJSON *object, const char *path, const char *text, od_error *error) {
    cJSON *value = NULL;
    if (od_json_parse(text, strlen(text), &value, NULL) != OD_OK) {
        value = cJSON_CreateString(text);
    }
    if (object == NULL || value == NULL || !make_parents(object, path)) {
        cJSON_Delete(value);
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    return od_json_set(object, path, value) == OD_OK
               ? OD_OK
               : od_error_set(error, OD_E_INVALID, "--set %s=…: no such place", path);
}

od_status od_body_set(od_buffer *body, od_body_kind kind, const char *setting, od_error *error) {
    const char *equals = strchr(setting, '=');
    if (equals == NULL || equals == setting) {
        return od_error_set(error, OD_E_INVALID, "--set is \"%s\"; give KEY=VALUE", setting);
    }
    cJSON *json = NULL;
    OD_TRY(od_json_parse(body->data, body->size, &json, error));
    char *path = strndup(setting, (size_t)(equals - setting));
    od_status status = path == NULL ? od_error_set(error, OD_E_NO_MEMORY, "out of memory")
                                    : set(kind == OD_BODY_EXPERIMENT ? enter(json, "base") : json,
                                          path, equals + 1, error);
    char *text = status == OD_OK ? od_json_print(json) : NULL;
    if (status == OD_OK) {
        body->size = 0;
        status = text != NULL ? od_buffer_append_text(body, text) : OD_E_NO_MEMORY;
    }
    free(text);
    free(path);
    cJSON_Delete(json);
    return status;
}
