// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/server.h"

#include "daemon/api/cache.h"
#include "daemon/api/routes.h"
#include "daemon/http/mhd.h"

#include <stdlib.h>

struct od_http {
    od_mhd *mhd;
    od_auth *auth;
    od_tls tls;
    od_cache *cache;
};

static od_status listen_on(od_mhd *mhd, const od_listen *listen, od_error *error) {
    return listen->fd >= 0 ? od_mhd_adopt(mhd, listen->fd, error)
                           : od_mhd_listen(mhd, (const struct sockaddr *)&listen->address,
                                           listen->address_bytes, error);
}

static od_status open_all(od_http *http, od_daemon *daemon, od_error *error) {
    if (daemon->config->token_file[0] != '\0') {
        OD_TRY(od_auth_new(daemon->config->token_file, daemon->config->rate_limit, &http->auth,
                           error));
    }
    if (daemon->config->tls_cert[0] != '\0') {
        OD_TRY(od_tls_read(daemon->config->tls_cert, daemon->config->tls_key, &http->tls, error));
    }
    daemon->auth = http->auth;
    http->cache = daemon->cache = od_cache_new();
    if (http->cache == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the HTTP server");
    }
    const od_mhd_config config = {.loop = daemon->loop,
                                  .routes = od_routes,
                                  .route_count = od_routes_count,
                                  .context = daemon,
                                  .auth = http->auth,
                                  .tls = http->tls.key != NULL ? &http->tls : NULL,
                                  .request_timeout_s = daemon->config->request_timeout_s,
                                  .hosts = daemon->config->hosts,
                                  .host_count = daemon->config->host_count};
    OD_TRY(od_mhd_new(&config, &http->mhd, error));
    for (size_t i = 0; i < daemon->config->listen_count; i++) {
        OD_TRY(listen_on(http->mhd, &daemon->config->listen[i], error));
    }
    return OD_OK;
}

od_status od_http_new(od_daemon *daemon, od_http **out, od_error *error) {
    od_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the HTTP server");
    }
    od_status status = open_all(http, daemon, error);
    if (status != OD_OK) {
        od_http_close(http);
        return status;
    }
    *out = http;
    return OD_OK;
}

void od_http_announce(const od_http *http) {
    od_mhd_announce(http->mhd);
}

void od_http_close(od_http *http) {
    if (http != NULL) {
        od_mhd_close(http->mhd);
        od_cache_free(http->cache);
        od_auth_free(http->auth); // nothing asks it any more
        od_tls_fini(&http->tls);
        free(http);
    }
}
