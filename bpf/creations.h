/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The creation of a network namespace: copy_net_ns (net/core/net_namespace.c)
 * from entry to exit, which call it came from, and what nf_conntrack and ip_vs
 * do in between.
 *
 * A call under way is kept by thread. One from unshare is over when copy_net_ns
 * returns. One from clone goes on until the child is there, told by the fork
 * tracepoint and known by the namespace it is in; clone may still fail.
 */
#ifndef NSBLAME_CREATIONS_H
#define NSBLAME_CREATIONS_H

#include "lineage.h"

struct inflight {
	__u64 net; /* the namespace, set once created, while the child is awaited */
	__u64 start_ns;
	__u64 serial;
	__u64 conntrack_ns; /* beginning, then duration */
	__u64 ipvs_ns;
	__s32 ipvs_gen;
	__u32 ipvs_size;
	__u32 call;
	__u32 flags; /* enum create_flags */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* thread */
	__type(value, struct inflight);
} inflight SEC(".maps");

/* False where the probe that tells unshare from clone is not attached. */
const volatile bool knows_unshare = true;

static __always_inline __u32 this_thread(void)
{
	return (__u32)bpf_get_current_pid_tgid();
}

static __always_inline struct inflight *this_call(void)
{
	__u32 tid = this_thread();

	return bpf_map_lookup_elem(&inflight, &tid);
}

/* The thread's clone has its child, or failed after all. */
static __always_inline void stop_waiting(struct process *p)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key key = process_key(task);
	__u32 tid = this_thread();

	if (!p)
		p = bpf_map_lookup_elem(&processes, &key);
	if (p)
		__sync_fetch_and_add(&p->cloning, -1);
	bpf_map_delete_elem(&inflight, &tid);
}

SEC("fentry/unshare_nsproxy_namespaces")
int BPF_PROG(unshare_enter, unsigned long flags)
{
	struct inflight call = { .call = CALL_UNSHARE };
	__u32 tid = this_thread();

	if (flags & CLONE_NEWNET)
		bpf_map_update_elem(&inflight, &tid, &call, BPF_ANY);
	return 0;
}

SEC("fexit/unshare_nsproxy_namespaces")
int BPF_PROG(unshare_exit, unsigned long flags)
{
	__u32 tid = this_thread();

	if (flags & CLONE_NEWNET)
		bpf_map_delete_elem(&inflight, &tid);
	return 0;
}

SEC("fentry/copy_net_ns")
int BPF_PROG(create_enter, unsigned long flags)
{
	struct inflight call = { .call = knows_unshare ? CALL_CLONE : CALL_UNKNOWN };
	__u32 tid = this_thread();
	struct inflight *known;

	if (!(flags & CLONE_NEWNET))
		return 0;
	known = this_call();
	if (known && known->call == CALL_UNSHARE)
		call.call = CALL_UNSHARE;
	if (known && known->net)
		stop_waiting(NULL);
	call.start_ns = bpf_ktime_get_boot_ns();
	if (bpf_map_update_elem(&inflight, &tid, &call, BPF_ANY))
		count(COUNT_INFLIGHT_FULL);
	return 0;
}

static __always_inline __u64 net_cookie(struct net *net)
{
	if (bpf_core_field_exists(((struct net___v7 *)0)->ns.ns_id))
		return BPF_CORE_READ((struct net___v7 *)net, ns.ns_id);
	if (!bpf_core_field_exists(net->net_cookie))
		return 0;
	if (bpf_core_field_exists(((struct net___v510 *)0)->net_cookie.counter))
		return BPF_CORE_READ((struct net___v510 *)net, net_cookie.counter);
	return BPF_CORE_READ(net, net_cookie);
}

static __always_inline void fill_call(struct create_record *rec, struct inflight *call)
{
	if (!call || !call->start_ns) {
		rec->flags = CREATE_ENTRY_MISSED;
		return;
	}
	rec->flags = call->flags;
	rec->call = call->call;
	rec->duration_ns = rec->boot_ns - call->start_ns;
	rec->boot_ns = call->start_ns;
	rec->conntrack_ns = call->conntrack_ns;
	rec->ipvs_ns = call->ipvs_ns;
	rec->ipvs_gen = call->ipvs_gen;
	rec->ipvs_size = call->ipvs_size;
}

/* pointers from here up are error numbers (include/linux/err.h) */
#define MAX_ERRNO 4095

static __always_inline void fill_result(struct create_record *rec, struct net *old, struct net *net)
{
	rec->parent_inum = BPF_CORE_READ(old, ns.inum);
	if ((unsigned long)net >= (unsigned long)-MAX_ERRNO) {
		rec->error = -(long)net;
		return;
	}
	rec->inum = BPF_CORE_READ(net, ns.inum);
	rec->cookie = net_cookie(net);
}

SEC("fexit/copy_net_ns")
int BPF_PROG(create_exit, unsigned long flags, struct user_namespace *user_ns, struct net *old,
	     struct net *net)
{
	struct create_record rec;
	struct task_struct *task;
	struct inflight *call;
	struct process *p;

	if (!(flags & CLONE_NEWNET))
		return 0;
	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_CREATE;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	rec.serial = (__u64)bpf_get_smp_processor_id() << 48 | count(COUNT_SEEN);
	call = this_call();
	fill_call(&rec, call);
	fill_result(&rec, old, net);

	task = (void *)bpf_get_current_task();
	rec.creator = process_key(task);
	rec.tid = this_thread();
	bpf_get_current_comm(rec.comm, sizeof(rec.comm));
	rec.uid = task_uid(task);
	p = find_or_adopt(task, &rec.creator);
	if (p) {
		refresh(p, task);
		rec.cgroup = p->cgroup;
		rec.ancestors_lost = publish_lineage(rec.creator.start_ns, rec.creator.pid);
	} else {
		rec.cgroup = hold_cgroup(task);
	}
	publish_cgroup(rec.cgroup);
	if (!p)
		release_cgroup_path(rec.cgroup);
	/* watched from before the record is out: its exec cannot be missed */
	if (p && !rec.error && rec.call != CALL_CLONE)
		p->watched = WATCH_EXEC;
	if (p && call && !rec.error && rec.call != CALL_UNSHARE) {
		call->net = (__u64)net;
		call->serial = rec.serial;
		__sync_fetch_and_add(&p->cloning, 1);
	} else if (rec.call != CALL_UNSHARE) {
		bpf_map_delete_elem(&inflight, &rec.tid); /* no child will come */
	}
	emit(&rec, sizeof(rec), COUNT_LOST_CREATE);
	return 0;
}

/* At a fork of a process one of whose threads awaits a child in a new
 * namespace: is this that child? */
static __noinline int tell_child(struct process *parent, struct task_struct *child,
				 struct process_key *key)
{
	struct inflight *call = this_call();
	struct child_record rec;
	struct process *c;

	if (!call || !call->net)
		return 0;
	if (BPF_CORE_READ(child, nsproxy, net_ns) == (struct net *)call->net) {
		__builtin_memset(&rec, 0, sizeof(rec));
		rec.kind = REC_CHILD;
		rec.boot_ns = bpf_ktime_get_boot_ns();
		rec.serial = call->serial;
		rec.child = *key;
		c = bpf_map_lookup_elem(&processes, key);
		if (c) {
			c->watched = WATCH_EXEC;
			publish_process(key->start_ns, key->pid);
		}
		emit(&rec, sizeof(rec), COUNT_LOST_FOLLOWUP);
	}
	stop_waiting(parent);
	return 0;
}

/* A thread ends that may have waited for a child that never came. */
static __always_inline void forget_clone(struct process *p)
{
	struct inflight *call = this_call();

	if (call && call->net)
		stop_waiting(p);
}

/* --- subsystems ------------------------------------------------------- */

SEC("fentry/nf_conntrack_init_net")
int BPF_PROG(conntrack_enter)
{
	struct inflight *call = this_call();

	if (call)
		call->conntrack_ns = bpf_ktime_get_boot_ns();
	return 0;
}

SEC("fexit/nf_conntrack_init_net")
int BPF_PROG(conntrack_exit)
{
	struct inflight *call = this_call();

	if (call && call->conntrack_ns) {
		call->conntrack_ns = bpf_ktime_get_boot_ns() - call->conntrack_ns;
		call->flags |= CREATE_CONNTRACK;
	}
	return 0;
}

SEC("fentry/__ip_vs_init")
int BPF_PROG(ipvs_enter)
{
	struct inflight *call = this_call();

	if (call)
		call->ipvs_ns = bpf_ktime_get_boot_ns();
	return 0;
}

SEC("fexit/__ip_vs_init")
int BPF_PROG(ipvs_exit, struct net *net)
{
	struct inflight *call = this_call();
	struct netns_ipvs *ipvs;

	if (!call || !call->ipvs_ns)
		return 0;
	call->ipvs_ns = bpf_ktime_get_boot_ns() - call->ipvs_ns;
	call->flags |= CREATE_IPVS;
	ipvs = BPF_CORE_READ(net, ipvs);
	if (!ipvs)
		return 0;
	/* gen is the first member; vmlinux knows no more of the structure */
	if (!bpf_probe_read_kernel(&call->ipvs_gen, sizeof(call->ipvs_gen), ipvs))
		call->flags |= CREATE_IPVS_FIGURES;
	if (bpf_core_type_exists(struct netns_ipvs))
		call->ipvs_size = bpf_core_type_size(struct netns_ipvs);
	return 0;
}

#endif
