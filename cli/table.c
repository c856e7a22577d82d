// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include "cli/sanitize.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { GAP = 2 };

void od_table_add(od_table *table, const char *text) {
    const char *shown = text != NULL && *text != '\0' ? text : "-";
    if (table->failed ||
        od_sanitize_append(&table->cells, shown, strlen(shown), OD_SANITIZE_LINE) != OD_OK ||
        od_buffer_append(&table->cells, "", 1) != OD_OK) {
        table->failed = true;
    }
}

void od_table_addf(od_table *table, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
        table->failed = true;
    }
    va_end(arguments);
    od_table_add(table, text);
    free(text);
}

size_t od_table_width(const char *text) {
    size_t width = 0;
    mbstate_t state = {0};
    for (size_t left = strlen(text); left > 0;) {
        wchar_t wide = 0;
        size_t bytes = mbrtowc(&wide, text, left, &state);
        if (bytes == (size_t)-1 || bytes == (size_t)-2 || bytes == 0) {
            return width + left;
        }
        int columns = wcwidth(wide);
        width += columns >= 0 ? (size_t)columns : 1;
        text += bytes;
        left -= bytes;
    }
    return width;
}

static bool has_head(const od_table *table) {
    return table->columns[0].title != NULL;
}

static void measure(const od_table *table, size_t widths[OD_TABLE_COLUMNS_MAX]) {
    for (size_t i = 0; i < table->count; i++) {
        widths[i] = has_head(table) ? od_table_width(table->columns[i].title) : 0;
    }
    size_t column = 0;
    for (size_t at = 0; at < table->cells.size; at += strlen(table->cells.data + at) + 1) {
        size_t width = od_table_width(table->cells.data + at);
        widths[column] = width > widths[column] ? width : widths[column];
        column = (column + 1) % table->count;
    }
}

static void print_cell(const od_table *table, size_t column, const size_t *widths, const char *text,
                       FILE *out) {
    bool last = column + 1 == table->count;
    int blanks = (int)(widths[column] - od_table_width(text));
    if (table->columns[column].right) {
        fprintf(out, "%*s%s", blanks, "", text);
    } else {
        fprintf(out, "%s%*s", text, last ? 0 : blanks, "");
    }
    fprintf(out, "%*s", last ? 0 : GAP, "");
    if (last) {
        fputc('\n', out);
    }
}

od_status od_table_print(od_table *table, FILE *out) {
    assert(table->count > 0 && table->count <= OD_TABLE_COLUMNS_MAX);
    od_status status = table->failed ? OD_E_NO_MEMORY : OD_OK;
    if (status == OD_OK) {
        size_t widths[OD_TABLE_COLUMNS_MAX] = {0};
        measure(table, widths);
        for (size_t i = 0; has_head(table) && i < table->count; i++) {
            print_cell(table, i, widths, table->columns[i].title, out);
        }
        size_t column = 0;
        for (size_t at = 0; at < table->cells.size; at += strlen(table->cells.data + at) + 1) {
            print_cell(table, column, widths, table->cells.data + at, out);
            column = (column + 1) % table->count;
        }
    }
    od_buffer_fini(&table->cells);
    table->cells = (od_buffer){0};
    table->failed = false;
    return status;
}
