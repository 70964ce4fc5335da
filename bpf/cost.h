/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a creation is made of: each run of ops_init (net/core/net_namespace.c),
 * which calls one subsystem's function, and the wait for pernet_ops_rwsem before
 * the first. These programs are loaded only if they are asked for.
 *
 * ops_init also runs for the namespaces that exist when a module is loaded. Only
 * what a thread does within copy_net_ns counts here.
 */
#ifndef NSBLAME_COST_H
#define NSBLAME_COST_H

#include "hook_create.h"

struct cost {
	__u64 began;	  /* the run that is under way, 0 for none */
	__u64 lock_began; /* likewise the wait for the lock */
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

/* New values start as a copy of these zeros. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cost);
} no_cost SEC(".maps");

/* How often a module was removed. The addresses in a record are those of before
 * or after, which this tells. */
volatile __u64 modules_removed = 0;

/* What the call under way has cost so far; NULL outside of copy_net_ns. */
static __always_inline struct cost *cost_of_call(void)
{
	struct inflight *call = this_call();
	__u32 tid = this_thread(), zero = 0;
	struct cost *cost, *none;

	if (!call || !call->start_ns || call->net)
		return NULL;
	cost = bpf_map_lookup_elem(&costs, &tid);
	if (cost && cost->rec.call_ns == call->start_ns)
		return cost;
	none = bpf_map_lookup_elem(&no_cost, &zero);
	if (!none || bpf_map_update_elem(&costs, &tid, none, BPF_ANY))
		return NULL; /* is missed when it is to be sent */
	cost = bpf_map_lookup_elem(&costs, &tid);
	if (cost)
		cost->rec.call_ns = call->start_ns;
	return cost;
}

PROBE_ENTRY(cost, ops_init, struct pernet_operations *ops)
{
	struct cost *cost = cost_of_call();

	if (!cost)
		return 0;
	if (cost->began && may_miss_returns)
		count(COUNT_RETURN_MISSED);
	cost->init = (__u64)BPF_CORE_READ(ops, init);
	cost->ops = untyped(ops);
	cost->began = bpf_ktime_get_boot_ns();
	return 0;
}

PROBE_RETURN(cost, ops_init)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 tid = this_thread();
	struct cost *cost = bpf_map_lookup_elem(&costs, &tid);
	struct cost_op *op;
	__u32 n;

	if (!cost || !cost->began)
		return 0;
	n = cost->rec.n;
	if (n >= COST_OPS) {
		cost->rec.unlisted++;
		cost->rec.unlisted_ns += now - cost->began;
	} else {
		op = &cost->rec.op[n];
		op->init = cost->init;
		op->ops = cost->ops;
		op->duration_ns = now - cost->began;
		cost->rec.n = n + 1;
	}
	cost->began = 0;
	return 0;
}

/* The only lock of this kind that is taken before the first subsystem is called
 * is pernet_ops_rwsem. */
PROBE_ENTRY(lock, rwsem_down_read_slowpath)
{
	struct cost *cost = cost_of_call();

	if (cost && !cost->began && !cost->rec.n)
		cost->lock_began = bpf_ktime_get_boot_ns();
	return 0;
}

PROBE_RETURN(lock, rwsem_down_read_slowpath)
{
	__u32 tid = this_thread();
	struct cost *cost = bpf_map_lookup_elem(&costs, &tid);

	if (cost && cost->lock_began) {
		cost->rec.lock_ns += bpf_ktime_get_boot_ns() - cost->lock_began;
		cost->lock_began = 0;
	}
	return 0;
}

/* Declared in hook_create.h. */
__noinline int send_cost(__u64 call_ns, __u32 error)
{
	__u32 tid = this_thread();
	struct cost *cost = bpf_map_lookup_elem(&costs, &tid);
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
	emit(&cost->rec, size + n * sizeof(cost->rec.op[0]), COUNT_LOST_COST);
	bpf_map_delete_elem(&costs, &tid);
	return 0;
}

SEC("tp_btf/module_free")
int BPF_PROG(module_removed)
{
	__sync_fetch_and_add(&modules_removed, 1);
	return 0;
}

#endif
