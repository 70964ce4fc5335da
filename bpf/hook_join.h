/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread joins a network namespace by setns: netns_install
 * (net/core/net_namespace.c). The thread is in only when all namespaces are
 * installed, a step later. So the namespace is read again when the process calls
 * exec.
 */
#ifndef NSBLAME_HOOK_JOIN_H
#define NSBLAME_HOOK_JOIN_H

#include "netns.h"

/* The namespace that a thread is about to join, from entry to return. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);   /* thread */
	__type(value, __u64); /* struct net */
} joining SEC(".maps");

PROBE_ENTRY(join, netns_install, void *nsset, struct ns_common *ns)
{
	__u64 net = net_with(untyped(ns));
	__u32 tid = this_thread();

	bpf_map_update_elem(&joining, &tid, &net, BPF_ANY);
	return 0;
}

PROBE_RESULT(join, netns_install, 2, int error)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tid = this_thread();
	__u64 *note = bpf_map_lookup_elem(&joining, &tid);
	struct process_key key;
	struct process *p;
	__u64 net;

	if (!note)
		return 0;
	net = *note;
	bpf_map_delete_elem(&joining, &tid);
	if (error || net == (__u64)net_of(task))
		return 0;
	report_leave(0);
	if (!find_life(&net))
		return 0;
	key = process_key(task);
	p = find_or_note(task, &key);
	if (p)
		refresh(p, task);
	report_join(net, task, JOIN_SETNS);
	return 0;
}

#endif
