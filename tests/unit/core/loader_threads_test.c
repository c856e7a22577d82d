// SPDX-License-Identifier: Apache-2.0
// core/data/loader.c with threads, on images in memory and in files: the batches are those of no
// threads, the ones to come are loaded while one is in use, and images that cannot be decoded are
// errors or replaced, in the same way every time. The linker sends od_filler_fill and allocations
// here (see core.mk).
#include "core/data/filler.h"
#include "core/data/index.h"
#include "core/data/loader.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

enum { COUNT = 23, SIDE = 32, BATCH = 5, BATCHES = COUNT / BATCH, EPOCHS = 3, FILES = 12 };

// --- what is counted ----------------------------------------------------------------------

static atomic_int filled, allocations;

od_status __real_od_filler_fill(od_filler *filler, int64_t epoch, int64_t sample, float *out,
                                int32_t *label, int *skipped, od_error *error);
od_status __wrap_od_filler_fill(od_filler *filler, int64_t epoch, int64_t sample, float *out,
                                int32_t *label, int *skipped, od_error *error);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

od_status __wrap_od_filler_fill(od_filler *filler, int64_t epoch, int64_t sample, float *out,
                                int32_t *label, int *skipped, od_error *error) {
    od_status status = __real_od_filler_fill(filler, epoch, sample, out, label, skipped, error);
    atomic_fetch_add(&filled, 1);
    return status;
}

void *__wrap_malloc(size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __real_realloc(memory, size);
}

// Until threads have filled so many samples altogether; then a while longer, in which there may be
// no more.
static void wait_until_filled(int samples) {
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 20000 && atomic_load(&filled) < samples; i++) {
        nanosleep(&moment, NULL);
    }
    for (int i = 0; i < 20; i++) {
        nanosleep(&moment, NULL);
    }
    assert_int_equal(atomic_load(&filled), samples);
}

// --- material -----------------------------------------------------------------------------

static uint8_t pixels[COUNT * SIDE * SIDE * 3];
static int32_t labels[COUNT];
static od_transform *augmenting, *plain; // of 32 x 32 images, of any images

static od_dataset in_memory(void) {
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i;
    }
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 7 + i / 977);
    }
    return (od_dataset){.count = COUNT,
                        .height = SIDE,
                        .width = SIDE,
                        .channels = 3,
                        .classes = COUNT,
                        .pixels = pixels,
                        .labels = labels};
}

static int make_transforms(void **state) {
    (void)state;
    od_spec spec = {.model = {.arch = "vit", .image_size = SIDE, .channels = 3},
                    .data = {.dataset = "cifar10",
                             .std = {1, 1, 1},
                             .augment = true,
                             .randaugment_n = 2,
                             .randaugment_m = 9,
                             .random_erase = 0.25}};
    assert_int_equal(od_transform_new(&spec, OD_SPLIT_TRAIN, &augmenting, NULL), OD_OK);
    assert_int_equal(od_transform_new(&spec, OD_SPLIT_EVAL, &plain, NULL), OD_OK);
    return 0;
}

static int free_transforms(void **state) {
    (void)state;
    od_transform_free(augmenting);
    od_transform_free(plain);
    return 0;
}

// A data set of FILES images below the scratch folder, number i with the label i; those in bad, a
// text of their numbers in letters from 'a', are no images.
static od_dataset in_files(void **state, const char *bad) {
    static od_index index;
    uint32_t container;
    od_buffer images[2] = {{0}, {0}};
    od_index_fini(&index);
    assert_int_equal(od_index_add_container(&index, ".", &container, NULL), OD_OK);
    assert_int_equal(od_file_read(PARITY_DATA "/images/rgb444.jpg", 1 << 20, &images[0], NULL),
                     OD_OK);
    assert_int_equal(od_file_read(PARITY_DATA "/images/cmyk.jpg", 1 << 20, &images[1], NULL),
                     OD_OK);
    for (int i = 0; i < FILES; i++) {
        const char name[] = {(char)('a' + i), '.', 'j', 'p', 'g', '\0'};
        const od_buffer *image = &images[i % 2];
        bool is_bad = strchr(bad, 'a' + i) != NULL;
        scratch_write(*state, name, image->data, is_bad ? 100 : image->size);
        assert_int_equal(od_index_add_file(&index, container, name, i, NULL), OD_OK);
        labels[i] = i;
    }
    od_buffer_fini(&images[0]);
    od_buffer_fini(&images[1]);
    return (od_dataset){.count = FILES,
                        .height = SIDE,
                        .width = SIDE,
                        .channels = 3,
                        .classes = FILES,
                        .labels = labels,
                        .index = &index,
                        .root = *state};
}

static od_loader *make(const od_dataset *dataset, const od_transform *transform,
                       od_loader_options options) {
    od_loader *loader = NULL;
    od_error error = {0};
    options.batch_size = BATCH;
    if (od_loader_new(dataset, transform, &options, &loader, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return loader;
}

static od_batch take(od_loader *loader, int64_t epoch, int64_t batch) {
    od_batch out = {0};
    od_error error = {0};
    if (od_loader_take(loader, epoch, batch, &out, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return out;
}

static void assert_same(od_loader *loader, od_loader *other, int64_t epoch, int64_t batch) {
    const od_batch a = take(loader, epoch, batch);
    const od_batch b = take(other, epoch, batch);
    const size_t bytes = (size_t)(a.count * SIDE * SIDE * 3) * sizeof *a.images;
    assert_int_equal(a.count, b.count);
    assert_int_equal(a.skipped, b.skipped);
    assert_memory_equal(a.labels, b.labels, (size_t)a.count * sizeof *a.labels);
    assert_memory_equal(a.images, b.images, bytes);
    const od_loader_report left = od_loader_report_of(loader);
    const od_loader_report right = od_loader_report_of(other);
    assert_int_equal(left.epoch, right.epoch);
    assert_int_equal(left.samples, right.samples);
    assert_true(left.digest == right.digest);
}

// --- the same batches ---------------------------------------------------------------------

static void threads_change_nothing(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 5};
    od_dataset dataset = in_memory();
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        od_loader_options options = {.shuffle = true, .drop_last = true, .seed = 4};
        od_loader *none = make(&dataset, augmenting, options);
        options.threads = threads[i];
        od_loader *some = make(&dataset, augmenting, options);
        for (int64_t step = 0; step < EPOCHS * BATCHES; step++) {
            assert_same(some, none, step / BATCHES, step % BATCHES);
        }
        od_loader_free(some);
        od_loader_free(none);
    }
}

static void batches_may_be_taken_in_any_order(void **state) {
    (void)state;
    static const int64_t places[][2] = {{2, 1}, {2, 2}, {0, 3}, {0, 3}, {1, 0}, {0, 0}, {0, 1}};
    od_dataset dataset = in_memory();
    od_loader_options options = {.shuffle = true, .drop_last = true, .seed = 4, .threads = 2};
    od_loader *jumping = make(&dataset, augmenting, options);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        od_loader *straight = make(&dataset, augmenting, options);
        for (int64_t batch = 0; batch < places[i][1]; batch++) {
            take(straight, places[i][0], batch);
        }
        assert_same(jumping, straight, places[i][0], places[i][1]);
        od_loader_free(straight);
    }
    od_loader_free(jumping);
}

static void what_is_borrowed_stays(void **state) {
    (void)state;
    od_dataset dataset = in_memory();
    od_loader *loader = make(&dataset, plain, (od_loader_options){.drop_last = true, .threads = 2});
    for (int step = 0; step < 2 * BATCHES; step++) {
        atomic_store(&filled, 0);
        const od_batch batch = take(loader, step / BATCHES, step % BATCHES);
        wait_until_filled(step == 0 ? 3 * BATCH : BATCH);
        for (int i = 0; i < BATCH; i++) {
            int sample = step % BATCHES * BATCH + i;
            assert_int_equal(batch.labels[i], sample);
            float first = (float)pixels[sample * SIDE * SIDE * 3] / 255.0f;
            assert_true(batch.images[i * SIDE * SIDE * 3] == first);
            batch.images[i * SIDE * SIDE * 3] = -1; // the borrower's to change
        }
    }
    od_loader_free(loader);
}

static void evaluation_ends_with_its_last_batch(void **state) {
    (void)state;
    od_dataset dataset = in_memory();
    od_loader *loader = make(&dataset, plain, (od_loader_options){.threads = 3});
    for (int round = 0; round < 2; round++) {
        atomic_store(&filled, 0);
        for (int64_t batch = 0; batch < BATCHES; batch++) {
            assert_int_equal(take(loader, 0, batch).count, BATCH);
        }
        assert_int_equal(take(loader, 0, BATCHES).count, COUNT % BATCH);
        wait_until_filled(COUNT);
    }
    od_loader_free(loader);
}

static void threads_stop_at_once(void **state) {
    (void)state;
    od_dataset dataset = in_memory();
    const od_loader_options options = {.drop_last = true, .threads = 4};
    for (int i = 0; i < 20; i++) {
        od_loader *loader = make(&dataset, augmenting, options);
        if (i % 2 == 1) {
            take(loader, 0, 0);
        }
        od_loader_free(loader);
    }
}

static void nothing_is_allocated_once_images_were_seen(void **state) {
    od_dataset dataset = in_files(state, "c");
    atomic_store(&filled, 0);
    od_loader *loader =
        make(&dataset, plain,
             (od_loader_options){
                 .shuffle = true, .drop_last = true, .skip_undecodable = true, .threads = 1});
    for (int step = 0; step < 8; step++) {
        take(loader, step / 2, step % 2);
    }
    wait_until_filled((8 + 2) * BATCH); // two batches ahead
    atomic_store(&allocations, 0);
    for (int step = 8; step < 16; step++) {
        take(loader, step / 2, step % 2);
    }
    wait_until_filled((16 + 2) * BATCH);
    assert_int_equal(atomic_load(&allocations), 0);
    od_loader_free(loader);
}

// --- the digest ---------------------------------------------------------------------------

static uint64_t digest_of(const od_dataset *dataset, bool shuffle, uint64_t seed, int64_t epoch) {
    od_loader *loader = make(
        dataset, plain, (od_loader_options){.shuffle = shuffle, .drop_last = true, .seed = seed});
    for (int64_t batch = 0; batch < BATCHES; batch++) {
        take(loader, epoch, batch);
    }
    const od_loader_report report = od_loader_report_of(loader);
    assert_int_equal(report.epoch, epoch);
    assert_int_equal(report.samples, BATCHES * BATCH);
    assert_int_equal(report.skipped, 0);
    od_loader_free(loader);
    return report.digest;
}

static void the_digest_tells_runs_apart(void **state) {
    (void)state;
    od_dataset dataset = in_memory();
    const uint64_t digest = digest_of(&dataset, true, 1, 0);
    assert_true(digest_of(&dataset, true, 1, 0) == digest);
    assert_true(digest_of(&dataset, true, 2, 0) != digest);
    assert_true(digest_of(&dataset, true, 1, 1) != digest);
    assert_true(digest_of(&dataset, false, 1, 0) != digest); // another order, the same draws
    for (int i = 0; i < COUNT; i++) {
        labels[i]++;
    }
    assert_true(digest_of(&dataset, true, 1, 0) != digest);
}

// The definition in the header, by hand.
static void the_digest_is_what_the_header_says(void **state) {
    (void)state;
    od_dataset dataset = in_memory();
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < BATCHES * BATCH; i++) {
        uint32_t draws[4] = {0};
        od_transform_digest(9, 2, i, draws);
        const uint32_t words[] = {i, (uint32_t)labels[i], draws[0], draws[1]};
        for (int b = 0; b < 16; b++) {
            hash = (hash ^ (words[b / 4] >> b % 4 * 8 & 255)) * UINT64_C(1099511628211);
        }
    }
    assert_true(digest_of(&dataset, false, 9, 2) == hash);
}

// --- images that cannot be decoded --------------------------------------------------------

static void an_undecodable_image_is_an_error(void **state) {
    od_dataset dataset = in_files(state, "dce");
    for (int threads = 0; threads < 4; threads++) {
        od_loader *loader =
            make(&dataset, plain, (od_loader_options){.drop_last = true, .threads = threads});
        od_batch batch;
        od_error error = {0};
        assert_int_equal(od_loader_take(loader, 0, 0, &batch, &error), OD_E_CORRUPT);
        assert_non_null(strstr(error.text, "/c.jpg: the image is damaged: ")); // always the first
        assert_non_null(strstr(error.text, "give data.on_error \"skip\" to go on without it"));
        assert_int_equal(take(loader, 0, 1).labels[0], 5);
        od_loader_free(loader);
    }
}

static void the_next_one_stands_in_its_place(void **state) {
    static const int32_t expected[2][BATCH] = {{1, 1, 3, 3, 5}, {5, 6, 7, 8, 10}};
    od_dataset dataset = in_files(state, "acejl");
    for (int threads = 0; threads < 4; threads++) {
        od_loader *loader = make(&dataset, plain,
                                 (od_loader_options){.skip_undecodable = true, .threads = threads});
        od_batch batch = take(loader, 0, 0);
        assert_memory_equal(batch.labels, expected[0], sizeof expected[0]);
        assert_int_equal(batch.skipped, 3);
        assert_non_null(strstr(batch.skip_reason, "/a.jpg: the image is damaged"));
        batch = take(loader, 0, 1);
        assert_memory_equal(batch.labels, expected[1], sizeof expected[1]);
        assert_int_equal(batch.skipped, 1);
        batch = take(loader, 0, 2);
        assert_int_equal(batch.labels[0], 10);
        assert_int_equal(batch.labels[1], 1); // behind the last comes the first, which is bad too
        assert_int_equal(batch.skipped, 2);
        assert_int_equal(od_loader_report_of(loader).skipped, 6);
        od_loader_free(loader);
    }
}

static void a_data_set_of_no_images_is_an_error(void **state) {
    od_dataset dataset = in_files(state, "abcdefghijkl");
    od_loader *loader =
        make(&dataset, plain, (od_loader_options){.skip_undecodable = true, .threads = 1});
    od_batch batch;
    od_error error = {0};
    assert_int_equal(od_loader_take(loader, 0, 0, &batch, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "12 images in a row cannot be decoded; the last: "));
    assert_non_null(strstr(error.text, "/l.jpg"));
    od_loader_free(loader);
}

// A file that is gone is no image that is damaged: somebody is changing the data set.
static void a_missing_file_is_never_skipped(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_dataset dataset = in_files(state, "");
    assert_int_equal(remove(scratch_path(path, *state, "b.jpg")), 0);
    od_loader *loader =
        make(&dataset, plain, (od_loader_options){.skip_undecodable = true, .threads = 2});
    od_batch batch;
    od_error error = {0};
    assert_int_equal(od_loader_take(loader, 0, 0, &batch, &error), OD_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "/b.jpg"));
    od_loader_free(loader);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(batches_may_be_taken_in_any_order),
        cmocka_unit_test(what_is_borrowed_stays),
        cmocka_unit_test(evaluation_ends_with_its_last_batch),
        cmocka_unit_test(threads_stop_at_once),
        IN_SCRATCH(nothing_is_allocated_once_images_were_seen),
        cmocka_unit_test(the_digest_tells_runs_apart),
        cmocka_unit_test(the_digest_is_what_the_header_says),
        IN_SCRATCH(an_undecodable_image_is_an_error),
        IN_SCRATCH(the_next_one_stands_in_its_place),
        IN_SCRATCH(a_data_set_of_no_images_is_an_error),
        IN_SCRATCH(a_missing_file_is_never_skipped),
    };
    return cmocka_run_group_tests_name("core/data/loader, threads", tests, make_transforms,
                                       free_transforms);
}
