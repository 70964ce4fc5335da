/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a network namespace (net/core/net_namespace.c). __put_net runs when the
 * last reference is dropped. Later, a kernel thread in cleanup_net tears down all
 * namespaces that were released since its last run.
 */
#ifndef NSBLAME_HOOK_RELEASE_H
#define NSBLAME_HOOK_RELEASE_H

#include "netns.h"

/* --- what a reference was ------------------------------------------- */

/* How a thread may give up a namespace. */
enum via {
	VIA_NSPROXY, /* no thread is in it: nsproxy_free, free_nsproxy, deactivate_nsproxy */
	VIA_NSFS,    /* no file or mount refers to it: netns_put */
	VIA_MOUNT,   /* a mount ends: cleanup_mnt */
};

struct via_key {
	__u32 tid;
	__u32 via;
};

struct giving_up {
	__u64 net; /* struct net */
	__u64 refs; /* at the entry, the thread's own included */
};

/*
 * Which namespace a thread gives up in which way, from entry to return. If the kernel
 * skipped the program at the return, the note stays, but names another namespace than
 * the one that is asked about.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct via_key);
	__type(value, struct giving_up);
} giving_up SEC(".maps");

static __always_inline void begin_via(__u32 via, __u64 net)
{
	struct via_key key = { .tid = this_thread(), .via = via };
	struct giving_up note = { .net = net, .refs = net_refs(net) };

	bpf_map_update_elem(&giving_up, &key, &note, BPF_ANY);
}

static __always_inline int end_via(__u32 via)
{
	struct via_key key = { .tid = this_thread(), .via = via };

	bpf_map_delete_elem(&giving_up, &key);
	return 0;
}

static __always_inline struct giving_up *goes_via(__u32 via, __u64 net)
{
	struct via_key key = { .tid = this_thread(), .via = via };
	struct giving_up *note = look_up(&giving_up, &key);

	return note && note->net == net ? note : NULL;
}

static __always_inline int begin_nsproxy(struct nsproxy *nsproxy)
{
	begin_via(VIA_NSPROXY, (__u64)BPF_CORE_READ(nsproxy, net_ns));
	return 0;
}

PROBE_ENTRY(nsproxy, free_nsproxy, struct nsproxy *nsproxy)
{
	return begin_nsproxy(nsproxy);
}

PROBE_RETURN(nsproxy, free_nsproxy)
{
	return end_via(VIA_NSPROXY);
}

/*
 * Linux 7.2 has deactivate_nsproxy (kernel/nsproxy.c). Compilers inline it into the
 * functions for exit, unshare and setns. It calls nsproxy_free to drop the references.
 */
PROBE_ENTRY(refs, nsproxy_free, struct nsproxy *nsproxy)
{
	return begin_nsproxy(nsproxy);
}

PROBE_RETURN(refs, nsproxy_free)
{
	return end_via(VIA_NSPROXY);
}

PROBE_ENTRY(deactivate, deactivate_nsproxy, struct nsproxy *nsproxy)
{
	return begin_nsproxy(nsproxy);
}

PROBE_RETURN(deactivate, deactivate_nsproxy)
{
	return end_via(VIA_NSPROXY);
}

static __always_inline bool is_nsfs(struct mount *mount)
{
	return BPF_CORE_READ(mount, mnt.mnt_sb, s_magic) == NSFS_MAGIC;
}

PROBE_ENTRY(mount, cleanup_mnt, struct mount *mount)
{
	if (is_nsfs(mount))
		begin_via(VIA_MOUNT, net_with((__u64)BPF_CORE_READ(mount, mnt.mnt_root, d_inode,
								 i_private)));
	return 0;
}

PROBE_RETURN(mount, cleanup_mnt)
{
	return end_via(VIA_MOUNT);
}

/* --- release -------------------------------------------------------- */

/* preempt_count: serving a softirq, in a hard interrupt, in an NMI
 * (include/linux/preempt.h) */
#define INTERRUPTED 0x00ff0100

/*
 * True if the current task itself runs, not an interrupt of it. arm64 counts interrupts
 * in the task. x86 serves them on stacks of their own. stack is an address on the
 * present one.
 */
static __always_inline bool in_task(struct task_struct *task, __u64 stack)
{
	if (bpf_core_field_exists(task->thread_info.preempt_count))
		return !(BPF_CORE_READ(task, thread_info.preempt_count) & INTERRUPTED);
	return stack - (__u64)BPF_CORE_READ(task, stack) < THREAD_SIZE;
}

static __always_inline __u32 held_by(__u64 net)
{
	struct inflight *call;

	if (goes_via(VIA_MOUNT, net))
		return HELD_MOUNT;
	if (goes_via(VIA_NSFS, net))
		return HELD_FILE;
	call = this_call();
	if (call && call->net == net)
		return HELD_CLONE;
	return goes_via(VIA_NSPROXY, net) ? HELD_PROCESS : HELD_UNKNOWN;
}

static __always_inline void fill_releaser(struct release_record *rec, __u64 net, __u64 stack)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 flags = BPF_CORE_READ(task, flags);

	if (!in_task(task, stack))
		return;
	rec->held = held_by(net);
	if (flags & PF_KTHREAD)
		return;
	if (flags & PF_EXITING)
		rec->flags |= RELEASE_EXITING;
	rec->by = current_key();
	rec->tid = this_thread();
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
	if (!meet_current())
		return;
	if (flags & PF_EXITING)
		take_end();
	publish_lineage(rec->by.start_ns, rec->by.pid, RING_STORY);
}

/* The namespaces that wait for the end of their teardown, for kernels on which only the
 * inum shows it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LIVES_MAX);
	__type(key, __u32);   /* inum */
	__type(value, __u64); /* struct net */
} released_inums SEC(".maps");

/* Reports a release. Says who let go only if that is certain. */
static __always_inline int released(__u64 address, bool certain, __u64 stack)
{
	struct net *net = (void *)address;
	struct release_record rec;
	struct life *life;

	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_RELEASE;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	if (bpf_map_update_elem(&releases, &address, &rec.boot_ns, BPF_NOEXIST)) {
		if (!look_up(&releases, &address))
			count(COUNT_LIFE_FULL);
		return 0;
	}
	rec.inum = BPF_CORE_READ(net, ns.inum);
	rec.cookie = net_cookie(net);
	if (bpf_map_update_elem(&released_inums, &rec.inum, &address, BPF_ANY))
		count(COUNT_LIFE_FULL); /* its end may not be found */
	life = find_life(&address);
	if (life) {
		rec.serial = life->serial;
		rec.created_ns = life->created_ns;
		rec.joins = life->joins;
	}
	if (certain)
		fill_releaser(&rec, address, stack);
	rec.sent_ns = bpf_ktime_get_boot_ns();
	emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_ENDING);
	return 0;
}

PROBE_ENTRY(net_released, __put_net, struct net *net)
{
	return released(untyped(net), true, untyped(ctx));
}

/*
 * netns_put is in the same file as __put_net, and compilers inline the latter into it.
 * So the count is read, too. A thread that held the only reference has dropped the
 * last one. Of several that dropped theirs at once, the last is not known.
 */
PROBE_ENTRY(nsfs, netns_put, struct ns_common *ns)
{
	__u64 net = net_with(untyped(ns));
	struct life unknown = {};

	begin_via(VIA_NSFS, net);
	/* so that the return finds it, unless it is gone by then */
	if (bpf_map_update_elem(&lives, &net, &unknown, BPF_NOEXIST) &&
	    !find_life(&net))
		count(COUNT_LIFE_FULL);
	return 0;
}

PROBE_RETURN(nsfs, netns_put)
{
	struct via_key key = { .tid = this_thread(), .via = VIA_NSFS };
	struct giving_up *note = look_up(&giving_up, &key);
	__u64 net;

	if (!note)
		return 0;
	net = note->net;
	if (find_life(&net) && !net_refs(net))
		released(net, note->refs == 1, untyped(ctx));
	bpf_map_delete_elem(&giving_up, &key);
	return 0;
}

/* --- teardown ------------------------------------------------------- */

/* Threads in cleanup_net, with the time of their entry. On all known kernels there is
 * one at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} teardowns SEC(".maps");

PROBE_ENTRY(teardown, cleanup_net)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 tid = this_thread();

	bpf_map_update_elem(&teardowns, &tid, &now, BPF_ANY);
	return 0;
}

PROBE_RETURN(teardown, cleanup_net)
{
	__u32 tid = this_thread();

	bpf_map_delete_elem(&teardowns, &tid);
	return 0;
}

/* When this thread began to tear down namespaces, 0 if it does not do that. */
static __always_inline __u64 teardown_began(void)
{
	__u32 tid = this_thread();
	__u64 *began = look_up(&teardowns, &tid);

	return began ? *began : 0;
}

static __always_inline int finished(__u64 address, __u32 inum, __u64 began)
{
	__u64 *released = look_up(&releases, &address);
	struct life *life = find_life(&address);
	struct free_record rec;

	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_FREE;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	rec.inum = inum;
	rec.cookie = net_cookie((struct net *)address);
	if (life) {
		rec.serial = life->serial;
		rec.created_ns = life->created_ns;
	}
	if (released) {
		rec.released_ns = *released;
		/* it may be released after the entry, and still in time for this run */
		if (began < rec.released_ns)
			began = rec.released_ns;
		rec.wait_ns = began - rec.released_ns;
	}
	rec.duration_ns = rec.boot_ns - began;
	bpf_map_delete_elem(&releases, &address);
	bpf_map_delete_elem(&released_inums, &inum);
	bpf_map_delete_elem(&lives, &address);
	emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_ENDING);
	return 0;
}

/*
 * A passive reference, which only keeps the memory of a namespace, is dropped. Mounts
 * of sysfs and sockets of the kernel have such, too. cleanup_net drops that of the
 * namespace itself after it took the namespace off its list.
 */
static __always_inline int passive_dropped(struct net *net)
{
	__u64 began = teardown_began();
	__u64 head = untyped(net) + bpf_core_field_offset(struct net, exit_list);

	if (!began || (__u64)BPF_CORE_READ(net, exit_list.next) != head)
		return 0;
	return finished(untyped(net), BPF_CORE_READ(net, ns.inum), began);
}

/* The number of a namespace of any kind is given back. For a network namespace that is
 * among the last steps of its teardown. */
static __always_inline int inum_freed(__u32 inum)
{
	__u64 began = teardown_began();
	__u64 *net;
	__u64 key;

	if (!began)
		return 0;
	net = look_up(&released_inums, &inum);
	if (!net)
		return 0;
	key = *net;
	return finished(key, inum, began);
}

PROBE_ENTRY(free_net, net_free, struct net *net)
{
	return passive_dropped(net);
}

PROBE_ENTRY(free_passive, net_passive_dec, struct net *net)
{
	return passive_dropped(net);
}

PROBE_ENTRY(free_inum, proc_free_inum, unsigned int inum)
{
	return inum_freed(inum);
}

#endif
