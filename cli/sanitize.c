// SPDX-License-Identifier: Apache-2.0
#include "cli/sanitize.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    ESC = 0x1b,
    BEL = 0x07,
    C1_DCS = 0x90,
    C1_SOS = 0x98,
    C1_CSI = 0x9b,
    C1_ST = 0x9c,
    C1_OSC = 0x9d,
    C1_PM = 0x9e,
    C1_APC = 0x9f,
};

// The code point of the valid sequence of `bytes` bytes at `at`.
static uint32_t decode(const char *at, size_t bytes) {
    static const uint8_t lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (uint8_t)at[0] & lead_mask[bytes];
    for (size_t i = 1; i < bytes; i++) {
        code = code << 6 | ((uint8_t)at[i] & 0x3fU);
    }
    return code;
}

// Parameters and intermediates, then one final byte.
static const char *skip_csi(const char *at, const char *end) {
    const char *start = at;
    while (at < end && *at >= 0x20 && *at <= 0x3f) {
        at++;
    }
    return at < end && *at >= 0x40 && *at <= 0x7e ? at + 1 : start;
}

// Up to BEL or the string terminator (ESC \ or U+009C).
static const char *skip_string(const char *at, const char *end) {
    for (const char *p = at; p < end; p++) {
        if (*p == BEL) {
            return p + 1;
        }
        if (p + 1 < end && *p == ESC && p[1] == '\\') {
            return p + 2;
        }
        if (p + 1 < end && (uint8_t)*p == 0xc2 && (uint8_t)p[1] == C1_ST) {
            return p + 2;
        }
    }
    return at;
}

// at is behind the 8-bit introducer, or behind ESC and the letter that stands for it.
static const char *skip_sequence(uint32_t introducer, const char *at, const char *end) {
    switch (introducer) {
    case C1_CSI:
        return skip_csi(at, end);
    case C1_DCS:
    case C1_SOS:
    case C1_OSC:
    case C1_PM:
    case C1_APC:
        return skip_string(at, end);
    default:
        return at;
    }
}

static const char *skip_escape(const char *at, const char *end) {
    const char *start = at;
    if (at < end && *at >= 0x40 && *at <= 0x5f) {
        return skip_sequence((uint32_t)*at + 0x40, at + 1, end);
    }
    while (at < end && *at >= 0x20 && *at <= 0x2f) {
        at++;
    }
    return at < end && *at >= 0x30 && *at <= 0x7e ? at + 1 : start;
}

static bool is_unseen(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

od_status od_sanitize_append(od_buffer *out, const char *text, size_t size, od_sanitize_form form) {
    const char *end = text + size;
    for (const char *at = text; at < end;) {
        size_t bytes = od_utf8_length(at, end);
        if (bytes == 0) {
            OD_TRY(od_buffer_append(out, "?", 1));
            at++;
            continue;
        }
        uint32_t code = decode(at, bytes);
        const char *next = at + bytes;
        if (code == ESC) {
            next = skip_escape(next, end);
        } else if (code == '\n' || code == '\t') {
            OD_TRY(od_buffer_append(out, form == OD_SANITIZE_LINE ? " " : at, 1));
        } else if (code == '\r' && form == OD_SANITIZE_LINE) {
            OD_TRY(od_buffer_append(out, " ", 1));
        } else if (is_unseen(code)) {
            next = skip_sequence(code, next, end);
        } else {
            OD_TRY(od_buffer_append(out, at, bytes));
        }
        at = next;
    }
    return OD_OK;
}
