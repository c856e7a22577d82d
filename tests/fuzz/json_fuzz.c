// SPDX-License-Identifier: Apache-2.0
// Strict JSON: what is read prints, and reads again as the same value with the same canonical text.
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cJSON *value = NULL;
    od_error error = {0};
    if (od_json_parse((const char *)data, size, &value, &error) != OD_OK) {
        FUZZ_CHECK(error.text[0] != '\0');
        return 0;
    }
    char *text = od_json_print(value);
    cJSON *again = NULL;
    FUZZ_CHECK(text != NULL && od_json_parse(text, strlen(text), &again, NULL) == OD_OK);
    FUZZ_CHECK(od_json_equal(value, again));
    char *one = od_json_canonical(value);
    char *two = od_json_canonical(again);
    FUZZ_CHECK(strcmp(one, two) == 0);
    free(one);
    free(two);
    free(text);
    cJSON_Delete(again);
    cJSON_Delete(value);
    return 0;
}
