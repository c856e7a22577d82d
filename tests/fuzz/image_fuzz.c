// SPDX-License-Identifier: Apache-2.0
// JPEG and PNG. The first byte says how far a JPEG is scaled down.
#include "core/data/decode.h"
#include "tests/fuzz/fuzz.h"

static int scale_of(void *ctx, int64_t width, int64_t height) {
    FUZZ_CHECK(width >= 1 && height >= 1 && width * height <= OD_DECODE_MAX_PIXELS);
    return 1 << (*(const uint8_t *)ctx & 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static od_image image; // kept, as a loader's thread keeps its own
    if (size == 0) {
        return 0;
    }
    uint8_t first = data[0];
    const od_decode_hint hint = {scale_of, &first};
    if (od_decode(data + 1, size - 1, &hint, &image, NULL) == OD_OK) {
        FUZZ_CHECK(image.channels == 3 && image.width >= 1 && image.height >= 1);
        FUZZ_CHECK(od_image_bytes(&image) <= image.capacity);
        size_t sum = 0;
        for (size_t i = 0; i < od_image_bytes(&image); i += 97) {
            sum += image.pixels[i];
        }
        FUZZ_CHECK(sum <= 255 * (od_image_bytes(&image) / 97 + 1));
    }
    return 0;
}
