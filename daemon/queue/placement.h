// SPDX-License-Identifier: Apache-2.0
// Devices, what jobs ask of them, and which devices a job gets. Arithmetic alone: no files, no
// clock, no jobs' states. A CPU and a GPU are rows of one table and take the same path; a CPU has
// slots (threads) and memory, a GPU has memory, and its jobs hold no CPU slots.
//
// The rule: each rank of a job gets a device of its own, with all that the rank needs on that one
// device; all ranks or none. Of the devices where a rank fits, it gets the one with the least memory
// left (so that large holes stay), then the fewest slots, then the first in the table.
#ifndef OD_DAEMON_QUEUE_PLACEMENT_H
#define OD_DAEMON_QUEUE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OD_DEVICES_MAX = 64, OD_DEVICE_ID_BYTES = 112 };

typedef enum od_device_kind { OD_DEVICE_CPU, OD_DEVICE_CUDA } od_device_kind;

typedef struct od_device {
    char id[OD_DEVICE_ID_BYTES]; // "cpu"; of a GPU its UUID
    od_device_kind kind;
    bool drained; // takes no new ranks
    int64_t slots;
    int64_t slots_free;
    int64_t memory_bytes;
    int64_t memory_free_bytes;
} od_device;

typedef struct od_device_table {
    od_device items[OD_DEVICES_MAX]; // in the order of preference
    size_t count;
} od_device_table;

// A set of devices: bit i is items[i].
typedef uint64_t od_device_set;

// What each rank of a job needs. With "auto" the job goes to GPUs when there are enough that could
// ever hold it, and else to CPUs.
typedef struct od_demand {
    char device[OD_DEVICE_ID_BYTES]; // "auto", "cpu", "cuda" or "cuda:UUID"
    int64_t ranks;                   // at least 1
    int64_t slots;                   // on a CPU
    int64_t memory_bytes;
} od_demand;

typedef enum od_fit {
    OD_FIT_NOW,
    OD_FIT_LATER,   // when others have ended
    OD_FIT_DRAINED, // when devices take ranks again
    OD_FIT_NEVER,   // however long it waits
} od_fit;

typedef enum od_shortage { OD_SHORT_OF_SLOTS, OD_SHORT_OF_MEMORY, OD_SHORT_OF_DEVICES } od_shortage;

typedef struct od_placement {
    od_fit fit;
    od_shortage lacks;     // unless it fits now
    od_device_set devices; // one for each rank, when it fits now
} od_placement;

// The devices that could hold a rank of it if they were empty; empty when they are fewer than its
// ranks.
od_device_set od_placement_eligible(const od_device_table *table, const od_demand *demand);

// Where demand would go, if not to any of the devices in except.
od_placement od_placement_find(const od_device_table *table, const od_demand *demand,
                               od_device_set except);

// What is free after a rank came to, or left, each of these devices. Taking more than there is makes
// the rest negative, which is how a table says that it was made smaller under running jobs.
void od_placement_take(od_device_table *table, const od_demand *demand, od_device_set devices);
void od_placement_give(od_device_table *table, const od_demand *demand, od_device_set devices);

// The table's index of id, or -1.
int od_placement_index(const od_device_table *table, const char *id);

#endif
