// SPDX-License-Identifier: Apache-2.0
// What the handlers share: the daemon behind a request, reading the database, checking parameters.
//
// A function here that returns bool answers the request itself when it returns false.
#ifndef OD_API_API_H
#define OD_API_API_H

#include "base/buffer.h"
#include "daemon/daemon.h"
#include "daemon/http/http.h"
#include "daemon/http/problem.h"
#include "daemon/store/curve.h"
#include "daemon/store/events.h"
#include "daemon/store/jobs.h"
#include "daemon/store/points.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

od_daemon *od_api_daemon(const od_request *request);

// Whether the server has tokens; 404 when it has none.
bool od_api_has_tokens(od_request *request);

// The job or experiment that path segment index names; 404 when it cannot be one.
bool od_api_id(od_request *request, size_t index, int64_t *out);

// Query parameters; what is wrong with one is noted (od_request_is_sound). A whole number in
// [min, max]; fallback when it is not given or empty.
int64_t od_api_integer(od_request *request, const char *name, int64_t min, int64_t max,
                       int64_t fallback);

// A decimal number above 0, as in 0.005 or 5e-3; 0 when it is not given or empty.
double od_api_positive(od_request *request, const char *name);

// "true" or "false"; false when it is not given.
bool od_api_boolean(od_request *request, const char *name);

// Reads size bytes of text as a positive whole number without sign or leading zeros.
bool od_api_parse_id(const char *text, size_t size, int64_t *out);

// The ETag of a job: it changes with what PATCH can change.
#define OD_API_TAG "\"r%" PRId64 "\""

// Whether the If-Match header, if there is one, names this revision of a job ("r3", or *).
bool od_api_matches(const od_request *request, int64_t revision);

// The body as a JSON object; where it may be empty, *out is NULL then. The caller deletes it.
bool od_api_object(od_request *request, bool may_be_empty, cJSON **out);

// A request that waits for the database. Handlers put it first in a struct of their own, which is
// freed after the answer, fini first.
typedef struct od_api_call {
    od_request *request;
    od_response *response;                  // set by the work function, unless it fails
    void (*fini)(struct od_api_call *call); // may be NULL
    bool keep;                              // od_api_read_cached keeps the answer
    uint64_t generation;                    // of the store when the reading began
} od_api_call;

// size bytes of zeros with request and fini filled in; NULL: no memory, and it has answered.
void *od_api_call_new(od_request *request, size_t size, void (*fini)(od_api_call *call));

// Runs work(db, call) on a pool thread, then answers with call->response, or with the problem that
// the failure stands for. Takes call.
void od_api_read(od_api_call *call, od_store_work work);

// The same for a GET whose answer depends on its target and the database alone (and a little on the
// clock): while nothing is committed it is read once (cache.h).
void od_api_read_cached(od_api_call *call, od_store_work work);
// Answers with what od_api_read_cached has kept, if that still holds: for handlers that would have
// something to do before they read.
bool od_api_answer_kept(od_request *request);

// Answers and frees call. response NULL stands for "no memory".
void od_api_finish(od_api_call *call, od_response *response);
void od_api_fail(od_api_call *call, const od_error *error);

// The same for an If-Match that does not name the job's present revision.
void od_api_fail_stale(od_api_call *call, int64_t job, int64_t revision);

// --- building JSON -----------------------------------------------------------------------------

// Adds item, which is taken in every case; false when it is NULL or there is no memory.
bool od_api_add(cJSON *object, const char *key, cJSON *item_take);

// Appends item, which is taken in every case.
bool od_api_append(cJSON *array, cJSON *item_take);

// --- printing JSON by hand, for what is long ---------------------------------------------------

// The shortest decimal that reads back as value; NaN, Infinity and -Infinity in quotes where
// quoted.
od_status od_api_append_number(od_buffer *out, double value, bool quoted) OD_MUST_CHECK;
od_status od_api_append_string(od_buffer *out, const char *text) OD_MUST_CHECK;

// "count":28,"steps":[...],"values":[...]: the members of an object, without its braces.
od_status od_api_append_curve(od_buffer *out, const od_curve *curve) OD_MUST_CHECK;

// A response with the contents of buffer, which is empty then; NULL without memory.
od_response *od_api_respond(unsigned status, const char *content_type, od_buffer *buffer);

#endif
