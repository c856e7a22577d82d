// SPDX-License-Identifier: Apache-2.0
// Where the fixtures lie is compiled in (PARITY_DATA), so that builds outside the source find them.
#include "tests/parity/fixture.h"

#include "config.h"

#ifdef FIXTURE_CUDA
#include "core/backend/cuda/cuda.h"
#endif

#include "base/file.h"
#include "base/schemas.h"
#include "tests/parity/cmocka_headers.h"

#include <stdio.h>

enum { MAX_FIXTURE_BYTES = 1 << 20, THREADS = 2 };

const fixture_machine fixture_machines[] = {
#ifdef FIXTURE_CUDA
    {"cuda on the host", &od_backend_cuda, {.threads = 1, .blas = NULL}},
#else
    {"ref", &od_backend_ref, {.threads = 1, .blas = NULL}},
#ifdef HAVE_ONEDNN
    {"cpu/onednn", &od_backend_cpu, {.threads = THREADS, .blas = "onednn"}},
#endif
    {"cpu/openblas", &od_backend_cpu, {.threads = THREADS, .blas = "openblas"}},
#endif
    {NULL, NULL, {0}},
};

void fixture_ok(od_status status, const od_error *error) {
    if (status != OD_OK) {
        fail_msg("%s: %s", od_status_text(status), error->text);
    }
}

static void path_of(char *out, size_t out_bytes, const char *name) {
    int length = snprintf(out, out_bytes, "%s/%s", PARITY_DATA, name);
    assert_true(length > 0 && (size_t)length < out_bytes);
}

cJSON *fixture_json(const char *name) {
    char path[4096];
    path_of(path, sizeof path, name);
    od_buffer text = {0};
    od_error error = {0};
    fixture_ok(od_file_read(path, MAX_FIXTURE_BYTES, &text, &error), &error);
    cJSON *json = cJSON_ParseWithLength(text.data, text.size);
    od_buffer_fini(&text);
    if (json == NULL) {
        fail_msg("%s is no JSON", path);
    }
    return json;
}

void fixture_safetensors(const char *name, od_safetensors *out) {
    char path[4096];
    path_of(path, sizeof path, name);
    od_error error = {0};
    fixture_ok(od_safetensors_read(path, MAX_FIXTURE_BYTES, out, &error), &error);
}

const cJSON *fixture_spec(const cJSON *fixture) {
    cJSON *spec = cJSON_GetObjectItemCaseSensitive(fixture, "spec");
    od_schema *schema = NULL;
    assert_non_null(spec);
    assert_int_equal(od_schemas_job(&schema, NULL), OD_OK);
    assert_int_equal(od_schema_fill_defaults(schema, spec), OD_OK);
    od_schema_free(schema);
    return spec;
}

double fixture_number(const cJSON *object, const char *key) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(node)) {
        fail_msg("the fixture has no number '%s'", key);
    }
    return node->valuedouble;
}
