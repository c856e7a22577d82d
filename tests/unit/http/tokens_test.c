// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"

// SHA-256 of "abc" (FIPS 180-2, appendix B.1).
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void write_file(char path[SCRATCH_PATH_BYTES], void **state, const char *text, mode_t mode) {
    snprintf(path, SCRATCH_PATH_BYTES, "%s/tokens", (const char *)*state);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static const od_token *find(const od_tokens *tokens, const char *secret) {
    uint8_t hash[OD_TOKEN_HASH_BYTES];
    od_token_hash(secret, hash);
    return od_tokens_find(tokens, hash);
}

static void a_line_is_name_role_hash(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_tokens tokens;
    od_error error;
    write_file(path, state, "# people\n\n  alice\tsubmit " ABC "\r\n", 0600);
    assert_int_equal(od_tokens_read(path, &tokens, &error), OD_OK);
    assert_int_equal(tokens.count, 1);
    const od_token *token = find(&tokens, "abc");
    assert_non_null(token);
    assert_string_equal(token->name, "alice");
    assert_int_equal(token->role, OD_ROLE_SUBMIT);
    assert_null(find(&tokens, "abd"));
    assert_null(find(&tokens, ABC));
    od_tokens_fini(&tokens);
}

static void faulty_lines_are_refused_without_being_told(void **state) {
    static const char *const faulty[] = {
        "alice submit " ABC "0\n",  "alice submit ba78\n",
        "alice root " ABC "\n",     "alice submit " ABC " more\n",
        "al/ice submit " ABC "\n",  "alice orthod_secret\n",
        "alice submit BA" ABC "\n", "a read " ABC "\na read " ABC "\n",
    };
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        char path[SCRATCH_PATH_BYTES];
        od_tokens tokens;
        od_error error;
        write_file(path, state, faulty[i], 0600);
        assert_int_equal(od_tokens_read(path, &tokens, &error), OD_E_INVALID);
        assert_non_null(strstr(error.text, "line "));
        assert_null(strstr(error.text, "secret"));
        assert_int_equal(tokens.count, 0);
    }
}

static void others_may_not_use_the_file(void **state) {
    static const mode_t modes[] = {0604, 0640, 0602, 0620, 0601, 0644, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char path[SCRATCH_PATH_BYTES];
        od_tokens tokens;
        od_error error;
        write_file(path, state, "a read " ABC "\n", modes[i]);
        assert_int_equal(od_tokens_read(path, &tokens, &error), OD_E_INVALID);
        assert_non_null(strstr(error.text, "chmod 600"));
    }
}

static void made_and_taken_back(void **state) {
    char path[SCRATCH_PATH_BYTES];
    char first[OD_TOKEN_SECRET_BYTES];
    char second[OD_TOKEN_SECRET_BYTES];
    od_tokens tokens;
    od_error error;
    struct stat info;
    snprintf(path, sizeof path, "%s/new", (const char *)*state);
    assert_int_equal(od_tokens_remove(path, "a", &error), OD_E_NOT_FOUND);
    assert_int_equal(od_tokens_add(path, "a", OD_ROLE_READ, first, &error), OD_OK);
    assert_int_equal(od_tokens_add(path, "b", OD_ROLE_ADMIN, second, &error), OD_OK);
    assert_int_equal(od_tokens_add(path, "a", OD_ROLE_READ, second, &error), OD_E_EXISTS);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(strlen(first), OD_TOKEN_SECRET_BYTES - 1);
    assert_string_not_equal(first, second);
    assert_int_equal(od_tokens_read(path, &tokens, &error), OD_OK);
    assert_int_equal(tokens.count, 2);
    assert_string_equal(find(&tokens, first)->name, "a");
    od_tokens_fini(&tokens);
    assert_int_equal(od_tokens_remove(path, "a", &error), OD_OK);
    assert_int_equal(od_tokens_read(path, &tokens, &error), OD_OK);
    assert_int_equal(tokens.count, 1);
    assert_null(find(&tokens, first));
    od_tokens_fini(&tokens);
}

static void what_no_role_was_given_to_needs_the_greatest(void **state) {
    (void)state;
    assert_int_equal(OD_ROLE_ADMIN, 0);
    assert_true(OD_ROLE_ADMIN < OD_ROLE_SUBMIT && OD_ROLE_SUBMIT < OD_ROLE_READ);
    assert_int_equal(od_role_parse("read"), OD_ROLE_READ);
    assert_int_equal(od_role_parse("none"), OD_ROLE_NONE);
    assert_null(od_role_name(OD_ROLE_NONE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_name_role_hash, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(faulty_lines_are_refused_without_being_told, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(others_may_not_use_the_file, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(made_and_taken_back, scratch_setup, scratch_teardown),
        cmocka_unit_test(what_no_role_was_given_to_needs_the_greatest),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
