// SPDX-License-Identifier: Apache-2.0
// The certificate and key of an encrypted server, read once: a new certificate counts from the next
// start on.
#ifndef OD_HTTP_TLS_H
#define OD_HTTP_TLS_H

#include "base/error.h"

typedef struct od_tls {
    char *certificate; // PEM, the whole chain; NULL: no TLS
    char *key;         // PEM
} od_tls;

// OD_E_INVALID: a file is no PEM, or others than its owner and group may read or write the key, or
// the key is another user's; OD_E_UNSUPPORTED: this libmicrohttpd has no TLS. *out is empty then.
od_status od_tls_read(const char *certificate_path, const char *key_path, od_tls *out,
                      od_error *error) OD_MUST_CHECK;

void od_tls_fini(od_tls *tls);

#endif
