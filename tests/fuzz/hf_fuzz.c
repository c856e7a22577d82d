// SPDX-License-Identifier: Apache-2.0
// config.json of a model in Hugging Face's layout: what is accepted can be written and read again.
#include "core/model/hf.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_round_trip(const od_hf_config *config) {
    char *text = NULL;
    od_hf_config again;
    FUZZ_CHECK(od_hf_config_print(config, &text, NULL) == OD_OK);
    FUZZ_CHECK(od_hf_config_parse("again", text, strlen(text), &again, NULL) == OD_OK);
    FUZZ_CHECK(again.image_size == config->image_size && again.patch_size == config->patch_size &&
               again.channels == config->channels && again.width == config->width &&
               again.depth == config->depth && again.heads == config->heads &&
               again.classes == config->classes && again.orthogonal == config->orthogonal &&
               again.eps == config->eps);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    od_hf_config config = {0};
    if (od_hf_config_parse("config.json", (const char *)data, size, &config, NULL) == OD_OK) {
        FUZZ_CHECK(config.width >= 1 && config.heads >= 1 && config.width % config.heads == 0);
        check_round_trip(&config);
    }
    return 0;
}
