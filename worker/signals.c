// SPDX-License-Identifier: Apache-2.0
#include "worker/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;

static void remember(int number) {
    stop_signal = number;
}

void od_signals_install(void) {
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

void od_signals_stop_after(unsigned seconds) {
    alarm(seconds);
}

const char *od_signals_stop_wanted(void) {
    return stop_signal == SIGTERM   ? "SIGTERM"
           : stop_signal == SIGINT  ? "SIGINT"
           : stop_signal == SIGALRM ? "the time limit"
                                    : NULL;
}
