// SPDX-License-Identifier: Apache-2.0
#include "core/data/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 512, MAX_RECORDS_BYTES = 1 << 16 };

// A header's fields: offset and bytes.
typedef struct field {
    int at, bytes;
} field;

static const field NAME = {0, 100}, SIZE = {124, 12}, CHECKSUM = {148, 8}, PREFIX = {345, 155};
enum { TYPE_AT = 156, MAGIC_AT = 257 };

// What the extension members in front of a member say of it.
typedef struct extension {
    bool has_name; // in tar->name
    int64_t size;  // -1: none
} extension;

static od_status fault(const od_tar *tar, const char *what, od_error *error) {
    return od_error_set(error, OD_E_CORRUPT,
                        "%s: %s at byte %lld; the archive is damaged: get it anew", tar->path, what,
                        (long long)tar->position);
}

// --- bytes --------------------------------------------------------------------------------

od_status od_tar_open(od_tar *tar, const char *path, od_error *error) {
    struct stat info;
    *tar = (od_tar){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (tar->fd < 0 || fstat(tar->fd, &info) != 0) {
        od_status status = od_error_set_errno(error, errno, "%s: cannot open", path);
        od_tar_close(tar);
        return status;
    }
    if (!S_ISREG(info.st_mode)) {
        od_tar_close(tar);
        return od_error_set(error, OD_E_CORRUPT, "%s is not a file", path);
    }
    tar->size = info.st_size;
    return OD_OK;
}

void od_tar_close(od_tar *tar) {
    if (tar->fd >= 0) {
        close(tar->fd);
        tar->fd = -1;
    }
}

static od_status fill_window(od_tar *tar, int64_t offset, od_error *error) {
    ssize_t got;
    do {
        got = pread(tar->fd, tar->window, sizeof tar->window, offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return od_error_set_errno(error, errno, "%s: cannot read", tar->path);
    }
    tar->window_at = offset;
    tar->window_bytes = got;
    return OD_OK;
}

od_status od_tar_read(od_tar *tar, int64_t offset, void *out, int64_t size, od_error *error) {
    uint8_t *next = out;
    while (size > 0) {
        int64_t skip = offset - tar->window_at;
        if (skip < 0 || skip >= tar->window_bytes) {
            OD_TRY(fill_window(tar, offset, error));
            skip = 0;
        }
        int64_t part = tar->window_bytes - skip < size ? tar->window_bytes - skip : size;
        if (part == 0) {
            return fault(tar, "the file ends in the middle of a member", error);
        }
        memcpy(next, tar->window + skip, (size_t)part);
        next += part;
        offset += part;
        size -= part;
    }
    return OD_OK;
}

// --- headers ------------------------------------------------------------------------------

// Octal digits up to a space or NUL, or GNU's base 256 with the first bit set. -1: neither.
static int64_t number(const uint8_t *header, field f) {
    const uint8_t *bytes = header + f.at;
    int64_t value = 0;
    if (bytes[0] == 0x80) {
        for (int i = 1; i < f.bytes; i++) {
            if (value >> 48 != 0) {
                return -1;
            }
            value = value << 8 | bytes[i];
        }
        return value;
    }
    int i = 0;
    while (i < f.bytes && bytes[i] == ' ') {
        i++;
    }
    for (; i < f.bytes && bytes[i] != ' ' && bytes[i] != '\0'; i++) {
        if (bytes[i] < '0' || bytes[i] > '7') {
            return -1;
        }
        value = value << 3 | (bytes[i] - '0');
    }
    return value;
}

// The sum of all bytes with the checksum's own taken as spaces.
static bool has_checksum(const uint8_t *header) {
    int64_t sum = 0;
    for (int i = 0; i < BLOCK; i++) {
        bool own = i >= CHECKSUM.at && i < CHECKSUM.at + CHECKSUM.bytes;
        sum += own ? ' ' : header[i];
    }
    return number(header, CHECKSUM) == sum;
}

static bool is_zero(const uint8_t *header) {
    for (int i = 0; i < BLOCK; i++) {
        if (header[i] != 0) {
            return false;
        }
    }
    return true;
}

static void take_name(od_tar *tar, const uint8_t *header) {
    bool ustar = memcmp(header + MAGIC_AT, "ustar", 6) == 0; // GNU's magic is "ustar "
    const char *prefix = (const char *)header + PREFIX.at;
    const char *name = (const char *)header + NAME.at;
    bool split = ustar && *prefix != '\0';
    snprintf(tar->name, sizeof tar->name, "%.*s%s%.*s", split ? PREFIX.bytes : 0, prefix,
             split ? "/" : "", NAME.bytes, name);
}

static od_status set_name(od_tar *tar, const char *name, size_t length, od_error *error) {
    if (length == 0 || length >= sizeof tar->name) {
        return fault(tar, "a name is empty or too long", error);
    }
    memcpy(tar->name, name, length);
    tar->name[length] = '\0';
    return OD_OK;
}

// --- extensions ---------------------------------------------------------------------------

// One pax record at text, "LENGTH KEY=VALUE\n" of length bytes.
static od_status take_record(od_tar *tar, char *key, size_t length, extension *out,
                             od_error *error) {
    char *value = memchr(key, '=', length);
    if (value == NULL || key[length - 1] != '\n') {
        return fault(tar, "an extended header has a wrong record", error);
    }
    *value++ = '\0';
    size_t size = length - (size_t)(value - key) - 1;
    value[size] = '\0';
    if (strcmp(key, "path") == 0) {
        out->has_name = true;
        return set_name(tar, value, size, error);
    }
    if (strcmp(key, "size") == 0) {
        char *end;
        errno = 0;
        out->size = strtoll(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0' || out->size < 0) {
            return fault(tar, "an extended header has a wrong size", error);
        }
    }
    if (strncmp(key, "GNU.sparse.", 11) == 0) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "%s: has a sparse file at byte %lld; write it without --sparse",
                            tar->path, (long long)tar->position);
    }
    return OD_OK;
}

static od_status take_records(od_tar *tar, char *text, size_t size, extension *out,
                              od_error *error) {
    for (char *end = text + size; text < end;) {
        char *key;
        errno = 0;
        unsigned long length = strtoul(text, &key, 10);
        if (errno != 0 || key == text || *key != ' ' || length > (size_t)(end - text) ||
            length < (size_t)(key - text) + 4) {
            return fault(tar, "an extended header has a wrong record", error);
        }
        key++;
        OD_TRY(take_record(tar, key, length - (size_t)(key - text), out, error));
        text += length;
    }
    return OD_OK;
}

static od_status take_extension(od_tar *tar, char type, int64_t size, extension *out,
                                od_error *error) {
    if (type != 'x' && type != 'L') {
        return OD_OK; // a long link's name, or what holds for all members
    }
    if (size > MAX_RECORDS_BYTES) {
        return fault(tar, "an extended header is larger than 64 KiB", error);
    }
    char *text = malloc((size_t)size + 1);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for a header", tar->path);
    }
    od_status status = od_tar_read(tar, tar->position + BLOCK, text, size, error);
    text[size] = '\0';
    if (status == OD_OK && type == 'x') {
        status = take_records(tar, text, (size_t)size, out, error);
    } else if (status == OD_OK) {
        out->has_name = true;
        status = set_name(tar, text, strnlen(text, (size_t)size), error);
    }
    free(text);
    return status;
}

// --- members ------------------------------------------------------------------------------

static od_status read_header(od_tar *tar, uint8_t header[BLOCK], bool *end, od_error *error) {
    if (tar->size - tar->position < BLOCK) {
        return fault(tar, "the file ends without the blocks that end an archive", error);
    }
    OD_TRY(od_tar_read(tar, tar->position, header, BLOCK, error));
    *end = is_zero(header);
    if (!*end && !has_checksum(header)) {
        return fault(tar, "a header's checksum is wrong", error);
    }
    return OD_OK;
}

// Of the data behind the header. -1: the header is wrong.
static int64_t data_bytes(const od_tar *tar, const uint8_t *header, char type,
                          const extension *known) {
    if (strchr("123456", type) != NULL) {
        return 0; // folders, links, devices
    }
    int64_t size = known->size >= 0 ? known->size : number(header, SIZE);
    return size <= tar->size - tar->position - BLOCK ? size : -1;
}

od_status od_tar_next(od_tar *tar, od_tar_member *out, bool *end, od_error *error) {
    extension known = {.size = -1};
    for (;;) {
        uint8_t header[BLOCK];
        OD_TRY(read_header(tar, header, end, error));
        if (*end) {
            return OD_OK;
        }
        char type = header[TYPE_AT] == '\0' ? '0' : (char)header[TYPE_AT];
        bool extends = strchr("xgLK", type) != NULL;
        const extension none = {.size = -1};
        int64_t size = data_bytes(tar, header, type, extends ? &none : &known);
        if (size < 0) {
            return fault(tar, "a member reaches beyond the end", error);
        }
        if (!extends && strchr("01234567", type) == NULL) {
            return od_error_set(error, OD_E_UNSUPPORTED,
                                "%s: has a member of type '%c' at byte %lld; write it as plain tar",
                                tar->path, type >= ' ' && type <= '~' ? type : '?',
                                (long long)tar->position);
        }
        int64_t data = tar->position + BLOCK;
        if (extends) {
            OD_TRY(take_extension(tar, type, size, &known, error));
        } else if (!known.has_name) {
            take_name(tar, header);
        }
        tar->position = data + (size + BLOCK - 1) / BLOCK * BLOCK;
        if (type == '0' || type == '7') {
            *out = (od_tar_member){tar->name, data, size};
            return OD_OK;
        }
        if (!extends) {
            known = none;
        }
    }
}
