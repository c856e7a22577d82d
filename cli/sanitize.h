// SPDX-License-Identifier: Apache-2.0
// What comes from a server is data, and a terminal obeys some of it: escape sequences, control
// characters, marks that turn the direction of writing. None of these get through here.
#ifndef OD_CLI_SANITIZE_H
#define OD_CLI_SANITIZE_H

#include "base/buffer.h"

typedef enum od_sanitize_form {
    OD_SANITIZE_LINE,  // one line: line breaks and tabs become spaces
    OD_SANITIZE_BLOCK, // line feeds and tabs stay
} od_sanitize_form;

// Appends text without ECMA-48 escape sequences (CSI, OSC and the like whole, 7 and 8 bit), C0 and
// C1 controls, DEL, direction marks and Unicode's own line breaks; a byte that is no UTF-8 becomes
// '?'. A sequence whose end is not in text loses only its introducer. OD_E_NO_MEMORY.
od_status od_sanitize_append(od_buffer *out, const char *text, size_t size,
                             od_sanitize_form form) OD_MUST_CHECK;

#endif
