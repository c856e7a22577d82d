// SPDX-License-Identifier: Apache-2.0
// What the parity tests share: the backends they drive, and the files that generate.py wrote.
#ifndef OD_TESTS_PARITY_FIXTURE_H
#define OD_TESTS_PARITY_FIXTURE_H

#include "core/backend/backend.h"
#include "core/io/safetensors.h"

#include <cjson/cJSON.h>

typedef struct fixture_machine {
    const char *label; // for names of tests
    const od_backend *backend;
    od_device_options options;
} fixture_machine;

extern const fixture_machine fixture_machines[]; // ends with a row whose label is NULL

// Files below tests/parity/data. The test fails, naming the path, when one cannot be read.
cJSON *fixture_json(const char *name);
void fixture_safetensors(const char *name, od_safetensors *out);

// The job spec in a fixture, with the defaults of what was added to the schema later.
const cJSON *fixture_spec(const cJSON *fixture);

// The member key, a number, of object; the test fails when it is not there.
double fixture_number(const cJSON *object, const char *key);

// Fails the running test with error's text unless status is OD_OK.
void fixture_ok(od_status status, const od_error *error);

#endif
