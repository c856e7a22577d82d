// SPDX-License-Identifier: Apache-2.0
// Lists of faults (base/schema.h).
#include "base/buffer.h"
#include "base/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Stores copies of both strings behind the last fault.
static od_status append(od_faults *faults, const char *pointer, const char *detail) {
    // Room grows by doubling: full whenever count is a power of two.
    if ((faults->count & (faults->count - 1)) == 0) {
        size_t capacity = faults->count == 0 ? 1 : faults->count * 2;
        od_fault *items = realloc(faults->items, capacity * sizeof *items);
        if (items == NULL) {
            return OD_E_NO_MEMORY;
        }
        faults->items = items;
    }
    od_fault fault = {strdup(pointer), strdup(detail)};
    if (fault.pointer == NULL || fault.detail == NULL) {
        free(fault.pointer);
        free(fault.detail);
        return OD_E_NO_MEMORY;
    }
    faults->items[faults->count++] = fault;
    return OD_OK;
}

od_status od_faults_add(od_faults *faults, const char *pointer, const char *format, ...) {
    if (od_faults_full(faults)) {
        return OD_OK;
    }
    if (faults->count == OD_FAULTS_MAX) {
        return append(faults, "", "has more faults than are listed here");
    }
    va_list arguments;
    va_start(arguments, format);
    char *detail = NULL;
    int length = vasprintf(&detail, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return OD_E_NO_MEMORY;
    }
    od_status status = append(faults, pointer, detail);
    free(detail);
    return status;
}

od_status od_faults_add_once(od_faults *faults, const char *pointer, const char *detail) {
    for (size_t i = 0; i < faults->count; i++) {
        if (strcmp(faults->items[i].pointer, pointer) == 0 &&
            strcmp(faults->items[i].detail, detail) == 0) {
            return OD_OK;
        }
    }
    return od_faults_add(faults, pointer, "%s", detail);
}

bool od_faults_full(const od_faults *faults) {
    return faults->count > OD_FAULTS_MAX;
}

void od_faults_fini(od_faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        free(faults->items[i].pointer);
        free(faults->items[i].detail);
    }
    free(faults->items);
    *faults = (od_faults){0};
}

static cJSON *fault_json(const od_fault *fault) {
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || cJSON_AddStringToObject(object, "pointer", fault->pointer) == NULL ||
        cJSON_AddStringToObject(object, "detail", fault->detail) == NULL) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

cJSON *od_faults_json(const od_faults *faults) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array != NULL && i < faults->count; i++) {
        cJSON *fault = fault_json(&faults->items[i]);
        if (fault == NULL) {
            cJSON_Delete(array);
            return NULL;
        }
        cJSON_AddItemToArray(array, fault);
    }
    return array;
}
