// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/commands.h"
#include "cli/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const od_option options[] = {
    {"name", "NAME", "its name", '\0'},
    {"notes", "TEXT", "its notes", '\0'},
    {"label", "KEY=VALUE", "a label; KEY= takes it away; repeatable", '\0'},
    {"priority", "N", "its priority in the queue", '\0'},
    {0},
};

static od_status add_label(cJSON *patch, const char *text, od_error *error) {
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        return od_error_set(error, OD_E_INVALID, "--label is \"%s\"; give KEY=VALUE", text);
    }
    cJSON *labels = cJSON_GetObjectItemCaseSensitive(patch, "labels");
    if (labels == NULL) {
        labels = cJSON_AddObjectToObject(patch, "labels");
    }
    char *key = strndup(text, (size_t)(equals - text));
    cJSON *value = equals[1] != '\0' ? cJSON_CreateString(equals + 1) : cJSON_CreateNull();
    bool added = key != NULL && labels != NULL && cJSON_AddItemToObject(labels, key, value);
    free(key);
    return added ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "out of memory");
}

static od_status add(cJSON *patch, const char *name, const char *value, od_error *error) {
    int64_t number = 0;
    if (strcmp(name, "label") == 0) {
        return add_label(patch, value, error);
    }
    if (strcmp(name, "priority") == 0) {
        OD_TRY(od_options_number("--priority", value, INT32_MIN, INT32_MAX, &number, error));
        cJSON_AddNumberToObject(patch, name, (double)number);
    } else if (strcmp(name, "name") == 0 || strcmp(name, "notes") == 0) {
        cJSON_AddStringToObject(patch, name, value);
    }
    return OD_OK;
}

static od_status send(od_cli *cli, const cJSON *patch, od_error *error) {
    int64_t id = 0;
    char path[OD_CLI_PATH_BYTES];
    OD_TRY(od_cli_id("job", cli->options.operands[0], &id, error));
    if (cJSON_GetArraySize(patch) == 0) {
        return od_error_set(error, OD_E_INVALID,
                            "nothing to set; give --name, --notes, --label or --priority");
    }
    char *body = od_json_print(patch);
    if (body == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    snprintf(path, sizeof path, "/jobs/%" PRId64, id);
    const od_request request = {
        .method = "PATCH",
        .path = path,
        .content_type = "application/json",
        .body = body,
        .body_bytes = strlen(body),
    };
    od_status status = od_cli_ask(cli, &request, od_job_say, error);
    free(body);
    return status;
}

static od_status run(od_cli *cli, od_error *error) {
    od_status status = OD_OK;
    cJSON *patch = cJSON_CreateObject();
    for (size_t i = 0; i < cli->options.given_count && status == OD_OK; i++) {
        const od_option *option = cli->options.given[i].option;
        if (option->value != NULL) {
            status = add(patch, option->name, cli->options.given[i].value, error);
        }
    }
    if (status == OD_OK) {
        status = send(cli, patch, error);
    }
    cJSON_Delete(patch);
    return status;
}

const od_command od_command_set = {
    .name = "set",
    .purpose = "change a job's name, notes, labels or priority",
    .operands = "JOB",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
