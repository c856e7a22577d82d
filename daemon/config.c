// SPDX-License-Identifier: Apache-2.0
// Options are rows of one table, read by the same functions from the command line ("--name value",
// "--name=value") and from the file ("name = value"). The file is read first, so that the command
// line can replace what it says. Reading ends at the first fault, or goes on to hear of all.
#include "daemon/config_private.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/utf8.h"
#include "daemon/config_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_FILE_MAX_BYTES = 65536, SLOTS_MAX = 4096, RATE_MAX = 1000000, TIMEOUT_MAX_S = 86400 };

const char od_config_help[] =
    "Usage: orthod [OPTION]...\n"
    "       orthod backup FILE [OPTION]...\n"
    "       orthod check-config [OPTION]...\n"
    "       orthod token add NAME read|submit|admin [OPTION]...\n"
    "       orthod token revoke NAME [OPTION]...\n"
    "       orthod token list [OPTION]...\n"
    "Queues training runs, starts them, stores and serves what they measure.\n"
    "backup copies the database to a new FILE, also while a daemon uses it.\n"
    "check-config says all that is wrong with the options and their file, or \"ok\",\n"
    "and changes nothing. token makes, revokes and lists the tokens of --token-file.\n"
    "\n"
    "  --listen ADDRESS:PORT|unix:PATH  where to serve HTTP; may be repeated\n"
    "                                   (127.0.0.1:8420; [::1]:PORT for IPv6)\n"
    "  --host NAME[:PORT]               a name or address of this server that clients ask for\n"
    "                                   in a URL, besides localhost; may be repeated\n"
    "  --state-dir DIR                  database and runs ($STATE_DIRECTORY, else\n"
    "                                   $XDG_STATE_HOME/orthod, else ~/.local/state/orthod)\n"
    "  --token-file FILE                who may do what (without: everybody, everything);\n"
    "                                   needed where other machines reach an address\n"
    "  --data-root DIR                  a folder beneath which specs may name data sets, besides\n"
    "                                   /usr/share/datasets; may be repeated\n"
    "  --checkpoint-root DIR            the same for init_from, besides this server's runs\n"
    "                                   (with neither and without --token-file: anywhere)\n"
    "  --tls-cert FILE                  serve https:// with this certificate chain (PEM) on all\n"
    "                                   but unix sockets; needs --tls-key\n"
    "  --tls-key FILE                   its private key, mode 0600 or 0640\n"
    "  --rate-limit N                   requests a second that each token may make (100; 0: any)\n"
    "  --request-timeout SECONDS        until a request must have come whole (120)\n"
    "  --cpu-slots N                    CPU threads to give away (the number of cores)\n"
    "  --memory SIZE                    memory for runs, like 48G (all but an eighth, at most 4G)\n"
    "  --backfill yes|no                start short jobs while a large one waits (yes)\n"
    "  --preempt yes|no                 stop runs for jobs of a higher priority (no)\n"
    "  --label-limit KEY=VALUE:N        run at most N jobs with this label at once; VALUE *:\n"
    "                                   of each value; may be repeated\n"
    "  --retry-delay S                  before the first retry; doubles with each crash (5)\n"
    "  --retry-delay-max S              at most (600)\n"
    "  --worker PATH                    the ortho-worker program (the one beside orthod)\n"
    "  --log-level LEVEL                debug, info, warning or error (info)\n"
    "  --config FILE                    lines of NAME = VALUE with the names above\n"
    "  --help                           print this and exit\n"
    "  --version                        print the version and exit\n";

// --- faults --------------------------------------------------------------------------------

typedef struct config_faults {
    od_config_tell *tell; // NULL: reading ends at the first one
    void *ctx;
    od_status first; // OD_OK: nothing is wrong so far
    od_error error;  // of the first one
} config_faults;

// Whether to go on.
static bool passed(config_faults *faults, od_status status, const od_error *error) {
    if (status == OD_OK) {
        return true;
    }
    if (faults->first == OD_OK) {
        faults->first = status;
        faults->error = *error;
    }
    if (faults->tell != NULL) {
        faults->tell(faults->ctx, error->text);
    }
    return faults->tell != NULL;
}

// --- values --------------------------------------------------------------------------------

static od_status copy_path(char out[PATH_MAX], const char *name, const char *value,
                           od_error *error) {
    if (*value == '\0' || snprintf(out, PATH_MAX, "%s", value) >= PATH_MAX) {
        return od_error_set(error, OD_E_INVALID, "--%s: the path is empty or too long", name);
    }
    return OD_OK;
}

// --- options -------------------------------------------------------------------------------

static od_status set_listen(od_config *config, const char *value, od_error *error) {
    if (config->listen_count == OD_CONFIG_LISTEN_MAX) {
        return od_error_set(error, OD_E_INVALID, "--listen: more than %d addresses",
                            OD_CONFIG_LISTEN_MAX);
    }
    OD_TRY(od_listen_parse(value, &config->listen[config->listen_count], error));
    config->listen_count++;
    return OD_OK;
}

static od_status set_host(od_config *config, const char *value, od_error *error) {
    if (config->host_count == OD_CONFIG_HOST_MAX) {
        return od_error_set(error, OD_E_INVALID, "--host: more than %d names", OD_CONFIG_HOST_MAX);
    }
    OD_TRY(od_listen_parse_host(value, &config->hosts[config->host_count], error));
    config->host_count++;
    return OD_OK;
}

static od_status set_state_dir(od_config *config, const char *value, od_error *error) {
    return copy_path(config->state_dir, "state-dir", value, error);
}

static od_status set_token_file(od_config *config, const char *value, od_error *error) {
    return copy_path(config->token_file, "token-file", value, error);
}

static od_status add_root(od_config_roots *roots, const char *name, const char *value,
                          od_error *error) {
    if (roots->count == OD_CONFIG_ROOTS_MAX) {
        return od_error_set(error, OD_E_INVALID, "--%s: more than %d folders", name,
                            OD_CONFIG_ROOTS_MAX);
    }
    OD_TRY(copy_path(roots->paths[roots->count], name, value, error));
    roots->count++;
    return OD_OK;
}

static od_status set_data_root(od_config *config, const char *value, od_error *error) {
    return add_root(&config->data_roots, "data-root", value, error);
}

static od_status set_checkpoint_root(od_config *config, const char *value, od_error *error) {
    return add_root(&config->checkpoint_roots, "checkpoint-root", value, error);
}

static od_status set_tls_cert(od_config *config, const char *value, od_error *error) {
    return copy_path(config->tls_cert, "tls-cert", value, error);
}

static od_status set_tls_key(od_config *config, const char *value, od_error *error) {
    return copy_path(config->tls_key, "tls-key", value, error);
}

static od_status set_worker(od_config *config, const char *value, od_error *error) {
    return copy_path(config->worker, "worker", value, error);
}

static od_status read_number(const char *name, const char *value, int64_t least, int64_t most,
                             int64_t *out, od_error *error) {
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || errno != 0 || number < least || number > most) {
        return od_error_set(error, OD_E_INVALID,
                            "--%s %s: is not a number from %" PRId64 " to %" PRId64, name, value,
                            least, most);
    }
    *out = number;
    return OD_OK;
}

static od_status set_cpu_slots(od_config *config, const char *value, od_error *error) {
    return read_number("cpu-slots", value, 1, SLOTS_MAX, &config->cpu_slots, error);
}

static od_status set_rate_limit(od_config *config, const char *value, od_error *error) {
    return read_number("rate-limit", value, 0, RATE_MAX, &config->rate_limit, error);
}

static od_status set_request_timeout(od_config *config, const char *value, od_error *error) {
    return read_number("request-timeout", value, 1, TIMEOUT_MAX_S, &config->request_timeout_s,
                       error);
}

static od_status set_log_level(od_config *config, const char *value, od_error *error) {
    static const char *const names[] = {
        [OD_LOG_DEBUG] = "debug",
        [OD_LOG_INFO] = "info",
        [OD_LOG_WARNING] = "warning",
        [OD_LOG_ERROR] = "error",
    };
    for (int i = 0; i <= OD_LOG_ERROR; i++) {
        if (strcmp(names[i], value) == 0) {
            config->log_level = (od_log_level)i;
            return OD_OK;
        }
    }
    return od_error_set(error, OD_E_INVALID, "--log-level %s: is not debug, info, warning or error",
                        value);
}

// count_at: where the count of one that may be repeated stands in od_config; 0 for the others.
typedef struct config_option {
    const char *name;
    od_status (*set)(od_config *config, const char *value, od_error *error);
    size_t count_at;
} config_option;

static const config_option options[] = {
    {"listen", set_listen, offsetof(od_config, listen_count)},
    {"host", set_host, offsetof(od_config, host_count)},
    {"state-dir", set_state_dir, 0},
    {"token-file", set_token_file, 0},
    {"data-root", set_data_root, offsetof(od_config, data_roots.count)},
    {"checkpoint-root", set_checkpoint_root, offsetof(od_config, checkpoint_roots.count)},
    {"tls-cert", set_tls_cert, 0},
    {"tls-key", set_tls_key, 0},
    {"rate-limit", set_rate_limit, 0},
    {"request-timeout", set_request_timeout, 0},
    {"cpu-slots", set_cpu_slots, 0},
    {"worker", set_worker, 0},
    {"log-level", set_log_level, 0},
    {"memory", od_config_set_memory, 0},
    {"backfill", od_config_set_backfill, 0},
    {"preempt", od_config_set_preempt, 0},
    {"label-limit", od_config_set_label_limit, offsetof(od_config, label_limit_count)},
    {"retry-delay", od_config_set_retry_delay, 0},
    {"retry-delay-max", od_config_set_retry_delay_max, 0},
};
enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static const config_option *find_option(const char *name, size_t length) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

// --- the file ------------------------------------------------------------------------------

static char *trim(char *text) {
    text += strspn(text, " \t\r");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    return text;
}

static od_status read_file_line(od_config *config, char *text, od_error *error) {
    char *line = trim(text);
    if (*line == '\0' || *line == '#') {
        return OD_OK;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return od_error_set(error, OD_E_INVALID, "is not NAME = VALUE");
    }
    *equals = '\0';
    const char *name = trim(line);
    const config_option *option = find_option(name, strlen(name));
    if (option == NULL) {
        return od_error_set(error, OD_E_INVALID, "there is no option %s", name);
    }
    return option->set(config, trim(equals + 1), error);
}

// A NUL would end the text unseen, and other control characters would end up in paths.
static od_status refuse_bytes(const od_buffer *text, const char *path, od_error *error) {
    const char *end = text->data + text->size;
    int line = 1;
    size_t length = 0;
    for (const char *at = text->data; at < end; at += length) {
        unsigned char byte = (unsigned char)*at;
        length = od_utf8_length(at, end);
        bool control = byte == 0x7f || (byte < 0x20 && strchr("\t\r\n", byte) == NULL);
        if (length == 0 || byte == 0 || control) {
            return od_error_set(error, OD_E_INVALID,
                                "%s, line %d: has the byte 0x%02x, which is no text; the file must "
                                "be plain UTF-8",
                                path, line, byte);
        }
        line += byte == '\n';
    }
    return OD_OK;
}

// false: reading ends here.
static bool read_config_file(od_config *config, const char *path, config_faults *faults) {
    od_buffer text = {0};
    od_error error;
    od_status status = od_file_read(path, CONFIG_FILE_MAX_BYTES, &text, &error);
    if (status == OD_OK) {
        status = refuse_bytes(&text, path, &error);
    }
    bool go_on = passed(faults, status, &error);
    int number = 0;
    char *rest = status == OD_OK ? text.data : NULL;
    for (char *line; go_on && (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        status = read_file_line(config, line, &error);
        if (status != OD_OK) {
            od_error_prefix(&error, "%s, line %d", path, number);
        }
        go_on = passed(faults, status, &error);
    }
    od_buffer_fini(&text);
    return go_on;
}

// --- the command line ----------------------------------------------------------------------

static bool is_config(const char *name, size_t length) {
    return length == strlen("config") && memcmp(name, "config", length) == 0;
}

static od_status no_such_option(const char *name, size_t length, od_error *error) {
    return od_error_set(error, OD_E_INVALID, "--%.*s: there is no such option; see orthod --help",
                        (int)length, name);
}

// Splits argument i into name and value, taking the next argument when it has no "=". *i is the
// last one used.
static od_status read_argument(int argc, char **argv, int *i, const char **name, size_t *length,
                               const char **value, od_error *error) {
    const char *argument = argv[*i];
    if (strncmp(argument, "--", 2) != 0) {
        return od_error_set(error, OD_E_INVALID, "%s: unexpected; see orthod --help", argument);
    }
    *name = argument + 2;
    *length = strcspn(*name, "=");
    if ((*name)[*length] == '=') {
        *value = *name + *length + 1;
    } else if (*i + 1 < argc) {
        *value = argv[++*i];
    } else if (!is_config(*name, *length) && find_option(*name, *length) == NULL) {
        return no_such_option(*name, *length, error);
    } else {
        return od_error_set(error, OD_E_INVALID, "%s: needs a value; see orthod --help", argument);
    }
    return OD_OK;
}

// --help and --version win over everything else, also over mistakes.
static bool read_action(int argc, char **argv, od_config *out) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            out->action = OD_CONFIG_HELP;
            return true;
        }
        if (strcmp(argv[i], "--version") == 0) {
            out->action = OD_CONFIG_VERSION;
            return true;
        }
    }
    return false;
}

// The first pass: --config alone. What cannot be read is left to the second.
static bool read_files(int argc, char **argv, od_config *out, config_faults *faults) {
    size_t length = 0;
    const char *name = NULL;
    const char *value = NULL;
    od_error later;
    for (int i = 1; i < argc; i++) {
        if (read_argument(argc, argv, &i, &name, &length, &value, &later) == OD_OK &&
            is_config(name, length) && !read_config_file(out, value, faults)) {
            return false;
        }
    }
    return true;
}

// given: which options the command line had so far; the first of a repeated one takes the place of
// what the file says.
static od_status set_option(od_config *out, const char *name, size_t length, const char *value,
                            bool given[OPTION_COUNT], od_error *error) {
    const config_option *option = find_option(name, length);
    if (option == NULL) {
        return no_such_option(name, length, error);
    }
    if (!given[option - options] && option->count_at != 0) {
        *(size_t *)(void *)((char *)out + option->count_at) = 0;
    }
    given[option - options] = true;
    return option->set(out, value, error);
}

// The second pass: everything else, which wins over the files.
static bool read_arguments(int argc, char **argv, od_config *out, config_faults *faults) {
    size_t length = 0;
    const char *name = NULL;
    const char *value = NULL;
    bool given[OPTION_COUNT] = {false};
    od_error error;
    for (int i = 1; i < argc; i++) {
        od_status status = read_argument(argc, argv, &i, &name, &length, &value, &error);
        if (status == OD_OK && !is_config(name, length)) {
            status = set_option(out, name, length, value, given, &error);
        }
        if (!passed(faults, status, &error)) {
            return false;
        }
    }
    return true;
}

static bool fill_defaults(od_config *out, config_faults *faults) {
    for (size_t i = 0; i < od_config_step_count; i++) {
        od_error error;
        if (!passed(faults, od_config_steps[i](out, &error), &error)) {
            return false;
        }
    }
    return true;
}

static void read_all(int argc, char **argv, od_config *out, config_faults *faults) {
    memset(out, 0, sizeof *out);
    out->log_level = OD_LOG_INFO;
    out->backfill = true;
    out->retry_delay_ms = 5000;
    out->retry_delay_max_ms = 600000;
    out->rate_limit = 100;
    out->request_timeout_s = 120;
    if (!read_action(argc, argv, out)) {
        (void)(read_files(argc, argv, out, faults) && read_arguments(argc, argv, out, faults) &&
               fill_defaults(out, faults));
    }
}

od_status od_config_read(int argc, char **argv, od_config *out, od_error *error) {
    config_faults faults = {0};
    read_all(argc, argv, out, &faults);
    if (faults.first != OD_OK) {
        *error = faults.error;
    }
    return faults.first;
}

od_status od_config_check(int argc, char **argv, od_config *out, od_config_tell *tell, void *ctx) {
    config_faults faults = {.tell = tell, .ctx = ctx};
    read_all(argc, argv, out, &faults);
    return faults.first;
}
