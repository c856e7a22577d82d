// SPDX-License-Identifier: Apache-2.0
// The file is always replaced as a whole, so that a reader sees the old tokens or the new ones.
#include "daemon/http/tokens.h"

#include "base/buffer.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 4 << 20, RANDOM_BYTES = 32, LINE_FIELDS = 3 };

static const char *const role_names[] = {
    [OD_ROLE_ADMIN] = "admin", [OD_ROLE_SUBMIT] = "submit", [OD_ROLE_READ] = "read"};

const char *od_role_name(od_role role) {
    return role < OD_ROLE_NONE ? role_names[role] : NULL;
}

od_role od_role_parse(const char *text) {
    int role = OD_ROLE_ADMIN;
    while (role < OD_ROLE_NONE && strcmp(role_names[role], text) != 0) {
        role++;
    }
    return (od_role)role;
}

void od_tokens_fini(od_tokens *tokens) {
    free(tokens->items);
    *tokens = (od_tokens){0};
}

void od_token_hash(const char *secret, uint8_t out[OD_TOKEN_HASH_BYTES]) {
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, strlen(secret), (const uint8_t *)secret);
    sha256_digest(&sha, OD_TOKEN_HASH_BYTES, out);
}

const od_token *od_tokens_find(const od_tokens *tokens, const uint8_t hash[OD_TOKEN_HASH_BYTES]) {
    const od_token *found = NULL;
    for (size_t i = 0; i < tokens->count; i++) {
        if (memeql_sec(tokens->items[i].hash, hash, OD_TOKEN_HASH_BYTES) != 0) {
            found = &tokens->items[i];
        }
    }
    return found;
}

static void print_hex(char *out, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sprintf(out + 2 * i, "%02x", bytes[i]);
    }
}

od_status od_token_make_secret(const char *prefix, char *out, size_t size, od_error *error) {
    uint8_t random[RANDOM_BYTES];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return od_error_set_errno(error, errno, "cannot get random bytes");
    }
    size_t length = strlen(prefix);
    if (length + 2 * sizeof random >= size) {
        return od_error_set(error, OD_E_TOO_LARGE, "no room for a secret");
    }
    memcpy(out, prefix, length);
    print_hex(out + length, random, sizeof random);
    return OD_OK;
}

// --- reading --------------------------------------------------------------------------------

static bool is_name(const char *text) {
    size_t length = strlen(text);
    return length > 0 && length < OD_TOKEN_NAME_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

static const od_token *find_name(const od_tokens *tokens, const char *name) {
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->items[i].name, name) == 0) {
            return &tokens->items[i];
        }
    }
    return NULL;
}

static bool read_hash(const char *text, uint8_t out[OD_TOKEN_HASH_BYTES]) {
    if (strlen(text) != 2 * OD_TOKEN_HASH_BYTES ||
        strspn(text, "0123456789abcdef") != strlen(text)) {
        return false;
    }
    for (size_t i = 0; i < OD_TOKEN_HASH_BYTES; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

static od_status append(od_tokens *tokens, const od_token *token, od_error *error) {
    if (tokens->count == OD_TOKENS_MAX) {
        return od_error_set(error, OD_E_TOO_LARGE, "more than %d tokens", OD_TOKENS_MAX);
    }
    od_token *items = reallocarray(tokens->items, tokens->count + 1, sizeof *items);
    if (items == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for tokens");
    }
    tokens->items = items;
    items[tokens->count++] = *token;
    return OD_OK;
}

// The line itself is in no error: somebody may have put a secret there.
static od_status read_line(const char *line, od_tokens *out, od_error *error) {
    od_token token = {0};
    char role[8];
    char hash[2 * OD_TOKEN_HASH_BYTES + 2];
    char more[2];
    if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#') {
        return OD_OK;
    }
    if (sscanf(line, "%64s %7s %65s %1s", token.name, role, hash, more) != LINE_FIELDS ||
        !is_name(token.name) || !read_hash(hash, token.hash)) {
        return od_error_set(error, OD_E_INVALID,
                            "is not NAME ROLE HASH; make it with orthod token");
    }
    token.role = od_role_parse(role);
    if (token.role == OD_ROLE_NONE) {
        return od_error_set(error, OD_E_INVALID, "the role is not read, submit or admin");
    }
    if (find_name(out, token.name) != NULL) {
        return od_error_set(error, OD_E_INVALID, "the name %s is there twice", token.name);
    }
    return append(out, &token, error);
}

static od_status check_file(int fd, const char *path, od_error *error) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return od_error_set_errno(error, errno, "%s", path);
    }
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX) {
        return od_error_set(error, OD_E_INVALID, "%s: is no file of tokens", path);
    }
    if ((info.st_mode & 077) != 0) {
        return od_error_set(error, OD_E_INVALID,
                            "%s: has mode %04o, others may use it; chmod 600 it", path,
                            (unsigned)info.st_mode & 07777);
    }
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        return od_error_set(error, OD_E_INVALID, "%s: belongs to another user", path);
    }
    return OD_OK;
}

static od_status read_lines(FILE *file, const char *path, od_tokens *out, od_error *error) {
    char *line = NULL;
    size_t size = 0;
    od_status status = OD_OK;
    for (int number = 1; status == OD_OK && getline(&line, &size, file) >= 0; number++) {
        status = read_line(line, out, error);
        if (status != OD_OK) {
            od_error_prefix(error, "%s, line %d", path, number);
        }
    }
    free(line);
    if (status == OD_OK && ferror(file)) {
        status = od_error_set(error, OD_E_IO, "%s: cannot be read", path);
    }
    return status;
}

od_status od_tokens_read(const char *path, od_tokens *out, od_error *error) {
    *out = (od_tokens){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "token file %s", path);
    }
    od_status status = check_file(fd, path, error);
    FILE *file = status == OD_OK ? fdopen(fd, "r") : NULL;
    if (status == OD_OK && file == NULL) {
        status = od_error_set(error, OD_E_NO_MEMORY, "no memory for tokens");
    }
    if (file == NULL) {
        close(fd);
        return status;
    }
    status = read_lines(file, path, out, error);
    fclose(file);
    if (status != OD_OK) {
        od_tokens_fini(out);
    }
    return status;
}

// --- changing -------------------------------------------------------------------------------

// What od_file_publish writes into is there already then, and was born with mode 0600; the mask of
// a process with threads is nothing to play with.
static od_status make_private(const char *path, od_error *error) {
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %s", path);
    }
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot create", temporary);
    }
    close(fd);
    return OD_OK;
}

static od_status publish(const char *path, const od_tokens *tokens, od_error *error) {
    od_buffer text = {0};
    od_status status =
        od_buffer_append_text(&text, "# NAME ROLE SHA-256 of the token; see orthod token\n");
    for (size_t i = 0; i < tokens->count && status == OD_OK; i++) {
        char hash[2 * OD_TOKEN_HASH_BYTES + 1];
        print_hex(hash, tokens->items[i].hash, OD_TOKEN_HASH_BYTES);
        status = od_buffer_printf(&text, "%s %s %s\n", tokens->items[i].name,
                                  od_role_name(tokens->items[i].role), hash);
    }
    if (status == OD_OK) {
        status = make_private(path, error);
        if (status == OD_OK) {
            status = od_file_publish(path, text.data, text.size, error);
        }
    } else {
        status = od_error_set(error, OD_E_NO_MEMORY, "no memory for tokens");
    }
    od_buffer_fini(&text);
    return status;
}

typedef od_status (*change_fn)(od_tokens *tokens, const od_token *token, od_error *error);

static od_status add(od_tokens *tokens, const od_token *token, od_error *error) {
    if (find_name(tokens, token->name) != NULL) {
        return od_error_set(error, OD_E_EXISTS,
                            "there is a token %s; revoke it or take another name", token->name);
    }
    return append(tokens, token, error);
}

static od_status take_out(od_tokens *tokens, const od_token *token, od_error *error) {
    const od_token *found = find_name(tokens, token->name);
    if (found == NULL) {
        return od_error_set(error, OD_E_NOT_FOUND, "there is no token %s", token->name);
    }
    tokens->items[found - tokens->items] = tokens->items[--tokens->count];
    return OD_OK;
}

// Reads, changes and publishes the file, one at a time: the folder is locked meanwhile.
static od_status change(const char *path, change_fn how, const od_token *token, od_error *error) {
    char copy[PATH_MAX];
    od_tokens tokens = {0};
    snprintf(copy, sizeof copy, "%s", path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || flock(folder, LOCK_EX) != 0) {
        od_status failed = od_error_set_errno(error, errno, "the folder of %s", path);
        if (folder >= 0) {
            close(folder);
        }
        return failed;
    }
    od_status status =
        how == add && access(path, F_OK) != 0 ? OD_OK : od_tokens_read(path, &tokens, error);
    if (status == OD_OK) {
        status = how(&tokens, token, error);
    }
    if (status == OD_OK) {
        status = publish(path, &tokens, error);
    }
    od_tokens_fini(&tokens);
    close(folder);
    return status;
}

od_status od_tokens_add(const char *path, const char *name, od_role role,
                        char secret[OD_TOKEN_SECRET_BYTES], od_error *error) {
    od_token token = {.role = role};
    if (!is_name(name)) {
        return od_error_set(error, OD_E_INVALID,
                            "a token's name has 1 to %d letters, digits, dots, dashes or _",
                            OD_TOKEN_NAME_BYTES - 1);
    }
    snprintf(token.name, sizeof token.name, "%s", name);
    OD_TRY(od_token_make_secret("orthod_", secret, OD_TOKEN_SECRET_BYTES, error));
    od_token_hash(secret, token.hash);
    return change(path, add, &token, error);
}

od_status od_tokens_remove(const char *path, const char *name, od_error *error) {
    od_token token = {0};
    snprintf(token.name, sizeof token.name, "%s", name);
    return change(path, take_out, &token, error);
}
