// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/server.h"

#include "daemon/api/routes.h"
#include "daemon/http/mhd.h"

#include <stdlib.h>

struct od_http {
    od_mhd *mhd;
};

od_status od_http_new(od_daemon *daemon, od_http **out, od_error *error) {
    const od_mhd_config config = {.loop = daemon->loop,
                                  .routes = od_routes,
                                  .route_count = od_routes_count,
                                  .context = daemon};
    od_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the HTTP server");
    }
    od_status status = od_mhd_new(&config, &http->mhd, error);
    if (status != OD_OK) {
        free(http);
        return status;
    }
    for (size_t i = 0; i < daemon->config->listen_count; i++) {
        const od_listen *listen = &daemon->config->listen[i];
        status = listen->fd >= 0
                     ? od_mhd_adopt(http->mhd, listen->fd, error)
                     : od_mhd_listen(http->mhd, (const struct sockaddr *)&listen->address,
                                     listen->address_bytes, error);
        if (status != OD_OK) {
            od_http_close(http);
            return status;
        }
    }
    *out = http;
    return OD_OK;
}

void od_http_close(od_http *http) {
    if (http != NULL) {
        od_mhd_close(http->mhd);
        free(http);
    }
}
