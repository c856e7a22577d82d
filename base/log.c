// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

static _Atomic int threshold = OD_LOG_INFO;

void od_log_set_level(od_log_level level) {
    atomic_store(&threshold, (int)level);
}

char *od_log_quote(char *out, unsigned long out_bytes, const char *text) {
    unsigned long used = 0;
    out[used++] = '"';
    for (; *text != '\0' && used + 6 < out_bytes; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            out[used++] = '\\';
            out[used++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            used += (unsigned long)snprintf(out + used, 5, "\\x%02x", c);
        } else {
            out[used++] = (char)c;
        }
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}

void od_log(od_log_level level, const char *message, const char *fields, ...) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    if ((int)level < atomic_load(&threshold)) {
        return;
    }
    char line[LINE_BYTES];
    char quoted[LINE_BYTES / 2];
    char now[OD_CLOCK_TEXT_BYTES];
    int used =
        snprintf(line, sizeof line, "%s level=%s msg=%s ", od_clock_text(now, od_clock_wall_ms()),
                 names[level], od_log_quote(quoted, sizeof quoted, message));
    va_list arguments;
    va_start(arguments, fields);
    int more = vsnprintf(line + used, sizeof line - (size_t)used, fields, arguments);
    va_end(arguments);
    size_t length = strlen(line);
    if (more == 0) {
        length--; // the space that would have parted message and fields
    } else if (length > sizeof line - 2) {
        length = sizeof line - 2;
    }
    line[length++] = '\n';
    // A full disk or closed terminal must not stop the work that is being told about.
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}
