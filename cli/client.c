// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include "base/json.h"
#include "cli/problem.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PROBLEM_BYTES_MAX = 1 << 20,
    CONNECT_TIMEOUT_MS = 10000,
    SILENCE_S = 60, // event streams have a comment every 15 s
    TRIES = 6,
    FIRST_PAUSE_MS = 200,
};

struct od_client {
    CURL *curl;
    const char *server; // as it was given
    char *base;         // URL without a slash at its end
    char *authorization;
    const char *trusted; // file of certificates; NULL: the system's
    od_buffer refusal;   // body of an answer of 400 or more
    od_buffer problem;   // the line made of it
    char fault[CURL_ERROR_SIZE];
};

typedef struct od_transfer {
    od_client *client;
    od_client_sink sink;
    void *ctx;
    bool stopped;
    bool no_memory;
} od_transfer;

static bool is_token(const char *token) {
    size_t length = strlen(token);
    for (size_t i = 0; i < length; i++) {
        if (token[i] <= ' ' || token[i] > '~') {
            return false;
        }
    }
    return length > 0;
}

static char *base_of(const char *server) {
    if (strncmp(server, "unix:", 5) == 0) {
        return strdup("http://localhost");
    }
    size_t bytes = strlen(server);
    while (bytes > 0 && server[bytes - 1] == '/') {
        bytes--;
    }
    return strndup(server, bytes);
}

static od_status check_server(const char *server, od_error *error) {
    static const char *const starts[] = {"http://", "https://", "unix:"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (strncmp(server, starts[i], strlen(starts[i])) == 0 &&
            server[strlen(starts[i])] != '\0') {
            return OD_OK;
        }
    }
    return od_error_set(
        error, OD_E_INVALID,
        "the server is \"%s\"; give http://HOST:PORT, https://HOST:PORT or unix:PATH", server);
}

od_status od_client_new(const char *server, const char *token, od_client **out, od_error *error) {
    OD_TRY(check_server(server, error));
    if (token != NULL && !is_token(token)) {
        return od_error_set(error, OD_E_INVALID,
                            "the token is empty or has characters that no token has");
    }
    od_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    client->server = server;
    client->curl = curl_easy_init();
    client->base = base_of(server);
    if (client->curl == NULL || client->base == NULL ||
        (token != NULL &&
         asprintf(&client->authorization, "Authorization: Bearer %s", token) < 0)) {
        od_client_free(client);
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    *out = client;
    return OD_OK;
}

void od_client_free(od_client *client) {
    if (client == NULL) {
        return;
    }
    if (client->curl != NULL) {
        curl_easy_cleanup(client->curl);
    }
    free(client->base);
    free(client->authorization);
    od_buffer_fini(&client->refusal);
    od_buffer_fini(&client->problem);
    free(client);
}

void od_client_trust(od_client *client, const char *path) {
    client->trusted = path;
}

long od_client_http_status(const od_client *client) {
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *od_client_problem(const od_client *client) {
    return client->problem.data != NULL ? client->problem.data : "";
}

static size_t on_bytes(char *bytes, size_t one, size_t count, void *ctx) {
    od_transfer *transfer = ctx;
    od_client *client = transfer->client;
    size_t size = one * count;
    if (od_client_http_status(client) < 400) {
        transfer->stopped = !transfer->sink(transfer->ctx, bytes, size);
        return transfer->stopped ? 0 : size;
    }
    if (client->refusal.size + size <= PROBLEM_BYTES_MAX &&
        od_buffer_append(&client->refusal, bytes, size) != OD_OK) {
        transfer->no_memory = true;
        return 0;
    }
    return size;
}

// Adds line to *headers; false when memory runs out.
static bool add_header(struct curl_slist **headers, const char *line) {
    struct curl_slist *longer = curl_slist_append(*headers, line);
    *headers = longer != NULL ? longer : *headers;
    return longer != NULL;
}

static bool add_named(struct curl_slist **headers, const char *name, const char *value) {
    char line[512];
    return value == NULL ||
           (snprintf(line, sizeof line, "%s: %s", name, value) < (int)sizeof line &&
            add_header(headers, line));
}

static bool make_headers(const od_client *client, const od_request *request,
                         struct curl_slist **headers) {
    return add_header(headers, "Expect:") &&
           add_named(headers, "Content-Type", request->content_type) &&
           add_named(headers, "Idempotency-Key", request->key) &&
           (request->header == NULL || add_header(headers, request->header)) &&
           (client->authorization == NULL || add_header(headers, client->authorization));
}

static void set_method(CURL *curl, const od_request *request) {
    if (request->method == NULL) {
        return;
    }
    if (strcmp(request->method, "DELETE") != 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_connection(od_client *client) {
    CURL *curl = client->curl;
    if (strncmp(client->server, "unix:", 5) == 0) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->server + 5);
    }
    if (client->trusted != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->trusted);
    }
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->fault);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
}

// One try. Everything that the last one has set is set anew; the connection is kept.
static CURLcode perform(od_transfer *transfer, const od_request *request) {
    od_client *client = transfer->client;
    CURL *curl = client->curl;
    struct curl_slist *headers = NULL;
    od_buffer url = {0};
    CURLcode code = CURLE_OUT_OF_MEMORY;
    client->refusal.size = 0;
    client->fault[0] = '\0';
    if (make_headers(client, request, &headers) &&
        od_buffer_printf(&url, "%s/api/v1%s", client->base, request->path) == OD_OK) {
        curl_easy_reset(curl);
        set_connection(client);
        set_method(curl, request);
        curl_easy_setopt(curl, CURLOPT_URL, url.data);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
        code = curl_easy_perform(curl);
    }
    curl_slist_free_all(headers);
    od_buffer_fini(&url);
    return transfer->stopped ? CURLE_OK : code;
}

static bool is_lost(CURLcode code) {
    return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
           code == CURLE_PARTIAL_FILE || code == CURLE_OPERATION_TIMEDOUT;
}

// A first connection that is refused is a wrong address; after a lost answer it is a server that
// starts again.
static CURLcode perform_again(od_transfer *transfer, const od_request *request, CURLcode code) {
    if (!is_lost(code)) {
        return code;
    }
    long pause_ms = FIRST_PAUSE_MS;
    for (int i = 1; i < TRIES && (is_lost(code) || code == CURLE_COULDNT_CONNECT); i++) {
        const struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
        pause_ms *= 2;
        transfer->sink(transfer->ctx, NULL, 0);
        code = perform(transfer, request);
    }
    return code;
}

static od_status refuse(od_client *client, long http_status, od_error *error) {
    if (od_problem_line(&client->problem, http_status, client->refusal.data,
                        client->refusal.size) != OD_OK) {
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    od_status status = http_status == 404   ? OD_E_NOT_FOUND
                       : http_status == 409 ? OD_E_CONFLICT
                                            : OD_E_UNSUPPORTED;
    return od_error_set(error, status, "%s", client->problem.data);
}

static od_status explain(const od_client *client, CURLcode code, od_error *error) {
    if (code == CURLE_OUT_OF_MEMORY) {
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    const char *why = client->fault[0] != '\0' ? client->fault : curl_easy_strerror(code);
    return od_error_set(error, OD_E_IO, "%s: %s%s", client->server, why,
                        code == CURLE_COULDNT_CONNECT
                            ? "; is orthod running there? --server URL names another address"
                            : "");
}

od_status od_client_stream(od_client *client, const od_request *request, od_client_sink sink,
                           void *ctx, od_error *error) {
    od_transfer transfer = {.client = client, .sink = sink, .ctx = ctx};
    client->problem.size = 0;
    if (client->problem.data != NULL) {
        client->problem.data[0] = '\0';
    }
    CURLcode code = perform(&transfer, request);
    if (request->key != NULL) {
        code = perform_again(&transfer, request, code);
    }
    if (transfer.no_memory) {
        code = CURLE_OUT_OF_MEMORY;
    }
    if (code != CURLE_OK) {
        return explain(client, code, error);
    }
    long http_status = od_client_http_status(client);
    return http_status >= 400 ? refuse(client, http_status, error) : OD_OK;
}

typedef struct od_collection {
    od_buffer *body;
    size_t start; // of this answer in body
    od_status status;
} od_collection;

static bool collect(void *ctx, const char *bytes, size_t size) {
    od_collection *collection = ctx;
    if (bytes == NULL) {
        collection->body->size = collection->start;
        return true;
    }
    collection->status = od_buffer_append(collection->body, bytes, size);
    return collection->status == OD_OK;
}

od_status od_client_send(od_client *client, const od_request *request, od_buffer *body,
                         od_error *error) {
    od_collection collection = {body, body->size, OD_OK};
    OD_TRY(od_client_stream(client, request, collect, &collection, error));
    return collection.status == OD_OK
               ? OD_OK
               : od_error_set(error, collection.status, "the answer does not fit into memory");
}

od_status od_client_json(od_client *client, const od_request *request, cJSON **out,
                         od_error *error) {
    od_buffer body = {0};
    od_status status = od_client_send(client, request, &body, error);
    if (status == OD_OK) {
        status = od_json_parse(body.data != NULL ? body.data : "", body.size, out, error);
        if (status != OD_OK) {
            od_error_prefix(error, "%s: the answer is no JSON; is it an orthod?", client->server);
        }
    }
    od_buffer_fini(&body);
    return status;
}
