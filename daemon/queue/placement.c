// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/placement.h"

#include <string.h>

static od_device_set bit(size_t index) {
    return (od_device_set)1 << index;
}

static int64_t size_of(od_device_set set) {
    return __builtin_popcountll(set);
}

static int64_t slots_needed(const od_device *device, const od_demand *demand) {
    return device->kind == OD_DEVICE_CPU ? demand->slots : 0;
}

static bool is_asked_for(const od_device *device, const char *wanted) {
    if (device->kind == OD_DEVICE_CPU) {
        return strcmp(wanted, "cpu") == 0;
    }
    return strcmp(wanted, "cuda") == 0 ||
           (strncmp(wanted, "cuda:", 5) == 0 && strcmp(wanted + 5, device->id) == 0);
}

// What stands in the way on the devices of this request, when they are empty. The last one named is
// the one that most devices share, as slots are looked at before memory.
static od_device_set capable(const od_device_table *table, const od_demand *demand,
                             const char *wanted, od_shortage *lacks) {
    od_device_set out = 0;
    *lacks = OD_SHORT_OF_DEVICES;
    for (size_t i = 0; i < table->count; i++) {
        const od_device *device = &table->items[i];
        if (!is_asked_for(device, wanted)) {
            continue;
        }
        if (slots_needed(device, demand) > device->slots) {
            *lacks = OD_SHORT_OF_SLOTS;
        } else if (demand->memory_bytes > device->memory_bytes) {
            *lacks = OD_SHORT_OF_MEMORY;
        } else {
            out |= bit(i);
        }
    }
    return out;
}

static od_device_set eligible(const od_device_table *table, const od_demand *demand,
                              od_shortage *lacks) {
    bool any = strcmp(demand->device, "auto") == 0;
    od_device_set out = capable(table, demand, any ? "cuda" : demand->device, lacks);
    if (any && size_of(out) < demand->ranks) {
        out = capable(table, demand, "cpu", lacks);
    }
    return size_of(out) >= demand->ranks ? out : 0;
}

od_device_set od_placement_eligible(const od_device_table *table, const od_demand *demand) {
    od_shortage lacks;
    return eligible(table, demand, &lacks);
}

static bool has_room(const od_device *device, const od_demand *demand, od_shortage *lacks) {
    if (slots_needed(device, demand) > device->slots_free) {
        *lacks = OD_SHORT_OF_SLOTS;
        return false;
    }
    if (demand->memory_bytes > device->memory_free_bytes) {
        *lacks = OD_SHORT_OF_MEMORY;
        return false;
    }
    return true;
}

static bool is_tighter(const od_device *a, const od_device *b) {
    return a->memory_free_bytes != b->memory_free_bytes
               ? a->memory_free_bytes < b->memory_free_bytes
               : a->slots_free < b->slots_free;
}

// The best of candidates for one rank, or -1.
static int choose(const od_device_table *table, const od_demand *demand, od_device_set candidates,
                  od_shortage *lacks) {
    int best = -1;
    for (size_t i = 0; i < table->count; i++) {
        const od_device *device = &table->items[i];
        if ((candidates & bit(i)) != 0 && has_room(device, demand, lacks) &&
            (best < 0 || is_tighter(device, &table->items[best]))) {
            best = (int)i;
        }
    }
    return best;
}

static od_device_set undrained(const od_device_table *table, od_device_set set) {
    for (size_t i = 0; i < table->count; i++) {
        set &= table->items[i].drained ? ~bit(i) : ~(od_device_set)0;
    }
    return set;
}

od_placement od_placement_find(const od_device_table *table, const od_demand *demand,
                               od_device_set except) {
    od_placement out = {.fit = OD_FIT_NEVER, .lacks = OD_SHORT_OF_DEVICES};
    od_device_set candidates = eligible(table, demand, &out.lacks);
    if (candidates == 0) {
        return out;
    }
    candidates = undrained(table, candidates);
    out.lacks = OD_SHORT_OF_DEVICES;
    out.fit = size_of(candidates) < demand->ranks ? OD_FIT_DRAINED : OD_FIT_NOW;
    candidates &= ~except;
    for (int64_t rank = 0; rank < demand->ranks && out.fit == OD_FIT_NOW; rank++) {
        int best = choose(table, demand, candidates, &out.lacks);
        if (best < 0) {
            return (od_placement){.fit = OD_FIT_LATER, .lacks = out.lacks};
        }
        out.devices |= bit((size_t)best);
        candidates &= ~bit((size_t)best);
    }
    return out;
}

static void change(od_device_table *table, const od_demand *demand, od_device_set devices,
                   int64_t sign) {
    for (size_t i = 0; i < table->count; i++) {
        od_device *device = &table->items[i];
        if ((devices & bit(i)) != 0) {
            device->slots_free += sign * slots_needed(device, demand);
            device->memory_free_bytes += sign * demand->memory_bytes;
        }
    }
}

void od_placement_take(od_device_table *table, const od_demand *demand, od_device_set devices) {
    change(table, demand, devices, -1);
}

void od_placement_give(od_device_table *table, const od_demand *demand, od_device_set devices) {
    change(table, demand, devices, 1);
}

int od_placement_index(const od_device_table *table, const char *id) {
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].id, id) == 0) {
            return (int)i;
        }
    }
    return -1;
}
