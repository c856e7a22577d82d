// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "base/suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct command_line {
    od_options *options;
    int argc;
    char **argv;
    int *next;
    const od_option *tables[2];
    od_error *error;
} command_line;

static bool has_name(const od_option *option, const char *name, size_t bytes) {
    return strncmp(option->name, name, bytes) == 0 && option->name[bytes] == '\0';
}

static const od_option *find_name(const command_line *reader, const char *name, size_t bytes) {
    for (size_t i = 0; i < 2; i++) {
        for (const od_option *at = reader->tables[i]; at != NULL && at->name != NULL; at++) {
            if (has_name(at, name, bytes)) {
                return at;
            }
        }
    }
    return NULL;
}

static const od_option *find_letter(const command_line *reader, char letter) {
    for (size_t i = 0; i < 2; i++) {
        for (const od_option *at = reader->tables[i]; at != NULL && at->name != NULL; at++) {
            if (at->letter != '\0' && at->letter == letter) {
                return at;
            }
        }
    }
    return NULL;
}

static od_status refuse_unknown(const command_line *reader, const char *argument) {
    const char *nearest = NULL;
    size_t distance = 4;
    for (size_t i = 0; i < 2; i++) {
        for (const od_option *at = reader->tables[i]; at != NULL && at->name != NULL; at++) {
            size_t d = od_suggest_distance(at->name, argument + strspn(argument, "-"));
            if (d < distance && d < strlen(at->name)) {
                nearest = at->name;
                distance = d;
            }
        }
    }
    return nearest != NULL
               ? od_error_set(reader->error, OD_E_INVALID, "unknown option %s; did you mean --%s?",
                              argument, nearest)
               : od_error_set(reader->error, OD_E_INVALID, "unknown option %s; see --help",
                              argument);
}

static od_status add(const command_line *reader, const od_option *option, const char *value) {
    od_options *options = reader->options;
    if (options->given_count == OD_OPTIONS_GIVEN_MAX) {
        return od_error_set(reader->error, OD_E_INVALID, "more than %d options",
                            OD_OPTIONS_GIVEN_MAX);
    }
    options->given[options->given_count].option = option;
    options->given[options->given_count++].value = value;
    return OD_OK;
}

// attached is what stands behind the option in the same argument, or NULL.
static od_status read_value(const command_line *reader, const od_option *option,
                            const char *attached) {
    if (option->value == NULL) {
        return attached == NULL
                   ? add(reader, option, NULL)
                   : od_error_set(reader->error, OD_E_INVALID,
                                  "--%s takes no value, and has \"%s\"", option->name, attached);
    }
    if (attached == NULL) {
        if (*reader->next == reader->argc) {
            return od_error_set(reader->error, OD_E_INVALID, "--%s needs a value: --%s %s",
                                option->name, option->name, option->value);
        }
        attached = reader->argv[(*reader->next)++];
    }
    return add(reader, option, attached);
}

static od_status read_long(const command_line *reader, const char *argument) {
    const char *name = argument + 2;
    size_t bytes = strcspn(name, "=");
    const od_option *option = find_name(reader, name, bytes);
    if (option == NULL) {
        return refuse_unknown(reader, argument);
    }
    return read_value(reader, option, name[bytes] == '=' ? name + bytes + 1 : NULL);
}

static od_status read_short(const command_line *reader, const char *argument) {
    const od_option *option = find_letter(reader, argument[1]);
    if (option == NULL) {
        return refuse_unknown(reader, argument);
    }
    return read_value(reader, option, argument[2] != '\0' ? argument + 2 : NULL);
}

static od_status add_operand(const command_line *reader, const char *argument) {
    od_options *options = reader->options;
    if (options->operand_count == OD_OPTIONS_OPERANDS_MAX) {
        return od_error_set(reader->error, OD_E_INVALID, "more than %d operands",
                            OD_OPTIONS_OPERANDS_MAX);
    }
    options->operands[options->operand_count++] = argument;
    return OD_OK;
}

od_status od_options_read(od_options *options, int argc, char **argv, int *next,
                          const od_option *shared, const od_option *own, od_error *error) {
    const command_line reader = {options, argc, argv, next, {shared, own}, error};
    bool only_operands = false;
    while (*next < argc) {
        const char *argument = argv[*next];
        bool operand = only_operands || argument[0] != '-' || argument[1] == '\0';
        if (operand && own == NULL) {
            break;
        }
        (*next)++;
        if (operand) {
            OD_TRY(add_operand(&reader, argument));
        } else if (strcmp(argument, "--") == 0) {
            only_operands = true;
        } else if (argument[1] == '-') {
            OD_TRY(read_long(&reader, argument));
        } else {
            OD_TRY(read_short(&reader, argument));
        }
    }
    return OD_OK;
}

const char *od_options_get(const od_options *options, const char *name) {
    for (size_t i = options->given_count; i-- > 0;) {
        if (strcmp(options->given[i].option->name, name) == 0) {
            return options->given[i].value != NULL ? options->given[i].value : "";
        }
    }
    return NULL;
}

bool od_options_has(const od_options *options, const char *name) {
    return od_options_get(options, name) != NULL;
}

od_status od_options_number(const char *what, const char *text, int64_t least, int64_t most,
                            int64_t *out, od_error *error) {
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool starts_well = (*text >= '0' && *text <= '9') || (*text == '-' && text[1] >= '0');
    if (!starts_well || *end != '\0' || errno != 0 || value < least || value > most) {
        return od_error_set(error, OD_E_INVALID,
                            "%s is \"%s\"; give a whole number from %" PRId64 " to %" PRId64, what,
                            text, least, most);
    }
    *out = value;
    return OD_OK;
}
