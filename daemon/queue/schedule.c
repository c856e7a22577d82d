// SPDX-License-Identifier: Apache-2.0
// One pass over the waiting jobs, in their order, is what decides; the forecast plays the same pass
// again at every moment at which something is expected to end.
#include "daemon/queue/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STOPPING_S = 10;       // what a run that was asked to stop is taken to need
static const double BACKFILL_MARGIN = 1.2; // as rests are estimates

const char *od_wait_code_text(od_wait_code code) {
    static const char *const texts[OD_WAIT_CODES] = {
#define X(name, text) [OD_WAIT_##name] = text,
        OD_WAIT_MAP(X)
#undef X
    };
    return texts[code];
}

bool od_schedule_before(const od_schedule_job *a, const od_schedule_job *b) {
    if (a->priority != b->priority) {
        return a->priority > b->priority;
    }
    return a->age != b->age ? a->age < b->age : a->id < b->id;
}

// --- the state of the play -----------------------------------------------------------------

typedef enum play_state { WAITS, RUNS, ENDED, BEYOND } play_state;

typedef struct play_job {
    play_state state;
    od_device_set devices;
    double start_s;
    double end_s; // INFINITY: not known
} play_job;

typedef struct play {
    const od_schedule_rules *rules;
    const od_schedule_job *jobs;
    size_t count;
    od_device_table table;
    double now_s;
    size_t reach; // all of jobs[reach] and behind it is BEYOND or runs
    play_job *at; // of jobs
    size_t *runs; // indices of those that run, in no order
    size_t run_count;
} play;

static double end_of(const od_schedule_job *job) {
    if (job->stopping) {
        return STOPPING_S;
    }
    return isnan(job->rest_s) ? INFINITY : fmax(job->rest_s, 0);
}

static void play_fini(play *p) {
    free(p->at);
    free(p->runs);
}

static od_status play_init(play *p, const od_device_table *table, const od_schedule_rules *rules,
                           const od_schedule_job *jobs, size_t count) {
    size_t waiting = 0;
    *p = (play){.rules = rules, .jobs = jobs, .count = count, .table = *table};
    p->at = calloc(count + 1, sizeof *p->at);
    p->runs = calloc(count + 1, sizeof *p->runs);
    if (p->at == NULL || p->runs == NULL) {
        play_fini(p);
        return OD_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const od_schedule_job *job = &jobs[i];
        p->at[i] = (play_job){.state = job->running ? RUNS : WAITS,
                              .devices = job->devices,
                              .start_s = (double)NAN,
                              .end_s = job->running ? end_of(job) : INFINITY};
        if (job->running) {
            p->runs[p->run_count++] = i;
        } else if (waiting++ < OD_SCHEDULE_HORIZON) {
            p->reach = i + 1;
        } else {
            p->at[i].state = BEYOND;
        }
    }
    return OD_OK;
}

static void begin(play *p, size_t i, od_device_set devices) {
    od_placement_take(&p->table, &p->jobs[i].demand, devices);
    p->at[i] = (play_job){RUNS, devices, p->now_s, p->now_s + end_of(&p->jobs[i])};
    p->runs[p->run_count++] = i;
}

// --- why one job waits ---------------------------------------------------------------------

// The devices that jobs further in front wait for.
typedef struct claims {
    od_device_set devices;
    size_t by[OD_DEVICES_MAX]; // the first of those jobs, for each device
} claims;

typedef struct verdict {
    od_wait_code why; // NOTHING: it can start
    int64_t by;
    od_device_set devices;
} verdict;

static int64_t unmet_dependency(const play *p, const od_schedule_job *job) {
    for (size_t i = 0; i < job->after_count; i++) {
        for (size_t j = 0; j < p->count; j++) {
            if (p->jobs[j].id == job->after[i] && p->at[j].state != ENDED) {
                return job->after[i];
            }
        }
    }
    return 0;
}

static const char *value_of(const od_schedule_job *job, const char *key) {
    for (size_t i = 0; i < job->label_count; i++) {
        if (strcmp(job->labels[i].key, key) == 0) {
            return job->labels[i].value;
        }
    }
    return NULL;
}

// The first limit that keeps job from starting, or -1.
static int64_t reached_limit(const play *p, const od_schedule_job *job) {
    for (size_t l = 0; l < p->rules->limit_count; l++) {
        const od_label_limit *limit = &p->rules->limits[l];
        const char *value = value_of(job, limit->key);
        int64_t running = 0;
        if (value == NULL || (strcmp(limit->value, "*") != 0 && strcmp(limit->value, value) != 0)) {
            continue;
        }
        for (size_t i = 0; i < p->run_count; i++) {
            const char *other = value_of(&p->jobs[p->runs[i]], limit->key);
            running += other != NULL && strcmp(other, value) == 0;
        }
        if (running >= limit->most) {
            return (int64_t)l;
        }
    }
    return -1;
}

static verdict judge_room(const play *p, const od_schedule_job *job, const claims *claimed) {
    static const od_wait_code codes[] = {[OD_SHORT_OF_SLOTS] = OD_WAIT_SLOTS,
                                         [OD_SHORT_OF_MEMORY] = OD_WAIT_MEMORY,
                                         [OD_SHORT_OF_DEVICES] = OD_WAIT_DEVICES};
    od_placement found = od_placement_find(&p->table, &job->demand, claimed->devices);
    if (found.fit == OD_FIT_NOW) {
        return (verdict){.why = OD_WAIT_NOTHING, .devices = found.devices};
    }
    if (found.fit != OD_FIT_LATER) {
        return (verdict){.why = found.fit == OD_FIT_NEVER ? OD_WAIT_IMPOSSIBLE : OD_WAIT_DRAINED};
    }
    found = od_placement_find(&p->table, &job->demand, 0);
    if (found.fit != OD_FIT_NOW) {
        return (verdict){.why = codes[found.lacks]};
    }
    int first = __builtin_ctzll(found.devices & claimed->devices);
    return (verdict){OD_WAIT_BEHIND, p->jobs[claimed->by[first]].id, found.devices};
}

static verdict judge(const play *p, const od_schedule_job *job, const claims *claimed) {
    int64_t by = 0;
    if (job->paused) {
        return (verdict){.why = OD_WAIT_PAUSED};
    }
    if ((by = unmet_dependency(p, job)) != 0) {
        return (verdict){.why = OD_WAIT_DEPENDENCY, .by = by};
    }
    if (job->backoff_s > p->now_s) {
        return (verdict){.why = OD_WAIT_BACKOFF};
    }
    if (p->rules->drained) {
        return (verdict){.why = OD_WAIT_DRAINED};
    }
    if ((by = reached_limit(p, job)) >= 0) {
        return (verdict){.why = OD_WAIT_LABEL_LIMIT, .by = by};
    }
    return judge_room(p, job, claimed);
}

// It waits for room only, and nobody behind it may take that.
static bool waits_for_room(od_wait_code why) {
    return why == OD_WAIT_SLOTS || why == OD_WAIT_MEMORY || why == OD_WAIT_DEVICES ||
           why == OD_WAIT_BEHIND;
}

static void claim(const play *p, size_t i, claims *claimed) {
    od_device_set devices = od_placement_eligible(&p->table, &p->jobs[i].demand);
    for (size_t d = 0; d < p->table.count; d++) {
        if ((devices >> d & 1) != 0 && (claimed->devices >> d & 1) == 0) {
            claimed->by[d] = i;
        }
    }
    claimed->devices |= devices;
}

// --- the forecast --------------------------------------------------------------------------

static void pass(play *p) {
    claims claimed = {0};
    for (size_t i = 0; i < p->reach; i++) {
        if (p->at[i].state != WAITS) {
            continue;
        }
        verdict v = judge(p, &p->jobs[i], &claimed);
        if (v.why == OD_WAIT_NOTHING) {
            begin(p, i, v.devices);
        } else if (waits_for_room(v.why)) {
            claim(p, i, &claimed);
        }
    }
}

// The next moment at which something changes; INFINITY: never.
static double next_moment(const play *p) {
    double next = INFINITY;
    for (size_t i = 0; i < p->run_count; i++) {
        next = fmin(next, p->at[p->runs[i]].end_s);
    }
    for (size_t i = 0; i < p->reach; i++) {
        if (p->at[i].state == WAITS && p->jobs[i].backoff_s > p->now_s) {
            next = fmin(next, p->jobs[i].backoff_s);
        }
    }
    return next;
}

static void advance(play *p, double to_s) {
    p->now_s = to_s;
    for (size_t r = p->run_count; r-- > 0;) {
        size_t i = p->runs[r];
        if (p->at[i].end_s <= to_s) {
            od_placement_give(&p->table, &p->jobs[i].demand, p->at[i].devices);
            p->at[i].state = ENDED;
            p->runs[r] = p->runs[--p->run_count];
        }
    }
}

static void play_to_the_end(play *p) {
    for (double next; (next = next_moment(p)) < INFINITY;) {
        advance(p, next);
        pass(p);
    }
}

od_status od_schedule_forecast(const od_device_table *table, const od_schedule_rules *rules,
                               const od_schedule_job *jobs, size_t count,
                               od_schedule_result *results) {
    play p;
    OD_TRY(play_init(&p, table, rules, jobs, count));
    for (size_t i = 0; i < count; i++) {
        if (results[i].start) {
            begin(&p, i, results[i].devices);
        }
    }
    play_to_the_end(&p);
    for (size_t i = 0; i < count; i++) {
        results[i].start_s = p.at[i].start_s;
        results[i].end_s =
            isfinite(p.at[i].end_s) && !jobs[i].stopping ? p.at[i].end_s : (double)NAN;
    }
    play_fini(&p);
    return OD_OK;
}

// --- backfill ------------------------------------------------------------------------------

// Plays on from p, on a copy, into *at: when each of those in front is going to start.
static od_status look_ahead(const play *p, play_job **at) {
    play copy = *p;
    copy.at = calloc(p->count + 1, sizeof *copy.at);
    copy.runs = calloc(p->count + 1, sizeof *copy.runs);
    if (copy.at == NULL || copy.runs == NULL) {
        play_fini(&copy);
        return OD_E_NO_MEMORY;
    }
    memcpy(copy.at, p->at, p->count * sizeof *copy.at);
    memcpy(copy.runs, p->runs, p->run_count * sizeof *copy.runs);
    play_to_the_end(&copy);
    free(copy.runs);
    *at = copy.at;
    return OD_OK;
}

// --- room for those with a higher priority -------------------------------------------------

typedef struct clearing {
    const play *p;
    od_device_table table; // as if all that stops had stopped
    od_schedule_result *results;
    size_t *runs; // indices of those that run and could stop, in the total order
    bool *marked; // of those: to be preempted for the present job
    size_t count;
    int64_t lowest; // priority of them
} clearing;

static bool may_yield(const clearing *c, size_t i, const od_schedule_job *to) {
    const od_schedule_job *job = &c->p->jobs[i];
    return !c->results[i].preempt && job->priority < to->priority &&
           (job->devices & od_placement_eligible(&c->table, &to->demand)) != 0;
}

static bool fits(const clearing *c, const od_schedule_job *job) {
    return od_placement_find(&c->table, &job->demand, 0).fit == OD_FIT_NOW;
}

static void mark(clearing *c, size_t r, bool on) {
    const od_schedule_job *job = &c->p->jobs[c->runs[r]];
    c->marked[r] = on;
    (on ? od_placement_give : od_placement_take)(&c->table, &job->demand, job->devices);
}

// Marks the lowest and youngest until it fits; then spares those that were not needed, the highest
// and oldest first. Without enough of them nobody is marked.
static void mark_victims(clearing *c, const od_schedule_job *job) {
    for (size_t r = c->count; r-- > 0 && !fits(c, job);) {
        if (may_yield(c, c->runs[r], job)) {
            mark(c, r, true);
        }
    }
    bool enough = fits(c, job);
    for (size_t r = 0; r < c->count; r++) {
        if (!c->marked[r]) {
            continue;
        }
        mark(c, r, false);
        if (enough && !fits(c, job)) {
            mark(c, r, true);
        }
    }
}

static void clear_for(clearing *c, const od_schedule_job *job) {
    mark_victims(c, job);
    for (size_t r = 0; r < c->count; r++) {
        c->results[c->runs[r]].preempt = c->results[c->runs[r]].preempt || c->marked[r];
        c->marked[r] = false;
    }
    od_placement found = od_placement_find(&c->table, &job->demand, 0);
    if (found.fit == OD_FIT_NOW) {
        od_placement_take(&c->table, &job->demand, found.devices);
    }
}

static void list_runs(clearing *c) {
    for (size_t i = 0; i < c->p->count; i++) {
        const od_schedule_job *job = &c->p->jobs[i];
        if (job->stopping) {
            od_placement_give(&c->table, &job->demand, job->devices);
        } else if (job->running) {
            c->runs[c->count++] = i;
            c->lowest = job->priority; // the last one's, as they are in order
        }
    }
}

static od_status preempt(const play *p, od_schedule_result *results) {
    clearing c = {.p = p, .table = p->table, .results = results};
    c.runs = calloc(p->count + 1, sizeof *c.runs);
    c.marked = calloc(p->count + 1, sizeof *c.marked);
    if (c.runs == NULL || c.marked == NULL) {
        free(c.runs);
        free(c.marked);
        return OD_E_NO_MEMORY;
    }
    list_runs(&c);
    for (size_t i = 0; i < p->count && c.count > 0 && p->jobs[i].priority > c.lowest; i++) {
        if (!p->jobs[i].running && !results[i].start && waits_for_room(results[i].why)) {
            clear_for(&c, &p->jobs[i]);
        }
    }
    free(c.runs);
    free(c.marked);
    return OD_OK;
}

// --- the decision --------------------------------------------------------------------------

typedef struct decision {
    play p;
    claims claimed;
    play_job *ahead; // NULL: not needed so far
    od_schedule_result *results;
} decision;

// Whether jobs[i], started on devices, has ended before any of those that claim them can start. Of
// one whose start is not known it is known, all the same, that it starts on no device before those
// that claimed that device earlier.
static bool is_short_enough(const decision *d, size_t i, od_device_set devices) {
    double end_s = d->p.jobs[i].rest_s * BACKFILL_MARGIN;
    od_device_set later = 0; // claimed by jobs that start when this one has ended
    for (size_t h = 0; h < i; h++) {
        if (d->p.jobs[h].running || !waits_for_room(d->results[h].why)) {
            continue;
        }
        od_device_set wanted = od_placement_eligible(&d->p.table, &d->p.jobs[h].demand);
        double start_s = d->ahead[h].start_s;
        bool is_later = isnan(start_s) ? (wanted & ~later) == 0 : start_s >= end_s;
        if (!is_later && (wanted & devices) != 0) {
            return false;
        }
        later |= is_later ? wanted : 0;
    }
    return true;
}

static od_status try_backfill(decision *d, size_t i, verdict *v) {
    if (!d->p.rules->backfill || v->why != OD_WAIT_BEHIND || isnan(d->p.jobs[i].rest_s)) {
        return OD_OK;
    }
    if (d->ahead == NULL) {
        OD_TRY(look_ahead(&d->p, &d->ahead));
    }
    if (is_short_enough(d, i, v->devices)) {
        v->why = OD_WAIT_NOTHING;
    }
    return OD_OK;
}

static od_status decide_one(decision *d, size_t i) {
    od_schedule_result *result = &d->results[i];
    verdict v = judge(&d->p, &d->p.jobs[i], &d->claimed);
    OD_TRY(try_backfill(d, i, &v));
    *result = (od_schedule_result){.why = v.why, .by = v.by};
    if (v.why == OD_WAIT_NOTHING) {
        result->start = true;
        result->devices = v.devices;
        begin(&d->p, i, v.devices);
    } else if (waits_for_room(v.why)) {
        claim(&d->p, i, &d->claimed);
    }
    return OD_OK;
}

od_status od_schedule_decide(const od_device_table *table, const od_schedule_rules *rules,
                             const od_schedule_job *jobs, size_t count,
                             od_schedule_result *results) {
    decision d = {.results = results};
    OD_TRY(play_init(&d.p, table, rules, jobs, count));
    od_status status = OD_OK;
    for (size_t i = 0; i < count && status == OD_OK; i++) {
        results[i] = (od_schedule_result){.start_s = (double)NAN, .end_s = (double)NAN};
        if (!jobs[i].running) {
            status = decide_one(&d, i);
        }
    }
    if (status == OD_OK && rules->preempt) {
        status = preempt(&d.p, results);
    }
    free(d.ahead);
    play_fini(&d.p);
    return status;
}
