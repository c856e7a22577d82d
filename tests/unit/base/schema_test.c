// SPDX-License-Identifier: Apache-2.0
// The validator: the public test suite for the keywords it has, what it refuses to load, the words
// of its faults, and defaults.
#include "base/schema.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static cJSON *parse(const char *text) {
    cJSON *value = NULL;
    od_error error = {0};
    if (od_json_parse(text, strlen(text), &value, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return value;
}

static od_schema *load(const char *text) {
    od_schema *schema = NULL;
    od_error error = {0};
    if (od_schema_new(text, strlen(text), &schema, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return schema;
}

// --- the public suite ---------------------------------------------------------------------

// Debian's package json-schema-test-suite ends with draft 7. Its files for these keywords mean the
// same in draft 2020-12, once "definitions" is called "$defs".
static const char suite_folder[] = "/usr/share/json-schema-test-suite/tests/draft7";
static const char *const suite_files[] = {
    "additionalProperties",
    "boolean_schema",
    "const",
    "default",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "properties",
    "propertyNames",
    "required",
    "type",
    "uniqueItems",
    "optional/bignum",
    "ref",
};

// Groups whose schemas use what this validator does not have; loading them must fail.
static const struct {
    const char *file, *group;
} refused_groups[] = {
    {"additionalProperties",
     "additionalProperties being false does not allow other properties"}, // patternProperties
    {"additionalProperties", "non-ASCII pattern with additionalProperties"},
    {"properties", "properties, patternProperties, additionalProperties interaction"},
    {"items", "an array of schemas for items"}, // not so in 2020-12
    {"items", "items with boolean schemas"},
    {"ref", "root pointer ref"}, // references to other places than $defs
    {"ref", "relative pointer ref to object"},
    {"ref", "relative pointer ref to array"},
    {"ref", "escaped pointer ref"},
    {"ref", "remote ref, containing refs itself"},
    {"ref", "Recursive references between schemas"},
};

// Groups that say nothing here: strings with NUL, which od_json_parse refuses and cJSON cannot
// hold; and a rule of draft 7 that draft 2019-09 turned round.
static const char *const left_out_groups[] = {
    "nul characters in strings",
    "ref overrides any sibling keywords",
};

static bool is_refused_group(const char *file, const char *group) {
    for (size_t i = 0; i < sizeof refused_groups / sizeof *refused_groups; i++) {
        if (strcmp(refused_groups[i].file, file) == 0 &&
            strcmp(refused_groups[i].group, group) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_left_out(const char *group) {
    for (size_t i = 0; i < sizeof left_out_groups / sizeof *left_out_groups; i++) {
        if (strcmp(left_out_groups[i], group) == 0) {
            return true;
        }
    }
    return false;
}

static int run_cases(const od_schema *schema, const char *file, const char *group,
                     const cJSON *cases) {
    int wrong = 0;
    const cJSON *one;
    cJSON_ArrayForEach(one, cases) {
        od_faults faults = {0};
        assert_int_equal(od_schema_validate(schema, cJSON_GetObjectItem(one, "data"), &faults),
                         OD_OK);
        bool valid = cJSON_IsTrue(cJSON_GetObjectItem(one, "valid"));
        if (valid != (faults.count == 0)) {
            wrong++;
            print_message("# %s: %s: %s: must be %s\n", file, group,
                          cJSON_GetObjectItem(one, "description")->valuestring,
                          valid ? "valid" : "invalid");
        }
        od_faults_fini(&faults);
    }
    return wrong;
}

static int run_group(const char *file, const cJSON *group, int *ran) {
    const char *name = cJSON_GetObjectItem(group, "description")->valuestring;
    if (is_left_out(name)) {
        return 0;
    }
    char *text = od_json_print(cJSON_GetObjectItem(group, "schema"));
    od_schema *schema = NULL;
    od_error error = {0};
    od_status status = od_schema_new(text, strlen(text), &schema, &error);
    free(text);
    if (is_refused_group(file, name) != (status != OD_OK)) {
        print_message("# %s: %s: %s\n", file, name, status != OD_OK ? error.text : "was loaded");
        od_schema_free(schema);
        return 1;
    }
    if (status != OD_OK) {
        return 0;
    }
    const cJSON *cases = cJSON_GetObjectItem(group, "tests");
    *ran += cJSON_GetArraySize(cases);
    int wrong = run_cases(schema, file, name, cases);
    od_schema_free(schema);
    return wrong;
}

// "definitions" has six bytes more than "$defs".
static void rename_definitions(char *text) {
    for (char *at = strstr(text, "definitions"); at != NULL; at = strstr(at, "definitions")) {
        memcpy(at, "$defs", 5);
        memmove(at + 5, at + 11, strlen(at + 11) + 1);
    }
}

static int run_file(const char *file, int *ran) {
    char path[256];
    od_buffer text = {0};
    snprintf(path, sizeof path, "%s/%s.json", suite_folder, file);
    od_error error = {0};
    if (od_file_read(path, 1 << 20, &text, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    rename_definitions(text.data);
    // cJSON's own reader: some of the suite's documents are more than od_json_parse accepts.
    cJSON *groups = cJSON_Parse(text.data);
    assert_non_null(groups);
    int wrong = 0;
    const cJSON *group;
    cJSON_ArrayForEach(group, groups) {
        wrong += run_group(file, group, ran);
    }
    cJSON_Delete(groups);
    od_buffer_fini(&text);
    return wrong;
}

static void agrees_with_the_public_suite(void **state) {
    (void)state;
    if (access(suite_folder, R_OK) != 0) {
        print_message("# %s is missing: apt-get install json-schema-test-suite\n", suite_folder);
        skip();
    }
    int wrong = 0;
    int ran = 0;
    for (size_t i = 0; i < sizeof suite_files / sizeof *suite_files; i++) {
        wrong += run_file(suite_files[i], &ran);
    }
    print_message("# %d cases of the suite\n", ran);
    assert_int_equal(wrong, 0);
}

// --- loading ------------------------------------------------------------------------------

static void refuses_schemas_it_could_not_follow(void **state) {
    (void)state;
    static const struct {
        const char *text;
        od_status status;
        const char *message;
    } cases[] = {
        {"{\"type\":", OD_E_SYNTAX, "line 1, column 9"},
        {"[]", OD_E_INVALID, "must be an object, true or false"},
        {"{\"oneOf\":[true]}", OD_E_UNSUPPORTED, "the keyword \"oneOf\" in \"\" is not supported"},
        {"{\"properties\":{\"a/b\":{\"x-unit\":1}}}", OD_E_UNSUPPORTED,
         "the keyword \"x-unit\" in \"/properties/a~1b\""},
        {"{\"$defs\":{\"a\":{\"minimun\":1}}}", OD_E_UNSUPPORTED, "\"minimun\" in \"/$defs/a\""},
        {"{\"items\":{\"Type\":1}}", OD_E_UNSUPPORTED, "\"Type\" in \"/items\""},
        {"{\"propertyNames\":{\"if\":1}}", OD_E_UNSUPPORTED, "in \"/propertyNames\""},
        {"{\"additionalProperties\":{\"if\":1}}", OD_E_UNSUPPORTED, "in \"/additionalProperties\""},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", OD_E_INVALID, "2020-12"},
        {"{\"$id\":1}", OD_E_INVALID, "\"$id\" in \"\" must be a string"},
        {"{\"type\":\"float\"}", OD_E_INVALID, "\"type\" in \"\" is no type"},
        {"{\"type\":[]}", OD_E_INVALID, "must be a type or a list of types"},
        {"{\"type\":[\"null\",1]}", OD_E_INVALID, "holds what is no type"},
        {"{\"enum\":1}", OD_E_INVALID, "must be an array"},
        {"{\"minimum\":\"1\"}", OD_E_INVALID, "must be a number"},
        {"{\"exclusiveMaximum\":true}", OD_E_INVALID, "must be a number"},
        {"{\"maxLength\":-1}", OD_E_INVALID, "must be a whole number from 0"},
        {"{\"minItems\":1.5}", OD_E_INVALID, "must be a whole number from 0"},
        {"{\"pattern\":\"(\"}", OD_E_INVALID, "must be a POSIX extended regular expression"},
        {"{\"pattern\":7}", OD_E_INVALID, "must be a POSIX extended regular expression"},
        {"{\"uniqueItems\":1}", OD_E_INVALID, "must be true or false"},
        {"{\"items\":[true]}", OD_E_INVALID, "\"/items\" must be an object, true or false"},
        {"{\"properties\":[]}", OD_E_INVALID, "must be an object"},
        {"{\"properties\":{\"a\":1}}", OD_E_INVALID, "\"/properties/a\" must be an object"},
        {"{\"required\":[1]}", OD_E_INVALID, "must hold strings only"},
        {"{\"required\":\"a\"}", OD_E_INVALID, "must be an array of strings"},
        {"{\"examples\":1}", OD_E_INVALID, "must be an array"},
        {"{\"$ref\":\"#/$defs/a\"}", OD_E_INVALID, "must lead to #/$defs/NAME"},
        {"{\"$ref\":\"#\"}", OD_E_INVALID, "must lead to #/$defs/NAME"},
        {"{\"$ref\":\"http://example.org/\"}", OD_E_INVALID, "must lead to #/$defs/NAME"},
        {"{\"$ref\":7}", OD_E_INVALID, "must lead to #/$defs/NAME"},
        {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}", OD_E_INVALID, "leads round in circles"},
        {"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
         "\"b\":{\"$ref\":\"#/$defs/a\"}}}",
         OD_E_INVALID, "leads round in circles"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        od_schema *schema = NULL;
        od_error error = {0};
        od_status status = od_schema_new(cases[i].text, strlen(cases[i].text), &schema, &error);
        if (status != cases[i].status || schema != NULL ||
            strstr(error.text, cases[i].message) == NULL) {
            fail_msg("%s: status %d, \"%s\"", cases[i].text, status, error.text);
        }
    }
    od_schema_free(NULL);
}

// --- faults -------------------------------------------------------------------------------

// One line a fault: "POINTER DETAIL\n".
static void expect_faults(const char *schema_text, const char *instance_text,
                          const char *expected) {
    od_schema *schema = load(schema_text);
    cJSON *instance = parse(instance_text);
    od_faults faults = {0};
    assert_int_equal(od_schema_validate(schema, instance, &faults), OD_OK);
    od_buffer found = {0};
    assert_int_equal(od_buffer_append_text(&found, ""), OD_OK);
    for (size_t i = 0; i < faults.count; i++) {
        assert_int_equal(
            od_buffer_printf(&found, "%s %s\n", faults.items[i].pointer, faults.items[i].detail),
            OD_OK);
    }
    assert_string_equal(found.data, expected);
    od_buffer_fini(&found);
    od_faults_fini(&faults);
    cJSON_Delete(instance);
    od_schema_free(schema);
}

static void faults_name_value_and_what_is_allowed(void **state) {
    (void)state;
    static const struct {
        const char *schema, *instance, *faults;
    } cases[] = {
        {"{\"type\":\"integer\"}", "1.5", " is 1.5; must be an integer\n"},
        {"{\"type\":[\"string\",\"array\",\"null\"]}", "{}",
         " is an object; must be a string or an array or null\n"},
        // the type is wrong: nothing else is said
        {"{\"type\":\"string\",\"enum\":[\"a\"],\"const\":\"a\"}", "1",
         " is 1; must be a string\n"},
        {"{\"enum\":[1,\"a\",null,[1],{}]}", "\"b\"",
         " is \"b\"; one of 1, a, null, an array, an object\n"},
        {"{\"const\":\"x\"}", "\"y\"", " is \"y\"; must be \"x\"\n"},
        {"{\"minimum\":1,\"maximum\":3}", "0.1", " is 0.1; the minimum is 1\n"},
        {"{\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}", "1", " is 1; must be less than 1\n"},
        {"{\"exclusiveMinimum\":0}", "0", " is 0; must be greater than 0\n"},
        {"{\"minLength\":2}", "\"\xf0\x9f\x98\x80\"", " has 1 characters; the minimum is 2\n"},
        {"{\"minProperties\":1}", "{}", " has 0 keys; the minimum is 1\n"},
        {"{\"maxItems\":1,\"uniqueItems\":true,\"items\":{\"type\":\"null\"}}", "[1,1]",
         " has 2 items; the maximum is 1\n"},
        {"{\"pattern\":\"^a+$\"}", "\"ab\"", " is \"ab\"; must match ^a+$\n"},
        {"false", "1", " is not allowed here\n"},
        {"{\"properties\":{\"a\":false}}", "{\"a\":1,\"b\":2}", "/a is not allowed here\n"},
        {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},1,{\"b\":2,\"a\":1.0}]",
         " has equal items at 0 and 2; all must differ\n"},
        // pointers
        {"{\"properties\":{\"a/b\":{\"properties\":{\"~\":{\"items\":{\"type\":\"null\"}}}}}}",
         "{\"a/b\":{\"~\":[null,1,null,true]}}",
         "/a~1b/~0/1 is 1; must be null\n/a~1b/~0/3 is true; must be null\n"},
        {"{\"required\":[\"a\",\"b/c\"]}", "{\"a\":1}", "/b~1c is missing; it has no default\n"},
        // keys
        {"{\"properties\":{\"epochs\":true,\"lr\":true},\"additionalProperties\":false}",
         "{\"epoch\":1,\"lr\":2,\"x\":3}",
         "/epoch unknown key; did you mean \"epochs\"?\n/x unknown key; known here: epochs, lr\n"},
        {"{\"additionalProperties\":false}", "{\"x\":3}", "/x unknown key\n"},
        {"{\"propertyNames\":{\"maxLength\":2,\"pattern\":\"^[a-z]*$\"}}", "{\"abc\":1,\"AB\":2}",
         "/abc the key has 3 characters; the maximum is 2\n"
         "/AB the key is \"AB\"; must match ^[a-z]*$\n"},
        // references, also recursive ones and such with siblings
        {"{\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#/$defs/"
         "t\"}},"
         "\"additionalProperties\":false}},\"$ref\":\"#/$defs/t\",\"maxProperties\":1}",
         "{\"next\":{\"next\":{\"next\":1}}}", "/next/next/next is 1; must be an object\n"},
        {"{\"$defs\":{\"a\":{\"minimum\":1}},\"$ref\":\"#/$defs/a\",\"maximum\":-1}", "0",
         " is 0; the minimum is 1\n is 0; the maximum is -1\n"},
        // all at once
        {"{\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"minimum\":3}},\"required\":[\"c\"]}",
         "{\"b\":2,\"a\":1}",
         "/b is 2; the minimum is 3\n/a is 1; must be null\n/c is missing; it has no default\n"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"default\":7}}}", "{}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_faults(cases[i].schema, cases[i].instance, cases[i].faults);
    }
}

static void long_values_are_cut_between_characters(void **state) {
    (void)state;
    char text[203] = "\"";
    char expected[256];
    for (int i = 0; i < 100; i++) {
        memcpy(text + 1 + 2 * i, "\xc3\xa9", 3);
    }
    text[201] = '"';
    // 60 bytes with the quote are 29 characters of two bytes and a half.
    snprintf(expected, sizeof expected, " is %.59s…\"; must be null\n", text);
    expect_faults("{\"type\":\"null\"}", text, expected);
}

static void there_is_an_end_to_faults(void **state) {
    (void)state;
    od_schema *schema = load("{\"items\":{\"type\":\"null\"}}");
    cJSON *instance = cJSON_CreateArray();
    for (int i = 0; i < 5000; i++) {
        cJSON_AddItemToArray(instance, cJSON_CreateTrue());
    }
    od_faults faults = {0};
    assert_int_equal(od_schema_validate(schema, instance, &faults), OD_OK);
    assert_int_equal(faults.count, OD_FAULTS_MAX + 1);
    assert_string_equal(faults.items[OD_FAULTS_MAX - 1].pointer, "/99");
    assert_string_equal(faults.items[OD_FAULTS_MAX].pointer, "");
    assert_string_equal(faults.items[OD_FAULTS_MAX].detail, "has more faults than are listed here");
    assert_int_equal(od_faults_add(&faults, "/x", "%d", 1), OD_OK);
    assert_int_equal(faults.count, OD_FAULTS_MAX + 1);
    cJSON *json = od_faults_json(&faults);
    assert_int_equal(cJSON_GetArraySize(json), OD_FAULTS_MAX + 1);
    char *first = od_json_print(json->child);
    assert_string_equal(first, "{\"pointer\":\"/0\",\"detail\":\"is true; must be null\"}");
    free(first);
    cJSON_Delete(json);
    od_faults_fini(&faults);
    cJSON_Delete(instance);
    od_schema_free(schema);
}

// --- defaults -----------------------------------------------------------------------------

static void expect_filled(const char *schema_text, const char *instance_text,
                          const char *expected) {
    od_schema *schema = load(schema_text);
    cJSON *instance = parse(instance_text);
    assert_int_equal(od_schema_fill_defaults(schema, instance), OD_OK);
    char *text = od_json_print(instance);
    assert_string_equal(text, expected);
    free(text);
    cJSON_Delete(instance);
    od_schema_free(schema);
}

static void defaults_fill_what_is_absent(void **state) {
    (void)state;
    const char *nested = "{\"properties\":{\"a\":{\"default\":1},\"b\":{\"default\":{},"
                         "\"properties\":{\"c\":{\"default\":[2]},\"d\":{}}},\"e\":{}}}";
    expect_filled(nested, "{}", "{\"a\":1,\"b\":{\"c\":[2]}}");
    expect_filled(nested, "{\"e\":3,\"b\":{\"d\":4},\"a\":null}",
                  "{\"a\":null,\"b\":{\"c\":[2],\"d\":4},\"e\":3}");
    expect_filled(nested, "{\"b\":5,\"x\":6}", "{\"x\":6,\"a\":1,\"b\":5}");
    expect_filled(nested, "7", "7");
    expect_filled("true", "{}", "{}");
    expect_filled("{\"$defs\":{\"s\":{\"default\":{},\"properties\":{\"a\":{\"default\":1}}}},"
                  "\"properties\":{\"x\":{\"$ref\":\"#/$defs/s\"},"
                  "\"y\":{\"$ref\":\"#/$defs/s\",\"default\":{\"a\":2}}}}",
                  "{}", "{\"x\":{\"a\":1},\"y\":{\"a\":2}}");
}

static void a_default_inside_itself_is_refused(void **state) {
    (void)state;
    od_schema *schema = load("{\"$defs\":{\"s\":{\"default\":{},\"properties\":{\"a\":"
                             "{\"$ref\":\"#/$defs/s\"}}}},\"$ref\":\"#/$defs/s\"}");
    cJSON *instance = cJSON_CreateObject();
    assert_int_equal(od_schema_fill_defaults(schema, instance), OD_E_INVALID);
    cJSON_Delete(instance);
    od_schema_free(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_public_suite),
        cmocka_unit_test(refuses_schemas_it_could_not_follow),
        cmocka_unit_test(faults_name_value_and_what_is_allowed),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(there_is_an_end_to_faults),
        cmocka_unit_test(defaults_fill_what_is_absent),
        cmocka_unit_test(a_default_inside_itself_is_refused),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
