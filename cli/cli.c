// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "base/json.h"
#include "cli/sanitize.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const od_option od_cli_shared_options[] = {
    {"server", "URL",
     "http://HOST:PORT, https://HOST:PORT or unix:PATH (default: $ORTHOD_SERVER, else "
     "http://127.0.0.1:8420)",
     's'},
    {"token-file", "FILE", "bearer token (default: $ORTHOD_TOKEN, else none)", '\0'},
    {"cacert", "FILE",
     "certificates (PEM) to trust an https:// server by (default: $ORTHOD_CACERT, else the "
     "system's)",
     '\0'},
    {"json", NULL, "print the server's JSON unchanged", 'j'},
    {"help", NULL, "print this and exit", 'h'},
    {"version", NULL, "print the version and exit", '\0'},
    {0},
};

od_status od_cli_id(const char *what, const char *text, int64_t *out, od_error *error) {
    return od_options_number(what, text, 1, INT64_MAX, out, error);
}

static od_status print_line(FILE *out, const char *before, const char *text) {
    od_buffer line = {0};
    od_status status = od_sanitize_append(&line, text, strlen(text), OD_SANITIZE_LINE);
    if (status == OD_OK) {
        fprintf(out, "%s%s\n", before, line.data != NULL ? line.data : "");
    }
    od_buffer_fini(&line);
    return status;
}

od_status od_cli_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int written = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (written < 0) {
        return OD_E_NO_MEMORY;
    }
    od_status status = print_line(stdout, "", text);
    free(text);
    return status;
}

void od_cli_complain(const od_cli *cli, const od_error *error) {
    const char *text = error->text;
    const char *problem = cli->client != NULL ? od_client_problem(cli->client) : "";
    if (*text == '\0') {
        return;
    }
    // The error has lost the end of a long problem.
    if (strncmp(problem, text, strlen(text)) == 0) {
        text = problem;
    }
    if (print_line(stderr, "orthoctl: ", text) != OD_OK) {
        fputs("orthoctl: out of memory\n", stderr);
    }
}

od_status od_cli_pass(const od_cli *cli, const char *bytes, size_t size) {
    od_buffer clean = {0};
    if (cli->terminal) {
        OD_TRY(od_sanitize_append(&clean, bytes, size, OD_SANITIZE_BLOCK));
        bytes = clean.data;
        size = clean.size;
    }
    if (size > 0) {
        fwrite(bytes, 1, size, stdout);
        if (bytes[size - 1] != '\n') {
            putchar('\n');
        }
    }
    od_buffer_fini(&clean);
    return OD_OK;
}

static od_status pass_answer(od_cli *cli, const od_request *request, od_error *error) {
    od_buffer body = {0};
    od_status status = od_client_send(cli->client, request, &body, error);
    if (status == OD_OK) {
        status = od_cli_pass(cli, body.data, body.size);
    }
    od_buffer_fini(&body);
    return status;
}

od_status od_cli_ask(od_cli *cli, const od_request *request, od_cli_show show, od_error *error) {
    if (cli->json) {
        return pass_answer(cli, request, error);
    }
    cJSON *answer = NULL;
    OD_TRY(od_client_json(cli->client, request, &answer, error));
    od_status status = show(cli, answer);
    cJSON_Delete(answer);
    return status == OD_OK ? OD_OK : od_error_set(error, status, "out of memory");
}
