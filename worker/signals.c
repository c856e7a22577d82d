// SPDX-License-Identifier: Apache-2.0
// The handler runs between two steps alone. The matrix products of oneDNN (before 3.11.2) let the
// stack pointer point into the heap; a signal that came in the middle of one would have its frame
// written over whatever lies there. So the signals are blocked, also in all threads that are started
// later, and let in when somebody asks. A thread that was there before main() (OpenBLAS has some)
// may take one at any time, and does no harm by it.
#include "worker/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;

static void remember(int number) {
    stop_signal = number;
}

static void mask_stops(int how) {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGALRM);
    pthread_sigmask(how, &stops, NULL);
}

void od_signals_install(void) {
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    mask_stops(SIG_BLOCK);
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
    mask_stops(SIG_UNBLOCK); // one that waits comes before this returns
    mask_stops(SIG_BLOCK);
    return stop_signal == SIGTERM   ? "SIGTERM"
           : stop_signal == SIGINT  ? "SIGINT"
           : stop_signal == SIGALRM ? "the time limit"
                                    : NULL;
}
