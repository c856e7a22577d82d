// SPDX-License-Identifier: Apache-2.0
#include "worker/state.h"

#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { VERSION = 1, MAX_BYTES = 1 << 16, CHUNK_BYTES = 1 << 18 };

const char *const od_state_file_names[OD_STATE_FILES] = {"model.safetensors",
                                                         "optimizer.safetensors"};

static od_status join(const char *folder, const char *leaf, char out[PATH_MAX], od_error *error) {
    if (snprintf(out, PATH_MAX, "%s/%s", folder, leaf) >= PATH_MAX) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %.64s.../%s", folder, leaf);
    }
    return OD_OK;
}

// --- checksums ----------------------------------------------------------------------------

// A folder or a pipe under the name of a file is damage, too.
static od_status check_kind(const char *path, od_error *error) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return od_error_set_errno(error, errno, "%s", path);
    }
    return S_ISREG(info.st_mode) ? OD_OK
                                 : od_error_set(error, OD_E_CORRUPT, "%s is not a file", path);
}

static od_status sum_file(const char *path, od_file_sum *out, od_error *error) {
    OD_TRY(check_kind(path, error));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *chunk = malloc(CHUNK_BYTES);
    uLong crc = crc32(0, NULL, 0);
    ssize_t got = -1;
    *out = (od_file_sum){.is_there = true};
    if (fd >= 0 && chunk != NULL) {
        while ((got = read(fd, chunk, CHUNK_BYTES)) > 0) {
            crc = crc32(crc, (const Bytef *)chunk, (uInt)got);
            out->bytes += got;
        }
    }
    int failed = errno;
    snprintf(out->crc32, sizeof out->crc32, "%08lx", crc & 0xffffffffUL);
    free(chunk);
    if (fd >= 0) {
        close(fd);
    }
    return got == 0 ? OD_OK : od_error_set_errno(error, failed, "%s: cannot read", path);
}

od_status od_state_sum(od_state *state, const char *folder, od_state_file file, od_error *error) {
    char path[PATH_MAX];
    OD_TRY(join(folder, od_state_file_names[file], path, error));
    return sum_file(path, &state->files[file], error);
}

od_status od_state_check(const od_state *state, const char *folder, od_state_file file,
                         od_error *error) {
    char path[PATH_MAX];
    od_file_sum is;
    const char *name = od_state_file_names[file];
    const od_file_sum *wanted = &state->files[file];
    if (!wanted->is_there) {
        return od_error_set(error, OD_E_CORRUPT, "state.json does not tell of %s", name);
    }
    OD_TRY(join(folder, name, path, error));
    OD_TRY(sum_file(path, &is, error));
    if (is.bytes != wanted->bytes || strcmp(is.crc32, wanted->crc32) != 0) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s has %lld bytes with checksum %s; state.json says %lld and %s", name,
                            (long long)is.bytes, is.crc32, (long long)wanted->bytes, wanted->crc32);
    }
    return OD_OK;
}

od_status od_state_sum_spec(const cJSON *spec, char out[OD_STATE_SUM_BYTES], od_error *error) {
    char *text = od_json_canonical(spec);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the spec");
    }
    uLong crc = crc32_z(crc32(0, NULL, 0), (const Bytef *)text, strlen(text));
    snprintf(out, OD_STATE_SUM_BYTES, "%08lx", crc & 0xffffffffUL);
    free(text);
    return OD_OK;
}

// --- reading ------------------------------------------------------------------------------

static bool read_integer(const cJSON *object, const char *name, double most, int64_t *out) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(node) || node->valuedouble < 0 || node->valuedouble > most) {
        return false;
    }
    *out = (int64_t)node->valuedouble;
    return (double)*out == node->valuedouble;
}

static bool read_text(const cJSON *object, const char *name, char *out, size_t out_bytes) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(node) &&
           snprintf(out, out_bytes, "%s", node->valuestring) < (int)out_bytes;
}

static bool read_sum(const cJSON *files, const char *name, od_file_sum *out) {
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(files, name);
    out->is_there = entry != NULL;
    return !out->is_there || (read_integer(entry, "bytes", 0x1p53, &out->bytes) &&
                              read_text(entry, "crc32", out->crc32, sizeof out->crc32));
}

static bool read_accuracy(const cJSON *json, double *out) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(json, "accuracy");
    *out = cJSON_IsNumber(node) ? node->valuedouble : -1;
    return node == NULL || (*out >= 0 && *out <= 1);
}

// The first key that is missing or of another kind, or NULL.
static const char *read_all(const cJSON *json, od_state *out) {
    int64_t version = 0, threads = 0;
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(json, "files");
    if (!read_integer(json, "v", INT_MAX, &version) || version != VERSION) {
        return "v";
    }
    if (!read_integer(json, "step", 0x1p53, &out->step)) {
        return "step";
    }
    if (!read_integer(json, "epoch", 0x1p53, &out->epoch)) {
        return "epoch";
    }
    if (!read_text(json, "spec", out->spec, sizeof out->spec)) {
        return "spec";
    }
    if (!read_text(json, "backend", out->backend, sizeof out->backend)) {
        return "backend";
    }
    if (!read_integer(json, "threads", INT_MAX, &threads)) {
        return "threads";
    }
    out->threads = (int)threads;
    for (int file = 0; file < OD_STATE_FILES; file++) {
        if (!read_sum(files, od_state_file_names[file], &out->files[file])) {
            return od_state_file_names[file];
        }
    }
    return read_accuracy(json, &out->accuracy) ? NULL : "accuracy";
}

static od_status read_json(const cJSON *json, od_state *out, od_error *error) {
    const char *wrong = read_all(json, out);
    if (wrong != NULL) {
        return od_error_set(error, OD_E_CORRUPT,
                            "state.json is not of version %d: \"%s\" is missing or of another kind",
                            VERSION, wrong);
    }
    const cJSON *interval = cJSON_GetObjectItemCaseSensitive(json, "interval");
    out->has_interval = interval != NULL;
    return out->has_interval ? od_meter_load(&out->meter, interval, error) : OD_OK;
}

od_status od_state_parse(const char *text, size_t size, od_state *out, od_error *error) {
    cJSON *json = NULL;
    *out = (od_state){.accuracy = -1};
    OD_TRY(od_json_parse(text, size, &json, error));
    od_status status = read_json(json, out, error);
    cJSON_Delete(json);
    return status;
}

od_status od_state_read(const char *folder, od_state *out, od_error *error) {
    char path[PATH_MAX];
    od_buffer text = {0};
    OD_TRY(join(folder, "state.json", path, error));
    OD_TRY(check_kind(path, error));
    od_status status = od_file_read(path, MAX_BYTES, &text, error);
    if (status == OD_OK && od_state_parse(text.data, text.size, out, error) != OD_OK) {
        status = OD_E_CORRUPT;
    }
    od_buffer_fini(&text);
    return status;
}

// --- writing ------------------------------------------------------------------------------

static void add_files(cJSON *json, const od_state *state) {
    cJSON *files = cJSON_AddObjectToObject(json, "files");
    for (int file = 0; file < OD_STATE_FILES; file++) {
        if (state->files[file].is_there) {
            cJSON *entry = cJSON_AddObjectToObject(files, od_state_file_names[file]);
            cJSON_AddNumberToObject(entry, "bytes", (double)state->files[file].bytes);
            cJSON_AddStringToObject(entry, "crc32", state->files[file].crc32);
        }
    }
}

static char *print(const od_state *state) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "v", VERSION);
    cJSON_AddNumberToObject(json, "step", (double)state->step);
    cJSON_AddNumberToObject(json, "epoch", (double)state->epoch);
    cJSON_AddStringToObject(json, "spec", state->spec);
    cJSON_AddStringToObject(json, "backend", state->backend);
    cJSON_AddNumberToObject(json, "threads", state->threads);
    if (state->has_interval) {
        cJSON_AddItemToObject(json, "interval", od_meter_save(&state->meter));
    }
    if (state->accuracy >= 0) {
        cJSON_AddNumberToObject(json, "accuracy", state->accuracy);
    }
    add_files(json, state);
    char *text = od_json_print(json);
    cJSON_Delete(json);
    return text;
}

od_status od_state_write(const char *folder, const od_state *state, od_error *error) {
    char path[PATH_MAX];
    OD_TRY(join(folder, "state.json", path, error));
    char *text = print(state);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for state.json");
    }
    od_status status = od_file_publish(path, text, strlen(text), error);
    free(text);
    return status;
}
