// SPDX-License-Identifier: Apache-2.0
// The little of YAML 1.1 that files of options use: one mapping of keys to scalars. Read by
// libyaml, and strictly: tags, anchors, aliases, keys that stand twice, a second document and
// anything but a mapping are refused, because no such file needs them.
#ifndef OD_BASE_YAML_H
#define OD_BASE_YAML_H

#include "base/error.h"

#include <stddef.h>

enum { OD_YAML_MAX_BYTES = 65536, OD_YAML_MAX_KEYS = 500, OD_YAML_MAX_DEPTH = 16 };

typedef enum od_yaml_kind {
    OD_YAML_PLAIN,  // a scalar without quotes; "" when nothing stands there
    OD_YAML_QUOTED, // a scalar in quotes or a block
    OD_YAML_NESTED, // a list or a mapping, whose contents are not kept
} od_yaml_kind;

typedef struct od_yaml_entry {
    char *key;
    char *value; // NULL when nested
    od_yaml_kind kind;
    size_t line; // of the key, from 1
} od_yaml_entry;

typedef struct od_yaml {
    od_yaml_entry *items; // in the order of the text
    size_t count;
} od_yaml;

// Reads size bytes of text. OD_E_TOO_LARGE: too many bytes. OD_E_SYNTAX: no YAML, or none of this
// kind; error says where and why. Both strings of an entry are UTF-8 without NUL inside.
od_status od_yaml_parse(const char *text, size_t size, od_yaml *out, od_error *error) OD_MUST_CHECK;
void od_yaml_fini(od_yaml *yaml); // {0} is fine

#endif
