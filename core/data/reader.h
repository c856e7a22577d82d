// SPDX-License-Identifier: Apache-2.0
// Images of a data set by number, decoded. Each thread has a reader of its own; readers of one data
// set work at the same time.
#ifndef OD_CORE_DATA_READER_H
#define OD_CORE_DATA_READER_H

#include "core/data/dataset.h"
#include "core/data/decode.h"

typedef struct od_reader od_reader;

// Borrows dataset until od_reader_free.
od_status od_reader_new(const od_dataset *dataset, od_reader **out, od_error *error) OD_MUST_CHECK;
void od_reader_free(od_reader *reader); // NULL is fine

// Borrows the image until the next read or od_reader_free; of a data set in memory, it is a view. Of
// others it is 3 channels, in full size or as hint (NULL: none) asks. Memory grows to the largest
// image and stays. OD_E_CORRUPT and OD_E_TOO_LARGE: the image cannot be decoded; OD_E_NOT_FOUND,
// OD_E_IO: its file cannot be read. The error names the file.
od_status od_reader_read(od_reader *reader, int64_t index, const od_decode_hint *hint,
                         const od_image **out, od_error *error) OD_MUST_CHECK;

#endif
