// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/waiting_json.h"

#include "daemon/api/api.h"
#include "daemon/api/job_json.h"

#include <string.h>

static bool is_in(const cJSON *job, const char *state) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "state"));
    return text != NULL && strcmp(text, state) == 0;
}

static cJSON *id_or_null(int64_t id) {
    return id > 0 ? cJSON_CreateNumber((double)id) : cJSON_CreateNull();
}

static cJSON *waiting_json(const od_explanation *from) {
    cJSON *out = cJSON_CreateObject();
    bool whole = od_api_add(out, "code", cJSON_CreateString(od_wait_code_text(from->code))) &&
                 od_api_add(out, "detail", cJSON_CreateString(from->detail)) &&
                 od_api_add(out, "job", id_or_null(from->by)) &&
                 od_api_add(out, "until", od_job_json_time(from->until_ms)) &&
                 od_api_add(out, "position", id_or_null(from->position));
    if (!whole) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

bool od_waiting_json_add(cJSON *job, const od_explanation *explanation) {
    bool waits = is_in(job, "queued") || is_in(job, "paused");
    bool runs = is_in(job, "starting") || is_in(job, "running");
    const od_explanation *from = explanation;
    bool told = from != NULL && waits && from->detail[0] != '\0';
    return od_api_add(job, "waiting", told ? waiting_json(from) : cJSON_CreateNull()) &&
           od_api_add(job, "expected_start_at", od_job_json_time(told ? from->start_ms : 0)) &&
           od_api_add(job, "expected_end_at",
                      od_job_json_time(told || (from != NULL && runs) ? from->end_ms : 0));
}
