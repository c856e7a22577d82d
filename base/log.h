// SPDX-License-Identifier: Apache-2.0
// One line per event on stderr: `2026-11-23T08:00:00.123Z level=info msg="listening" addr=...`.
// Any thread may log; a line is written with one write(2) and never mixed with another.
#ifndef OD_BASE_LOG_H
#define OD_BASE_LOG_H

typedef enum od_log_level { OD_LOG_DEBUG, OD_LOG_INFO, OD_LOG_WARNING, OD_LOG_ERROR } od_log_level;

// Lines below level are dropped. Starts at OD_LOG_INFO.
void od_log_set_level(od_log_level level);

// message is quoted by this function; fields is a printf format of ready `key=value` pairs and
// may be "". Strings from outside belong in message or behind od_log_quote.
void od_log(od_log_level level, const char *message, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));

// Writes text as a quoted, escaped value into out (always NUL-terminated, cut to fit); returns out.
char *od_log_quote(char *out, unsigned long out_bytes, const char *text);

#endif
