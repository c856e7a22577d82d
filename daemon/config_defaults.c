// SPDX-License-Identifier: Apache-2.0
// What nobody said, and whether what was said fits together.
#include "daemon/config_private.h"
#include "daemon/memory.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static od_status default_state_dir(od_config *out, od_error *error) {
    static const struct {
        const char *variable;
        const char *below;
    } places[] = {
        {"STATE_DIRECTORY", ""}, {"XDG_STATE_HOME", "/orthod"}, {"HOME", "/.local/state/orthod"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *base = getenv(places[i].variable);
        if (base == NULL || *base == '\0') {
            continue;
        }
        // systemd separates several directories with colons.
        int length = i == 0 ? (int)strcspn(base, ":") : (int)strlen(base);
        if (snprintf(out->state_dir, PATH_MAX, "%.*s%s", length, base, places[i].below) >=
            PATH_MAX) {
            return od_error_set(error, OD_E_INVALID, "$%s is too long", places[i].variable);
        }
        return OD_OK;
    }
    return od_error_set(error, OD_E_INVALID,
                        "there is no place for the state: give --state-dir DIR or set HOME");
}

static od_status default_worker(od_config *out, od_error *error) {
    static const char *const places[] = {"ortho-worker", "../libexec/ortho-worker",
                                         "../libexec/orthod/ortho-worker"};
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) {
        return od_error_set_errno(error, errno, "cannot read /proc/self/exe; give --worker PATH");
    }
    self[length] = '\0';
    const char *folder = dirname(self);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (snprintf(out->worker, PATH_MAX, "%s/%s", folder, places[i]) < PATH_MAX &&
            access(out->worker, X_OK) == 0) {
            return OD_OK;
        }
    }
    return od_error_set(error, OD_E_NOT_FOUND,
                        "there is no ortho-worker beside %s/orthod; give --worker PATH", folder);
}

static od_status check_worker(const od_config *config, od_error *error) {
    struct stat info;
    if (stat(config->worker, &info) != 0) {
        return od_error_set_errno(error, errno, "worker %s", config->worker);
    }
    if (!S_ISREG(info.st_mode) || access(config->worker, X_OK) != 0) {
        return od_error_set(error, OD_E_IO, "worker %s: is not a program", config->worker);
    }
    return OD_OK;
}

// Relative paths would mean something else to a worker.
static od_status make_absolute(char path[PATH_MAX], od_error *error) {
    char folder[PATH_MAX];
    char whole[PATH_MAX];
    if (path[0] == '/') {
        return OD_OK;
    }
    if (getcwd(folder, sizeof folder) == NULL) {
        return od_error_set_errno(error, errno, "the working directory");
    }
    if (snprintf(whole, sizeof whole, "%s/%s", folder, path) >= (int)sizeof whole) {
        return od_error_set(error, OD_E_INVALID, "%s: the path is too long", path);
    }
    memcpy(path, whole, sizeof whole);
    return OD_OK;
}

static od_status find_listen(od_config *out, od_error *error) {
    if (out->listen_count == 0) {
        OD_TRY(od_listen_parse("127.0.0.1:8420", &out->listen[0], error));
        out->listen_count = 1;
    }
    return od_config_check_listen(out, error);
}

static od_status find_state_dir(od_config *out, od_error *error) {
    if (out->state_dir[0] == '\0') {
        OD_TRY(default_state_dir(out, error));
    }
    return make_absolute(out->state_dir, error);
}

static od_status finish_roots(od_config_roots *roots, const char *own, od_error *error) {
    for (size_t i = 0; i < roots->count; i++) {
        OD_TRY(make_absolute(roots->paths[i], error));
    }
    if (snprintf(roots->paths[roots->count], PATH_MAX, "%s", own) >= PATH_MAX) {
        return od_error_set(error, OD_E_INVALID, "%s: the path is too long", own);
    }
    roots->count++;
    return OD_OK;
}

static size_t list_roots(const od_config_roots *roots, const char *option, const char **out) {
    for (size_t i = 0; i < roots->count; i++) {
        out[2 * i] = option;
        out[2 * i + 1] = roots->paths[i];
    }
    return 2 * roots->count;
}

// Where nobody is told apart from others and no root is named, everybody who can connect is taken
// for the user that runs the server.
static od_status find_roots(od_config *out, od_error *error) {
    char runs[PATH_MAX + sizeof "/runs"];
    if (out->token_file[0] == '\0' && out->data_roots.count + out->checkpoint_roots.count == 0) {
        return OD_OK;
    }
    snprintf(runs, sizeof runs, "%s/runs", out->state_dir);
    OD_TRY(finish_roots(&out->data_roots, "/usr/share/datasets", error));
    OD_TRY(finish_roots(&out->checkpoint_roots, runs, error));
    size_t used = list_roots(&out->data_roots, "--data-root", out->worker_options);
    list_roots(&out->checkpoint_roots, "--checkpoint-root", out->worker_options + used);
    return OD_OK;
}

static od_status find_worker(od_config *out, od_error *error) {
    if (out->worker[0] == '\0') {
        OD_TRY(default_worker(out, error));
    }
    OD_TRY(make_absolute(out->worker, error));
    return check_worker(out, error);
}

static od_status find_memory(od_config *out, od_error *error) {
    (void)error;
    if (out->memory_bytes == 0) {
        out->memory_bytes = od_memory_for_runs_bytes(od_memory_total_bytes(""));
    }
    return OD_OK;
}

static od_status find_threads(od_config *out, od_error *error) {
    (void)error;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (out->cpu_slots == 0) {
        out->cpu_slots = cores > 0 ? cores : 1;
    }
    out->default_threads = out->cpu_slots > 1 ? out->cpu_slots / 2 : 1;
    return OD_OK;
}

static od_status check_tls(od_config *out, od_error *error) {
    if ((out->tls_cert[0] == '\0') == (out->tls_key[0] == '\0')) {
        return OD_OK;
    }
    return od_error_set(error, OD_E_INVALID, "--tls-cert and --tls-key: give both of them or none");
}

od_config_step *const od_config_steps[] = {find_threads,   find_memory, find_listen, check_tls,
                                           find_state_dir, find_roots,  find_worker};
const size_t od_config_step_count = sizeof od_config_steps / sizeof od_config_steps[0];

// --- checks --------------------------------------------------------------------------------

od_status od_config_check_listen(const od_config *config, od_error *error) {
    for (size_t i = 0; i < config->listen_count; i++) {
        const od_listen *listen = &config->listen[i];
        const struct sockaddr *address = (const struct sockaddr *)&listen->address;
        const char *from = listen->fd >= 0 ? "the service manager's socket" : "--listen";
        if (od_listen_is_local(address)) {
            continue;
        }
        if (config->token_file[0] == '\0') {
            return od_error_set(error, OD_E_INVALID,
                                "%s %s: other machines reach it, so it needs --token-file "
                                "FILE (orthod token add makes one); without, use 127.0.0.1:PORT, "
                                "[::1]:PORT or unix:PATH",
                                from, listen->text);
        }
        if (od_listen_is_wildcard(address) && config->host_count == 0) {
            return od_error_set(error, OD_E_INVALID,
                                "%s %s: is every address of this machine, so say by which "
                                "names and addresses clients ask for it: --host NAME, repeated",
                                from, listen->text);
        }
    }
    return OD_OK;
}
