// SPDX-License-Identifier: Apache-2.0
// What the subcommands share: options, numbers and errors of one line.
#include "worker/command.h"

#include "worker/roots.h"

#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_line(char *text) {
    for (char *c = text; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c;
    }
    fprintf(stderr, "ortho-worker: %s\n", text);
}

int od_command_fail(int status, const char *format, ...) {
    char text[2 * OD_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_line(text);
    return status;
}

void od_command_show_faults(const char *path, const od_faults *faults) {
    od_buffer line = {0};
    od_status status = od_buffer_printf(&line, "%s: ", path);
    for (size_t i = 0; i < faults->count && status == OD_OK; i++) {
        const od_fault *fault = &faults->items[i];
        status = od_buffer_printf(&line, "%s%s%s%s", i > 0 ? "; " : "", fault->pointer,
                                  *fault->pointer != '\0' ? " " : "", fault->detail);
    }
    if (status == OD_OK) {
        print_line(line.data);
    } else {
        od_command_fail(0, "%s: %zu faults, and no memory to tell them", path, faults->count);
    }
    od_buffer_fini(&line);
}

int od_command_take_root(int option, const char *value) {
    od_error error;
    od_roots_kind kind = option == 'D' ? OD_ROOTS_DATA : OD_ROOTS_CHECKPOINT;
    return od_roots_add(kind, value, &error) == OD_OK
               ? 0
               : od_command_fail(OD_EXIT_USAGE, "--%s-root: %s",
                                 option == 'D' ? "data" : "checkpoint", error.text);
}

int od_command_option(int argc, char **argv, const struct option *options) {
    opterr = 0;
    int option = getopt_long(argc, argv, ":", options, NULL);
    if (option == ':') {
        od_command_fail(0, "%s: %s needs a value; see ortho-worker %s --help", argv[0],
                        argv[optind - 1], argv[0]);
        return '?';
    }
    if (option == '?') {
        od_command_fail(0, "%s: unknown option %s; see ortho-worker %s --help", argv[0],
                        argv[optind - 1], argv[0]);
    }
    return option;
}

int od_command_number(const char *option, const char *text, long least, long most, long *out) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || value < least || value > most) {
        od_command_fail(0, "--%s is \"%s\"; give a whole number from %ld to %ld", option, text,
                        least, most);
        return -1;
    }
    *out = value;
    return 0;
}
