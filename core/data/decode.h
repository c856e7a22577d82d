// SPDX-License-Identifier: Apache-2.0
// JPEG and PNG files in memory become RGB pixels, the ones that PIL's Image.open(...).convert("RGB")
// gives: JPEG by libjpeg's slow integer transform with smooth upsampling; gray is repeated; alpha is
// dropped; CMYK and YCCK are taken as Adobe's inverted ones; 16-bit RGB keeps its high bytes, 16-bit
// gray is clipped at 255; palettes are looked up. Orientation, gamma and colour profiles are left
// aside. What PIL refuses (truncated data above all) is refused.
#ifndef OD_CORE_DATA_DECODE_H
#define OD_CORE_DATA_DECODE_H

#include "core/data/image.h"

enum {
    OD_DECODE_MAX_SIDE = 65500,         // JPEG's own limit
    OD_DECODE_MAX_PIXELS = 100 << 20,   // 300 MiB of RGB
    OD_DECODE_MAX_FILE_BYTES = 1 << 28, // of one image's file
};

// Asked once an image's sides are known: at which fraction 1/1, 1/2, 1/4 or 1/8 (given as 1, 2, 4
// or 8) it may be decoded. The decoded sides are the fraction's, rounded up. PNG is never scaled.
typedef struct od_decode_hint {
    int (*scale)(void *ctx, int64_t width, int64_t height);
    void *ctx;
} od_decode_hint;

// out becomes [height, width, 3]. hint NULL: full size. OD_E_CORRUPT: the bytes are no JPEG or PNG,
// are damaged or truncated; OD_E_TOO_LARGE: beyond the limits above. The error speaks of "the
// image"; the caller puts its name in front. Threads may decode at the same time.
od_status od_decode(const uint8_t *bytes, size_t size, const od_decode_hint *hint, od_image *out,
                    od_error *error) OD_MUST_CHECK;

// The two decoders behind it, which od_decode chooses between by the first bytes.
od_status od_decode_jpeg(const uint8_t *bytes, size_t size, const od_decode_hint *hint,
                         od_image *out, od_error *error) OD_MUST_CHECK;
od_status od_decode_png(const uint8_t *bytes, size_t size, od_image *out,
                        od_error *error) OD_MUST_CHECK;

// OD_E_TOO_LARGE or OD_E_CORRUPT unless an image of these sides may be decoded.
od_status od_decode_check_sides(int64_t width, int64_t height, od_error *error) OD_MUST_CHECK;

#endif
