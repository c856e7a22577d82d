// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/url.h"

#include <inttypes.h>
#include <string.h>

static const od_option options[] = {
    {"format", "FORMAT", "csv (default), ndjson or json", 'f'},
    {"series", "NAMES", "only these: names or patterns, with commas between them", '\0'},
    {"from-step", "N", "only from this step on", '\0'},
    {"to-step", "N", "only up to this step", '\0'},
    {"max-points", "N", "at most N of each series, 3 to 100000 (default 100000)", '\0'},
    {0},
};

static od_status make_path(const od_cli *cli, int64_t id, od_buffer *path) {
    const od_options *given = &cli->options;
    const char *format = od_options_get(given, "format");
    const char *points = od_options_get(given, "max-points");
    OD_TRY(od_buffer_printf(path, "/jobs/%" PRId64 "/metrics", id));
    OD_TRY(od_url_add(path, "format", cli->json ? "json" : format != NULL ? format : "csv"));
    OD_TRY(od_url_add(path, "series", od_options_get(given, "series")));
    OD_TRY(od_url_add(path, "from_step", od_options_get(given, "from-step")));
    OD_TRY(od_url_add(path, "to_step", od_options_get(given, "to-step")));
    return od_url_add(path, "max_points", points != NULL ? points : "100000");
}

static od_status check(const od_options *given, od_error *error) {
    static const char *const names[] = {"from-step", "to-step", "max-points"};
    const char *format = od_options_get(given, "format");
    int64_t number = 0;
    if (format != NULL && strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0 &&
        strcmp(format, "json") != 0) {
        return od_error_set(error, OD_E_INVALID, "--format is \"%s\"; give csv, ndjson or json",
                            format);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = od_options_get(given, names[i]);
        if (text != NULL) {
            OD_TRY(od_options_number(names[i], text, 0, INT64_MAX, &number, error));
        }
    }
    return OD_OK;
}

static od_status run(od_cli *cli, od_error *error) {
    int64_t id = 0;
    od_buffer path = {0};
    od_buffer body = {0};
    OD_TRY(od_cli_id("job", cli->options.operands[0], &id, error));
    OD_TRY(check(&cli->options, error));
    od_status status = make_path(cli, id, &path);
    if (status == OD_OK) {
        status = od_client_send(cli->client, &(od_request){.path = path.data}, &body, error);
    }
    if (status == OD_OK) {
        status = od_cli_pass(cli, body.data, body.size);
    }
    od_buffer_fini(&body);
    od_buffer_fini(&path);
    return status;
}

const od_command od_command_export = {
    .name = "export",
    .purpose = "write a job's metrics as CSV, NDJSON or JSON",
    .operands = "JOB",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
