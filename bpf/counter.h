/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters of what was seen, and of what was lost.
 */
#ifndef NSBLAME_COUNTER_H
#define NSBLAME_COUNTER_H

#include "probe.h"
#include "wire.h"

/* User space maps them, for it looks at all of them whenever it has read what there
 * is. Each CPU has its own. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, COUNTERS_ROOM); /* times the CPUs; set by the loader */
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/*
 * Returns the new value of this CPU's counter. A program may be preempted by another
 * one that counts here, so the add is atomic. 5.10 has none that returns the value.
 * Where another one counted between the looks before and after, nobody knows whose value
 * it is, and 0 is returned.
 *
 * It is verified by itself, once a program.
 */
__noinline __u64 count(__u32 which)
{
	__u32 key = bpf_get_smp_processor_id() * COUNTERS_ROOM + which;
	volatile __u64 *n = bpf_map_lookup_elem(&counters, &key);
	__u64 before, after;

	if (!n)
		return 0;
	before = *n;
	__sync_fetch_and_add(n, 1);
	after = *n;
	return after == before + 1 ? after : 0;
}

#endif
