// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "daemon/command.h"

#include "daemon/http/tls.h"
#include "daemon/http/tokens.h"

#include "daemon/store/backup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

// All but the last, which is the server's own and made when it is needed.
static bool roots_are_folders(const od_config_roots *roots, const char *kind) {
    struct stat info;
    bool sound = true;
    for (size_t i = 0; i + 1 < roots->count; i++) {
        if (stat(roots->paths[i], &info) != 0 || !S_ISDIR(info.st_mode)) {
            fprintf(stderr, "orthod: --%s-root %s: is no folder\n", kind, roots->paths[i]);
            sound = false;
        }
    }
    return sound;
}

// What only a start looks into: that it can be used, not only named.
static bool files_are_sound(const od_config *config) {
    od_error error;
    od_tokens tokens = {0};
    od_tls tls = {0};
    bool sound = true;
    if (config->token_file[0] != '\0' &&
        od_tokens_read(config->token_file, &tokens, &error) != OD_OK) {
        tell_fault(NULL, error.text);
        sound = false;
    }
    if (config->tls_cert[0] != '\0' && config->tls_key[0] != '\0' &&
        od_tls_read(config->tls_cert, config->tls_key, &tls, &error) != OD_OK) {
        tell_fault(NULL, error.text);
        sound = false;
    }
    od_tokens_fini(&tokens);
    od_tls_fini(&tls);
    return roots_are_folders(&config->data_roots, "data") &&
           roots_are_folders(&config->checkpoint_roots, "checkpoint") && sound;
}

static int check_config(int argc, char **argv) {
    static od_config config;
    bool sound = od_config_check(argc, argv, &config, tell_fault, NULL) == OD_OK;
    if (od_command_answer(&config)) {
        return 0;
    }
    if (!files_are_sound(&config) || !sound) {
        return 2;
    }
    puts("ok");
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

// --- token ---------------------------------------------------------------------------------

static od_status add_token(const char *path, char **operands, od_error *error) {
    char secret[OD_TOKEN_SECRET_BYTES];
    od_role role = od_role_parse(operands[1]);
    if (role == OD_ROLE_NONE) {
        return od_error_set(error, OD_E_INVALID, "token add: %s is not read, submit or admin",
                            operands[1]);
    }
    OD_TRY(od_tokens_add(path, operands[0], role, secret, error));
    puts(secret);
    return OD_OK;
}

static od_status revoke_token(const char *path, char **operands, od_error *error) {
    return od_tokens_remove(path, operands[0], error);
}

static od_status list_tokens(const char *path, char **operands, od_error *error) {
    (void)operands;
    od_tokens tokens;
    OD_TRY(od_tokens_read(path, &tokens, error));
    for (size_t i = 0; i < tokens.count; i++) {
        printf("%s %s\n", tokens.items[i].name, od_role_name(tokens.items[i].role));
    }
    od_tokens_fini(&tokens);
    return OD_OK;
}

typedef struct token_verb {
    const char *name;
    od_status (*run)(const char *path, char **operands, od_error *error);
    int operands;
} token_verb;

static const token_verb *find_verb(int argc, char **argv) {
    static const token_verb verbs[] = {
        {"add", add_token, 2}, {"revoke", revoke_token, 1}, {"list", list_tokens, 0}};
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, argv[1]) == 0 && argc > 1 + verbs[i].operands) {
            return &verbs[i];
        }
    }
    return NULL;
}

static od_status run_verb(int argc, char **argv, const token_verb *verb, od_error *error) {
    static od_config config;
    int first = 1 + verb->operands; // the options are read as if they stood behind the program
    OD_TRY(od_config_read(argc - first, argv + first, &config, error));
    if (od_command_answer(&config)) {
        return OD_OK;
    }
    if (config.token_file[0] == '\0') {
        return od_error_set(error, OD_E_INVALID, "token %s: give --token-file FILE", verb->name);
    }
    return verb->run(config.token_file, argv + 2, error);
}

static int token(int argc, char **argv) {
    od_error error = {0};
    const token_verb *verb = find_verb(argc, argv);
    if (verb == NULL) {
        fprintf(stderr, "orthod: token: give add NAME ROLE, revoke NAME or list; see --help\n");
        return 2;
    }
    od_status status = run_verb(argc, argv, verb, &error);
    if (status != OD_OK) {
        fprintf(stderr, "orthod: %s\n", error.text);
    }
    return status == OD_OK ? 0 : status == OD_E_INVALID ? 2 : 1;
}

// --- all of them ---------------------------------------------------------------------------

static const struct {
    const char *name;
    od_command *run;
} commands[] = {
    {"backup", backup},
    {"check-config", check_config},
    {"token", token},
};

od_command *od_command_find(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0) {
            return commands[i].run;
        }
    }
    return NULL;
}
