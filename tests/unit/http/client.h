// SPDX-License-Identifier: Apache-2.0
// A client on a thread of its own, for servers on the test's loop.
#ifndef OD_TESTS_UNIT_HTTP_CLIENT_H
#define OD_TESTS_UNIT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct client client;

// The port in "127.0.0.1:8420" or "[::1]:8420"; 0 in "unix:/path".
uint16_t client_port(const char *address);

// Connects to "127.0.0.1:8420", "[::1]:8420" or "unix:/path", sends bytes and reads until the
// answer contains `until` (NULL: until the server closes), then leaves.
client *client_start(uv_loop_t *loop, const char *address, const char *bytes, size_t size,
                     const char *until);
bool client_is_done(const client *client);
// Whether the answer so far contains text.
bool client_has(client *client, const char *text);
// Runs the loop until the client is done; the whole answer, to be freed.
char *client_finish(client *client);

// All at once. bytes are text.
char *client_ask(uv_loop_t *loop, const char *address, const char *bytes);

// Runs the loop until *condition(ctx); ends the program after a minute.
void client_run_until(uv_loop_t *loop, bool (*condition)(void *ctx), void *ctx);

#endif
