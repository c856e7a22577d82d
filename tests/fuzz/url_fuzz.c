// SPDX-License-Identifier: Apache-2.0
// Request targets: what is read is UTF-8 without NUL, and a value that is escaped reads as itself.
#include "daemon/http/url.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void read_escaped(const char *value) {
    od_buffer target = {0};
    od_url url;
    FUZZ_CHECK(od_buffer_append_text(&target, "/?a=") == OD_OK);
    FUZZ_CHECK(od_url_escape(&target, value) == OD_OK);
    FUZZ_CHECK(od_url_parse(target.data, &url, NULL) == OD_OK);
    FUZZ_CHECK(url.parameter_count == 1 && strcmp(url.parameters[0].value, value) == 0);
    od_url_fini(&url);
    od_buffer_fini(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *target = fuzz_text(data, size);
    od_url url;
    od_error error = {0};
    if (od_url_parse(target, &url, &error) == OD_OK) {
        FUZZ_CHECK(url.segment_count >= 1 && url.segment_count <= OD_URL_MAX_SEGMENTS);
        FUZZ_CHECK(url.parameter_count <= OD_URL_MAX_PARAMETERS);
        for (size_t i = 0; i < url.segment_count; i++) {
            FUZZ_CHECK(od_url_is_utf8(url.segments[i], strlen(url.segments[i])));
        }
        for (size_t i = 0; i < url.parameter_count; i++) {
            const od_url_parameter *parameter = &url.parameters[i];
            FUZZ_CHECK(od_url_parameter_value(&url, parameter->name) != NULL);
            read_escaped(parameter->value);
        }
    } else {
        FUZZ_CHECK(error.text[0] != '\0');
    }
    od_url_fini(&url);
    free(target);
    return 0;
}
