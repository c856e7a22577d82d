// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/commands.h"
#include "cli/rows.h"
#include "cli/url.h"

#include <stdlib.h>
#include <string.h>

static const od_option options[] = {{0}};

static const od_row_cell cells[] = {
    {{"NAME", false}, "name"},
    {{"ROLE", false}, "role"},
};

static od_status show_list(od_cli *cli, const cJSON *answer) {
    (void)cli;
    return od_rows_show(cJSON_GetObjectItemCaseSensitive(answer, "tokens"), cells,
                        sizeof cells / sizeof cells[0]);
}

// The token alone, so that it can go into a file.
static od_status show_secret(od_cli *cli, const cJSON *answer) {
    (void)cli;
    const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "token"));
    return od_cli_say("%s", token != NULL ? token : "");
}

static od_status list(od_cli *cli, od_error *error) {
    return od_cli_ask(cli, &(od_request){.path = "/tokens"}, show_list, error);
}

static od_status add(od_cli *cli, od_error *error) {
    cJSON *wish = cJSON_CreateObject();
    bool whole = cJSON_AddStringToObject(wish, "name", cli->options.operands[1]) != NULL &&
                 cJSON_AddStringToObject(wish, "role", cli->options.operands[2]) != NULL;
    char *body = whole ? od_json_print(wish) : NULL;
    cJSON_Delete(wish);
    if (body == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    const od_request request = {.method = "POST",
                                .path = "/tokens",
                                .content_type = "application/json",
                                .body = body,
                                .body_bytes = strlen(body)};
    od_status status = od_cli_ask(cli, &request, show_secret, error);
    free(body);
    return status;
}

static od_status revoke(od_cli *cli, od_error *error) {
    od_buffer path = {0};
    bool json = cli->json;
    od_status status = od_buffer_append_text(&path, "/tokens/");
    if (status == OD_OK) {
        status = od_url_escape(&path, cli->options.operands[1]);
    }
    if (status == OD_OK) {
        cli->json = true; // there is no answer to show
        status =
            od_cli_ask(cli, &(od_request){.method = "DELETE", .path = path.data}, show_list, error);
        cli->json = json;
    } else {
        od_error_set(error, status, "out of memory");
    }
    od_buffer_fini(&path);
    return status;
}

static od_status run(od_cli *cli, od_error *error) {
    static const struct {
        const char *name;
        size_t operands;
        od_status (*run)(od_cli *cli, od_error *error);
    } verbs[] = {{"add", 3, add}, {"list", 1, list}, {"revoke", 2, revoke}};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, cli->options.operands[0]) == 0 &&
            verbs[i].operands == cli->options.operand_count) {
            return verbs[i].run(cli, error);
        }
    }
    return od_error_set(error, OD_E_INVALID, "token: give add NAME ROLE, list or revoke NAME");
}

const od_command od_command_token = {
    .name = "token",
    .purpose = "make, list and revoke the server's tokens (as an admin)",
    .operands = "add NAME read|submit|admin | list | revoke NAME",
    .details = "A new token is printed once; keep it in a file of mode 0600.",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 3,
};
