// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory.h"

#include "tests/unit/daemon/fake_root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIB ((int64_t)1 << 20)

static void the_machine_has_what_the_kernel_says(void **state) {
    const char *root = *state;
    fake_root_write(root, "proc/meminfo", "MemFree: 1 kB\nMemTotal:   2097152 kB\n");
    assert_int_equal(od_memory_total_bytes(root), 2048 * MIB);
    assert_true(od_memory_total_bytes("") > 64 * MIB); // this one
    assert_int_equal(od_memory_total_bytes("/nonexistent"), 0);
}

static void the_least_limit_of_the_control_groups_counts(void **state) {
    const char *root = *state;
    fake_root_write(root, "proc/meminfo", "MemTotal: 2097152 kB\n");
    fake_root_write(root, "proc/self/cgroup", "0::/system.slice/orthod.service\n");
    fake_root_write(root, "sys/fs/cgroup/system.slice/orthod.service/memory.max", "max\n");
    assert_int_equal(od_memory_total_bytes(root), 2048 * MIB);
    fake_root_write(root, "sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
    assert_int_equal(od_memory_total_bytes(root), 1024 * MIB);
    fake_root_write(root, "sys/fs/cgroup/system.slice/orthod.service/memory.max", "536870912\n");
    assert_int_equal(od_memory_total_bytes(root), 512 * MIB);
}

static void the_older_control_groups_are_read_too(void **state) {
    const char *root = *state;
    fake_root_write(root, "proc/meminfo", "MemTotal: 2097152 kB\n");
    fake_root_write(root, "proc/self/cgroup", "5:devices:/a\n4:memory:/a/b\n0::/\n");
    fake_root_write(root, "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "268435456\n");
    fake_root_write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(od_memory_total_bytes(root), 256 * MIB);
}

static void some_is_kept_back(void **state) {
    (void)state;
    assert_int_equal(od_memory_for_runs_bytes(8192 * MIB), 7168 * MIB);
    assert_int_equal(od_memory_for_runs_bytes(524288 * MIB), (524288 - 4096) * MIB);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_machine_has_what_the_kernel_says),
        TEST(the_least_limit_of_the_control_groups_counts),
        TEST(the_older_control_groups_are_read_too),
        TEST(some_is_kept_back),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
