// SPDX-License-Identifier: Apache-2.0
#include "core/data/cache.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t od_cache_hash(uint64_t hash, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

bool od_cache_path(const char *name, char out[OD_DATASETS_PATH_BYTES]) {
    static const struct {
        const char *variable, *below;
    } places[] = {
        {"CACHE_DIRECTORY", ""}, {"XDG_CACHE_HOME", "/orthod"}, {"HOME", "/.cache/orthod"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *folder = getenv(places[i].variable);
        if (folder == NULL || *folder != '/') {
            continue;
        }
        int length =
            snprintf(out, OD_DATASETS_PATH_BYTES, "%s%s/%s", folder, places[i].below, name);
        return length < OD_DATASETS_PATH_BYTES;
    }
    return false;
}

static od_status make_folder_of(const char *path, od_error *error) {
    char folder[OD_DATASETS_PATH_BYTES];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    return od_file_make_folders(folder, error);
}

od_status od_cache_store(const char *path, const void *bytes, size_t size, od_error *error) {
    OD_TRY(make_folder_of(path, error));
    return od_file_publish(path, bytes, size, error);
}
