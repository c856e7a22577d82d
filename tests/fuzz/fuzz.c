// SPDX-License-Identifier: Apache-2.0
// Files live in memory, so that a fuzzer does not wait for a disk.
#include "tests/fuzz/fuzz.h"

#include "base/file.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 2, PATH_BYTES = 128 };

static void write_all(int fd, const uint8_t *data, size_t size) {
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    FUZZ_CHECK(od_file_write_all(fd, data, size, NULL) == OD_OK);
}

const char *fuzz_file(int slot, const uint8_t *data, size_t size) {
    static char paths[SLOTS][PATH_BYTES];
    static int fds[SLOTS];
    if (fds[slot] == 0) {
        fds[slot] = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(paths[slot], PATH_BYTES, "/proc/self/fd/%d", fds[slot]);
    }
    write_all(fds[slot], data, size);
    return paths[slot];
}

static char folder[PATH_BYTES];

static void remove_folder(void) {
    FUZZ_CHECK(od_file_remove_tree(folder, NULL) == OD_OK);
}

const char *fuzz_folder(const char *name, const uint8_t *data, size_t size) {
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "%s/od-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        FUZZ_CHECK(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    char path[2 * PATH_BYTES];
    char above[2 * PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(above, sizeof above, "%s", path);
    FUZZ_CHECK(od_file_make_folders(dirname(above), NULL) == OD_OK);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    write_all(fd, data, size);
    close(fd);
    return folder;
}

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    return text;
}
