// SPDX-License-Identifier: Apache-2.0
// What the tables of the last decision say of each job, in words and times.
#include "daemon/queue/internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRESH_MS = 500 };

static double gib(int64_t bytes) {
    return (double)bytes / (1024.0 * 1024 * 1024);
}

// Of the devices that could hold a rank: the most that is free on one of them.
static od_device roomiest(const od_queue *queue, const od_demand *demand) {
    od_device_set devices = od_placement_eligible(&queue->devices, demand);
    od_device out = {0};
    for (size_t i = 0; i < queue->devices.count; i++) {
        const od_device *device = &queue->devices.items[i];
        if ((devices >> i & 1) == 0) {
            continue;
        }
        out.slots_free = device->slots_free > out.slots_free ? device->slots_free : out.slots_free;
        out.memory_free_bytes = device->memory_free_bytes > out.memory_free_bytes
                                    ? device->memory_free_bytes
                                    : out.memory_free_bytes;
    }
    return out;
}

static void tell_limit(const od_queue *queue, size_t index, char *out, size_t size) {
    const od_label_limit *limit = &queue->config.label_limits[index];
    snprintf(out, size, "%" PRId64 " jobs with %s%s=%s run, which is the limit", limit->most,
             limit->value[0] == '*' ? "the same " : "", limit->key, limit->value);
}

static void tell(const od_queue *queue, const roster_entry *entry, od_explanation *out) {
    const od_demand *demand = &entry->demand;
    od_device most = roomiest(queue, demand);
    char *text = out->detail;
    size_t size = sizeof out->detail;
    switch (out->code) {
    case OD_WAIT_PAUSED:
        snprintf(text, size, "it is paused; resume lets it go on");
        return;
    case OD_WAIT_DEPENDENCY:
        snprintf(text, size, "it starts after job %" PRId64, out->by);
        return;
    case OD_WAIT_BACKOFF:
        snprintf(text, size, "attempt %" PRId64 " crashed; it tries again in a while",
                 entry->attempt);
        return;
    case OD_WAIT_DRAINED:
        snprintf(text, size, "%s",
                 queue->drained ? "the server starts nothing until it is undrained"
                                : "the devices that it could run on are drained");
        return;
    case OD_WAIT_SLOTS:
        snprintf(text, size, "it needs %" PRId64 " CPU slots; free: %" PRId64, demand->slots,
                 most.slots_free);
        return;
    case OD_WAIT_MEMORY:
        snprintf(text, size, "it needs %.2f GiB of memory; free on one device: %.2f GiB",
                 gib(demand->memory_bytes), gib(most.memory_free_bytes));
        return;
    case OD_WAIT_DEVICES:
        snprintf(text, size, "it needs %" PRId64 " devices at once", demand->ranks);
        return;
    case OD_WAIT_BEHIND:
        snprintf(text, size, "job %" PRId64 " is in front of it and waits for room", out->by);
        return;
    case OD_WAIT_IMPOSSIBLE:
        snprintf(text, size, "no device here has the %" PRId64 " slots and %.2f GiB it needs",
                 demand->slots, gib(demand->memory_bytes));
        return;
    default:
        snprintf(text, size, "it is being started");
    }
}

static int64_t moment(int64_t now_ms, double in_s) {
    return isnan(in_s) ? 0 : now_ms + (int64_t)(in_s * 1000);
}

static od_explanation explain(const od_queue *queue, size_t i, int64_t now_ms) {
    const roster_entry *entry = queue->roster.items[i];
    const od_schedule_result *result = &queue->results[i];
    od_explanation out = {.job = entry->id,
                          .start_ms = moment(now_ms, result->start_s),
                          .end_ms = moment(now_ms, result->end_s)};
    if (queue->jobs[i].running) {
        return out;
    }
    out.code = entry->doomed_by != 0 ? OD_WAIT_DEPENDENCY : result->why;
    bool by_job = out.code == OD_WAIT_DEPENDENCY || out.code == OD_WAIT_BEHIND;
    out.by = entry->doomed_by != 0 ? entry->doomed_by : by_job ? result->by : 0;
    out.until_ms = out.code == OD_WAIT_BACKOFF ? moment(now_ms, queue->jobs[i].backoff_s) : 0;
    if (out.code == OD_WAIT_LABEL_LIMIT) {
        tell_limit(queue, (size_t)result->by, out.detail, sizeof out.detail);
    } else {
        tell(queue, entry, &out);
    }
    return out;
}

static od_explanations *explain_all(od_queue *queue) {
    int64_t now_ms = od_clock_wall_ms();
    const od_schedule_rules rules = queue_rules(queue);
    size_t count = queue->roster.count;
    int64_t position = 0;
    od_explanations *out = malloc(sizeof *out + count * sizeof out->items[0]);
    if (out == NULL || queue_decide(queue) != OD_OK ||
        od_schedule_forecast(&queue->devices, &rules, queue->jobs, count, queue->results) !=
            OD_OK) {
        free(out);
        return NULL;
    }
    out->owners = 1; // the queue
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        out->items[i] = explain(queue, i, now_ms);
        if (queue->roster.items[i]->state == OD_JOB_QUEUED) {
            out->items[i].position = ++position;
        }
    }
    return out;
}

// Many ask within a moment, and a long queue takes tens of milliseconds to play.
static od_status keep_fresh(od_queue *queue) {
    int64_t now_ms = od_clock_monotonic_ns() / 1000000;
    if (queue->explained != NULL && now_ms < queue->explained_ms + FRESH_MS) {
        return OD_OK;
    }
    od_explanations_release(queue->explained);
    queue->explained = explain_all(queue);
    queue->explained_ms = now_ms;
    return queue->explained != NULL ? OD_OK : OD_E_NO_MEMORY;
}

od_explanations *od_queue_explain(od_queue *queue) {
    if (keep_fresh(queue) != OD_OK) {
        return NULL;
    }
    queue->explained->owners++;
    return queue->explained;
}

void od_explanations_release(od_explanations *list) {
    if (list != NULL && --list->owners == 0) {
        free(list);
    }
}

const od_explanation *od_explanations_find(const od_explanations *list, int64_t job) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].job == job) {
            return &list->items[i];
        }
    }
    return NULL;
}
