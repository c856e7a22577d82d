// SPDX-License-Identifier: Apache-2.0
// A checkpoint's state.json: what is read can be written and reads the same again.
#include "worker/state.h"

#include "tests/fuzz/fuzz.h"

#include <string.h>

// worker/meter.c tells the statistics of a trainer by these names; no state has any.
const char *const od_connection_stat_names[OD_CONNECT_STATS] = {0};

static void read_again(const od_state *state) {
    od_state again = {0};
    const char *folder = fuzz_folder("state.json", NULL, 0);
    FUZZ_CHECK(od_state_write(folder, state, NULL) == OD_OK);
    FUZZ_CHECK(od_state_read(folder, &again, NULL) == OD_OK);
    FUZZ_CHECK(again.step == state->step && again.epoch == state->epoch);
    FUZZ_CHECK(again.threads == state->threads && strcmp(again.spec, state->spec) == 0);
    FUZZ_CHECK(strcmp(again.backend, state->backend) == 0);
    FUZZ_CHECK(again.has_interval == state->has_interval);
    FUZZ_CHECK(again.meter.steps == state->meter.steps);
    for (int i = 0; i < OD_STATE_FILES; i++) {
        FUZZ_CHECK(again.files[i].is_there == state->files[i].is_there);
        FUZZ_CHECK(again.files[i].bytes == state->files[i].bytes);
        FUZZ_CHECK(strcmp(again.files[i].crc32, state->files[i].crc32) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    od_state state;
    od_error error = {0};
    if (od_state_parse((const char *)data, size, &state, &error) == OD_OK) {
        read_again(&state);
    } else {
        FUZZ_CHECK(error.text[0] != '\0');
    }
    return 0;
}
