// SPDX-License-Identifier: Apache-2.0
// One loop over libyaml's events, which come without recursion; what is nested is walked by a
// counter. With aliases refused a text can hold no more than it has bytes.
#include "base/yaml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; // the one under the eye; deleted before the next
    od_yaml *out;
    od_error *error;
} reader;

static size_t line_of(const reader *in) {
    return in->event.start_mark.line + 1;
}

// The plain ASCII of what libyaml says; its marks count lines and columns from 0.
static od_status fail_syntax(reader *in) {
    const yaml_parser_t *parser = &in->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return od_error_set(in->error, OD_E_NO_MEMORY, "no memory to read YAML");
    }
    const char *problem = parser->problem != NULL ? parser->problem : "malformed";
    if (parser->error == YAML_READER_ERROR) {
        return od_error_set(in->error, OD_E_SYNTAX, "byte %zu: %s", parser->problem_offset + 1,
                            problem);
    }
    return od_error_set(in->error, OD_E_SYNTAX, "line %zu, column %zu: %s",
                        parser->problem_mark.line + 1, parser->problem_mark.column + 1, problem);
}

static od_status fail_at(reader *in, const char *what) {
    return od_error_set(in->error, OD_E_SYNTAX, "line %zu: %s", line_of(in), what);
}

static od_status refuse_decoration(reader *in, const void *anchor, const void *tag) {
    if (anchor != NULL) {
        return fail_at(in, "an anchor (&); write the value out");
    }
    return tag != NULL ? fail_at(in, "a tag (!); write the plain value") : OD_OK;
}

// The next event, without what no file of options needs.
static od_status next(reader *in) {
    yaml_event_delete(&in->event);
    if (!yaml_parser_parse(&in->parser, &in->event)) {
        return fail_syntax(in);
    }
    const yaml_event_t *event = &in->event;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return fail_at(in, "an alias (*); write the value out");
    case YAML_SCALAR_EVENT:
        return refuse_decoration(in, event->data.scalar.anchor, event->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_decoration(in, event->data.sequence_start.anchor,
                                 event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return refuse_decoration(in, event->data.mapping_start.anchor,
                                 event->data.mapping_start.tag);
    default:
        return OD_OK;
    }
}

static bool opens(const reader *in) {
    return in->event.type == YAML_SEQUENCE_START_EVENT ||
           in->event.type == YAML_MAPPING_START_EVENT;
}

static bool closes(const reader *in) {
    return in->event.type == YAML_SEQUENCE_END_EVENT || in->event.type == YAML_MAPPING_END_EVENT;
}

// From the beginning of a list or mapping to its end.
static od_status skip_nested(reader *in) {
    for (int depth = 1; depth > 0;) {
        OD_TRY(next(in));
        depth += opens(in) ? 1 : closes(in) ? -1 : 0;
        if (depth > OD_YAML_MAX_DEPTH) {
            return od_error_set(in->error, OD_E_SYNTAX, "line %zu: nested more than %d deep",
                                line_of(in), OD_YAML_MAX_DEPTH);
        }
    }
    return OD_OK;
}

static od_status copy_scalar(reader *in, char **out) {
    const char *value = (const char *)in->event.data.scalar.value;
    if (strlen(value) != in->event.data.scalar.length) {
        return fail_at(in, "a NUL in a text");
    }
    *out = strdup(value);
    return *out != NULL ? OD_OK : od_error_set(in->error, OD_E_NO_MEMORY, "no memory to read YAML");
}

static od_status refuse_duplicate(reader *in, const char *key) {
    for (size_t i = 0; i < in->out->count; i++) {
        if (strcmp(in->out->items[i].key, key) == 0) {
            return od_error_set(in->error, OD_E_SYNTAX,
                                "line %zu: the key \"%.100s\" stands in line %zu already",
                                line_of(in), key, in->out->items[i].line);
        }
    }
    return OD_OK;
}

// A new entry with the key under the eye.
static od_status read_key(reader *in, od_yaml_entry **out) {
    if (in->event.type != YAML_SCALAR_EVENT) {
        return fail_at(in, "a list or a mapping stands where a key should be");
    }
    if (in->out->count == OD_YAML_MAX_KEYS) {
        return od_error_set(in->error, OD_E_SYNTAX, "line %zu: more than %d keys", line_of(in),
                            OD_YAML_MAX_KEYS);
    }
    OD_TRY(refuse_duplicate(in, (const char *)in->event.data.scalar.value));
    od_yaml_entry *entry = &in->out->items[in->out->count];
    *entry = (od_yaml_entry){.line = line_of(in)};
    OD_TRY(copy_scalar(in, &entry->key));
    in->out->count++;
    *out = entry;
    return OD_OK;
}

static od_status read_value(reader *in, od_yaml_entry *entry) {
    OD_TRY(next(in));
    if (in->event.type != YAML_SCALAR_EVENT) {
        entry->kind = OD_YAML_NESTED;
        return skip_nested(in);
    }
    bool plain = in->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    entry->kind = plain ? OD_YAML_PLAIN : OD_YAML_QUOTED;
    return copy_scalar(in, &entry->value);
}

static od_status read_document(reader *in) {
    OD_TRY(next(in)); // the beginning of the stream
    OD_TRY(next(in));
    if (in->event.type == YAML_DOCUMENT_START_EVENT) {
        OD_TRY(next(in));
    }
    if (in->event.type != YAML_MAPPING_START_EVENT) {
        return fail_at(in, "the text is no mapping (lines of \"key: value\")");
    }
    OD_TRY(next(in));
    while (in->event.type != YAML_MAPPING_END_EVENT) {
        od_yaml_entry *entry = NULL;
        OD_TRY(read_key(in, &entry));
        OD_TRY(read_value(in, entry));
        OD_TRY(next(in));
    }
    OD_TRY(next(in)); // the end of the document
    OD_TRY(next(in));
    return in->event.type == YAML_STREAM_END_EVENT ? OD_OK : fail_at(in, "a second document");
}

od_status od_yaml_parse(const char *text, size_t size, od_yaml *out, od_error *error) {
    reader in = {.out = out, .error = error};
    *out = (od_yaml){0};
    if (size > OD_YAML_MAX_BYTES) {
        return od_error_set(error, OD_E_TOO_LARGE, "the text has %zu bytes; the maximum is %d",
                            size, OD_YAML_MAX_BYTES);
    }
    out->items = calloc(OD_YAML_MAX_KEYS, sizeof *out->items);
    if (out->items == NULL || !yaml_parser_initialize(&in.parser)) {
        od_yaml_fini(out);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to read YAML");
    }
    yaml_parser_set_encoding(&in.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&in.parser, (const unsigned char *)text, size);
    od_status status = read_document(&in);
    yaml_event_delete(&in.event);
    yaml_parser_delete(&in.parser);
    if (status != OD_OK) {
        od_yaml_fini(out);
    }
    return status;
}

void od_yaml_fini(od_yaml *yaml) {
    for (size_t i = 0; yaml->items != NULL && i < yaml->count; i++) {
        free(yaml->items[i].key);
        free(yaml->items[i].value);
    }
    free(yaml->items);
    *yaml = (od_yaml){0};
}
