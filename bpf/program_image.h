/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of program images: what a process has called exec for, with its
 * command line and the path of its executable. Each process record that runs an
 * image counts one hold on it. Children that only forked share their parent's.
 */
#ifndef NSBLAME_PROGRAM_IMAGE_H
#define NSBLAME_PROGRAM_IMAGE_H

#include "paths.h"
#include "zeros.h"

struct program {
	__s64 refs;
	__u32 published;
	__u32 place; /* of the owner who pays for it */
	__u64 dentry; /* where the walk up the path of its executable is */
	__u64 mnt;
	struct program_record rec;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536); /* set by the loader */
	__type(key, struct program_key);
	__type(value, struct program);
} programs SEC(".maps");

/*
 * A program goes here while there is room, for this memory is there already. To
 * allocate and free some for each exec takes as long as all else that is done then:
 * the kernel keeps only a few pieces of this size in store.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct program_key);
	__type(value, struct program);
} programs_first SEC(".maps");

ENOUGH_ZEROS(struct program);

static __always_inline struct program_key program_key(__u64 start_ns, __u32 pid, __u32 exec)
{
	struct program_key key = {
		.process = { .start_ns = start_ns, .pid = pid },
		.exec = exec,
	};

	return key;
}

static __noinline struct program *find_program(struct program_key *key)
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
 * Goes one step up the path of an executable, in the program's own record. The path
 * is that of the mount namespace. A mount that is hidden from it (memfd, or lazily
 * unmounted) ends the walk where the kernel's d_path would. Returns 0 at the end.
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

/* Goes up some steps. Returns 0 at the end. */
__noinline int step_exe_chunk(__u64 start_ns, __u32 pid, __u32 exec)
{
	int i;

	for (i = 0; i < PATH_CHUNK; i++)
		if (!step_exe(start_ns, pid, exec))
			return 0;
	return 1;
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
	/* a page is not resident: read what lies before the next page */
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
	for (i = 0; i < PATH_DEPTH / PATH_CHUNK; i++)
		if (!step_exe_chunk(key->process.start_ns, key->process.pid, key->exec))
			return;
	program->rec.flags |= PROGRAM_EXE_CUT;
}

/* Keeps what the task now runs. Nobody else has the key until it is in the record of
 * the process. */
static __always_inline void keep_program(struct task_struct *task, struct program_key *key,
					 __u32 place)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct program *program;

	if (!take_room(TABLE_PROGRAMS, place)) {
		count_for(place, COUNT_PROGRAM_FULL);
		return;
	}
	if (add_program(key, zeros())) {
		give_room(TABLE_PROGRAMS, place);
		count_for(place, COUNT_PROGRAM_FULL);
		return;
	}
	program = find_program(key);
	if (!program)
		return;
	program->refs = 1;
	program->place = place;
	program->rec.kind = REC_PROGRAM;
	program->rec.boot_ns = bpf_ktime_get_boot_ns();
	program->rec.key = *key;
	read_argv(&program->rec, mm);
	read_exe(program, key, BPF_CORE_READ(mm, exe_file));
}

__noinline int publish_program(__u64 start_ns, __u32 pid, __u32 exec, enum ring ring)
{
	struct program_key key = program_key(start_ns, pid, exec);
	struct program *program = find_program(&key);

	if (!program || program->published)
		return 0;
	if (emit(ring, &program->rec, sizeof(program->rec), COUNT_LOST_PROCESS))
		program->published = 1;
	return 0;
}

__noinline int release_program(__u64 start_ns, __u32 pid, __u32 exec)
{
	struct program_key key = program_key(start_ns, pid, exec);
	struct program *program;
	__u32 published, place;

	if (!exec)
		return 0;
	program = find_program(&key);
	if (!program)
		return 0;
	published = program->published;
	place = program->place;
	__sync_fetch_and_add(&program->refs, -1);
	if (*(volatile __s64 *)&program->refs > 0)
		return 0;
	if (delete_program(&key))
		return 0;
	give_room(TABLE_PROGRAMS, place);
	if (published)
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

#endif
