// SPDX-License-Identifier: Apache-2.0
// Backends by name, with those that live in a plugin: cuda is in ortho-cuda.so, beside the program
// (an uninstalled build) or in the package's libexec folder.
#include "core/backend/backend.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLUGIN "ortho-cuda.so"

// Where the plugin is; beside the program when it is there.
static void plugin_path(char path[PATH_MAX]) {
    char program[PATH_MAX - sizeof "/" PLUGIN];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length > 0) {
        program[length] = '\0';
        snprintf(path, PATH_MAX, "%s/" PLUGIN, dirname(program));
        if (access(path, R_OK) == 0) {
            return;
        }
    }
    snprintf(path, PATH_MAX, PKGLIBEXECDIR "/" PLUGIN);
}

static od_status load_cuda(const od_backend **out, od_error *error) {
    char path[PATH_MAX];
    plugin_path(path);
    // It stays loaded: its table is used until the process ends.
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "the cuda backend cannot be loaded: %s; it is built when configure "
                            "finds the CUDA Toolkit",
                            dlerror());
    }
    *out = dlsym(plugin, "od_backend_cuda");
    if (*out == NULL) {
        return od_error_set(error, OD_E_UNSUPPORTED, "%s holds no backend: %s", path, dlerror());
    }
    return OD_OK;
}

od_status od_backend_load(const char *name, const od_backend **out, od_error *error) {
    *out = od_backend_find(name);
    if (*out != NULL) {
        return OD_OK;
    }
    if (strcmp(name, "cuda") == 0) {
        return load_cuda(out, error);
    }
    return od_error_set(error, OD_E_INVALID, "no backend is called '%s'; one of cpu, cuda, ref",
                        name);
}
