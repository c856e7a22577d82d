// SPDX-License-Identifier: Apache-2.0
// Simulated machines: CPUs with slots and memory, GPUs with memory.
#include "daemon/queue/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GIB ((int64_t)1 << 30)

static void add(od_device_table *table, const char *id, int64_t slots, int64_t gib) {
    od_device *device = &table->items[table->count++];
    *device = (od_device){.kind = slots > 0 ? OD_DEVICE_CPU : OD_DEVICE_CUDA,
                          .slots = slots,
                          .slots_free = slots,
                          .memory_bytes = gib * GIB,
                          .memory_free_bytes = gib * GIB};
    snprintf(device->id, sizeof device->id, "%s", id);
}

static od_demand want(const char *device, int64_t ranks, int64_t slots, int64_t gib) {
    od_demand demand = {.ranks = ranks, .slots = slots, .memory_bytes = gib * GIB};
    snprintf(demand.device, sizeof demand.device, "%s", device);
    return demand;
}

// One CPU with 4 slots and 16 GiB; two GPUs with 8 GiB, a third with 24.
static od_device_table machine(void) {
    od_device_table table = {0};
    add(&table, "GPU-a", 0, 8);
    add(&table, "GPU-b", 0, 8);
    add(&table, "GPU-c", 0, 24);
    add(&table, "cpu", 4, 16);
    return table;
}

static void assert_fit(const od_device_table *table, od_demand demand, od_fit fit,
                       uint64_t devices) {
    od_placement found = od_placement_find(table, &demand, 0);
    assert_int_equal(found.fit, fit);
    assert_int_equal(found.devices, devices);
}

static void assert_lacks(const od_device_table *table, od_demand demand, od_fit fit,
                         od_shortage lacks) {
    od_placement found = od_placement_find(table, &demand, 0);
    assert_int_equal(found.fit, fit);
    assert_int_equal(found.lacks, lacks);
    assert_int_equal(found.devices, 0);
}

static void take(od_device_table *table, od_demand demand) {
    od_placement found = od_placement_find(table, &demand, 0);
    assert_int_equal(found.fit, OD_FIT_NOW);
    od_placement_take(table, &demand, found.devices);
}

static void a_rank_goes_where_the_least_memory_is_left(void **state) {
    (void)state;
    od_device_table table = machine();
    assert_fit(&table, want("cuda", 1, 1, 6), OD_FIT_NOW, 1);  // a and b are alike: the first
    assert_fit(&table, want("cuda", 1, 1, 20), OD_FIT_NOW, 4); // c alone holds it
    take(&table, want("cuda", 1, 1, 20));
    assert_fit(&table, want("cuda", 1, 1, 3), OD_FIT_NOW, 4); // what is left of c is smallest
    assert_fit(&table, want("cuda", 1, 1, 5), OD_FIT_NOW, 1);
}

static void memory_is_never_packed_across_devices(void **state) {
    (void)state;
    od_device_table table = {0};
    for (int i = 0; i < 8; i++) {
        add(&table, "GPU", 0, 8);
    }
    assert_lacks(&table, want("cuda", 1, 1, 9), OD_FIT_NEVER, OD_SHORT_OF_MEMORY);
    for (int i = 0; i < 8; i++) {
        take(&table, want("cuda", 1, 1, 5)); // one each: 3 GiB are left eight times
    }
    assert_lacks(&table, want("cuda", 1, 1, 5), OD_FIT_LATER, OD_SHORT_OF_MEMORY);
    assert_fit(&table, want("cuda", 1, 1, 3), OD_FIT_NOW, 1);
}

static void several_jobs_share_a_gpu_by_their_memory(void **state) {
    (void)state;
    od_device_table table = {0};
    add(&table, "GPU-a", 0, 8);
    take(&table, want("cuda", 1, 64, 3)); // threads of a GPU's job hold no slots
    take(&table, want("cuda", 1, 64, 3));
    assert_lacks(&table, want("cuda", 1, 64, 3), OD_FIT_LATER, OD_SHORT_OF_MEMORY);
    take(&table, want("cuda", 1, 64, 2));
    assert_int_equal(table.items[0].memory_free_bytes, 0);
}

static void slots_and_memory_of_a_cpu_both_count(void **state) {
    (void)state;
    od_device_table table = machine();
    take(&table, want("cpu", 1, 1, 12));
    assert_lacks(&table, want("cpu", 1, 1, 5), OD_FIT_LATER, OD_SHORT_OF_MEMORY);
    assert_lacks(&table, want("cpu", 1, 4, 1), OD_FIT_LATER, OD_SHORT_OF_SLOTS);
    assert_fit(&table, want("cpu", 1, 3, 4), OD_FIT_NOW, 8);
    assert_lacks(&table, want("cpu", 1, 5, 1), OD_FIT_NEVER, OD_SHORT_OF_SLOTS);
    assert_lacks(&table, want("cpu", 1, 1, 17), OD_FIT_NEVER, OD_SHORT_OF_MEMORY);
}

static void ranks_get_devices_of_their_own_all_or_none(void **state) {
    (void)state;
    od_device_table table = machine();
    assert_fit(&table, want("cuda", 3, 1, 8), OD_FIT_NOW, 7);
    assert_lacks(&table, want("cuda", 4, 1, 1), OD_FIT_NEVER, OD_SHORT_OF_DEVICES);
    assert_lacks(&table, want("cuda", 2, 1, 9), OD_FIT_NEVER, OD_SHORT_OF_MEMORY);
    take(&table, want("cuda", 1, 1, 1)); // on a
    assert_lacks(&table, want("cuda", 3, 1, 8), OD_FIT_LATER, OD_SHORT_OF_MEMORY);
    assert_fit(&table, want("cuda", 2, 1, 8), OD_FIT_NOW, 6);
    assert_lacks(&table, want("cpu", 2, 1, 1), OD_FIT_NEVER, OD_SHORT_OF_DEVICES);
}

static void several_cpus_are_placed_like_several_gpus(void **state) {
    (void)state;
    od_device_table table = {0};
    add(&table, "cpu0", 4, 16);
    add(&table, "cpu1", 4, 16);
    assert_fit(&table, want("cpu", 2, 4, 16), OD_FIT_NOW, 3);
    take(&table, want("cpu", 1, 1, 1));
    assert_lacks(&table, want("cpu", 2, 4, 1), OD_FIT_LATER, OD_SHORT_OF_SLOTS);
    assert_lacks(&table, want("cpu", 1, 5, 1), OD_FIT_NEVER, OD_SHORT_OF_SLOTS);
}

static void auto_prefers_gpus_that_can_hold_it(void **state) {
    (void)state;
    od_device_table table = machine();
    assert_fit(&table, want("auto", 1, 1, 8), OD_FIT_NOW, 1);
    take(&table, want("cuda", 3, 1, 8));
    take(&table, want("cuda", 1, 1, 16));
    // It waits for a GPU, as a GPU can hold it and is worth waiting for.
    assert_lacks(&table, want("auto", 1, 1, 8), OD_FIT_LATER, OD_SHORT_OF_MEMORY);
    od_device_table cpu = {0};
    add(&cpu, "cpu", 4, 64);
    assert_fit(&cpu, want("auto", 1, 1, 8), OD_FIT_NOW, 1);
    add(&cpu, "GPU-a", 0, 8);
    assert_fit(&cpu, want("auto", 1, 1, 30), OD_FIT_NOW, 1); // no GPU ever will
    assert_lacks(&cpu, want("auto", 1, 5, 30), OD_FIT_NEVER, OD_SHORT_OF_SLOTS);
}

static void a_named_gpu_is_the_only_one(void **state) {
    (void)state;
    od_device_table table = machine();
    assert_fit(&table, want("cuda:GPU-b", 1, 1, 8), OD_FIT_NOW, 2);
    assert_lacks(&table, want("cuda:GPU-b", 1, 1, 9), OD_FIT_NEVER, OD_SHORT_OF_MEMORY);
    assert_lacks(&table, want("cuda:GPU-x", 1, 1, 1), OD_FIT_NEVER, OD_SHORT_OF_DEVICES);
    assert_int_equal(od_placement_index(&table, "GPU-b"), 1);
    assert_int_equal(od_placement_index(&table, "GPU-x"), -1);
}

static void drained_devices_take_nothing_new(void **state) {
    (void)state;
    od_device_table table = machine();
    table.items[0].drained = true;
    assert_fit(&table, want("cuda", 1, 1, 6), OD_FIT_NOW, 2);
    assert_fit(&table, want("cuda", 3, 1, 6), OD_FIT_DRAINED, 0);
    assert_fit(&table, want("cuda:GPU-a", 1, 1, 6), OD_FIT_DRAINED, 0);
    assert_int_equal(od_placement_eligible(&table, &(od_demand){"cuda:GPU-a", 1, 1, GIB}), 1);
}

static void what_was_taken_is_given_back(void **state) {
    (void)state;
    od_device_table table = machine();
    const od_device_table before = table;
    const od_demand gang = want("cuda", 2, 1, 5);
    const od_demand small = want("cpu", 1, 2, 3);
    od_device_set devices = od_placement_find(&table, &gang, 0).devices;
    od_placement_take(&table, &gang, devices);
    od_placement_take(&table, &small, 8);
    assert_int_equal(table.items[3].slots_free, 2);
    assert_int_equal(table.items[3].memory_free_bytes, 13 * GIB);
    od_placement_give(&table, &gang, devices);
    od_placement_give(&table, &small, 8);
    assert_memory_equal(&table, &before, sizeof table);
}

static void devices_that_others_claim_are_left_out(void **state) {
    (void)state;
    od_device_table table = machine();
    const od_demand demand = want("cuda", 1, 1, 6);
    assert_int_equal(od_placement_find(&table, &demand, 3).devices, 4);
    assert_int_equal(od_placement_find(&table, &demand, 7).fit, OD_FIT_LATER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_goes_where_the_least_memory_is_left),
        cmocka_unit_test(memory_is_never_packed_across_devices),
        cmocka_unit_test(several_jobs_share_a_gpu_by_their_memory),
        cmocka_unit_test(slots_and_memory_of_a_cpu_both_count),
        cmocka_unit_test(ranks_get_devices_of_their_own_all_or_none),
        cmocka_unit_test(several_cpus_are_placed_like_several_gpus),
        cmocka_unit_test(auto_prefers_gpus_that_can_hold_it),
        cmocka_unit_test(a_named_gpu_is_the_only_one),
        cmocka_unit_test(drained_devices_take_nothing_new),
        cmocka_unit_test(what_was_taken_is_given_back),
        cmocka_unit_test(devices_that_others_claim_are_left_out),
    };
    return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
