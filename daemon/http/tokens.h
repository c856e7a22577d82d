// SPDX-License-Identifier: Apache-2.0
// The file of bearer tokens: who may do what. A line of it is
//     NAME ROLE HASH
// with HASH the SHA-256 of the secret in hex; empty lines and lines that begin with # are skipped.
// A secret is 256 random bits, so that its plain hash cannot be guessed back; it is told once, when
// it is made, and stands in no file, no log and no message.
#ifndef OD_HTTP_TOKENS_H
#define OD_HTTP_TOKENS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    OD_TOKEN_NAME_BYTES = 65,
    OD_TOKEN_HASH_BYTES = 32,
    OD_TOKEN_SECRET_BYTES = 72, // "orthod_", 64 hex digits, NUL
    OD_TOKENS_MAX = 10000,
};

// What one may do; each role has what those below it have. The greatest one is 0, so that what
// nobody gave a role to needs the greatest.
typedef enum od_role {
    OD_ROLE_ADMIN,  // delete, make tokens
    OD_ROLE_SUBMIT, // make and steer jobs
    OD_ROLE_READ,
    OD_ROLE_NONE, // of somebody without a token
} od_role;

// "read", or NULL for what is no token's role.
const char *od_role_name(od_role role);
// OD_ROLE_NONE when text is no role's name.
od_role od_role_parse(const char *text);

typedef struct od_token {
    char name[OD_TOKEN_NAME_BYTES]; // letters, digits, '.', '_', '-'
    od_role role;
    uint8_t hash[OD_TOKEN_HASH_BYTES];
} od_token;

typedef struct od_tokens {
    od_token *items;
    size_t count;
} od_tokens;

void od_tokens_fini(od_tokens *tokens);

// OD_E_INVALID: a line is none of the above, a name is there twice, or others than its owner may
// read or write the file; OD_E_IO and OD_E_NOT_FOUND: it cannot be read. *out is empty then.
od_status od_tokens_read(const char *path, od_tokens *out, od_error *error) OD_MUST_CHECK;

// The token with that hash, or NULL. How long it takes tells nothing of the hashes: all of them are
// compared, each to its end.
const od_token *od_tokens_find(const od_tokens *tokens, const uint8_t hash[OD_TOKEN_HASH_BYTES]);

// Makes a token and, where there is none yet, the file, with mode 0600. OD_E_EXISTS: the name is
// taken; OD_E_INVALID: it cannot be a name.
od_status od_tokens_add(const char *path, const char *name, od_role role,
                        char secret[OD_TOKEN_SECRET_BYTES], od_error *error) OD_MUST_CHECK;

// OD_E_NOT_FOUND: there is no such name.
od_status od_tokens_remove(const char *path, const char *name, od_error *error) OD_MUST_CHECK;

void od_token_hash(const char *secret, uint8_t out[OD_TOKEN_HASH_BYTES]);

// prefix and 256 random bits in hex.
od_status od_token_make_secret(const char *prefix, char *out, size_t size,
                               od_error *error) OD_MUST_CHECK;

#endif
