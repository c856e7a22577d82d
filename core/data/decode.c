// SPDX-License-Identifier: Apache-2.0
#include "core/data/decode.h"

#include <stdbool.h>
#include <string.h>

od_status od_decode_check_sides(int64_t width, int64_t height, od_error *error) {
    if (width < 1 || height < 1) {
        return od_error_set(error, OD_E_CORRUPT, "the image has %lld x %lld pixels",
                            (long long)width, (long long)height);
    }
    if (width > OD_DECODE_MAX_SIDE || height > OD_DECODE_MAX_SIDE ||
        width * height > OD_DECODE_MAX_PIXELS) {
        return od_error_set(error, OD_E_TOO_LARGE,
                            "the image has %lld x %lld pixels; the limits are %d on a side and %d "
                            "altogether",
                            (long long)width, (long long)height, OD_DECODE_MAX_SIDE,
                            OD_DECODE_MAX_PIXELS);
    }
    return OD_OK;
}

static bool starts_with(const uint8_t *bytes, size_t size, const char *magic, size_t length) {
    return size >= length && memcmp(bytes, magic, length) == 0;
}

od_status od_decode(const uint8_t *bytes, size_t size, const od_decode_hint *hint, od_image *out,
                    od_error *error) {
    if (size > OD_DECODE_MAX_FILE_BYTES) {
        return od_error_set(error, OD_E_TOO_LARGE, "the image has %zu bytes; the limit is %d", size,
                            OD_DECODE_MAX_FILE_BYTES);
    }
    if (starts_with(bytes, size, "\xff\xd8\xff", 3)) {
        return od_decode_jpeg(bytes, size, hint, out, error);
    }
    if (starts_with(bytes, size, "\x89PNG\r\n\x1a\n", 8)) {
        return od_decode_png(bytes, size, out, error);
    }
    return od_error_set(error, OD_E_CORRUPT, "the image is neither JPEG nor PNG");
}
