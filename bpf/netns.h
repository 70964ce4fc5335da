/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of network namespaces: creations under way by thread, namespaces by
 * their address from creation to the end of the teardown, and who is in them.
 *
 * A call from unshare is over when copy_net_ns returns. One from clone goes on
 * until the child is there, which the fork tracepoint shows: the child is in the
 * new namespace. Clone may still fail after that.
 *
 * A join is reported if the creation of the namespace was seen. A thread joins by
 * setns. A process also joins by being forked in the namespace, if its parent joined
 * or created it and has not called exec since. After an exec a program runs there,
 * and what that forks is its own affair.
 */
#ifndef NSBLAME_NETNS_H
#define NSBLAME_NETNS_H

#include "net.h"
#include "process.h"

/* --- creations under way -------------------------------------------- */

struct inflight {
	__u64 net; /* the namespace, set once created, while the child is awaited */
	__u64 start_ns; /* of copy_net_ns */
	__u64 serial;
	__u64 conntrack_ns; /* when it began, then how long it took */
	__u64 ipvs_ns;
	__u64 ipvs_net; /* the namespace that ip_vs is initialising */
	__s32 ipvs_gen;
	__u32 ipvs_size;
	__u32 call;
	__u32 flags; /* enum create_flags */
	__u64 op_ns; /* when ops_init began for a subsystem that hook_pernet.h follows */
	__u64 op;    /* the operations of that subsystem, 0 unless it runs */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, INFLIGHT_MAX);
	__type(key, __u32); /* thread */
	__type(value, struct inflight);
} inflight SEC(".maps");

/* Set by the loader if the return of copy_net_ns is seen by a kretprobe or an fexit
 * program. The kernel follows a limited number of calls with each kretprobe. It takes the
 * fexit programs away from the calls under way when another tracer comes or goes
 * (kernel/bpf/trampoline.c, bpf_tramp_image_put). */
volatile bool may_miss_returns = false;

/* Likewise for the returns of subsystems. */
volatile bool may_miss_inits = false;

static __always_inline struct inflight *this_call(void)
{
	__u32 tid = this_thread();

	return look_up(&inflight, &tid);
}

/* The thread's clone has its child, or failed after all. */
static __always_inline void stop_waiting(struct process *p)
{
	struct process_key key = current_key();
	__u32 tid = this_thread();

	if (!p)
		p = find_process(&key);
	if (p)
		__sync_fetch_and_add(&p->cloning, -1);
	bpf_map_delete_elem(&inflight, &tid);
}

/* Counts and drops a call of this thread whose return was not seen: the thread does
 * something else by now, which must not be taken for a part of that call. Once the
 * programs are stopped it returns unseen. That is the end, and no loss. */
static __always_inline void drop_missed_return(void)
{
	__u32 tid = this_thread();
	struct inflight *call;

	if (!may_miss_returns || stopped)
		return;
	call = look_up(&inflight, &tid);
	if (!call || call->net)
		return;
	if (!bpf_map_delete_elem(&inflight, &tid))
		count(COUNT_RETURN_MISSED);
}

/* Counts returns of subsystems that were not seen, though that of the call was. */
static __always_inline void count_missed_inits(struct inflight *call)
{
	if (!may_miss_inits || !call)
		return;
	if (call->conntrack_ns && !(call->flags & CREATE_CONNTRACK))
		count(COUNT_INIT_RETURN_MISSED);
	if (call->ipvs_ns && !(call->flags & CREATE_IPVS))
		count(COUNT_INIT_RETURN_MISSED);
}

/* Called at a fork of a process one of whose threads awaits a child in a new
 * namespace. Reports the child if it is that one. */
static __noinline int report_child(struct process *parent, struct task_struct *child,
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
		rec.serial = call->serial;
		rec.child = *key;
		c = find_process(key);
		if (c) {
			watch(c);
			c->enters = 1;
			publish_process(key->start_ns, key->pid, RING_STORY);
		}
		rec.boot_ns = bpf_ktime_get_boot_ns();
		emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_FOLLOWUP);
	}
	stop_waiting(parent);
	return 0;
}

/* Called when a thread ends. It may have waited for a child that never came. */
static __always_inline void forget_clone(struct process *p)
{
	struct inflight *call = this_call();

	if (call && call->net)
		stop_waiting(p);
}

/* --- namespaces ----------------------------------------------------- */

/* A namespace from its creation, or from when it is first met, until the end of its
 * teardown. No other has its address for that long. serial and created_ns are 0 if
 * the creation was not seen. */
struct life {
	__u64 serial;
	__u64 created_ns;
	__u32 joins; /* how often it was joined */
	__u32 pad;
};

/* How many namespaces are followed at once. Each takes the kernel some 100 KB. */
#define LIVES_MAX 16384

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LIVES_MAX);
	__type(key, __u64); /* struct net */
	__type(value, struct life);
} lives SEC(".maps");

static __always_inline struct life *find_life(__u64 *net)
{
	return look_up(&lives, net);
}

/* When a namespace was released. Several may find it without a reference. The one
 * that gets in first reports it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LIVES_MAX);
	__type(key, __u64); /* struct net */
	__type(value, __u64);
} releases SEC(".maps");

/* On a stack of its own: its caller has none to spare. */
__noinline int begin_life(__u64 net, __u64 serial, __u64 created_ns)
{
	struct life life = { .serial = serial, .created_ns = created_ns };

	bpf_map_delete_elem(&releases, &net); /* if it was not seen to be freed */
	if (bpf_map_update_elem(&lives, &net, &life, BPF_ANY))
		count(COUNT_LIFE_FULL);
	return 0;
}

/* The serial of the namespace that a task is in, 0 if its creation was not
 * seen. */
static __always_inline __u64 serial_of(struct task_struct *task)
{
	__u64 net = (__u64)net_of(task);
	struct life *life = find_life(&net);

	return life ? life->serial : 0;
}

/* --- who is in them ------------------------------------------------- */

/* Threads whose join was reported, with the serial of the namespace. They stay until
 * they leave it, call exec or end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u64);
} inside SEC(".maps");

/* This and the next function have stacks of their own: 5.10 and 6.1 limit what the
 * calls of a program may have at once. */
__noinline int emit_join(__u64 address, __u64 task_struct, __u32 how, __u32 ordinal)
{
	struct life *life = find_life(&address);
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
	rec.process = key_of(task_struct);
	rec.inum = BPF_CORE_READ(net, ns.inum);
	rec.tid = BPF_CORE_READ(task, pid);
	rec.ordinal = ordinal;
	BPF_CORE_READ_STR_INTO(&rec.comm, task, comm);
	if (bpf_map_update_elem(&inside, &rec.tid, &rec.serial, BPF_ANY))
		count(COUNT_LOST_JOIN);
	emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_JOIN);
	return 0;
}

/* Marks a process that came into a namespace. If the join is reported, sends what it is
 * and from whom it descends. */
__noinline int mark_joined(__u64 start_ns, __u32 pid, __u32 reported)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p = find_process(&key);

	if (!p)
		return 0;
	p->enters = 1;
	if (!reported)
		return 0;
	/* before the record is out, so that its exec cannot be missed */
	watch(p);
	publish_lineage(start_ns, pid, RING_STORY);
	return 0;
}

/* Counts and reports a task that came into a namespace, if the creation of that was
 * seen. */
static __always_inline void report_join(__u64 net, struct task_struct *task, __u32 how)
{
	struct life *life = find_life(&net);
	struct process_key key;
	__u32 ordinal;

	if (!life || !life->serial)
		return;
	__sync_fetch_and_add(&life->joins, 1);
	ordinal = *(volatile __u32 *)&life->joins;
	key = process_key(task);
	mark_joined(key.start_ns, key.pid, ordinal <= JOINS_REPORTED);
	if (ordinal <= JOINS_REPORTED)
		emit_join(net, untyped(task), how, ordinal);
}

/* A thread leaves the namespace that it was reported to have joined. */
static __always_inline void report_leave(__u32 flags)
{
	struct leave_record rec;
	__u32 tid = this_thread();
	__u64 *serial = look_up(&inside, &tid);

	if (!serial)
		return;
	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_LEAVE;
	rec.flags = flags;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	rec.serial = *serial;
	rec.process = current_key();
	rec.tid = tid;
	bpf_map_delete_elem(&inside, &tid);
	emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_FOLLOWUP);
}

/* Called at a fork of a process that has moved and not called exec since. The thread
 * that forks need not be one that moved. */
static __always_inline void report_born_inside(struct task_struct *parent, struct task_struct *child)
{
	struct net *net = net_of(child);

	/* one in a namespace of its own is reported with that */
	if (net && net == net_of(parent))
		report_join(untyped(net), child, JOIN_FORK);
}

#endif
