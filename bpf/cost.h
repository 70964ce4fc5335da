/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of costs: what a creation under way is made of, by thread. It is
 * filled only if that is asked for, and sent with the creation.
 */
#ifndef NSBLAME_COST_H
#define NSBLAME_COST_H

#include "netns.h"

/* True if costs are asked for. Set by the loader. */
const volatile bool with_cost = false;

struct cost {
	__u64 began;	  /* the run that is under way, 0 for none */
	__u64 lock_began; /* the wait for the lock that is under way, 0 for none */
	__u64 init;
	__u64 ops;
	struct cost_record rec;
};

/* By the thread that is in copy_net_ns. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096); /* set by the loader */
	__type(key, __u32);
	__type(value, struct cost);
} costs SEC(".maps");

ENOUGH_ZEROS(struct cost);

/* How often a module was removed. It says whether the addresses in a record are from
 * before a removal or after. */
volatile __u64 modules_removed = 0;

/* What the call under way has cost so far. NULL outside of copy_net_ns. */
static __always_inline struct cost *cost_of_call(void)
{
	struct inflight *call = this_call();
	__u32 tid = this_thread();
	struct cost *cost;

	if (!call || call->net)
		return NULL;
	cost = look_up(&costs, &tid);
	if (cost && cost->rec.call_ns == call->start_ns)
		return cost;
	if (bpf_map_update_elem(&costs, &tid, zeros(), BPF_ANY))
		return NULL; /* send_cost finds that it is missing */
	cost = look_up(&costs, &tid);
	if (cost)
		cost->rec.call_ns = call->start_ns;
	return cost;
}

/* Sends what a creation has cost, before its own record. */
__noinline int send_cost(__u64 call_ns, __u32 error)
{
	__u32 tid = this_thread();
	struct cost *cost = look_up(&costs, &tid);
	__u64 size = sizeof(cost->rec) - sizeof(cost->rec.op);
	__u32 n;

	if (!cost || cost->rec.call_ns != call_ns) {
		if (!error) /* one that failed may not have come to it */
			count(COUNT_LOST_COST);
		return 0;
	}
	cost->rec.kind = REC_COST;
	cost->rec.tid = tid;
	cost->rec.boot_ns = bpf_ktime_get_boot_ns();
	cost->rec.modules_removed = modules_removed;
	n = cost->rec.n;
	if (n > COST_OPS)
		n = COST_OPS;
	emit(RING_STORY, &cost->rec, size + n * sizeof(cost->rec.op[0]), COUNT_LOST_COST);
	bpf_map_delete_elem(&costs, &tid);
	return 0;
}

#endif
