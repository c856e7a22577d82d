// SPDX-License-Identifier: Apache-2.0
// A note is a line of text, called by a hash of the file's path. It counts only when it is equal to
// the one that would be written now, so neither a damaged note nor a clash of hashes can vouch for a
// file.
#include "core/data/sound.h"

#include "base/file.h"
#include "base/log.h"
#include "core/data/cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SMALL_BYTES = 1 << 20 };

void od_sound_look(const char *path, od_sound *out) {
    struct stat info;
    char name[32];
    out->note_path[0] = '\0';
    if (stat(path, &info) != 0 || info.st_size < SMALL_BYTES) {
        return;
    }
    int length =
        snprintf(out->note, sizeof out->note, "sound 1 %llx %llu %lld %lld.%09ld %lld.%09ld %s\n",
                 (unsigned long long)info.st_dev, (unsigned long long)info.st_ino,
                 (long long)info.st_size, (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                 (long long)info.st_ctim.tv_sec, info.st_ctim.tv_nsec, path);
    snprintf(name, sizeof name, "%016llx.sound",
             (unsigned long long)od_cache_hash(OD_CACHE_HASH_START, path, strlen(path)));
    out->note_bytes = (size_t)length;
    if (length >= (int)sizeof out->note || !od_cache_path(name, out->note_path)) {
        out->note_path[0] = '\0';
    }
}

bool od_sound_is_known(const od_sound *version) {
    od_buffer note = {0};
    bool known = version->note_path[0] != '\0' &&
                 od_file_read(version->note_path, sizeof version->note, &note, NULL) == OD_OK &&
                 note.size == version->note_bytes &&
                 memcmp(note.data, version->note, note.size) == 0;
    od_buffer_fini(&note);
    return known;
}

void od_sound_remember(const od_sound *version) {
    od_error error = {0};
    char reason[OD_ERROR_TEXT_BYTES];
    if (version->note_path[0] != '\0' &&
        od_cache_store(version->note_path, version->note, version->note_bytes, &error) != OD_OK) {
        od_log(OD_LOG_INFO, "that a file is sound is not kept", "reason=%s",
               od_log_quote(reason, sizeof reason, error.text));
    }
}
