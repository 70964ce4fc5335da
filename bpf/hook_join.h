/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who moves into a network namespace that was seen being created: threads that
 * join it by setns (netns_install, net/core/net_namespace.c), and processes that
 * are forked in it by one that joined or created it and has not called exec
 * since. After an exec a program runs in there, and what that forks is its own
 * affair.
 *
 * netns_install is the last step before the thread is in, but not the very
 * last. So the namespace is looked at once more when a process calls exec.
 */
#ifndef NSBLAME_HOOK_JOIN_H
#define NSBLAME_HOOK_JOIN_H

#include "hook_release.h"

/* So many joins of one namespace are told, further ones counted. */
#define JOINS_TOLD 64

/* The namespace that a thread is about to join, from entry to exit of the
 * function. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);   /* thread */
	__type(value, __u64); /* struct net */
} joining SEC(".maps");

/* Threads whose join was told, with the serial of the namespace, until they
 * leave it, call exec or end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u64);
} inside SEC(".maps");

/* On a stack of its own, as what follows: 5.10 and 6.1 count all that a program's
 * calls may have at once. */
__noinline int emit_join(__u64 address, __u64 task_struct, __u32 how, __u32 nth)
{
	struct life *life = bpf_map_lookup_elem(&lives, &address);
	struct task_struct *task = (void *)task_struct;
	struct net *net = (void *)address;
	struct join_record rec;

	if (!life)
		return 0;
	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_JOIN;
	rec.how = how;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	rec.serial = life->serial;
	rec.created_ns = life->created_ns;
	rec.cookie = net_cookie(net);
	rec.process = process_key(task);
	rec.inum = BPF_CORE_READ(net, ns.inum);
	rec.tid = BPF_CORE_READ(task, pid);
	rec.nth = nth;
	BPF_CORE_READ_STR_INTO(&rec.comm, task, comm);
	if (bpf_map_update_elem(&inside, &rec.tid, &rec.serial, BPF_ANY))
		count(COUNT_LOST_JOIN);
	emit(&rec, sizeof(rec), COUNT_LOST_JOIN);
	return 0;
}

/* Marks a process that came into a namespace, and if that is told sends what it
 * is and whence it comes. */
__noinline int mark_joined(__u64 start_ns, __u32 pid, __u32 told)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p = bpf_map_lookup_elem(&processes, &key);

	if (!p)
		return 0;
	p->enters = 1;
	if (!told)
		return 0;
	/* before the record is out: its exec cannot be missed */
	watch(p);
	publish_lineage(start_ns, pid);
	return 0;
}

/* Counts a task that came into a namespace, and tells it, if the namespace is
 * one that was seen being created. */
static __always_inline void tell_join(__u64 net, struct task_struct *task, __u32 how)
{
	struct life *life = bpf_map_lookup_elem(&lives, &net);
	struct process_key key;
	__u32 nth;

	if (!life || !life->serial)
		return;
	__sync_fetch_and_add(&life->joins, 1);
	nth = *(volatile __u32 *)&life->joins;
	key = process_key(task);
	mark_joined(key.start_ns, key.pid, nth <= JOINS_TOLD);
	if (nth <= JOINS_TOLD)
		emit_join(net, untyped(task), how, nth);
}

/* A thread is no longer in the namespace that it was told to have joined. */
static __always_inline void tell_leave(__u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct leave_record rec;
	__u32 tid = this_thread();
	__u64 *serial = bpf_map_lookup_elem(&inside, &tid);

	if (!serial)
		return;
	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_LEAVE;
	rec.flags = flags;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	rec.serial = *serial;
	rec.process = process_key(task);
	rec.tid = tid;
	bpf_map_delete_elem(&inside, &tid);
	emit(&rec, sizeof(rec), COUNT_LOST_FOLLOWUP);
}

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
	tell_leave(0);
	if (!bpf_map_lookup_elem(&lives, &net))
		return 0;
	key = process_key(task);
	p = find_or_adopt(task, &key);
	if (p)
		refresh(p, task);
	tell_join(net, task, JOIN_SETNS);
	return 0;
}

/* At a fork of a process that has moved, and not called exec since. The thread
 * that forks need not be one that moved. */
static __always_inline void tell_born_inside(struct task_struct *parent, struct task_struct *child)
{
	struct net *net = net_of(child);

	/* one in a namespace of its own is told with that */
	if (net && net == net_of(parent))
		tell_join(untyped(net), child, JOIN_FORK);
}

/* The serial of the namespace that a task is in, 0 if its creation was not
 * seen. */
static __always_inline __u64 serial_of(struct task_struct *task)
{
	__u64 net = (__u64)net_of(task);
	struct life *life = bpf_map_lookup_elem(&lives, &net);

	return life ? life->serial : 0;
}

#endif
