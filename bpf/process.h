/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who forked whom, what each has run, and in which cgroup: kept here at fork,
 * exec and exit, without a word to user space, and sent only when a network
 * namespace is created.
 *
 * Lifetimes are counted. A process record is held by the process itself until
 * it is reaped and by each record of a child, so the dead stay exactly as long as a
 * descendant may have to name them. A program is held by each process record
 * that runs it: children that only forked share their parent's.
 *
 * The counts use an atomic add whose result is not asked for (5.10 has no
 * other) and read the value afterwards. Of several that then see zero, the one
 * whose delete succeeds goes on.
 */
#ifndef NSBLAME_PROCESS_H
#define NSBLAME_PROCESS_H

#include "paths.h"

/* A chain of parents longer than this is cut, and says so. */
#define DEPTH_MAX 128

/* How many unknown ancestors are noted at once when a process is first met. */
#define ADOPT_MAX 64

/* What is told of a process that has to do with a new namespace. */
enum watch {
	WATCH_NONE,
	WATCH_EXEC, /* its next exec, and its end */
	WATCH_EXIT, /* its end */
};

struct process {
	struct process_key parent;
	struct program_key program;
	__u64 cgroup;
	__u64 exit_ns;
	__u64 exec_id; /* the kernel's, as of the program */
	__s64 refs;
	__s64 cloning; /* threads whose clone has made a namespace: child awaited */
	__u32 exit_code;
	__u32 uid;
	__u32 execs;
	__u32 depth;
	__u32 flags;
	char comm[TASK_COMM_LEN];
	__u32 version; /* counts the changes, from 1 */
	__u32 sent;    /* the version that user space has, 0 for none */
	/* bytes of their own, so that a writer never disturbs its neighbour */
	__u8 watched;  /* enum watch */
	__u8 threaded; /* it has, or had, more than one thread */
	__u8 enters;   /* it came into a namespace, and has not called exec since */
	__u8 became;   /* it has called exec since it is watched for that */
};

struct program {
	__s64 refs;
	__u64 published;
	__u64 dentry; /* where the walk up the path of its executable is */
	__u64 mnt;
	struct program_record rec;
};

struct cgroup_path {
	__s64 refs;
	__u32 published;
	__u32 complete; /* filled by whoever met it first */
	struct cgroup_record rec;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536); /* set by the loader */
	__type(key, struct process_key);
	__type(value, struct process);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536); /* set by the loader */
	__type(key, struct program_key);
	__type(value, struct program);
} programs SEC(".maps");

/*
 * Where a program goes while there is room: its memory is there already. Having
 * the kernel find and free some for each exec takes as long as all else that is
 * done then, for it keeps only a few pieces of this size in store.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct program_key);
	__type(value, struct program);
} programs_first SEC(".maps");

/* Paths are held by the records of the processes in them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536); /* set by the loader */
	__type(key, __u64);
	__type(value, struct cgroup_path);
} cgroups SEC(".maps");

/* Processes whose last threads may be ending on several CPUs at once: whoever
 * gets in first speaks for the process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process_key);
	__type(value, __u8);
} ending SEC(".maps");

/*
 * New values start as a copy of these zeros and are filled in their map: they
 * are too large for the stack, and a buffer for each CPU would be overwritten
 * by whoever preempts its user there.
 */
struct blank {
	struct program program;
	struct cgroup_path cgroup;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct blank);
} blanks SEC(".maps");

/* True where cgroup paths come from the version 2 hierarchy, false where from
 * version 1's name=systemd. */
const volatile bool cgroup_unified = true;

static __always_inline struct blank *blank(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&blanks, &zero);
}

static __always_inline struct process_key process_key(struct task_struct *task)
{
	struct process_key key = {
		.start_ns = BPF_CORE_READ(task, group_leader, start_boottime),
		.pid = BPF_CORE_READ(task, tgid),
	};

	return key;
}

static __always_inline struct program_key program_key(__u64 start_ns, __u32 pid, __u32 exec)
{
	struct program_key key = {
		.process = { .start_ns = start_ns, .pid = pid },
		.exec = exec,
	};

	return key;
}

static __always_inline struct program *find_program(struct program_key *key)
{
	struct program *program = bpf_map_lookup_elem(&programs_first, key);

	return program ? program : bpf_map_lookup_elem(&programs, key);
}

/* Both return 0 or an error. */
static __always_inline long add_program(struct program_key *key, struct program *value)
{
	return bpf_map_update_elem(&programs_first, key, value, BPF_ANY) ?
		       bpf_map_update_elem(&programs, key, value, BPF_ANY) :
		       0;
}

static __always_inline long delete_program(struct program_key *key)
{
	return bpf_map_delete_elem(&programs_first, key) ? bpf_map_delete_elem(&programs, key) : 0;
}

/*
 * Functions below that are not static are verified once and by themselves,
 * which keeps the verifier's work small where they are called from loops. 5.10
 * lets them take numbers only: hence the pointers and keys in pieces.
 */

/* A pointer as a mere number, which the verifier otherwise tells apart. */
static __always_inline __u64 untyped(void *pointer)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

/*
 * One step up the path of an executable, in the program's own record. The path is
 * that of the mount namespace; a mount hidden from it (memfd, a lazily unmounted
 * one) ends the walk where the kernel's own d_path would. Returns 0 at the end.
 */
__noinline int step_exe(__u64 start_ns, __u32 pid, __u32 exec)
{
	struct program_key key = program_key(start_ns, pid, exec);
	struct program *program = find_program(&key);
	struct dentry *dentry, *parent;
	struct mount *mnt, *up;
	__u32 len;

	if (!program)
		return 0;
	dentry = (void *)program->dentry;
	mnt = (void *)program->mnt;
	if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
		up = BPF_CORE_READ(mnt, mnt_parent);
		if (up == mnt || !up)
			return 0;
		program->dentry = (__u64)BPF_CORE_READ(mnt, mnt_mountpoint);
		program->mnt = (__u64)up;
		return 1;
	}
	len = program->rec.exe_len;
	if (len >= EXE_STARTS) {
		program->rec.flags |= PROGRAM_EXE_CUT;
		return 0;
	}
	len = append_component(program->rec.exe, clamp(len, EXE_STARTS),
			       BPF_CORE_READ(dentry, d_name.name));
	program->rec.exe_len = len;
	parent = BPF_CORE_READ(dentry, d_parent);
	program->dentry = (__u64)parent;
	return len && parent != dentry;
}

/* One step up the path of a cgroup, in its own record: returns the node above, or
 * 0 at the end. The root has no name. */
__noinline __u64 step_cgroup(__u64 id, __u64 kernfs_node)
{
	struct cgroup_path *path = bpf_map_lookup_elem(&cgroups, &id);
	struct kernfs_node *kn = (void *)kernfs_node;
	struct kernfs_node *parent = kernfs_parent(kn);
	__u32 len;

	if (!path || !parent)
		return 0;
	len = path->rec.len;
	if (len >= CGROUP_STARTS) {
		path->rec.cut = 1;
		return 0;
	}
	len = append_component(path->rec.path, clamp(len, CGROUP_STARTS), BPF_CORE_READ(kn, name));
	path->rec.len = len;
	return len ? (__u64)parent : 0;
}

/* Tells that a process, a program or a cgroup's path is gone; a zero pid or id
 * stands for none. */
__noinline int emit_forget(__u64 start_ns, __u32 pid, __u32 exec, __u64 cgroup)
{
	/* in place, for there is no room on the stack that it shares with its callers */
	struct forget_record *rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);

	if (!rec) {
		count(COUNT_LOST_FORGET);
		return 0;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = REC_FORGET;
	rec->boot_ns = bpf_ktime_get_boot_ns();
	rec->cgroup = cgroup;
	if (exec) {
		rec->program.process.start_ns = start_ns;
		rec->program.process.pid = pid;
		rec->program.exec = exec;
	} else {
		rec->process.start_ns = start_ns;
		rec->process.pid = pid;
	}
	bpf_ringbuf_submit(rec, wakeup(false));
	return 0;
}

/* --- cgroups ---------------------------------------------------------- */

/* How many hierarchies version 1 is searched for systemd's. */
#define HIERARCHIES_MAX 32

static __always_inline bool is_systemd(const char *name)
{
	return name[0] == 's' && name[1] == 'y' && name[2] == 's' && name[3] == 't' &&
	       name[4] == 'e' && name[5] == 'm' && name[6] == 'd' && name[7] == 0;
}

/* The cgroup that a link is to, if it is systemd's, or 0. */
__noinline __u64 systemd_v1_node(__u64 cgrp_link)
{
	struct cgrp_cset_link *link = (void *)cgrp_link;
	struct cgroup *cgrp = BPF_CORE_READ(link, cgrp);
	struct cgroup_root *root = BPF_CORE_READ(cgrp, root);
	char name[8];

	if (bpf_probe_read_kernel(name, sizeof(name), &root->name) || !is_systemd(name))
		return 0;
	return (__u64)BPF_CORE_READ(cgrp, kn);
}

/* The hierarchy named systemd has no controller and so no place in
 * css_set.subsys; it is found among the links to all the task's cgroups. */
__noinline __u64 systemd_v1_cgroup(__u64 css_set)
{
	struct css_set *cset = (void *)css_set;
	struct list_head *head = (void *)cset + bpf_core_field_offset(struct css_set, cgrp_links);
	struct list_head *pos = BPF_CORE_READ(head, next);
	int i;

	for (i = 0; i < HIERARCHIES_MAX && pos && pos != head; i++) {
		__u64 node = systemd_v1_node(untyped((void *)pos - bpf_core_field_offset(
								  struct cgrp_cset_link, cgrp_link)));

		if (node)
			return node;
		pos = BPF_CORE_READ(pos, next);
	}
	return 0;
}

static __always_inline struct kernfs_node *task_cgroup(struct task_struct *task)
{
	struct css_set *cset = BPF_CORE_READ(task, cgroups);

	if (!cset)
		return NULL;
	if (cgroup_unified)
		return BPF_CORE_READ(cset, dfl_cgrp, kn);
	return (void *)systemd_v1_cgroup(untyped(cset));
}

static __always_inline void read_cgroup_path(struct cgroup_path *path, __u64 node)
{
	int i;

	for (i = 0; i < PATH_DEPTH && node; i++)
		node = step_cgroup(path->rec.id, node);
	if (node)
		path->rec.cut = 1;
	path->complete = 1;
}

/* Holds the path of a cgroup, which is read if it is not known yet. */
__noinline int hold_cgroup_path(__u64 kernfs_node)
{
	struct kernfs_node *kn = (void *)kernfs_node;
	struct blank *zeros = blank();
	struct cgroup_path *path;
	__u64 id;

	if (!zeros || !kn)
		return 0;
	id = BPF_CORE_READ(kn, id);
	path = bpf_map_lookup_elem(&cgroups, &id);
	if (!path) {
		bool first = !bpf_map_update_elem(&cgroups, &id, &zeros->cgroup, BPF_NOEXIST);

		path = bpf_map_lookup_elem(&cgroups, &id);
		if (!path) {
			count(COUNT_CGROUP_FULL);
			return 0;
		}
		if (first) {
			path->rec.kind = REC_CGROUP;
			path->rec.boot_ns = bpf_ktime_get_boot_ns();
			path->rec.id = id;
			read_cgroup_path(path, kernfs_node);
		}
	}
	__sync_fetch_and_add(&path->refs, 1);
	return 0;
}

__noinline int release_cgroup_path(__u64 id)
{
	struct cgroup_path *path = bpf_map_lookup_elem(&cgroups, &id);
	__u32 published;

	if (!path)
		return 0;
	published = path->published;
	__sync_fetch_and_add(&path->refs, -1);
	if (*(volatile __s64 *)&path->refs > 0)
		return 0;
	if (!bpf_map_delete_elem(&cgroups, &id) && published)
		emit_forget(0, 0, 0, id);
	return 0;
}

/* Returns the id of the task's cgroup, of which the caller then holds the path. */
static __always_inline __u64 hold_cgroup(struct task_struct *task)
{
	struct kernfs_node *kn = task_cgroup(task);

	if (!kn)
		return 0;
	hold_cgroup_path(untyped(kn));
	return BPF_CORE_READ(kn, id);
}

/* --- sending ---------------------------------------------------------- */

__noinline int publish_cgroup(__u64 id)
{
	struct cgroup_path *path = bpf_map_lookup_elem(&cgroups, &id);

	if (!path || !path->complete || path->published)
		return 0;
	if (emit(&path->rec, sizeof(path->rec), COUNT_LOST_PROCESS))
		path->published = 1;
	return 0;
}

__noinline int publish_program(__u64 start_ns, __u32 pid, __u32 exec)
{
	struct program_key key = program_key(start_ns, pid, exec);
	struct program *program = find_program(&key);

	if (!program || program->published)
		return 0;
	if (emit(&program->rec, sizeof(program->rec), COUNT_LOST_PROCESS))
		program->published = 1;
	return 0;
}

/* Sends what user space does not know of a process. Returns 1 if there was no
 * room for it, 0 if all is well. */
__noinline int publish_process(__u64 start_ns, __u32 pid)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p = bpf_map_lookup_elem(&processes, &key);
	struct process_record *rec;
	__u32 version;

	if (!p)
		return 0;
	version = *(volatile __u32 *)&p->version;
	if (p->sent == version)
		return 0;
	publish_program(p->program.process.start_ns, p->program.process.pid, p->program.exec);
	publish_cgroup(p->cgroup);
	rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);
	if (!rec) {
		count(COUNT_LOST_PROCESS);
		return 1;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = REC_PROCESS;
	rec->flags = p->flags;
	rec->boot_ns = bpf_ktime_get_boot_ns();
	rec->key.start_ns = start_ns;
	rec->key.pid = pid;
	rec->parent = p->parent;
	rec->program = p->program;
	rec->cgroup = p->cgroup;
	rec->exit_ns = p->exit_ns;
	rec->exit_code = p->exit_code;
	rec->uid = p->uid;
	__builtin_memcpy(rec->comm, p->comm, sizeof(rec->comm));
	bpf_ringbuf_submit(rec, wakeup(false));
	/* only now: whoever sees it as sent finds it before its own records */
	p->sent = version;
	return 0;
}

/* Ancestors are gone through in stretches of so many, for each of which the
 * verifier needs to look at one only. */
#define STRETCH 16

#define MORE (1 << 16)

/* Sends a process and the next of its ancestors, nearest first; returns how many
 * found no room, and MORE if there are others behind them. */
__noinline int publish_stretch(__u64 start_ns, __u32 pid)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	int lost = 0;
	int i;

	for (i = 0; i < STRETCH; i++) {
		struct process *p = bpf_map_lookup_elem(&processes, &key);

		if (!p)
			break;
		lost += publish_process(key.start_ns, key.pid);
		key = p->parent;
		if (!key.pid)
			return lost;
	}
	return i < STRETCH ? lost : lost | MORE;
}

/* The ancestor behind the stretch that begins with a process: its start, or its
 * pid; 0 if there is none. */
__noinline __u64 behind_stretch(__u64 start_ns, __u32 pid, __u32 want_pid)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	int i;

	for (i = 0; i < STRETCH && key.pid; i++) {
		struct process *p = bpf_map_lookup_elem(&processes, &key);

		if (!p)
			return 0;
		key = p->parent;
	}
	return want_pid ? key.pid : key.start_ns;
}

/* Sends a process and its ancestors, nearest first; returns how many found no
 * room. */
__noinline int publish_lineage(__u64 start_ns, __u32 pid)
{
	int lost = 0;
	int i;

	for (i = 0; i <= DEPTH_MAX / STRETCH; i++) {
		int result = publish_stretch(start_ns, pid);
		__u64 next;

		lost += result & (MORE - 1);
		if (!(result & MORE))
			break;
		next = behind_stretch(start_ns, pid, 0);
		pid = behind_stretch(start_ns, pid, 1);
		start_ns = next;
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

	emit(&rec, sizeof(rec), COUNT_LOST_FOLLOWUP);
}

/* --- lifetimes -------------------------------------------------------- */

__noinline int release_program(__u64 start_ns, __u32 pid, __u32 exec)
{
	struct program_key key = program_key(start_ns, pid, exec);
	struct program *program;
	__u64 published;

	if (!exec)
		return 0;
	program = find_program(&key);
	if (!program)
		return 0;
	published = program->published;
	__sync_fetch_and_add(&program->refs, -1);
	if (*(volatile __s64 *)&program->refs > 0)
		return 0;
	if (!delete_program(&key) && published)
		emit_forget(start_ns, pid, exec, 0);
	return 0;
}

static __always_inline void hold_program(struct program_key *key)
{
	struct program *program;

	if (!key->exec)
		return;
	program = find_program(key);
	if (program)
		__sync_fetch_and_add(&program->refs, 1);
}

/* Drops one hold on a process. Returns 1 if it was the last, so that the one on
 * its parent goes as well. */
__noinline int release_process(__u64 start_ns, __u32 pid)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process *p = bpf_map_lookup_elem(&processes, &key);
	struct program_key program;
	__u64 cgroup;
	__u32 sent;

	if (!p)
		return 0;
	__sync_fetch_and_add(&p->refs, -1);
	if (*(volatile __s64 *)&p->refs > 0)
		return 0;
	program = p->program;
	cgroup = p->cgroup;
	sent = p->sent;
	if (bpf_map_delete_elem(&processes, &key))
		return 0;
	release_program(program.process.start_ns, program.process.pid, program.exec);
	release_cgroup_path(cgroup);
	if (sent)
		emit_forget(start_ns, pid, 0, 0);
	return 1;
}

/* Drops one hold on a process and, where it was the last, the one that it has
 * on its parent, and so on up. */
static __always_inline void release(struct process_key key)
{
	int i;

	for (i = 0; i <= DEPTH_MAX; i++) {
		struct process *p = bpf_map_lookup_elem(&processes, &key);
		struct process_key parent;

		if (!p)
			break;
		parent = p->parent; /* never changes */
		if (!release_process(key.start_ns, key.pid) || !parent.pid)
			break;
		key = parent;
	}
}

/* --- noting ----------------------------------------------------------- */

static __always_inline __u32 task_uid(struct task_struct *task)
{
	return BPF_CORE_READ(task, real_cred, uid.val);
}

static __always_inline void refresh_cgroup(struct process *p, struct task_struct *task)
{
	struct kernfs_node *kn = task_cgroup(task);
	__u64 old = p->cgroup;

	if (!kn || BPF_CORE_READ(kn, id) == old)
		return;
	p->cgroup = hold_cgroup(task);
	__sync_fetch_and_add(&p->version, 1);
	release_cgroup_path(old);
}

/* Grows with each exec of a task, and is passed on to its children
 * (begin_new_exec, fs/exec.c). */
static __always_inline __u64 exec_id(struct task_struct *task)
{
	return bpf_core_field_exists(task->self_exec_id) ? BPF_CORE_READ(task, self_exec_id) : 0;
}

int take_exec(void);
int take_end(void);

/* Brings what may change without fork or exec of the current task up to date: the
 * comm (prctl), the uid (setuid) and the cgroup. Also an exec that was not seen:
 * the kernel leaves out runs of the probe where it may be preempted. */
static __always_inline void refresh(struct process *p, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	char comm[TASK_COMM_LEN] = {};
	__u32 uid = task_uid(leader);

	if (exec_id(task) != p->exec_id)
		take_exec();
	refresh_cgroup(p, task);
	BPF_CORE_READ_STR_INTO(&comm, leader, comm);
	if (uid == p->uid && !__builtin_memcmp(comm, p->comm, sizeof(comm)))
		return;
	p->uid = uid;
	__builtin_memcpy(p->comm, comm, sizeof(p->comm));
	__sync_fetch_and_add(&p->version, 1);
}

/* A process that was not seen when it was forked. Its parent is the present
 * one, and noted as such. */
static __always_inline void describe(struct process *p, struct task_struct *leader,
				     struct process_key *key)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->parent = process_key(BPF_CORE_READ(leader, real_parent));
	if (!p->parent.pid)
		p->parent.start_ns = 0; /* the idle task is nobody's ancestor */
	p->program.process = *key;
	p->refs = 1;
	p->version = 1;
	p->threaded = BPF_CORE_READ(leader, signal, nr_threads) > 1;
	p->flags = PROCESS_ADOPTED;
	p->exec_id = exec_id(leader);
	p->uid = task_uid(leader);
	BPF_CORE_READ_STR_INTO(&p->comm, leader, comm);
	p->cgroup = hold_cgroup(leader);
}

/* Notes a process, for its own sake if first is set, and otherwise for that of a
 * child. Returns its parent if that is to be noted, too. */
__noinline __u64 adopt_link(__u64 task_struct, __u32 first, __u32 last)
{
	struct task_struct *leader = BPF_CORE_READ((struct task_struct *)task_struct, group_leader);
	struct process_key key = process_key(leader);
	struct process *known;
	struct process p;

	if (!key.pid)
		return 0;
	known = bpf_map_lookup_elem(&processes, &key);
	if (!known) {
		describe(&p, leader, &key);
		if (last && p.parent.pid) {
			__builtin_memset(&p.parent, 0, sizeof(p.parent));
			p.flags |= PROCESS_CUT;
		}
		p.refs += !first;
		if (!bpf_map_update_elem(&processes, &key, &p, BPF_NOEXIST))
			return (__u64)BPF_CORE_READ(leader, real_parent);
		/* another CPU was first, or there is no room */
		release_cgroup_path(p.cgroup);
		known = bpf_map_lookup_elem(&processes, &key);
	}
	if (!known)
		count(COUNT_TABLE_FULL);
	else if (!first)
		__sync_fetch_and_add(&known->refs, 1);
	return 0;
}

/*
 * Notes a process and its ancestors as far as they are unknown. Only the pass
 * over all processes at the start needs to go further up than one step.
 */
static __always_inline void adopt_chain(__u64 task)
{
	int i;

	for (i = 0; i < ADOPT_MAX && task; i++)
		task = adopt_link(task, !i, i == ADOPT_MAX - 1);
}

/* Notes a process whose parent may be known. */
__noinline int adopt(__u64 task_struct)
{
	struct task_struct *leader = BPF_CORE_READ((struct task_struct *)task_struct, group_leader);
	struct process_key key = process_key(leader);
	struct process *parent;
	struct process p;

	describe(&p, leader, &key);
	parent = bpf_map_lookup_elem(&processes, &p.parent);
	if (!parent && p.parent.pid) {
		__builtin_memset(&p.parent, 0, sizeof(p.parent));
		p.flags |= PROCESS_CUT;
	}
	if (bpf_map_update_elem(&processes, &key, &p, BPF_NOEXIST)) {
		release_cgroup_path(p.cgroup);
		if (!bpf_map_lookup_elem(&processes, &key))
			count(COUNT_TABLE_FULL);
		return 0;
	}
	if (parent)
		__sync_fetch_and_add(&parent->refs, 1);
	return 0;
}

static __always_inline struct process *find_or_adopt(struct task_struct *task,
						     struct process_key *key)
{
	struct process *p = bpf_map_lookup_elem(&processes, key);

	if (p)
		return p;
	adopt(untyped(task));
	return bpf_map_lookup_elem(&processes, key);
}

static __always_inline void read_argv(struct program_record *rec, struct mm_struct *mm)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long len = BPF_CORE_READ(mm, arg_end) - start;

	rec->argv_len = 0;
	if (!mm) { /* it is ending */
		rec->flags |= PROGRAM_ARGV_UNREAD;
		return;
	}
	if (len > ARGV_MAX) {
		len = ARGV_MAX;
		rec->flags |= PROGRAM_ARGV_CUT;
	}
	if (!len)
		return;
	if (!bpf_probe_read_user(rec->argv, len, (void *)start)) {
		rec->argv_len = len;
		return;
	}
	/* a page is not resident: what lies before the next one may be */
	len = 4096 - (start & 4095);
	if (len > ARGV_MAX || bpf_probe_read_user(rec->argv, len, (void *)start)) {
		rec->flags |= PROGRAM_ARGV_UNREAD;
		return;
	}
	rec->argv_len = len;
	rec->flags |= PROGRAM_ARGV_CUT;
}

static __always_inline void read_exe(struct program *program, struct program_key *key,
				     struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfsmnt = BPF_CORE_READ(file, f_path.mnt);
	int i;

	if (!dentry || !vfsmnt)
		return;
	program->dentry = (__u64)dentry;
	program->mnt = (__u64)vfsmnt - bpf_core_field_offset(struct mount, mnt);
	for (i = 0; i < PATH_DEPTH; i++)
		if (!step_exe(key->process.start_ns, key->process.pid, key->exec))
			return;
	program->rec.flags |= PROGRAM_EXE_CUT;
}

/* Keeps what the task now runs. The key is its own until it is put into the
 * process's record. */
static __always_inline void keep_program(struct task_struct *task, struct program_key *key)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct blank *zeros = blank();
	struct program *program;

	if (!zeros)
		return;
	if (add_program(key, &zeros->program)) {
		count(COUNT_PROGRAM_FULL);
		return;
	}
	program = find_program(key);
	if (!program)
		return;
	program->refs = 1;
	program->rec.kind = REC_PROGRAM;
	program->rec.boot_ns = bpf_ktime_get_boot_ns();
	program->rec.key = *key;
	read_argv(&program->rec, mm);
	read_exe(program, key, BPF_CORE_READ(mm, exe_file));
}

/* Takes up the program that the current task has called exec for. */
__noinline int take_exec(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key key = process_key(task);
	struct process *p = bpf_map_lookup_elem(&processes, &key);
	struct program_key old, now;

	if (!p)
		return 0;
	old = p->program;
	now = program_key(key.start_ns, key.pid, ++p->execs);
	keep_program(task, &now);
	p->program = now;
	p->exec_id = exec_id(task);
	p->became = p->watched == WATCH_EXEC;
	__sync_fetch_and_add(&p->version, 1);
	release_program(old.process.start_ns, old.process.pid, old.exec);
	return 0;
}

/* Has the next exec of a process told, and its end; none that was before. */
static __always_inline void watch(struct process *p)
{
	p->became = 0;
	p->watched = WATCH_EXEC;
}

/* Says what a process that has made a namespace has become. */
static __always_inline void tell_exec(struct process *p, struct process_key *key, __u64 serial)
{
	if (p->watched != WATCH_EXEC || !p->became)
		return;
	p->watched = WATCH_EXIT;
	publish_process(key->start_ns, key->pid);
	emit_followup(REC_EXEC, key, serial);
}

#endif
