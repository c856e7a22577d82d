// SPDX-License-Identifier: Apache-2.0
// Remembers in the cache folder which large files were read whole and found sound. A plan reads a
// packed data set to its last checksum, which takes a fraction of a second; with this it does so
// once for each version of the file.
#ifndef OD_CORE_DATA_SOUND_H
#define OD_CORE_DATA_SOUND_H

#include "base/datasets.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct od_sound {
    char note_path[OD_DATASETS_PATH_BYTES]; // "": cannot or need not be remembered
    char note[OD_DATASETS_PATH_BYTES + 256];
    size_t note_bytes;
} od_sound;

// What tells this version of the file from others: its path, inode, size and both times. To be
// taken before the file is read, so that a change meanwhile is not remembered as sound. A file
// below 1 MiB is not worth a note.
void od_sound_look(const char *path, od_sound *out);

bool od_sound_is_known(const od_sound *version);

// A note that cannot be kept is logged; the next plan takes as long as this one.
void od_sound_remember(const od_sound *version);

#endif
