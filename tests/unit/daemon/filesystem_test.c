// SPDX-License-Identifier: Apache-2.0
#include "daemon/filesystem.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cmocka.h>

// What the folder claims to lie on; 0: the truth.
static long pretended;

int __real_statfs(const char *path, struct statfs *out);
int __wrap_statfs(const char *path, struct statfs *out);
int __wrap_statfs(const char *path, struct statfs *out) {
    int result = __real_statfs(path, out);
    if (result == 0 && pretended != 0) {
        out->f_type = pretended;
    }
    return result;
}

static void a_local_folder_is_fine(void **state) {
    od_error error;
    pretended = 0;
    assert_int_equal(od_filesystem_check(*state, &error), OD_OK);
    assert_int_equal(od_filesystem_check("/nonexistent", &error), OD_OK);
    pretended = 0x65735546; // one in user space that mountinfo does not call a network
    assert_int_equal(od_filesystem_check(*state, &error), OD_OK);
}

static void a_network_is_refused_with_its_reason(void **state) {
    static const struct {
        long magic;
        const char *name;
    } networks[] = {{0x6969, "(NFS)"}, {(long)0xfe534d42, "(SMB2)"}, {0x0bd00bd0, "(Lustre)"}};
    od_error error = {0};
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        pretended = networks[i].magic;
        assert_int_equal(od_filesystem_check(*state, &error), OD_E_UNSUPPORTED);
        assert_non_null(strstr(error.text, *state));
        assert_non_null(strstr(error.text, networks[i].name));
        assert_non_null(strstr(error.text, "write-ahead log"));
        assert_non_null(strstr(error.text, "--state-dir a folder on a local disk"));
    }
    pretended = 0;
}

static void user_space_is_told_apart_by_its_type(void **state) {
    (void)state;
    assert_string_equal(od_filesystem_network(0x65735546, "fuse.sshfs"), "sshfs");
    assert_string_equal(od_filesystem_network(0x65735546, "fuse.glusterfs"), "glusterfs");
    assert_null(od_filesystem_network(0x65735546, "fuse.fuse-overlayfs"));
    assert_null(od_filesystem_network(0x65735546, "fuseblk"));
    assert_null(od_filesystem_network(0x65735546, ""));
    assert_null(od_filesystem_network(0xef53, "ext4"));
    assert_null(od_filesystem_network(0xef53, "fuse.sshfs"));
}

static void the_type_is_found_by_the_device(void **state) {
    static const char text[] =
        "21 26 0:20 / /proc rw,relatime - proc proc rw\n"
        "36 35 98:0 /a /mnt/x rw master:1 propagate_from:2 - ext4 /dev/root rw,errors=continue\n"
        "40 35 0:50 / /home/me/far rw shared:7 - fuse.sshfs me@far:/ rw,user_id=0\n"
        "nonsense\n"
        "41 35 0:51 / /cut rw";
    char type[OD_FILESYSTEM_TYPE_BYTES];
    (void)state;
    od_filesystem_type(text, makedev(98, 0), type);
    assert_string_equal(type, "ext4");
    od_filesystem_type(text, makedev(0, 50), type);
    assert_string_equal(type, "fuse.sshfs");
    od_filesystem_type(text, makedev(0, 51), type);
    assert_string_equal(type, "");
    od_filesystem_type("", makedev(0, 50), type);
    assert_string_equal(type, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_local_folder_is_fine, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_network_is_refused_with_its_reason, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test(user_space_is_told_apart_by_its_type),
        cmocka_unit_test(the_type_is_found_by_the_device),
    };
    return cmocka_run_group_tests_name("filesystem", tests, NULL, NULL);
}
