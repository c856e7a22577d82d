// SPDX-License-Identifier: Apache-2.0
// Command lines as data: options are const tables, what was given is read from od_options.
// Understood are --name VALUE, --name=VALUE, -n VALUE, -nVALUE, and -- before operands that begin
// with a dash; options and operands may be mixed. No abbreviations: a later option would break them.
#ifndef OD_CLI_OPTIONS_H
#define OD_CLI_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OD_OPTIONS_GIVEN_MAX = 128, OD_OPTIONS_OPERANDS_MAX = 1024 };

typedef struct od_option {
    const char *name;  // without dashes; NULL ends a table
    const char *value; // what the help calls its value; NULL: a flag
    const char *help;
    char letter; // '\0': there is none
} od_option;

// Borrows from argv and the tables.
typedef struct od_options {
    struct {
        const od_option *option;
        const char *value; // NULL for a flag
    } given[OD_OPTIONS_GIVEN_MAX];
    size_t given_count;
    const char *operands[OD_OPTIONS_OPERANDS_MAX];
    size_t operand_count;
} od_options;

// Adds what argv[*next] and on say to options, and leaves *next behind what it has read. own may be
// NULL: then only shared counts, and reading stops before the first operand. OD_E_INVALID for an
// option that is in neither table (with the nearest one that is), for a value that is missing or
// too many, and for more options or operands than there is room for.
od_status od_options_read(od_options *options, int argc, char **argv, int *next,
                          const od_option *shared, const od_option *own,
                          od_error *error) OD_MUST_CHECK;

// The last value given for the option, or NULL; for a flag, "" when it was given.
const char *od_options_get(const od_options *options, const char *name);
bool od_options_has(const od_options *options, const char *name);

// text as a whole number in [least, most]; what names it in the error (OD_E_INVALID).
od_status od_options_number(const char *what, const char *text, int64_t least, int64_t most,
                            int64_t *out, od_error *error) OD_MUST_CHECK;

#endif
