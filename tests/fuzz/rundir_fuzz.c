// SPDX-License-Identifier: Apache-2.0
// What a worker makes of the events.ndjson that it finds: a new attempt behind a whole last line.
#include "worker/rundir.h"

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

static void check_end(const od_rundir *rundir, size_t size) {
    char last = 0;
    off_t end = lseek(rundir->events_fd, 0, SEEK_END);
    FUZZ_CHECK(end == (off_t)size || end == (off_t)size + 1);
    FUZZ_CHECK(end == 0 || (pread(rundir->events_fd, &last, 1, end - 1) == 1 && last == '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    od_rundir rundir;
    const char *folder = fuzz_folder("events.ndjson", data, size);
    FUZZ_CHECK(od_rundir_open(&rundir, folder, -1, 0, NULL) == OD_OK);
    FUZZ_CHECK(rundir.attempt >= 1);
    check_end(&rundir, size);
    od_rundir_close(&rundir);
    return 0;
}
