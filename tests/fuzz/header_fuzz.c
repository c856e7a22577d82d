// SPDX-License-Identifier: Apache-2.0
// Headers and patterns: a size, then a text for all that reads one from a request.
#include "daemon/api/glob.h"
#include "daemon/http/guard.h"
#include "daemon/http/range.h"
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static void check_range(const char *text, uint64_t total) {
    od_range range = {0};
    od_range_kind kind = od_range_parse(text, total, &range);
    if (kind == OD_RANGE_PART) {
        FUZZ_CHECK(range.size >= 1 && range.first < total && range.size <= total - range.first);
    } else if (kind == OD_RANGE_WHOLE) {
        FUZZ_CHECK(range.first == 0 && range.size == total);
    }
}

// A name of this server and its port, with brackets or capitals, too.
static bool names_this_server(const char *text) {
    static const char *const own[] = {"localhost:", "127.0.0.1:", "::1:"};
    char plain[64];
    size_t size = 0;
    for (; *text != '\0' && size < sizeof plain - 1; text++) {
        plain[size] = *text;
        size += *text != '[' && *text != ']';
    }
    plain[size] = '\0';
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        size_t length = strlen(own[i]);
        if (strncasecmp(own[i], plain, length) == 0) {
            return strcmp(plain + length, "8420") == 0;
        }
    }
    return false;
}

// Only this server's names pass, and only on its port.
static void check_host(const char *text) {
    od_guard guard;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8420)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    od_guard_init(&guard, (const struct sockaddr *)&address, NULL, 0);
    FUZZ_CHECK(!od_guard_host_is_own(&guard, text) || names_this_server(text));
    FUZZ_CHECK(od_guard_host_is_own(&guard, "localhost:8420"));
    (void)od_guard_same_origin("127.0.0.1:8420", text, NULL);
    (void)od_guard_same_origin("127.0.0.1:8420", NULL, text);
}

static bool ignore_name(void *ctx, const char *name, size_t size) {
    (void)ctx;
    return name[0] != '*' || size > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t total = 0;
    if (size < sizeof total) {
        return 0;
    }
    memcpy(&total, data, sizeof total);
    char *text = fuzz_text(data + sizeof total, size - sizeof total);
    check_range(text, total);
    check_host(text);
    FUZZ_CHECK(od_glob_match("*", 1, text));
    (void)od_glob_match_list(text, "activation/attn/block00/x_norm2");
    (void)od_glob_each_name(text, ignore_name, NULL);
    free(text);
    return 0;
}
