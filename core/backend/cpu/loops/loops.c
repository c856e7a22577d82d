// SPDX-License-Identifier: Apache-2.0
// The table of one level of the instruction set.
#include "core/backend/cpu/loops/loops.h"

#define TABLE_JOIN(isa) od_cpu_loops_##isa
#define TABLE_EXPAND(isa) TABLE_JOIN(isa)
#define MEMBER(name) .name = OD_LOOP(name),
#define TEXT_OF(isa) #isa
#define TEXT(isa) TEXT_OF(isa)
const od_cpu_loops TABLE_EXPAND(OD_ISA) = {.name = TEXT(OD_ISA), OD_CPU_LOOP_MAP(MEMBER)};
