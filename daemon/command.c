// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "daemon/command.h"

#include "daemon/store/backup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool od_command_answer(const od_config *config) {
    if (config->action == OD_CONFIG_HELP) {
        fputs(od_config_help, stdout);
    } else if (config->action == OD_CONFIG_VERSION) {
        puts(PACKAGE_STRING);
    }
    return config->action != OD_CONFIG_RUN;
}

// --- check-config --------------------------------------------------------------------------

static void tell_fault(void *ctx, const char *fault) {
    (void)ctx;
    fprintf(stderr, "orthod: %s\n", fault);
}

static int check_config(int argc, char **argv) {
    static od_config config;
    if (od_config_check(argc, argv, &config, tell_fault, NULL) != OD_OK) {
        return 2;
    }
    if (!od_command_answer(&config)) {
        puts("ok");
    }
    return 0;
}

// --- backup --------------------------------------------------------------------------------

// backup FILE [OPTION]...; --help and --version may stand in FILE's place.
static int backup(int argc, char **argv) {
    static od_config config;
    char database[PATH_MAX + sizeof "/orthod.db"];
    od_error error;
    bool file = argc > 1 && strncmp(argv[1], "--", 2) != 0;
    od_status status = od_config_read(argc - file, argv + file, &config, &error);
    if (status == OD_OK && od_command_answer(&config)) {
        return 0;
    }
    if (status == OD_OK && !file) {
        status =
            od_error_set(&error, OD_E_INVALID, "backup: name the new file: orthod backup FILE");
    }
    if (status != OD_OK) {
        fprintf(stderr, "orthod: %s\n", error.text);
        return status == OD_E_INVALID ? 2 : 1;
    }
    snprintf(database, sizeof database, "%s/orthod.db", config.state_dir);
    if (od_backup_file(database, argv[1], &error) != OD_OK) {
        fprintf(stderr, "orthod: %s\n", error.text);
        return 1;
    }
    return 0;
}

// --- all of them ---------------------------------------------------------------------------

static const struct {
    const char *name;
    od_command *run;
} commands[] = {
    {"backup", backup},
    {"check-config", check_config},
};

od_command *od_command_find(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0) {
            return commands[i].run;
        }
    }
    return NULL;
}
