// SPDX-License-Identifier: Apache-2.0
#include "cli/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *value_of(const char *line, const char *field) {
    size_t length = strlen(field);
    if (strncmp(line, field, length) != 0 || line[length] != ':') {
        return NULL;
    }
    return line + length + (line[length + 1] == ' ' ? 2 : 1);
}

static void end_event(od_sse *sse) {
    if (sse->data.size > 0) {
        sse->last_id = sse->next_id;
        sse->sink(sse->ctx, sse->event, sse->data.data);
    }
    sse->event[0] = '\0';
    sse->data.size = 0;
}

static od_status take_line(od_sse *sse, const char *line) {
    const char *value = NULL;
    if (*line == '\0') {
        end_event(sse);
    } else if ((value = value_of(line, "id")) != NULL) {
        sse->next_id = strtoll(value, NULL, 10);
    } else if ((value = value_of(line, "event")) != NULL) {
        snprintf(sse->event, sizeof sse->event, "%s", value);
    } else if ((value = value_of(line, "data")) != NULL) {
        OD_TRY(od_buffer_append(&sse->data, "\n", sse->data.size > 0 ? 1 : 0));
        OD_TRY(od_buffer_append_text(&sse->data, value));
    }
    return OD_OK;
}

od_status od_sse_feed(od_sse *sse, const char *bytes, size_t size) {
    for (const char *end = bytes + size; bytes < end;) {
        const char *feed = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t part = (size_t)((feed != NULL ? feed : end) - bytes);
        OD_TRY(od_buffer_append(&sse->line, bytes, part));
        bytes += part;
        if (feed != NULL) {
            bytes++;
            OD_TRY(take_line(sse, sse->line.data));
            sse->line.size = 0;
            sse->line.data[0] = '\0';
        }
    }
    return OD_OK;
}

void od_sse_restart(od_sse *sse) {
    sse->line.size = 0;
    sse->data.size = 0;
    sse->event[0] = '\0';
}

void od_sse_fini(od_sse *sse) {
    od_buffer_fini(&sse->line);
    od_buffer_fini(&sse->data);
}
