// SPDX-License-Identifier: Apache-2.0
// Recipe files of the reference implementation (flat YAML, its option names) as job specs.
//
//   text → od_recipe_new → od_recipe_override … → od_recipe_translate → spec and faults
//        → schema, trainer's rules: more faults of the spec → od_recipe_locate → the recipe's own
//
// A key that is left out has the default of the reference's option, one with an empty value or None
// has none. docs/api.md has the keys.
#ifndef OD_BASE_RECIPE_H
#define OD_BASE_RECIPE_H

#include "base/schema.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct od_recipe od_recipe;

// Reads a recipe. OD_E_SYNTAX, OD_E_TOO_LARGE: as od_yaml_parse. The caller frees it.
od_status od_recipe_new(const char *text, size_t size, od_recipe **out,
                        od_error *error) OD_MUST_CHECK;
void od_recipe_free(od_recipe *recipe); // NULL is fine

// Whether path is that of a recipe: it ends with .yaml or .yml.
bool od_recipe_is_path(const char *path);

// Whether key is an option, also one that means nothing here.
bool od_recipe_has_option(const char *key);

// Gives an option the value that the text stands for in YAML. key must be an option.
od_status od_recipe_override(od_recipe *recipe, const char *key, const char *text) OD_MUST_CHECK;

// Keys of the text that are no options, each with its line, and values that have no effect, which
// od_recipe_translate finds. Borrowed until the recipe is freed.
const od_faults *od_recipe_warnings(const od_recipe *recipe);

// The spec, which is the caller's, without the schema's defaults; to be called once. What cannot be read is added to
// faults, with keys for pointers ("/lr") and the line in the detail; the spec has the option's
// default there. The status is about the translating itself (memory).
od_status od_recipe_translate(od_recipe *recipe, cJSON **out, od_faults *faults) OD_MUST_CHECK;

// Rewrites the faults from index first on, which point into the translated spec, to point to the
// keys that the values come from. What no key stands for stays as it is.
od_status od_recipe_locate(const od_recipe *recipe, od_faults *faults, size_t first) OD_MUST_CHECK;

#endif
