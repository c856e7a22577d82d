// SPDX-License-Identifier: Apache-2.0
// Every submission has an Idempotency-Key: the client repeats a request whose answer got lost, and
// the server then answers with what the first one has made.
#include "cli/body.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/key.h"
#include "cli/sanitize.h"
#include "cli/url.h"
#include "cli/value.h"

#include <string.h>

static const od_option options[] = {
    {"set", "KEY=VALUE", "change the spec: train.epochs=3, or a recipe's key; repeatable", '\0'},
    {"dry-run", NULL, "only check and plan a job; nothing is queued", '\0'},
    {"key", "KEY", "Idempotency-Key (default: a random one)", '\0'},
    {0},
};

static bool is_dry(const od_cli *cli) {
    return od_options_has(&cli->options, "dry-run");
}

// A recipe's settings go into the query, where the server counts them more than the file.
static od_status add_settings(const od_cli *cli, od_body_kind kind, od_buffer *path,
                              od_buffer *body, od_error *error) {
    const od_options *given = &cli->options;
    for (size_t i = 0; i < given->given_count; i++) {
        if (strcmp(given->given[i].option->name, "set") != 0) {
            continue;
        }
        const char *setting = given->given[i].value;
        char key[128];
        size_t bytes = strcspn(setting, "=");
        if (kind != OD_BODY_RECIPE) {
            OD_TRY(od_body_set(body, kind, setting, error));
        } else if (setting[bytes] == '\0' || bytes == 0 || bytes >= sizeof key) {
            return od_error_set(error, OD_E_INVALID, "--set is \"%s\"; give KEY=VALUE", setting);
        } else {
            snprintf(key, sizeof key, "%.*s", (int)bytes, setting);
            OD_TRY(od_url_add(path, key, setting + bytes + 1));
        }
    }
    return OD_OK;
}

static od_status show_warnings(const cJSON *answer) {
    const cJSON *warning = NULL;
    cJSON_ArrayForEach(warning, cJSON_GetObjectItemCaseSensitive(answer, "warnings")) {
        od_buffer line = {0};
        const char *texts[] = {od_value_text(warning, "pointer"), ": ",
                               od_value_text(warning, "detail")};
        for (size_t i = 0; i < 3; i++) {
            OD_TRY(od_sanitize_append(&line, texts[i], strlen(texts[i]), OD_SANITIZE_LINE));
        }
        fprintf(stderr, "orthoctl: warning: %s\n", line.data);
        od_buffer_fini(&line);
    }
    return OD_OK;
}

static od_status show_experiment(const cJSON *experiment) {
    const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(experiment, "jobs");
    return od_cli_say("experiment %.0f queued: %s: %d jobs", od_value_number(experiment, "id", 0),
                      od_value_text(experiment, "name"), cJSON_GetArraySize(jobs));
}

static od_status show(od_cli *cli, const cJSON *answer) {
    OD_TRY(show_warnings(answer));
    if (is_dry(cli)) {
        return od_job_show_plan(cJSON_GetObjectItemCaseSensitive(answer, "plan"));
    }
    return cJSON_HasObjectItem(answer, "jobs") ? show_experiment(answer) : od_job_say(cli, answer);
}

static od_status send(od_cli *cli, od_body_kind kind, od_buffer *path, od_buffer *body,
                      od_error *error) {
    if (kind == OD_BODY_EXPERIMENT && is_dry(cli)) {
        return od_error_set(error, OD_E_INVALID,
                            "--dry-run is for jobs; this is an experiment, give its base");
    }
    char made[OD_KEY_BYTES];
    const char *key = od_options_get(&cli->options, "key");
    OD_TRY(od_key_make(made, error));
    OD_TRY(od_buffer_append_text(path, kind == OD_BODY_EXPERIMENT ? "/experiments" : "/jobs"));
    OD_TRY(od_url_add(path, "dry_run", is_dry(cli) ? "true" : NULL));
    OD_TRY(add_settings(cli, kind, path, body, error));
    const od_request request = {
        .method = "POST",
        .path = path->data,
        .content_type = kind == OD_BODY_RECIPE ? "application/yaml" : "application/json",
        .body = body->data,
        .body_bytes = body->size,
        .key = key != NULL ? key : made,
    };
    od_status status = od_cli_ask(cli, &request, show, error);
    return status == OD_E_IO && !is_dry(cli) && od_client_http_status(cli->client) == 0
               ? od_error_prefix(error,
                                 "no answer (--key %s with the same file asks again without "
                                 "queueing it twice)",
                                 request.key)
               : status;
}

static od_status run(od_cli *cli, od_error *error) {
    const char *file = cli->options.operands[0];
    od_body_kind kind = OD_BODY_SPEC;
    od_buffer body = {0};
    od_buffer path = {0};
    od_status status = od_body_read(file, &body, error);
    if (status == OD_OK) {
        status = od_body_kind_of(&body, &kind, error);
        if (status != OD_OK) {
            status = od_error_prefix(error, "%s", file);
        }
    }
    if (status == OD_OK) {
        status = send(cli, kind, &path, &body, error);
    }
    od_buffer_fini(&path);
    od_buffer_fini(&body);
    return status;
}

const od_command od_command_submit = {
    .name = "submit",
    .purpose = "queue a job or an experiment",
    .operands = "FILE",
    .details =
        "FILE (- is standard input) is a job spec or an experiment in JSON, or a YAML recipe "
        "of the\nreference implementation; its contents decide.",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
