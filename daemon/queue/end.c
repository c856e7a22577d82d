// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/end.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

typedef enum cause {
    SUCCEEDED,
    FAILED,
    STOPPED,
    PREEMPTED,
    TIME_LIMIT,
    NOT_STARTED,
    USAGE,
    CRASHED, // from here on it is a crash
    OUT_OF_MEMORY,
    REBOOT,
    LOST,
    CAUSES
} cause;

static const char *const codes[CAUSES] = {
    [SUCCEEDED] = "succeeded",
    [FAILED] = "failed",
    [STOPPED] = "stopped",
    [PREEMPTED] = "preempted",
    [TIME_LIMIT] = "time_limit",
    [USAGE] = "usage",
    [NOT_STARTED] = "not_started",
    [CRASHED] = "crashed",
    [OUT_OF_MEMORY] = "out_of_memory",
    [REBOOT] = "reboot",
    [LOST] = "lost",
};

// --- why it ended --------------------------------------------------------------------------

static int64_t ended_at(const od_end_facts *facts) {
    int64_t last_ms = facts->how->last_written_ms;
    bool is_told = facts->how->known || last_ms < facts->attempt->started_at_ms;
    return is_told || last_ms > facts->now_ms ? facts->now_ms : last_ms;
}

static bool is_out_of_time(const od_end_facts *facts) {
    int64_t ran_ms = facts->job->ran_ms + ended_at(facts) - facts->attempt->started_at_ms;
    // Of its own runs this server has told, by a clock that nobody sets.
    return facts->why == OD_STOP_TIME ||
           (facts->adopted && facts->time_limit_s > 0 && ran_ms >= facts->time_limit_s * 1000);
}

static cause why_stopped(const od_end_facts *facts) {
    return is_out_of_time(facts)             ? TIME_LIMIT
           : facts->why == OD_STOP_PREEMPTED ? PREEMPTED
                                             : STOPPED;
}

static bool is_of_another_boot(const od_end_facts *facts) {
    return facts->attempt->boot_id != NULL && facts->boot_id[0] != '\0' &&
           strcmp(facts->attempt->boot_id, facts->boot_id) != 0;
}

// There is no `end` line.
static cause why_silent(const od_end_facts *facts) {
    const od_worker_exit *how = facts->how;
    if (facts->killed && facts->why != OD_STOP_ASKED) {
        return why_stopped(facts);
    }
    if (facts->adopted && facts->attempt->from_step < 0 && facts->job->state == OD_JOB_STARTING) {
        return NOT_STARTED; // the former daemon went before it had started it
    }
    if (how->known && how->signal == 0 && how->status == EXIT_USAGE) {
        return USAGE;
    }
    if (!how->known && is_of_another_boot(facts)) {
        return REBOOT;
    }
    bool by_kernel = !facts->killed && how->oom != OD_OOM_NONE && (!how->known || how->signal == 9);
    return by_kernel ? OUT_OF_MEMORY : how->known ? CRASHED : LOST;
}

static cause why_ended(const od_end_facts *facts) {
    const char *outcome = facts->attempt->outcome;
    if (outcome != NULL && strcmp(outcome, codes[SUCCEEDED]) == 0) {
        return SUCCEEDED;
    }
    if (outcome != NULL && strcmp(outcome, codes[FAILED]) == 0) {
        return FAILED;
    }
    if (outcome != NULL && strcmp(outcome, codes[STOPPED]) == 0) {
        return why_stopped(facts);
    }
    return why_silent(facts);
}

// --- what follows --------------------------------------------------------------------------

static od_job_state next_state(const od_end_facts *facts, cause why) {
    static const od_job_state table[CAUSES][3] = {
        // running or starting, pausing, cancelling
        [SUCCEEDED] = {OD_JOB_SUCCEEDED, OD_JOB_SUCCEEDED, OD_JOB_SUCCEEDED},
        [FAILED] = {OD_JOB_FAILED, OD_JOB_FAILED, OD_JOB_CANCELLED},
        [STOPPED] = {OD_JOB_QUEUED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
        [PREEMPTED] = {OD_JOB_QUEUED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
        [TIME_LIMIT] = {OD_JOB_FAILED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
        [NOT_STARTED] = {OD_JOB_QUEUED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
        [USAGE] = {OD_JOB_FAILED, OD_JOB_FAILED, OD_JOB_CANCELLED},
        [CRASHED] = {OD_JOB_FAILED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
        [OUT_OF_MEMORY] = {OD_JOB_FAILED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
        [REBOOT] = {OD_JOB_FAILED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
        [LOST] = {OD_JOB_FAILED, OD_JOB_PAUSED, OD_JOB_CANCELLED},
    };
    const od_job *job = facts->job;
    int column = job->state == OD_JOB_PAUSING ? 1 : job->state == OD_JOB_CANCELLING ? 2 : 0;
    od_job_state to = table[why][column];
    bool again = why >= CRASHED && to == OD_JOB_FAILED && job->crashes < job->retries;
    return again ? OD_JOB_QUEUED : to;
}

int64_t od_end_delay_ms(int64_t delay_ms, int64_t most_ms, int64_t crashes) {
    for (int64_t i = 0; i < crashes && delay_ms > 0 && delay_ms < most_ms; i++) {
        delay_ms *= 2;
    }
    return delay_ms < most_ms ? delay_ms : most_ms;
}

// --- the sentence --------------------------------------------------------------------------

// "was killed by signal 9 (Killed)"
static void describe_exit(const od_end_facts *facts, cause why, char *out, size_t size) {
    const od_worker_exit *how = facts->how;
    if (why == REBOOT) {
        snprintf(out, size, "ended when the machine went down, which has booted anew since");
    } else if (why == LOST) {
        snprintf(out, size, "ended while the server was away");
    } else if (why == OUT_OF_MEMORY) {
        snprintf(out, size, "%s; the kernel killed for lack of memory in that time, %s",
                 how->known ? "was killed by signal 9 (Killed)" : "ended while the server was away",
                 how->oom == OD_OOM_GROUP ? "in this server's control group"
                                          : "somewhere on this machine: most likely this run");
    } else if (how->signal != 0) {
        snprintf(out, size, "was killed by signal %d (%s)", how->signal, strsignal(how->signal));
    } else {
        snprintf(out, size, "exited with status %" PRId64 " without saying why", how->status);
    }
}

static const char *describe_crash(const od_end_facts *facts, cause why, od_end *out) {
    char how[240];
    const char *last = facts->how->last_line;
    describe_exit(facts, why, how, sizeof how);
    snprintf(out->text, sizeof out->text, "attempt %" PRId64 " %s%s%s", facts->job->attempt, how,
             last[0] != '\0' ? "; its log ends with: " : "; its log is empty", last);
    return out->text;
}

static const char *describe_time(const od_end_facts *facts, od_end *out) {
    snprintf(out->text, sizeof out->text,
             "reached its time limit of %" PRId64 " s at step %" PRId64 " of %" PRId64
             "; %s, and a retry gives it as much time again",
             facts->time_limit_s, facts->job->step, facts->job->steps,
             facts->killed ? "it did not stop in time and was killed, so it goes on from its last "
                             "checkpoint"
                           : "its checkpoint is of that step");
    return out->text;
}

static const char *describe(const od_end_facts *facts, cause why, od_job_state to, od_end *out) {
    if (to == OD_JOB_SUCCEEDED || (to == OD_JOB_PAUSED && why < CRASHED)) {
        return NULL;
    }
    if (to == OD_JOB_CANCELLED) {
        return facts->killed
                   ? "cancelled on request; the worker did not stop in time and was killed"
                   : "cancelled on request";
    }
    switch (why) {
    case FAILED:
        return facts->attempt->reason != NULL ? facts->attempt->reason
                                              : "the worker gave no reason";
    case STOPPED:
        return "the worker was stopped from outside; it goes on from its last checkpoint";
    case PREEMPTED:
        return "it made room for a job of a higher priority, and goes on from its checkpoint";
    case TIME_LIMIT:
        return describe_time(facts, out);
    case NOT_STARTED:
        return NULL;
    default:
        return describe_crash(facts, why, out);
    }
}

void od_end_judge(const od_end_facts *facts, od_end *out) {
    cause why = why_ended(facts);
    od_job_state to = next_state(facts, why);
    bool crashed = why >= CRASHED && to == OD_JOB_QUEUED;
    *out = (od_end){
        .change = {
            .job = facts->job->id, .to = to, .crashed = crashed, .ended_at_ms = ended_at(facts)}};
    out->change.code = to == OD_JOB_CANCELLED                 ? "cancelled"
                       : to == OD_JOB_PAUSED && why < CRASHED ? "paused"
                                                              : codes[why];
    out->change.reason = describe(facts, why, to, out);
    if (crashed) {
        out->change.not_before_ms =
            facts->now_ms +
            od_end_delay_ms(facts->retry_delay_ms, facts->retry_delay_max_ms, facts->job->crashes);
    }
}
