// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <locale.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(od_table *table, const char *wanted) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(od_table_print(table, out), OD_OK);
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

static void columns_are_as_wide_as_their_cells(void **state) {
    (void)state;
    static const od_column columns[] = {{"ID", true}, {"NAME", false}, {"X", true}, {"END", false}};
    od_table table = {columns, 4, {0}, false};
    od_table_add(&table, "1");
    od_table_add(&table, "a");
    od_table_addf(&table, "%d", 12345);
    od_table_add(&table, "long end");
    od_table_add(&table, "100");
    od_table_add(&table, "\033[31ml\303\244nger\n");
    od_table_add(&table, NULL);
    od_table_add(&table, "");
    check(&table, " ID  NAME         X  END\n"
                  "  1  a        12345  long end\n"
                  "100  l\303\244nger       -  -\n");
}

static void a_table_without_rows_has_its_head(void **state) {
    (void)state;
    static const od_column columns[] = {{"ID", true}, {"NAME", false}};
    od_table table = {columns, 2, {0}, false};
    check(&table, "ID  NAME\n");
}

static void pairs_have_no_head(void **state) {
    (void)state;
    static const od_column columns[] = {{NULL, false}, {NULL, false}};
    od_table table = {columns, 2, {0}, false};
    check(&table, "");
    od_table_add(&table, "name");
    od_table_add(&table, "x");
    od_table_add(&table, "id");
    od_table_add(&table, "1");
    check(&table, "name  x\nid    1\n");
}

static void wide_characters_take_two_columns(void **state) {
    (void)state;
    assert_int_equal(od_table_width(""), 0);
    assert_int_equal(od_table_width("abc"), 3);
    assert_int_equal(od_table_width("\303\244"), 1);
    assert_int_equal(od_table_width("\346\274\242\345\255\227"), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_cells),
        cmocka_unit_test(a_table_without_rows_has_its_head),
        cmocka_unit_test(pairs_have_no_head),
        cmocka_unit_test(wide_characters_take_two_columns),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
