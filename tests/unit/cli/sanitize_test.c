// SPDX-License-Identifier: Apache-2.0
#include "cli/sanitize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, od_sanitize_form form, const char *wanted) {
    od_buffer out = {0};
    assert_int_equal(od_buffer_append(&out, "", 0), OD_OK);
    assert_int_equal(od_sanitize_append(&out, text, strlen(text), form), OD_OK);
    assert_string_equal(out.data != NULL ? out.data : "", wanted);
    od_buffer_fini(&out);
}

static void what_a_terminal_obeys_goes(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"a\033[31;1mred\033[0m", "ared"},
        {"\033[2J\033[H", ""},
        {"\033]0;title\007x", "x"},
        {"\033]52;c;aGk=\033\\x", "x"},
        {"\033Pq\033\\x", "x"},
        {"\033(Bx\033cy\0337z", "xyz"},
        {"\302\23331mred", "red"},
        {"\302\2350;title\302\234x", "x"},
        {"\033]0;no end", "0;no end"},
        {"\033[31", "31"},
        {"\033", ""},
        {"a\007\b\177\001b", "ab"},
        {"a\302\205b", "ab"},
        {"\342\200\256evil\342\201\246", "evil"},
        {"a\342\200\250b", "ab"},
        {"\303\244\342\202\254\360\237\230\200", "\303\244\342\202\254\360\237\230\200"},
        {"\377\300\200x", "???x"},
        {"\233"
         "31mx",
         "?31mx"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(cases[i][0], OD_SANITIZE_LINE, cases[i][1]);
        check(cases[i][0], OD_SANITIZE_BLOCK, cases[i][1]);
    }
}

static void only_blocks_have_lines(void **state) {
    (void)state;
    check("a\tb\r\nc", OD_SANITIZE_LINE, "a b  c");
    check("a\tb\r\nc\n", OD_SANITIZE_BLOCK, "a\tb\nc\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_terminal_obeys_goes),
        cmocka_unit_test(only_blocks_have_lines),
    };
    return cmocka_run_group_tests_name("sanitize", tests, NULL, NULL);
}
