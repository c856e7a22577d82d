// SPDX-License-Identifier: Apache-2.0
// The daemon's --config file, and that a check finds a fault where a start does.
#include "daemon/config.h"
#include "tests/fuzz/fuzz.h"

static void note_fault(void *ctx, const char *fault) {
    FUZZ_CHECK(fault[0] != '\0');
    *(size_t *)ctx += 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static od_config config;
    char name[] = "orthod", option[] = "--config", path[64], worker[] = "--worker=/bin/true";
    char *arguments[] = {name, option, path, worker, NULL};
    od_error error = {0};
    snprintf(path, sizeof path, "%s", fuzz_file(0, data, size));
    size_t faults = 0;
    od_status checked = od_config_check(4, arguments, &config, note_fault, &faults);
    od_status status = od_config_read(4, arguments, &config, &error);
    FUZZ_CHECK(checked == status && (faults > 0) == (status != OD_OK));
    if (status != OD_OK) {
        FUZZ_CHECK(error.text[0] != '\0');
        return 0;
    }
    FUZZ_CHECK(config.listen_count >= 1 && config.listen_count <= OD_CONFIG_LISTEN_MAX);
    FUZZ_CHECK(config.state_dir[0] == '/' && config.cpu_slots >= 1);
    FUZZ_CHECK(config.default_threads >= 1 && config.default_threads <= config.cpu_slots);
    return 0;
}
