// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_BYTES_MAX = 1 << 20, OTHERS_AND_WRITING_GROUP = 027 };

static od_status check_key_file(int fd, const char *path, od_error *error) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return od_error_set_errno(error, errno, "%s", path);
    }
    if ((info.st_mode & OTHERS_AND_WRITING_GROUP) != 0) {
        return od_error_set(error, OD_E_INVALID,
                            "%s: has mode %04o, others may use it; chmod 600 (or 640) it", path,
                            (unsigned)info.st_mode & 07777);
    }
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        return od_error_set(error, OD_E_INVALID, "%s: belongs to another user", path);
    }
    return OD_OK;
}

// The descriptor that was checked is the one that is read.
static od_status read_fd(int fd, const char *path, const char *mark, char **out, od_error *error) {
    char *text = calloc(1, PEM_BYTES_MAX + 1);
    size_t used = 0;
    ssize_t got = 1;
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %s", path);
    }
    while (got > 0 && used < PEM_BYTES_MAX) {
        got = read(fd, text + used, PEM_BYTES_MAX - used);
        used += got > 0 ? (size_t)got : 0;
    }
    if (got >= 0 && used < PEM_BYTES_MAX && strstr(text, mark) != NULL) {
        *out = text;
        return OD_OK;
    }
    od_status status =
        got < 0 ? od_error_set_errno(error, errno, "%s", path)
                : od_error_set(error, OD_E_INVALID, "%s: has no line with \"%s\"", path, mark);
    explicit_bzero(text, used);
    free(text);
    return status;
}

static od_status read_pem(const char *path, const char *mark, bool secret, char **out,
                          od_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "%s", path);
    }
    od_status status = secret ? check_key_file(fd, path, error) : OD_OK;
    if (status == OD_OK) {
        status = read_fd(fd, path, mark, out, error);
    }
    close(fd);
    return status;
}

od_status od_tls_read(const char *certificate_path, const char *key_path, od_tls *out,
                      od_error *error) {
    *out = (od_tls){0};
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "--tls-cert: the libmicrohttpd here was built without TLS");
    }
    od_status status =
        read_pem(certificate_path, "-----BEGIN CERTIFICATE-----", false, &out->certificate, error);
    if (status == OD_OK) {
        status = read_pem(key_path, "PRIVATE KEY-----", true, &out->key, error);
    }
    if (status != OD_OK) {
        od_tls_fini(out);
    }
    return status;
}

void od_tls_fini(od_tls *tls) {
    if (tls->key != NULL) {
        explicit_bzero(tls->key, strlen(tls->key));
    }
    free(tls->certificate);
    free(tls->key);
    *tls = (od_tls){0};
}
