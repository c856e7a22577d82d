// SPDX-License-Identifier: Apache-2.0
// A ring of slots, each with the memory of a batch. Slots are numbered on and on; number n uses
// memory n % RING:
//
//     first        first + 1  ...        end
//     lent out     planned: samples known, filled by threads    free
//
// Invariants: 0 <= end - first <= ring; only od_loader_take changes first and end, so a slot's
// place never changes under a thread; a thread takes samples [next, next + n) of the first slot
// that has any left and adds n to done when they are filled; a slot with done == count is touched
// by no thread.
#include "core/data/loader.h"

#include "base/datasets.h"
#include "core/data/filler.h"
#include "core/data/order.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    RING = 3,    // one in use, one behind it, one that lets threads go on over a slow batch
    AT_ONCE = 4, // samples that a thread takes
};

typedef struct slot {
    int64_t epoch, batch, count;
    int64_t next, done;
    uint32_t *samples; // [batch_size]
    float *images;
    int32_t *labels;
    int64_t skipped;
    int64_t first_skip, first_fault; // positions in the batch; -1: none
    od_error skip, fault;
} slot;

typedef struct worker {
    od_loader *loader;
    od_filler *filler;
    pthread_t thread;
} worker;

struct od_loader {
    const od_dataset *dataset;
    od_loader_options options;
    int64_t batches, values;
    uint32_t *order; // [dataset->count], of order_epoch; -1: none yet
    int64_t order_epoch;
    od_loader_report report;
    int64_t report_batches; // that report holds

    worker *workers; // [max(threads, 1)]; without threads, the filler of the caller
    int running;     // threads that were started
    pthread_mutex_t lock;
    pthread_cond_t work, filled;
    bool stop;

    slot slots[RING];
    int64_t ring, first, end;
    bool lent;                      // slot first
    int64_t plan_epoch, plan_batch; // what comes at end
};

// --- sizes --------------------------------------------------------------------------------

int od_loader_threads(const od_spec *spec, od_split split) {
    const od_dataset_facts *facts = od_datasets_find(spec->data.dataset);
    bool in_memory =
        facts == NULL || facts->format == OD_DATASET_IDX || facts->format == OD_DATASET_CIFAR;
    bool augmented = facts != NULL && facts->format == OD_DATASET_CIFAR && spec->data.augment &&
                     split == OD_SPLIT_TRAIN;
    if (in_memory && !augmented) {
        return 0;
    }
    return spec->threads > 1 ? spec->threads / 2 : 1;
}

static int64_t ring_of(int threads) {
    return threads > 0 ? RING : 1;
}

int64_t od_loader_bytes(int64_t batch_size, int64_t values, int threads) {
    const int64_t sample =
        values * (int64_t)sizeof(float) + (int64_t)sizeof(int32_t) + (int64_t)sizeof(uint32_t);
    return ring_of(threads) * batch_size * sample;
}

int64_t od_loader_batches(const od_loader *loader) {
    return loader->batches;
}

// --- filling ------------------------------------------------------------------------------

// What filling some samples of a slot came to.
typedef struct outcome {
    int64_t skipped;
    int64_t first_skip, first_fault;
    od_error skip, fault;
} outcome;

static void fill(const od_loader *loader, od_filler *filler, const slot *s, int64_t first,
                 int64_t count, outcome *out) {
    *out = (outcome){.first_skip = -1, .first_fault = -1};
    for (int64_t i = first; i < first + count; i++) {
        int skipped = 0;
        od_error error;
        od_status status =
            od_filler_fill(filler, s->epoch, s->samples[i], s->images + i * loader->values,
                           &s->labels[i], &skipped, &error);
        if (status != OD_OK && out->first_fault < 0) {
            out->first_fault = i;
            out->fault = error;
        }
        if (status == OD_OK && skipped > 0) {
            if (out->first_skip < 0) {
                out->first_skip = i;
                out->skip = error;
            }
            out->skipped += skipped;
        }
    }
}

static void add_outcome(slot *s, int64_t count, const outcome *out) {
    s->done += count;
    s->skipped += out->skipped;
    if (out->first_skip >= 0 && (s->first_skip < 0 || out->first_skip < s->first_skip)) {
        s->first_skip = out->first_skip;
        s->skip = out->skip;
    }
    if (out->first_fault >= 0 && (s->first_fault < 0 || out->first_fault < s->first_fault)) {
        s->first_fault = out->first_fault;
        s->fault = out->fault;
    }
}

static slot *slot_at(od_loader *loader, int64_t number) {
    return &loader->slots[number % loader->ring];
}

// The first slot that has samples left, or NULL.
static slot *find_work(od_loader *loader) {
    for (int64_t number = loader->first; number < loader->end; number++) {
        slot *s = slot_at(loader, number);
        if (s->next < s->count) {
            return s;
        }
    }
    return NULL;
}

// With the lock held, which is given up while the samples are filled.
static void work_on(od_loader *loader, od_filler *filler, slot *s) {
    outcome out;
    const int64_t first = s->next;
    const int64_t count = s->count - first < AT_ONCE ? s->count - first : AT_ONCE;
    s->next += count;
    pthread_mutex_unlock(&loader->lock);
    fill(loader, filler, s, first, count, &out);
    pthread_mutex_lock(&loader->lock);
    add_outcome(s, count, &out);
    if (s->done == s->count) {
        pthread_cond_signal(&loader->filled);
    }
}

static void *thread_main(void *ctx) {
    const worker *self = ctx;
    od_loader *loader = self->loader;
    pthread_mutex_lock(&loader->lock);
    while (!loader->stop) {
        slot *s = find_work(loader);
        if (s != NULL) {
            work_on(loader, self->filler, s);
        } else {
            pthread_cond_wait(&loader->work, &loader->lock);
        }
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

// --- making and freeing -------------------------------------------------------------------

static od_status no_memory(const od_loader *loader, od_error *error) {
    return od_error_set(error, OD_E_NO_MEMORY, "no memory for %lld batches of %lld images",
                        (long long)loader->ring, (long long)loader->options.batch_size);
}

static od_status make_slots(od_loader *loader, od_error *error) {
    const size_t size = (size_t)loader->options.batch_size;
    for (int64_t i = 0; i < loader->ring; i++) {
        slot *s = &loader->slots[i];
        s->samples = malloc(size * sizeof *s->samples);
        s->images = malloc(size * (size_t)loader->values * sizeof *s->images);
        s->labels = malloc(size * sizeof *s->labels);
        if (s->samples == NULL || s->images == NULL || s->labels == NULL) {
            return no_memory(loader, error);
        }
    }
    loader->order = malloc((size_t)loader->dataset->count * sizeof *loader->order);
    return loader->order != NULL ? OD_OK : no_memory(loader, error);
}

static int worker_count(const od_loader *loader) {
    return loader->options.threads > 0 ? loader->options.threads : 1;
}

static od_status make_fillers(od_loader *loader, const od_transform *transform, od_error *error) {
    loader->workers = calloc((size_t)worker_count(loader), sizeof *loader->workers);
    if (loader->workers == NULL) {
        return no_memory(loader, error);
    }
    for (int i = 0; i < worker_count(loader); i++) {
        loader->workers[i].loader = loader;
        OD_TRY(od_filler_new(loader->dataset, transform, loader->options.seed,
                             loader->options.skip_undecodable, &loader->workers[i].filler, error));
    }
    return OD_OK;
}

// Signals are for the threads that were there before.
static od_status start_threads(od_loader *loader, od_error *error) {
    sigset_t all;
    sigset_t before;
    int failed = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (loader->running < loader->options.threads && failed == 0) {
        worker *next = &loader->workers[loader->running];
        failed = pthread_create(&next->thread, NULL, thread_main, next);
        loader->running += failed == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? OD_OK
                       : od_error_set_errno(error, failed, "cannot start a thread for images");
}

static od_status set_up(od_loader *loader, const od_transform *transform, od_error *error) {
    OD_TRY(make_slots(loader, error));
    OD_TRY(make_fillers(loader, transform, error));
    return start_threads(loader, error);
}

od_status od_loader_new(const od_dataset *dataset, const od_transform *transform,
                        const od_loader_options *options, od_loader **out, od_error *error) {
    const int64_t size = options->batch_size;
    if (dataset->count < 1 || dataset->count > UINT32_MAX || size < 1) {
        return od_error_set(error, OD_E_INVALID, "cannot make batches of %lld from %lld images",
                            (long long)size, (long long)dataset->count);
    }
    od_loader *loader = calloc(1, sizeof *loader);
    if (loader == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a loader");
    }
    loader->dataset = dataset;
    loader->options = *options;
    loader->batches = (dataset->count + (options->drop_last ? 0 : size - 1)) / size;
    loader->values = od_transform_values(transform);
    loader->ring = ring_of(options->threads);
    loader->order_epoch = -1;
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->filled, NULL);
    od_status status = set_up(loader, transform, error);
    if (status != OD_OK) {
        od_loader_free(loader);
        return status;
    }
    *out = loader;
    return OD_OK;
}

static void stop_threads(od_loader *loader) {
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->running; i++) {
        pthread_join(loader->workers[i].thread, NULL);
    }
}

void od_loader_free(od_loader *loader) {
    if (loader == NULL) {
        return;
    }
    stop_threads(loader);
    for (int i = 0; loader->workers != NULL && i < worker_count(loader); i++) {
        od_filler_free(loader->workers[i].filler);
    }
    for (int64_t i = 0; i < loader->ring; i++) {
        free(loader->slots[i].samples);
        free(loader->slots[i].images);
        free(loader->slots[i].labels);
    }
    free(loader->workers);
    free(loader->order);
    pthread_cond_destroy(&loader->filled);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->lock);
    free(loader);
}

// --- planning -----------------------------------------------------------------------------

static const uint32_t *order_of(od_loader *loader, int64_t epoch) {
    if (loader->order_epoch != epoch) {
        od_order_make(loader->order, loader->dataset->count, loader->options.shuffle,
                      loader->options.seed, epoch);
        loader->order_epoch = epoch;
    }
    return loader->order;
}

static int64_t count_of(const od_loader *loader, int64_t batch) {
    const int64_t left = loader->dataset->count - batch * loader->options.batch_size;
    return left < loader->options.batch_size ? left : loader->options.batch_size;
}

static void plan_one(od_loader *loader) {
    slot *s = slot_at(loader, loader->end);
    const int64_t batch = loader->plan_batch;
    const uint32_t *order = order_of(loader, loader->plan_epoch);
    s->epoch = loader->plan_epoch;
    s->batch = batch;
    s->count = count_of(loader, batch);
    s->next = s->done = s->skipped = 0;
    s->first_skip = s->first_fault = -1;
    for (int64_t i = 0; i < s->count; i++) {
        s->samples[i] = order[batch * loader->options.batch_size + i];
    }
    loader->end++;
    loader->plan_batch++;
    if (loader->plan_batch == loader->batches && loader->options.drop_last) {
        loader->plan_batch = 0;
        loader->plan_epoch++;
    }
}

static void plan(od_loader *loader) {
    while (loader->end - loader->first < loader->ring && loader->plan_batch < loader->batches) {
        plan_one(loader);
    }
    pthread_cond_broadcast(&loader->work);
}

static void wait_for(od_loader *loader, const slot *s) {
    while (s->done < s->count) {
        pthread_cond_wait(&loader->filled, &loader->lock);
    }
}

// Throws away what is planned and begins with another batch.
static void begin_at(od_loader *loader, int64_t epoch, int64_t batch) {
    for (int64_t number = loader->first; number < loader->end; number++) {
        slot *s = slot_at(loader, number);
        s->count = s->next;
        wait_for(loader, s);
    }
    loader->first = loader->end = 0;
    loader->plan_epoch = epoch;
    loader->plan_batch = batch;
}

// --- the report ---------------------------------------------------------------------------

static uint64_t fold(uint64_t hash, uint32_t word) {
    for (int byte = 0; byte < 4; byte++) {
        hash = (hash ^ (word >> 8 * byte & 255)) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void report_samples(od_loader *loader, const uint32_t *samples, int64_t count) {
    od_loader_report *report = &loader->report;
    for (int64_t i = 0; i < count; i++) {
        uint32_t draws[4];
        od_transform_digest(loader->options.seed, report->epoch, samples[i], draws);
        report->digest = fold(report->digest, samples[i]);
        report->digest = fold(report->digest, (uint32_t)loader->dataset->labels[samples[i]]);
        report->digest = fold(report->digest, draws[0]);
        report->digest = fold(report->digest, draws[1]);
    }
    report->samples += count;
}

// Begins anew with the batches of the epoch in front of batch, as they must have been.
static void begin_report(od_loader *loader, int64_t epoch, int64_t batch) {
    loader->report = (od_loader_report){.epoch = epoch, .digest = UINT64_C(0xcbf29ce484222325)};
    loader->report_batches = batch;
    if (batch > 0) {
        report_samples(loader, order_of(loader, epoch), batch * loader->options.batch_size);
    }
}

static void report_batch(od_loader *loader, const slot *s) {
    if (s->epoch != loader->report.epoch || s->batch != loader->report_batches || s->batch == 0) {
        begin_report(loader, s->epoch, s->batch);
    }
    report_samples(loader, s->samples, s->count);
    loader->report.skipped += s->skipped;
    loader->report_batches++;
}

od_loader_report od_loader_report_of(const od_loader *loader) {
    return loader->report;
}

// --- taking -------------------------------------------------------------------------------

static void fill_here(od_loader *loader, slot *s) {
    while (s->next < s->count) {
        work_on(loader, loader->workers[0].filler, s);
    }
}

static slot *take(od_loader *loader, int64_t epoch, int64_t batch) {
    if (loader->lent) {
        loader->first++;
        loader->lent = false;
    }
    const slot *ready = loader->first < loader->end ? slot_at(loader, loader->first) : NULL;
    if (ready == NULL || ready->epoch != epoch || ready->batch != batch) {
        begin_at(loader, epoch, batch);
    }
    plan(loader);
    slot *s = slot_at(loader, loader->first);
    if (loader->running == 0) {
        fill_here(loader, s);
    }
    wait_for(loader, s);
    loader->lent = true;
    return s;
}

od_status od_loader_take(od_loader *loader, int64_t epoch, int64_t batch, od_batch *out,
                         od_error *error) {
    assert(batch >= 0 && batch < loader->batches);
    pthread_mutex_lock(&loader->lock);
    const slot *s = take(loader, epoch, batch);
    pthread_mutex_unlock(&loader->lock);
    if (s->first_fault >= 0) {
        return od_error_set(error, s->fault.status, "%s", s->fault.text);
    }
    report_batch(loader, s);
    *out = (od_batch){
        .count = s->count,
        .images = s->images,
        .labels = s->labels,
        .skipped = s->skipped,
        .skip_reason = s->first_skip >= 0 ? s->skip.text : NULL,
    };
    return OD_OK;
}
