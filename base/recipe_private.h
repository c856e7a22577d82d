// SPDX-License-Identifier: Apache-2.0
// Inside of base/recipe.c: the table of options, their values, and the rules. Nobody else includes
// this.
#ifndef OD_BASE_RECIPE_PRIVATE_H
#define OD_BASE_RECIPE_PRIVATE_H

#include "base/recipe.h"
#include "base/yaml.h"

enum {
    OD_RECIPE_OPTIONS = 56,
    OD_RECIPE_SHOWN_BYTES = 64,
    OD_RECIPE_LEFT_OUT = 0, // instead of lines
    OD_RECIPE_OVERRIDDEN = -1,
};

typedef enum od_option_kind {
    OD_OPTION_IGNORED, // means nothing here
    OD_OPTION_TEXT,
    OD_OPTION_NUMBER,
    OD_OPTION_FLAG,
    OD_OPTION_SWITCH, // a flag that is for the rules alone
    OD_OPTION_LIST,   // numbers with commas between
    OD_OPTION_WORDS,  // one of the option's words, each with the JSON that it stands for
} od_option_kind;

typedef struct od_recipe_word {
    const char *word, *json; // the last one's are NULL
} od_recipe_word;

typedef struct od_recipe_option {
    const char *key;
    const char *target; // dotted path in the spec
    const char *start;  // the reference's default as YAML; "": none
    od_option_kind kind;
    bool nullable;
    const od_recipe_word *words;
} od_recipe_option;

extern const od_recipe_option od_recipe_options[OD_RECIPE_OPTIONS];

typedef struct od_recipe_setting {
    char *text; // NULL: nested
    od_yaml_kind kind;
    long line; // or one of the two values above
} od_recipe_setting;

struct od_recipe {
    od_recipe_setting settings[OD_RECIPE_OPTIONS];
    od_faults warnings;
};

// The index of key's row, or -1.
int od_recipe_find(const char *key);

// --- recipe_value.c -----------------------------------------------------------------------

// Whether the text stands for no value.
bool od_recipe_is_none(const od_recipe_setting *setting);

// The decimal number from text to end; false when that is none.
bool od_recipe_read_number(const char *text, const char *end, double *out);

// true or false; NULL when the text is neither, or there is no memory.
cJSON *od_recipe_flag(const od_recipe_setting *setting);

// NULL: the text is none of the option's kind, or there is no memory.
cJSON *od_recipe_value(const od_recipe_option *option, const od_recipe_setting *setting);

// The option's default.
cJSON *od_recipe_start(const od_recipe_option *option);

// --- recipe_rules.c -----------------------------------------------------------------------

typedef struct od_translation {
    od_recipe *recipe;
    cJSON *spec; // every option is at its place
    od_faults *faults;
} od_translation;

od_status od_recipe_apply_rules(const od_translation *to) OD_MUST_CHECK;

// --- recipe.c -----------------------------------------------------------------------------

// Adds a fault of option index, with the line that it stands in.
od_status od_recipe_add_fault(const od_recipe *recipe, int index, od_faults *faults,
                              const char *detail) OD_MUST_CHECK;

#endif
