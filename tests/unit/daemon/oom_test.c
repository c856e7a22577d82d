// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/oom.h"

#include "tests/unit/daemon/fake_root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_counts(const char *root, int64_t group, int64_t machine) {
    od_oom_counts counts = od_oom_read(root);
    assert_int_equal(counts.group, group);
    assert_int_equal(counts.machine, machine);
}

static void counts_are_read_from_where_the_kernel_keeps_them(void **state) {
    const char *root = *state;
    assert_counts(root, -1, -1);
    fake_root_write(root, "proc/vmstat", "pgfree 99\noom_kill 7\n");
    assert_counts(root, -1, 7);
    fake_root_write(root, "proc/self/cgroup", "0::/orthod.service\n");
    fake_root_write(root, "sys/fs/cgroup/orthod.service/memory.events",
                    "max 12\noom 4\noom_kill 3\noom_group_kill 0\n");
    assert_counts(root, 3, 7);
}

static void the_older_control_groups_are_read_too(void **state) {
    const char *root = *state;
    fake_root_write(root, "proc/self/cgroup", "9:cpu:/c\n4:memory:/m/n\n0::/\n");
    fake_root_write(root, "sys/fs/cgroup/memory/m/n/memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    assert_counts(root, 2, -1);
}

static od_oom_evidence compare(int64_t group, int64_t machine, int64_t group_after,
                               int64_t machine_after) {
    const od_oom_counts before = {group, machine};
    const od_oom_counts after = {group_after, machine_after};
    return od_oom_compare(&before, &after);
}

static void growth_is_evidence_and_the_group_is_better(void **state) {
    (void)state;
    assert_int_equal(compare(1, 1, 1, 1), OD_OOM_NONE);
    assert_int_equal(compare(1, 1, 2, 2), OD_OOM_GROUP);
    assert_int_equal(compare(1, 1, 1, 2), OD_OOM_MACHINE);
    assert_int_equal(compare(-1, -1, 5, 5), OD_OOM_NONE); // it was not known how many there were
    assert_int_equal(compare(-1, 1, -1, 2), OD_OOM_MACHINE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(counts_are_read_from_where_the_kernel_keeps_them),
        TEST(the_older_control_groups_are_read_too),
        TEST(growth_is_evidence_and_the_group_is_better),
    };
    return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
