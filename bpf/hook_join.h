/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread joins a network namespace by setns: netns_install
 * (net/core/net_namespace.c). The thread is in only when all namespaces are
 * installed, a step later. So the namespace is read again when the process calls
 * exec.
 */
#ifndef NSBLAME_HOOK_JOIN_H
#define NSBLAME_HOOK_JOIN_H

#include "plugin.h"

/* Set by the loader if joins are asked for. */
const volatile bool with_life = false;

static __always_inline int joined(void *ctx, struct ns_common *ns, int error)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 net = net_with(untyped(ns)), serial;
	struct life *life;

	if (error || net == (__u64)net_of(task))
		return 0;
	if (with_life)
		report_leave(0);
	life = find_life(&net);
	if (!life)
		return 0;
	serial = life->serial;
	meet_current();
	if (with_life)
		report_join(net, task, JOIN_SETNS);
	if (serial)
		report_plugin(serial);
	return 0;
}

PROBE_PROGRAM(join_fexit, "fexit/netns_install", unsigned long long, joined, ctx, (void *)ctx[1], (int)ctx[2])

/* The namespace that a thread is about to join, from entry to return: a kretprobe has no
 * arguments. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);   /* thread */
	__type(value, __u64); /* struct ns_common */
} joining SEC(".maps");

static __always_inline int begin_join(void *ctx, __u64 ns)
{
	__u32 tid = this_thread();

	bpf_map_update_elem(&joining, &tid, &ns, BPF_ANY);
	return 0;
}

static __always_inline int end_join(void *ctx, int error)
{
	__u32 tid = this_thread();
	__u64 *note = look_up(&joining, &tid), ns;

	if (!note)
		return 0;
	ns = *note;
	bpf_map_delete_elem(&joining, &tid);
	return joined(ctx, (void *)ns, error);
}

PROBE_PROGRAM(join_kprobe, "kprobe/netns_install", struct pt_regs, begin_join, ctx, (__u64)PT_REGS_PARM2(ctx))
PROBE_PROGRAM(join_kretprobe, "kretprobe/netns_install", struct pt_regs, end_join, ctx, (int)PT_REGS_RC(ctx))

#endif
