// SPDX-License-Identifier: Apache-2.0
// Thousands of damaged specs, experiments and schemas through everything that reads them. The
// damage is drawn from a fixed seed; what may not happen is a crash, a leak (seen by the
// sanitizers), or an answer that contradicts another.
#include "base/json.h"
#include "base/schemas.h"
#include "base/vary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 2000, MAX_BYTES = 8192 };

typedef struct tally {
    int parsed, valid;
} tally;

static uint64_t random_state = 20251118;

// splitmix64
static size_t draw(size_t bound) {
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (size_t)((z ^ (z >> 31)) % bound);
}

static const char *const pieces[] = {
    "null",
    "true",
    "-1",
    "0",
    "1.5",
    "1e400",
    "9007199254740993",
    "\"\"",
    "[]",
    "{}",
    "[1]",
    "\"auto\"",
    "\"linear\"",
    "\\u0000",
    "\\ud800",
    "\xff",
    "{\"alpha\":1}",
    ",",
    ":",
    "\"",
    "}",
    "]",
    "[[[[[[[[",
    "\"seed\":",
};

// Cuts out, doubles or replaces a run of bytes.
static size_t damage(char *text, size_t size) {
    size_t at = draw(size + 1);
    size_t run = draw(12);
    run = at + run > size ? size - at : run;
    const char *piece = pieces[draw(sizeof pieces / sizeof *pieces)];
    char copy[16];
    memcpy(copy, text + at, run);
    copy[run] = '\0';
    if (draw(3) == 0) {
        piece = copy;
        run = 0;
    } else if (draw(3) == 0) {
        piece = "";
    }
    size_t length = strlen(piece);
    if (size - run + length > MAX_BYTES) {
        return size;
    }
    memmove(text + at + length, text + at + run, size - at - run);
    memcpy(text + at, piece, length);
    return size - run + length;
}

static cJSON *random_node(cJSON *node) {
    while (node->child != NULL && draw(4) > 0) {
        node = cJSON_GetArrayItem(node, (int)draw((size_t)cJSON_GetArraySize(node)));
    }
    return node;
}

// Puts a copy of a random value in the place of a random member, or a new member beside it.
static void damage_tree(cJSON *root) {
    static const char *const values[] = {"null", "true", "-1",  "0.5", "\"x\"",
                                         "[]",   "{}",   "[1]", "1e9", "{\"seed\":1}"};
    const char *text = values[draw(sizeof values / sizeof *values)];
    cJSON *value = NULL;
    assert_int_equal(od_json_parse(text, strlen(text), &value, NULL), OD_OK);
    cJSON *parent = random_node(root);
    while (!cJSON_IsObject(parent)) {
        parent = random_node(root);
    }
    cJSON *member = parent->child;
    for (size_t skip = draw(6); member != NULL && skip > 0; skip--) {
        member = member->next;
    }
    if (member == NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(parent, "extra");
        cJSON_AddItemToObject(parent, "extra", value);
    } else {
        char name[64];
        snprintf(name, sizeof name, "%.63s", member->string);
        if (!cJSON_ReplaceItemInObjectCaseSensitive(parent, name, value)) {
            cJSON_Delete(value);
        }
    }
}

static void check_faults(const od_faults *faults) {
    assert_true(faults->count <= OD_FAULTS_MAX + 1);
    for (size_t i = 0; i < faults->count; i++) {
        assert_true(faults->items[i].pointer[0] == '\0' || faults->items[i].pointer[0] == '/');
        assert_true(faults->items[i].detail[0] != '\0');
    }
}

static bool is_valid(const od_schema *schema, const cJSON *value) {
    od_faults faults = {0};
    assert_int_equal(od_schema_validate(schema, value, &faults), OD_OK);
    check_faults(&faults);
    bool valid = faults.count == 0;
    od_faults_fini(&faults);
    return valid;
}

// Printing and reading gives the same value, with the same canonical text.
static void check_round_trip(const cJSON *value) {
    char *text = od_json_print(value);
    cJSON *back = NULL;
    od_error error = {0};
    if (od_json_parse(text, strlen(text), &back, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    assert_true(od_json_equal(value, back));
    char *a = od_json_canonical(value);
    char *b = od_json_canonical(back);
    assert_string_equal(a, b);
    free(a);
    free(b);
    cJSON_Delete(back);
    free(text);
}

// Filling in defaults keeps a spec valid, and doing it twice changes nothing.
static void check_spec(const od_schema *schema, cJSON *spec, tally *counts) {
    check_round_trip(spec);
    if (!is_valid(schema, spec)) {
        return;
    }
    counts->valid++;
    assert_int_equal(od_schema_fill_defaults(schema, spec), OD_OK);
    assert_true(is_valid(schema, spec));
    char *once = od_json_print(spec);
    assert_int_equal(od_schema_fill_defaults(schema, spec), OD_OK);
    char *twice = od_json_print(spec);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
}

static const od_embedded_file *recipe(const char *name) {
    const od_embedded_file *file = od_embedded_find(od_recipes_embedded, name);
    assert_non_null(file);
    assert_true(file->size < MAX_BYTES / 2);
    return file;
}

// The recipe with some bytes or some members changed; NULL when it is no JSON any more.
static cJSON *damaged(const od_embedded_file *file) {
    char text[MAX_BYTES];
    size_t size = file->size;
    memcpy(text, file->data, size);
    bool in_bytes = draw(2) == 0;
    for (size_t times = in_bytes ? draw(3) : 0; times > 0; times--) {
        size = damage(text, size);
    }
    cJSON *value = NULL;
    if (od_json_parse(text, size, &value, NULL) != OD_OK) {
        return NULL;
    }
    for (size_t times = in_bytes || !cJSON_IsObject(value) ? 0 : draw(4); times > 0; times--) {
        damage_tree(value);
    }
    return value;
}

static void damaged_specs_are_read_or_refused(void **state) {
    (void)state;
    od_schema *schema = NULL;
    assert_int_equal(od_schemas_job(&schema, NULL), OD_OK);
    tally counts = {0};
    for (int round = 0; round < ROUNDS; round++) {
        cJSON *spec = damaged(recipe("fashion-mnist-smoke.json"));
        counts.parsed += spec != NULL;
        if (spec != NULL) {
            check_spec(schema, spec, &counts);
        }
        cJSON_Delete(spec);
    }
    print_message("# %d of %d are JSON, %d are valid\n", counts.parsed, ROUNDS, counts.valid);
    // Both ways must have been walked often.
    assert_in_range(counts.parsed, ROUNDS / 4, ROUNDS - ROUNDS / 10);
    assert_in_range(counts.valid, ROUNDS / 10, counts.parsed - ROUNDS / 10);
    od_schema_free(schema);
}

static void damaged_experiments_are_expanded_or_refused(void **state) {
    (void)state;
    od_schema *schema = NULL;
    od_schema *job_schema = NULL;
    assert_int_equal(od_schemas_experiment(&schema, NULL), OD_OK);
    assert_int_equal(od_schemas_job(&job_schema, NULL), OD_OK);
    tally counts = {0};
    for (int round = 0; round < ROUNDS; round++) {
        cJSON *experiment = damaged(recipe("fashion-mnist-pair.json"));
        if (experiment != NULL && is_valid(schema, experiment)) {
            od_vary vary;
            od_faults faults = {0};
            counts.parsed++;
            assert_int_equal(od_vary_expand(experiment, job_schema, &vary, &faults), OD_OK);
            check_faults(&faults);
            // Jobs or faults, never neither; with faults the jobs are only there to be looked at.
            assert_true(vary.count > 0 || faults.count > 0);
            for (size_t i = 0; i < vary.count && faults.count == 0; i++) {
                assert_true(is_valid(job_schema, vary.items[i].spec));
            }
            counts.valid += faults.count == 0;
            od_vary_fini(&vary);
            od_faults_fini(&faults);
        }
        cJSON_Delete(experiment);
    }
    print_message("# %d of %d are experiments, %d have jobs\n", counts.parsed, ROUNDS,
                  counts.valid);
    assert_in_range(counts.parsed, ROUNDS / 10, ROUNDS);
    assert_in_range(counts.valid, ROUNDS / 20, counts.parsed - ROUNDS / 20);
    od_schema_free(job_schema);
    od_schema_free(schema);
}

static void damaged_schemas_are_loaded_or_refused(void **state) {
    (void)state;
    const od_embedded_file *file = od_embedded_find(od_schemas_embedded, "experiment.schema.json");
    const od_embedded_file *instance = recipe("fashion-mnist-pair.json");
    int loaded = 0;
    for (int round = 0; round < ROUNDS; round++) {
        cJSON *tree = damaged(file);
        char *text = tree != NULL ? od_json_print(tree) : NULL;
        od_schema *schema = NULL;
        if (text != NULL && od_schema_new(text, strlen(text), &schema, NULL) == OD_OK) {
            cJSON *value = damaged(instance);
            if (value != NULL) {
                (void)is_valid(schema, value);
                assert_int_equal(od_schema_fill_defaults(schema, value), OD_OK);
            }
            cJSON_Delete(value);
            od_schema_free(schema);
            loaded++;
        }
        free(text);
        cJSON_Delete(tree);
    }
    print_message("# %d of %d were loaded\n", loaded, ROUNDS);
    assert_in_range(loaded, ROUNDS / 10, ROUNDS - ROUNDS / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_specs_are_read_or_refused),
        cmocka_unit_test(damaged_experiments_are_expanded_or_refused),
        cmocka_unit_test(damaged_schemas_are_loaded_or_refused),
    };
    return cmocka_run_group_tests_name("mutation", tests, NULL, NULL);
}
