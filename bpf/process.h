/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of processes: who forked whom, what each has run, and in which cgroup.
 * It is kept at fork, exec and exit without a word to user space. A part of it is
 * sent when it has to do with a network namespace.
 *
 * Lifetimes are counted. A process holds its own record until it is reaped, and
 * each record of a child holds its parent's. So the dead stay exactly as long as a
 * descendant may have to name them.
 *
 * The counts use an atomic add that returns nothing, for 5.10 has no other, and
 * read the value afterwards. Of several that then see zero, the one whose delete
 * succeeds goes on.
 */
#ifndef NSBLAME_PROCESS_H
#define NSBLAME_PROCESS_H

#include "cgroup_path.h"
#include "flood.h"
#include "program_image.h"

/* How many unknown ancestors are noted when a process is first met. */
#define ANCESTRY_MAX 64

/* What is reported of a process that has to do with a new namespace. */
enum watch {
	WATCH_NONE,
	WATCH_EXEC, /* its next exec, and its end */
	WATCH_EXIT, /* its end */
};

struct process {
	struct process_key key; /* its own */
	struct process_key parent;
	struct program_key program;
	__u64 cgroup;
	__u64 exit_ns;
	__s64 refs;
	__s32 cloning; /* threads whose clone has made a namespace and awaits its child */
	__u32 exec_id; /* the kernel's count of execs, as of the program */
	__u32 exit_code;
	__u32 uid;
	struct owner owner;
	__u32 execs;
	__u8 depth;
	__u8 reaped; /* it holds its own record no more */
	__u16 place; /* of the owner, who pays for the entry */
	__u32 flags;
	char comm[TASK_COMM_LEN];
	__u32 version; /* counts the changes, from 1 */
	__u32 sent;    /* the version that user space has, 0 for none */
	/* bytes of their own, so that a writer never disturbs its neighbour */
	__u8 watched;  /* enum watch */
	__u8 threaded; /* it has, or had, more than one thread */
	__u8 enters;   /* it came into a namespace, and has not called exec since */
	__u8 became;   /* it has called exec since that is watched */
	__u32 scanned; /* execs when its environment was looked at, see plugin.h */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536); /* set by the loader */
	__type(key, struct process_key);
	__type(value, struct process);
} processes SEC(".maps");

static __always_inline struct process *find_process(struct process_key *key)
{
	return look_up(&processes, key);
}

/* Adds a process to the table, and has its owner pay. Returns false if it is there
 * already, or there is no room. */
static __always_inline bool add_process(struct process *p)
{
	if (!take_room(TABLE_PROCESSES, p->place))
		return false;
	if (!bpf_map_update_elem(&processes, &p->key, p, BPF_NOEXIST))
		return true;
	give_room(TABLE_PROCESSES, p->place);
	return false;
}

/* The last threads of a process may end on several CPUs at once. The one that gets in
 * first speaks for the process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process_key);
	__type(value, __u8);
} ending SEC(".maps");

/* When the leader of a task was started. A function of its own, for next to all programs
 * need it. */
__noinline __u64 start_of(__u64 task_struct)
{
	struct task_struct *task = (void *)task_struct;

	return BPF_CORE_READ(task, group_leader, start_boottime);
}

static __always_inline struct process_key key_of(__u64 task_struct)
{
	struct process_key key = {
		.start_ns = start_of(task_struct),
		.pid = BPF_CORE_READ((struct task_struct *)task_struct, tgid),
	};

	return key;
}

/* Likewise, of a task that the verifier may tell from a number. */
static __always_inline struct process_key process_key(struct task_struct *task)
{
	return key_of(untyped(task));
}

static __always_inline struct process_key current_key(void)
{
	struct process_key key = { .start_ns = start_of(bpf_get_current_task()), .pid = this_process() };

	return key;
}

/* --- sending -------------------------------------------------------- */

/* Sends what user space does not know of a process. Returns 1 if there was no
 * room for it. */
__noinline int publish_process(__u64 start_ns, __u32 pid, enum ring ring)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p = find_process(&key);
	struct process_record *rec;
	__u32 version;
	__u64 now;

	if (!p)
		return 0;
	version = *(volatile __u32 *)&p->version;
	if (p->sent == version)
		return 0;
	publish_program(p->program.process.start_ns, p->program.process.pid, p->program.exec, ring);
	publish_cgroup(p->cgroup, ring);
	now = bpf_ktime_get_boot_ns();
	rec = ring == RING_BUS ? bpf_ringbuf_reserve(&bus_records, sizeof(*rec), 0) :
				 bpf_ringbuf_reserve(&story_records, sizeof(*rec), 0);
	if (!rec) {
		count(COUNT_LOST_PROCESS);
		return 1;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = REC_PROCESS;
	rec->flags = p->flags;
	rec->boot_ns = now;
	rec->key.start_ns = start_ns;
	rec->key.pid = pid;
	rec->parent = p->parent;
	rec->program = p->program;
	rec->cgroup = p->cgroup;
	rec->exit_ns = p->exit_ns;
	rec->exit_code = p->exit_code;
	rec->uid = p->uid;
	rec->owner = p->owner;
	__builtin_memcpy(rec->comm, p->comm, sizeof(rec->comm));
	bpf_ringbuf_submit(rec, wakeup(ring, false));
	/* only now: whoever sees it as sent has it before its own records */
	p->sent = version;
	return 0;
}

/* Notes that the parent of a process is no longer kept. */
__noinline int cut_ancestors(__u64 start_ns, __u32 pid)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p = find_process(&key);

	if (!p)
		return 0;
	p->flags |= PROCESS_CUT;
	p->parent.pid = 0;
	p->parent.start_ns = 0;
	__sync_fetch_and_add(&p->version, 1);
	return 0;
}

/* Ancestors are sent in chunks of so many. The verifier looks at one chunk only. */
#define CHUNK 6

/* Records are at multiples of eight, so these bits of an address can hold a number: of a
 * chunk, and of one more. */
#define CHUNK_LOST 7

/* Sends a chunk: a process, of which this is the record, and the next of its ancestors,
 * nearest first. Returns the address of the ancestor behind them, 0 if there is none. In the
 * bits CHUNK_LOST is how many found no room. */
__noinline __u64 publish_chunk(__u64 address, enum ring ring)
{
	struct process_key key, child = {};
	struct process *p;
	__u64 lost = 0;
	int i;

	/* it is there as long as it is held */
	if (bpf_probe_read_kernel(&key, sizeof(key), (void *)address + __builtin_offsetof(struct process, key)))
		return 0;
	for (i = 0; i < CHUNK; i++) {
		p = find_process(&key);

		if (!p && i) { /* it was not kept */
			cut_ancestors(child.start_ns, child.pid);
			lost += publish_process(child.start_ns, child.pid, ring);
		}
		if (!p)
			return lost;
		lost += publish_process(key.start_ns, key.pid, ring);
		child = key;
		key = p->parent;
		if (!key.pid)
			return lost;
	}
	p = find_process(&key);
	if (p)
		return untyped(p) | lost;
	cut_ancestors(child.start_ns, child.pid);
	return lost + publish_process(child.start_ns, child.pid, ring);
}

/* Sends a process and its ancestors, nearest first. Returns how many found no
 * room. */
__noinline int publish_lineage(__u64 start_ns, __u32 pid, enum ring ring)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	__u64 next = untyped(find_process(&key)), lost = 0;
	int i;

	for (i = 0; i <= DEPTH_MAX / CHUNK && next; i++) {
		next = publish_chunk(next, ring);
		lost += next & CHUNK_LOST;
		next &= ~CHUNK_LOST;
	}
	return lost;
}

static __always_inline void emit_followup(__u32 kind, struct process_key *key, __u64 serial)
{
	struct followup_record rec = {
		.kind = kind,
		.boot_ns = bpf_ktime_get_boot_ns(),
		.process = *key,
		.serial = serial,
	};

	emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_FOLLOWUP);
}

/* --- watching ------------------------------------------------------- */

/* From now on, the next exec of a process is reported, and its end. */
static __always_inline void watch(struct process *p)
{
	p->became = 0;
	p->watched = WATCH_EXEC;
}

/* Reports what a process has become that made a namespace. */
static __always_inline void report_exec(struct process *p, struct process_key *key, __u64 serial)
{
	if (p->watched != WATCH_EXEC || !p->became)
		return;
	p->watched = WATCH_EXIT;
	publish_process(key->start_ns, key->pid, RING_STORY);
	emit_followup(REC_EXEC, key, serial);
}

/* --- lifetimes ------------------------------------------------------ */

/* Drops one hold on a process. Returns 1 if it was the last, and the hold on its
 * parent goes as well. With drop set it goes even if its children hold it. */
__noinline int release_process(__u64 start_ns, __u32 pid, __u32 drop)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p = find_process(&key);
	struct program_key program;
	__u32 sent, place;
	__u64 cgroup;

	if (!p)
		return 0;
	__sync_fetch_and_add(&p->refs, -1);
	if (*(volatile __s64 *)&p->refs > 0 && !drop)
		return 0;
	program = p->program;
	cgroup = p->cgroup;
	sent = p->sent;
	place = p->place;
	if (bpf_map_delete_elem(&processes, &key))
		return 0;
	give_room(TABLE_PROCESSES, place);
	release_program(program.process.start_ns, program.process.pid, program.exec);
	release_cgroup_path(cgroup);
	if (sent)
		emit_forget(start_ns, pid, 0, 0);
	return 1;
}

/* True if the owner of a process that is reaped has room to keep it for its
 * descendants. */
static __always_inline bool keeps_dead(struct process *p)
{
	return has_room(TABLE_PROCESSES, p->place);
}

/* Holds are dropped in chunks of so many, likewise. */
#define RELEASE_CHUNK 12

/* Drops one hold on a process. If that was the last, or drop is set, drops its hold on
 * its parent, and so on up. Returns the address of the process that is next, 0 at the
 * end. */
__noinline __u64 release_chunk(__u64 start_ns, __u32 pid, __u32 drop)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p;
	int i;

	for (i = 0; i < RELEASE_CHUNK; i++) {
		struct process_key parent;

		p = find_process(&key);
		if (!p)
			return 0;
		parent = p->parent; /* changes only if it is gone */
		if (!release_process(key.start_ns, key.pid, drop) || !parent.pid)
			return 0;
		drop = 0;
		key = parent;
	}
	p = find_process(&key);
	return p ? untyped(p) : 0;
}

/* Drops one hold on a process, and on whom that held. With keep, a process that its
 * children hold stays. */
static __always_inline void release(struct process_key key, bool keep)
{
	__u32 drop = !keep;
	int i;

	for (i = 0; i <= DEPTH_MAX / RELEASE_CHUNK; i++) {
		__u64 next = release_chunk(key.start_ns, key.pid, drop);

		/* it is there as long as it is held */
		if (!next ||
		    bpf_probe_read_kernel(&key, sizeof(key),
					  (void *)next + __builtin_offsetof(struct process, key)))
			break;
		drop = 0;
	}
}

/* Drops the hold that a process has on its own record, once. */
static __always_inline void reap(struct process *p, struct process_key *key)
{
	if (p->reaped)
		return;
	p->reaped = 1;
	release(*key, keeps_dead(p));
}

/* --- changes -------------------------------------------------------- */

static __always_inline __u32 task_uid(struct task_struct *task)
{
	return BPF_CORE_READ(task, real_cred, uid.val);
}

/* Only one CPU at a time changes the cgroup or the owner of a process. */
static __always_inline struct lock lock_of(struct process_key *key)
{
	struct lock lock = { .id = key->start_ns, .pid = key->pid };

	return lock;
}

/*
 * Takes in the cgroup of a process. Two CPUs may do so at once, one of which moves the
 * process, say. One of them has the lock. The other one need not wait: the first one
 * looks again after it has given the lock back.
 */
__noinline int take_cgroup(__u64 task_struct)
{
	struct task_struct *task = (void *)task_struct;
	struct process_key key = key_of(task_struct);
	struct lock lock = lock_of(&key);
	struct process *p = find_process(&key);
	int i;

	for (i = 0; i < 2 && p; i++) {
		struct kernfs_node *kn = task_cgroup(task);
		__u64 id = BPF_CORE_READ(kn, id), old;

		if (!kn || id == p->cgroup || !try_lock(&lock))
			break;
		old = p->cgroup;
		if (id != old) {
			hold_cgroup_path(untyped(kn), p->place);
			p->cgroup = id;
		}
		unlock(&lock);
		if (id == old)
			break;
		__sync_fetch_and_add(&p->version, 1);
		release_cgroup_path(old);
	}
	return 0;
}

/* Takes in the owner of a process, who pays for it from now on. */
__noinline int take_owner(__u64 task_struct)
{
	struct task_struct *leader = BPF_CORE_READ((struct task_struct *)task_struct, group_leader);
	struct process_key key = key_of((__u64)leader);
	struct owner owner = owner_of(leader);
	struct lock lock = lock_of(&key);
	struct process *p = find_process(&key);
	__u32 place;

	if (!p || same_owner(&owner, &p->owner))
		return 0;
	place = place_of(&owner);
	if (!try_lock(&lock))
		return 0;
	move_room(TABLE_PROCESSES, p->place, place);
	p->owner = owner;
	p->place = place;
	unlock(&lock);
	__sync_fetch_and_add(&p->version, 1);
	return 0;
}

static __always_inline void refresh_cgroup(struct process *p, struct task_struct *task)
{
	struct kernfs_node *kn = task_cgroup(task);

	if (kn && BPF_CORE_READ(kn, id) != p->cgroup)
		take_cgroup(untyped(task));
}

/* Grows with each exec of a task, and is passed on to its children
 * (begin_new_exec, fs/exec.c). */
static __always_inline __u32 exec_id(struct task_struct *task)
{
	return bpf_core_field_exists(task->self_exec_id) ? BPF_CORE_READ(task, self_exec_id) : 0;
}

/* Takes in the program that the current task has called exec for. Its owner, who pays,
 * was taken in before. */
__noinline int take_exec(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key key = current_key();
	struct process *p = find_process(&key);
	struct program_key old, now;

	if (!p)
		return 0;
	old = p->program;
	now = program_key(key.start_ns, key.pid, ++p->execs);
	keep_program(task, &now, p->place);
	p->program = now;
	p->exec_id = exec_id(task);
	p->became = p->watched == WATCH_EXEC;
	__sync_fetch_and_add(&p->version, 1);
	release_program(old.process.start_ns, old.process.pid, old.exec);
	return 0;
}

/* By words, for a comparison by bytes has a branch for each. */
static __always_inline bool same_comm(const char *a, const char *b)
{
	const __u32 *x = (void *)a, *y = (void *)b;

	_Static_assert(TASK_COMM_LEN == 16, "four words");
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

/* Updates what may change without a fork or exec of the current task: the comm
 * (prctl), the uid (setuid) and the cgroup. Also takes in an exec that was not seen,
 * for a kernel that may be preempted leaves out runs of that probe. */
static __always_inline void refresh(struct process *p, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	char comm[TASK_COMM_LEN] __attribute__((aligned(8))) = {};
	__u32 uid = task_uid(leader);

	if (exec_id(task) != p->exec_id) {
		take_owner(untyped(task));
		take_exec();
	}
	refresh_cgroup(p, task);
	BPF_CORE_READ_STR_INTO(&comm, leader, comm);
	if (uid == p->uid && same_comm(comm, p->comm))
		return;
	if (uid != p->uid)
		take_owner(untyped(leader));
	p->uid = uid;
	__builtin_memcpy(p->comm, comm, sizeof(p->comm));
	__sync_fetch_and_add(&p->version, 1);
}

/* --- processes that were not seen being forked ---------------------- */

/* Describes a process whose fork was not seen. Its parent is the present one, and
 * marked as such. */
static __always_inline void describe(struct process *p, struct task_struct *leader)
{
	__u32 threads = BPF_CORE_READ(leader, signal, nr_threads);
	__u64 has_parent;

	__builtin_memset(p, 0, sizeof(*p));
	p->key = key_of((__u64)leader);
	p->parent = key_of((__u64)BPF_CORE_READ(leader, real_parent));
	/* the idle task, 0, is nobody's ancestor. Neither this nor what follows is a branch, of
	 * which the verifier follows both ways. */
	has_parent = (__s64)-(__u64)p->parent.pid >> 63;
	asm volatile("" : "+r"(has_parent));
	p->parent.start_ns &= has_parent;
	p->program.process = p->key;
	p->refs = 1;
	p->version = 1;
	p->threaded = (1 - threads) >> 31; /* more than one */
	p->flags = PROCESS_PREEXISTING;
	p->exec_id = exec_id(leader);
	p->uid = task_uid(leader);
	p->owner = owner_of(leader);
	p->place = place_of(&p->owner);
	BPF_CORE_READ_STR_INTO(&p->comm, leader, comm);
	p->cgroup = hold_cgroup(leader, p->place);
}

/* Notes a process: for itself if first is set, otherwise for a child. Returns its
 * parent if that has to be noted, too. */
__noinline __u64 note_ancestor(__u64 task_struct, __u32 first, __u32 last)
{
	struct task_struct *leader = BPF_CORE_READ((struct task_struct *)task_struct, group_leader);
	struct process_key key = key_of((__u64)leader);
	struct process *known;
	struct process p;

	if (!key.pid)
		return 0;
	known = find_process(&key);
	if (!known) {
		describe(&p, leader);
		if (last && p.parent.pid) {
			__builtin_memset(&p.parent, 0, sizeof(p.parent));
			p.flags |= PROCESS_CUT;
		}
		p.refs += !first;
		if (add_process(&p))
			return (__u64)BPF_CORE_READ(leader, real_parent);
		/* another CPU was first, or there is no room */
		release_cgroup_path(p.cgroup);
		known = find_process(&key);
		if (!known)
			count_for(p.place, COUNT_TABLE_FULL);
	}
	if (!known)
		return 0;
	if (!first)
		__sync_fetch_and_add(&known->refs, 1);
	return 0;
}

/* The verifier looks at one chunk only. */
#define ANCESTRY_CHUNK 8

/* Notes some of those, the first or the last of them if these are set. Returns the next. */
__noinline __u64 note_ancestors(__u64 task, __u32 first, __u32 last)
{
	int i;

	for (i = 0; i < ANCESTRY_CHUNK - 1 && task; i++) {
		task = note_ancestor(task, first, false);
		first = false;
	}
	return task ? note_ancestor(task, false, last) : 0;
}

/* Notes a process and those of its ancestors that are unknown. Only the pass over all
 * processes needs to go up more than one step. */
static __always_inline void note_ancestry(__u64 task)
{
	int i;

	for (i = 0; i < ANCESTRY_MAX && task; i += ANCESTRY_CHUNK)
		task = note_ancestors(task, !i, i == ANCESTRY_MAX - ANCESTRY_CHUNK);
}

/* Notes the current process if it is not known. Its parent may be. Returns 0 if there is no
 * room. This and others are functions of their own because the verifier then looks at
 * them once, and not for each way that leads there. */
__noinline int note_current(void)
{
	struct task_struct *leader = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), group_leader);
	struct process *parent;
	struct process p;

	p.key = current_key();
	if (find_process(&p.key))
		return 1;
	describe(&p, leader);
	parent = find_process(&p.parent);
	if (!parent && p.parent.pid) {
		__builtin_memset(&p.parent, 0, sizeof(p.parent));
		p.flags |= PROCESS_CUT;
	}
	if (!add_process(&p)) {
		release_cgroup_path(p.cgroup);
		if (find_process(&p.key))
			return 1;
		count_for(p.place, COUNT_TABLE_FULL);
		return 0;
	}
	if (parent)
		__sync_fetch_and_add(&parent->refs, 1);
	return 1;
}

__noinline int refresh_current(void)
{
	struct process_key key = current_key();
	struct process *p = find_process(&key);

	if (p)
		refresh(p, (void *)bpf_get_current_task());
	return p != NULL;
}

/* Brings the record of the current process up to date, and makes one if there is none.
 * Returns 0 if there is no room for one. */
static __always_inline int meet_current(void)
{
	return note_current() && refresh_current();
}

/* Finds the current process, and notes it if it is not known. */
static __always_inline struct process *find_or_note(struct process_key *current)
{
	struct process *p = find_process(current);

	if (p)
		return p;
	return note_current() ? find_process(current) : NULL;
}

/* The place of the owner of the current process, which may not be in the table. */
__noinline __u32 place_of_current(void)
{
	struct process_key key = current_key();
	struct process *p = find_process(&key);
	struct owner owner;

	if (p)
		return p->place;
	owner = owner_of((void *)bpf_get_current_task());
	return place_of(&owner);
}

/* --- the end -------------------------------------------------------- */

/* True if the caller speaks for a process that ends. do_exit (kernel/exit.c) takes
 * each thread off signal->live before the tracepoint, so several may find that they
 * are the last. */
static __always_inline bool ends_process(struct task_struct *task, struct process *p,
					 struct process_key *key)
{
	__u8 one = 1;

	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return false;
	if (!p->threaded)
		return true;
	return !bpf_map_update_elem(&ending, key, &one, BPF_NOEXIST);
}

static __always_inline __u32 exit_code(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(signal, group_exit_code);
	return BPF_CORE_READ(task, exit_code);
}

static __always_inline void note_end(struct process *p, struct task_struct *task,
				     struct process_key *key)
{
	p->exit_ns = bpf_ktime_get_boot_ns();
	p->exit_code = exit_code(task);
	p->flags |= PROCESS_EXITED;
	__sync_fetch_and_add(&p->version, 1);
	report_exec(p, key, 0); /* unless its own probe did */
	if (p->watched) {
		publish_process(key->start_ns, key->pid, RING_STORY);
		emit_followup(REC_EXIT, key, 0);
	}
}

/* Notes the end of the current process if the run of the exit probe was left out, and
 * something later is seen first. */
__noinline int take_end(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key key = current_key();
	struct process *p = find_process(&key);

	if (p && !(p->flags & PROCESS_EXITED) && ends_process(task, p, &key))
		note_end(p, task, &key);
	return 0;
}

#endif
