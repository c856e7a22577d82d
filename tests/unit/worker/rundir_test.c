// SPDX-License-Identifier: Apache-2.0
// worker/rundir.c: the lock excludes, lines are whole whatever stood there before, attempts count up,
// and a folder keeps one spec.
#include "worker/rundir.h"

#include "base/json.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

static od_rundir open_good(const char *folder, long attempt) {
    od_rundir rundir;
    od_error error = {0};
    if (od_rundir_open(&rundir, folder, -1, attempt, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return rundir;
}

static void append_event(const od_rundir *rundir, const char *type) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "type", type);
    assert_int_equal(od_rundir_append(rundir, event, NULL), OD_OK);
}

static void write_events(const char *folder, const char *text) {
    scratch_write(folder, "events.ndjson", text, strlen(text));
}

static void read_events(const char *folder, od_buffer *out) {
    char path[SCRATCH_PATH_BYTES];
    assert_int_equal(od_file_read(scratch_path(path, folder, "events.ndjson"), 1 << 20, out, NULL),
                     OD_OK);
}

static void events_are_whole_lines(void **state) {
    od_buffer text = {0};
    cJSON *event = NULL;
    od_rundir rundir = open_good(*state, 3);
    append_event(&rundir, "one");
    append_event(&rundir, "two");
    od_rundir_close(&rundir);
    read_events(*state, &text);
    char *end = strchr(text.data, '\n');
    assert_int_equal(od_json_parse(text.data, (size_t)(end - text.data), &event, NULL), OD_OK);
    assert_string_equal(cJSON_GetObjectItem(event, "type")->valuestring, "one");
    assert_int_equal(cJSON_GetObjectItem(event, "v")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(event, "attempt")->valueint, 3);
    assert_int_equal(strlen(cJSON_GetObjectItem(event, "at")->valuestring), 24);
    assert_int_equal(text.data[text.size - 1], '\n');
    cJSON_Delete(event);
    od_buffer_fini(&text);
}

static void attempts_count_up(void **state) {
    static const struct {
        const char *events;
        long attempt;
    } cases[] = {
        {"", 1},
        {"{\"attempt\":1}\n{\"attempt\":4}\n{\"attempt\":2}\n", 5},
        {"no JSON\n{\"attempt\":\"9\"}\n{\"attempt\":3}\n[]\n", 4},
        {"{\"attempt\":2}\n{\"attempt\":8", 3},
        {"\n\n", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_events(*state, cases[i].events);
        od_rundir rundir = open_good(*state, 0);
        assert_int_equal(rundir.attempt, cases[i].attempt);
        od_rundir_close(&rundir);
    }
}

static void attempts_are_found_behind_a_long_file(void **state) {
    od_buffer text = {0};
    for (int i = 0; i < 40000; i++) {
        assert_int_equal(od_buffer_append_text(&text, "{\"attempt\":6}\n"), OD_OK);
    }
    write_events(*state, text.data);
    od_rundir rundir = open_good(*state, 0);
    assert_int_equal(rundir.attempt, 7);
    od_rundir_close(&rundir);
    od_buffer_fini(&text);
}

static void a_torn_line_gets_its_end(void **state) {
    od_buffer text = {0};
    write_events(*state, "{\"attempt\":1}\n{\"att");
    od_rundir rundir = open_good(*state, 0);
    append_event(&rundir, "start");
    od_rundir_close(&rundir);
    read_events(*state, &text);
    assert_non_null(strstr(text.data, "{\"attempt\":1}\n{\"att\n{\"type\":\"start\""));
    od_buffer_fini(&text);
    write_events(*state, "{\"attempt\":1}\n");
    rundir = open_good(*state, 0);
    od_rundir_close(&rundir);
    read_events(*state, &text);
    assert_string_equal(text.data, "{\"attempt\":1}\n"); // whole: nothing is added
    od_buffer_fini(&text);
}

static void the_lock_excludes_until_it_is_closed(void **state) {
    od_rundir second;
    od_error error = {0};
    od_rundir first = open_good(*state, 0);
    assert_int_equal(od_rundir_open(&second, *state, -1, 0, &error), OD_E_BUSY);
    assert_non_null(strstr(error.text, "/lock is held"));
    od_rundir_close(&first);
    second = open_good(*state, 0);
    od_rundir_close(&second);
    od_rundir_close(&second); // twice is fine
}

static void an_inherited_lock_must_be_of_this_folder(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_rundir rundir;
    od_error error = {0};
    int fd = open(scratch_path(path, *state, "lock"), O_RDWR | O_CREAT, 0644);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(od_rundir_open(&rundir, *state, fd, 0, &error), OD_OK);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    od_rundir_close(&rundir);
    assert_int_equal(fcntl(fd, F_GETFD), -1); // taken over
    fd = open(scratch_path(path, *state, "other"), O_RDWR | O_CREAT, 0644);
    assert_int_equal(od_rundir_open(&rundir, *state, fd, 0, &error), OD_E_INVALID);
    assert_int_equal(fcntl(fd, F_GETFD), -1); // also on failure
}

static void a_folder_keeps_one_spec(void **state) {
    od_error error = {0};
    od_rundir rundir = open_good(*state, 0);
    cJSON *spec = cJSON_Parse("{\"a\": 1, \"b\": {\"c\": [1, 2.5]}}");
    cJSON *same = cJSON_Parse("{\"b\": {\"c\": [1.0, 2.5]}, \"a\": 1}");
    cJSON *other = cJSON_Parse("{\"b\": {\"c\": [1.0, 2.25]}, \"a\": 1}");
    assert_false(od_rundir_exists(*state));
    assert_int_equal(od_rundir_keep_spec(&rundir, spec, NULL), OD_OK);
    assert_true(od_rundir_exists(*state));
    assert_int_equal(od_rundir_keep_spec(&rundir, same, NULL), OD_OK);
    assert_int_equal(od_rundir_keep_spec(&rundir, other, &error), OD_E_CONFLICT);
    assert_non_null(strstr(error.text, "spec.json is another spec"));
    scratch_write(*state, "spec.json", "{", 1);
    assert_int_equal(od_rundir_keep_spec(&rundir, spec, &error), OD_E_SYNTAX);
    cJSON_Delete(spec);
    cJSON_Delete(same);
    cJSON_Delete(other);
    od_rundir_close(&rundir);
}

static void a_folder_is_made_with_those_above(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_rundir rundir = open_good(scratch_path(path, *state, "a/b/c"), 0);
    assert_int_equal(access(path, F_OK), 0);
    od_rundir_close(&rundir);
    scratch_write(*state, "file", "", 0);
    assert_int_equal(od_rundir_open(&rundir, scratch_path(path, *state, "file/run"), -1, 0, NULL),
                     OD_E_IO);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(events_are_whole_lines),
        IN_SCRATCH(attempts_count_up),
        IN_SCRATCH(attempts_are_found_behind_a_long_file),
        IN_SCRATCH(a_torn_line_gets_its_end),
        IN_SCRATCH(the_lock_excludes_until_it_is_closed),
        IN_SCRATCH(an_inherited_lock_must_be_of_this_folder),
        IN_SCRATCH(a_folder_keeps_one_spec),
        IN_SCRATCH(a_folder_is_made_with_those_above),
    };
    return cmocka_run_group_tests_name("worker/rundir", tests, NULL, NULL);
}
