// SPDX-License-Identifier: Apache-2.0
// Tensors of other types as float32.
#include "core/io/safetensors.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static float of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float of_bf16(uint16_t bits) {
    return of_bits((uint32_t)bits << 16);
}

// IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. Every value is exact.
static float of_f16(uint16_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x8000U) << 16;
    const uint32_t exponent = bits >> 10 & 0x1fU, fraction = bits & 0x3ffU;
    if (exponent == 0) {
        return copysignf((float)fraction * 0x1p-24F, of_bits(sign));
    }
    const uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
    return of_bits(sign | wide << 23 | fraction << 13);
}

static void convert(od_dtype from, const void *data, int64_t count, float *out) {
    const uint16_t *halves = data;
    const double *doubles = data;
    switch (from) {
    case OD_F16:
        for (int64_t i = 0; i < count; i++) {
            out[i] = of_f16(halves[i]);
        }
        break;
    case OD_BF16:
        for (int64_t i = 0; i < count; i++) {
            out[i] = of_bf16(halves[i]);
        }
        break;
    case OD_F64:
        for (int64_t i = 0; i < count; i++) {
            out[i] = (float)doubles[i];
        }
        break;
    default:
        memcpy(out, data, (size_t)count * sizeof *out);
    }
}

static int64_t aligned(int64_t bytes) {
    return (bytes + 7) / 8 * 8;
}

static bool stays(od_dtype dtype) {
    return dtype == OD_F32 || dtype == OD_I64;
}

// Bytes of all tensors afterwards, each at a multiple of 8; *same: none would change.
static int64_t bytes_after(const od_safetensors *file, bool *same) {
    int64_t total = 8; // never malloc(0)
    *same = true;
    for (size_t i = 0; i < file->count; i++) {
        const od_named_tensor *tensor = &file->tensors[i];
        *same = *same && stays(tensor->dtype);
        total += aligned(od_tensor_count(tensor) * (tensor->dtype == OD_I64 ? 8 : 4));
    }
    return total;
}

static void move(od_named_tensor *tensor, char *to) {
    const int64_t count = od_tensor_count(tensor);
    if (tensor->dtype == OD_I64) {
        memcpy(to, tensor->data, (size_t)count * sizeof(int64_t));
    } else {
        convert(tensor->dtype, tensor->data, count, (float *)(void *)to);
        tensor->dtype = OD_F32;
    }
    tensor->data = to;
}

od_status od_safetensors_to_f32(od_safetensors *file, od_error *error) {
    bool same;
    const int64_t total = bytes_after(file, &same);
    if (same) {
        return OD_OK;
    }
    const bool with_data = file->bytes != NULL;
    char *bytes = with_data ? malloc((size_t)total) : NULL;
    if (with_data && bytes == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %lld bytes of float32",
                            (long long)total);
    }
    char *next = bytes;
    for (size_t i = 0; i < file->count; i++) {
        od_named_tensor *tensor = &file->tensors[i];
        if (with_data) {
            move(tensor, next);
            next += aligned(od_tensor_bytes(tensor));
        } else if (!stays(tensor->dtype)) {
            tensor->dtype = OD_F32;
        }
    }
    if (with_data) {
        free(file->bytes);
        file->bytes = bytes;
    }
    return OD_OK;
}
