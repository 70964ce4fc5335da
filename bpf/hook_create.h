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
#ifndef NSBLAME_HOOK_CREATE_H
#define NSBLAME_HOOK_CREATE_H

#include "process.h"
#include "net.h"

struct inflight {
	__u64 net; /* the namespace, set once created, while the child is awaited */
	__u64 start_ns; /* of copy_net_ns, 0 before it */
	__u64 serial;
	__u64 conntrack_ns; /* beginning, then duration */
	__u64 ipvs_ns;
	__u64 ipvs_net; /* the namespace that ip_vs is initialising */
	__s32 ipvs_gen;
	__u32 ipvs_size;
	__u32 call;
	__u32 flags; /* enum create_flags */
	__u64 op_ns; /* see hook_pernet.h: when ops_init began, for a subsystem ... */
	__u64 op;    /* ... that is followed there, while it runs */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* thread */
	__type(value, struct inflight);
} inflight SEC(".maps");

/* A namespace from its creation, or from when it is first met, until its
 * teardown is finished. Its address is its own for that long. Both are 0 if the
 * creation was not seen. */
struct life {
	__u64 serial;
	__u64 created_ns;
	__u32 joins; /* see hook_join.h */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64); /* struct net */
	__type(value, struct life);
} lives SEC(".maps");

/* When a namespace was released. Of several that find it without a reference,
 * whoever gets in first speaks for it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64); /* struct net */
	__type(value, __u64);
} releases SEC(".maps");

/* True where what a creation is made of is asked for (cost.h). */
const volatile bool with_cost = false;
int send_cost(__u64 call_ns, __u32 error);

/* False where the probe that tells unshare from clone is not attached. */
const volatile bool knows_unshare = true;

/* Set where the return of copy_net_ns is seen by a kretprobe. The kernel follows
 * a bounded number of calls with each of these, and leaves out the returns of
 * those that are more. */
volatile bool may_miss_returns = false;

/* Likewise of the subsystems' returns. */
volatile bool may_miss_inits = false;

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

/*
 * Counts a call of this thread that can't be under way any more, as it is doing
 * something else, and whose return was not seen. Its record must not stay, for
 * what the thread does next would be taken for a part of it.
 */
static __always_inline void drop_missed_return(void)
{
	__u32 tid = this_thread();
	struct inflight *call;

	if (!may_miss_returns)
		return;
	call = bpf_map_lookup_elem(&inflight, &tid);
	if (!call || !call->start_ns || call->net)
		return;
	if (!bpf_map_delete_elem(&inflight, &tid))
		count(COUNT_RETURN_MISSED);
}

/* Counts a subsystem's return that was not seen, though the whole call's was. */
static __always_inline void count_missed_inits(struct inflight *call)
{
	if (!may_miss_inits || !call)
		return;
	if (call->conntrack_ns && !(call->flags & CREATE_CONNTRACK))
		count(COUNT_RETURN_MISSED);
	if (call->ipvs_ns && !(call->flags & CREATE_IPVS))
		count(COUNT_RETURN_MISSED);
}

PROBE_ENTRY(unshare, unshare_nsproxy_namespaces, unsigned long flags)
{
	struct inflight call = { .call = CALL_UNSHARE };
	__u32 tid = this_thread();

	drop_missed_return();
	if (flags & CLONE_NEWNET)
		bpf_map_update_elem(&inflight, &tid, &call, BPF_ANY);
	return 0;
}

/* The record is there still if the call failed before it came to copy_net_ns. */
PROBE_RETURN(unshare, unshare_nsproxy_namespaces)
{
	struct inflight *call;
	__u32 tid = this_thread();

	drop_missed_return();
	call = this_call();
	if (call && call->call == CALL_UNSHARE)
		bpf_map_delete_elem(&inflight, &tid);
	return 0;
}

PROBE_ENTRY(create, copy_net_ns, unsigned long flags)
{
	struct inflight call = { .call = knows_unshare ? CALL_CLONE : CALL_UNKNOWN };
	__u32 tid = this_thread();
	struct inflight *known;

	if (!(flags & CLONE_NEWNET))
		return 0;
	drop_missed_return();
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

/* On a stack of its own: its caller has none to spare. */
__noinline int begin_life(__u64 net, __u64 serial, __u64 created_ns)
{
	struct life life = { .serial = serial, .created_ns = created_ns };

	bpf_map_delete_elem(&releases, &net); /* if it was not seen to be freed */
	if (bpf_map_update_elem(&lives, &net, &life, BPF_ANY))
		count(COUNT_LIFE_FULL);
	return 0;
}

PROBE_RESULT(create, copy_net_ns, 3, struct net *net)
{
	struct create_record rec;
	struct task_struct *task = (void *)bpf_get_current_task();
	struct net *old = net_of(task);
	struct inflight *call;
	struct process *p;

	if (net == old) /* no new one was asked for */
		return 0;
	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_CREATE;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	rec.serial = (__u64)bpf_get_smp_processor_id() << 48 | count(COUNT_SEEN);
	call = this_call();
	fill_call(&rec, call);
	count_missed_inits(call);
	fill_result(&rec, old, net);
	if (with_cost && call && call->start_ns)
		send_cost(call->start_ns, rec.error);
	if (!rec.error)
		begin_life(untyped(net), rec.serial, rec.boot_ns);

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
	if (p && !rec.error && rec.call != CALL_CLONE) {
		watch(p);
		p->enters = 1;
	}
	if (p && call && !rec.error && rec.call != CALL_UNSHARE) {
		call->net = (__u64)net;
		call->serial = rec.serial;
		__sync_fetch_and_add(&p->cloning, 1);
	} else {
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
	if (net_of(child) == (struct net *)call->net) {
		__builtin_memset(&rec, 0, sizeof(rec));
		rec.kind = REC_CHILD;
		rec.boot_ns = bpf_ktime_get_boot_ns();
		rec.serial = call->serial;
		rec.child = *key;
		c = bpf_map_lookup_elem(&processes, key);
		if (c) {
			watch(c);
			c->enters = 1;
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

PROBE_ENTRY(conntrack, nf_conntrack_init_net)
{
	struct inflight *call = this_call();

	if (call)
		call->conntrack_ns = bpf_ktime_get_boot_ns();
	return 0;
}

PROBE_RETURN(conntrack, nf_conntrack_init_net)
{
	struct inflight *call = this_call();

	if (call && call->conntrack_ns) {
		call->conntrack_ns = bpf_ktime_get_boot_ns() - call->conntrack_ns;
		call->flags |= CREATE_CONNTRACK;
	}
	return 0;
}

PROBE_ENTRY(ipvs, __ip_vs_init, struct net *net)
{
	struct inflight *call = this_call();

	if (call) {
		call->ipvs_net = (__u64)net;
		call->ipvs_ns = bpf_ktime_get_boot_ns();
	}
	return 0;
}

/* What ip_vs has given to register_pernet_subsys: noted when it is loaded (see
 * hook_pernet.h), or set when its probe is attached; 0 where that is not known, or
 * the module's BTF tells the size. */
volatile __u64 ipvs_operations = 0;

static __always_inline __u32 ipvs_size(void)
{
	struct pernet_operations *ops = (void *)ipvs_operations;
	__u32 size;

	if (bpf_core_type_exists(struct netns_ipvs)) {
		size = bpf_core_type_size(struct netns_ipvs);
		/* not to be moved out of here, for without the type it is invalid */
		asm volatile("" : "+r"(size));
		return size;
	}
	return ops ? BPF_CORE_READ(ops, size) : 0;
}

/* The figures of the line that older kernels logged. */
static __always_inline void fill_ipvs(struct inflight *call)
{
	struct net *net = (void *)call->ipvs_net;
	struct netns_ipvs *ipvs;

	if (!bpf_core_field_exists(net->ipvs))
		return; /* a kernel that is never to have ip_vs */
	ipvs = BPF_CORE_READ(net, ipvs);
	if (!ipvs)
		return;
	/* gen is the first member; vmlinux knows no more of the structure */
	if (!bpf_probe_read_kernel(&call->ipvs_gen, sizeof(call->ipvs_gen), ipvs))
		call->flags |= CREATE_IPVS_FIGURES;
	call->ipvs_size = ipvs_size();
}

PROBE_RETURN(ipvs, __ip_vs_init)
{
	struct inflight *call = this_call();

	if (!call || !call->ipvs_ns)
		return 0;
	call->ipvs_ns = bpf_ktime_get_boot_ns() - call->ipvs_ns;
	call->flags |= CREATE_IPVS;
	fill_ipvs(call);
	return 0;
}

#endif
