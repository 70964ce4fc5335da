/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of cgroup paths. Each process record counts one hold on the path of
 * its cgroup, and the path goes with its last hold.
 *
 * A path is that of the version 2 hierarchy or, where that is not in use, of
 * version 1's name=systemd. Whoever has a directory chooses the names in it.
 */
#ifndef NSBLAME_CGROUP_PATH_H
#define NSBLAME_CGROUP_PATH_H

#include "paths.h"
#include "zeros.h"

struct cgroup_path {
	__s64 refs;
	__u32 published;
	__u32 complete; /* filled by whoever met it first */
	__u32 place;	/* of who met it first, and pays for it */
	__u32 pad;
	struct cgroup_record rec;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536); /* set by the loader */
	__type(key, __u64);
	__type(value, struct cgroup_path);
} cgroups SEC(".maps");

static __always_inline struct cgroup_path *find_cgroup_path(__u64 *id)
{
	return look_up(&cgroups, id);
}

ENOUGH_ZEROS(struct cgroup_path);

/* True if paths are those of the version 2 hierarchy. Set by the loader. */
const volatile bool cgroup_unified = true;

/* --- the node of a task --------------------------------------------- */

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return BPF_CORE_READ(kn, parent);
	return BPF_CORE_READ((struct kernfs_node___v615 *)kn, __parent);
}

/* How many hierarchies of version 1 are searched for the one of systemd. */
#define HIERARCHIES_MAX 32

static __always_inline bool is_systemd(const char *name)
{
	return name[0] == 's' && name[1] == 'y' && name[2] == 's' && name[3] == 't' &&
	       name[4] == 'e' && name[5] == 'm' && name[6] == 'd' && name[7] == 0;
}

/* The node of the cgroup that a link leads to, 0 unless it is in systemd's hierarchy. */
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

/* The hierarchy named systemd has no controller, and so no place in
 * css_set.subsys. It is found among the links to all cgroups of the task. */
__noinline __u64 systemd_v1_cgroup(__u64 css_set)
{
	struct css_set *cset = (void *)css_set;
	struct list_head *head = (void *)cset + bpf_core_field_offset(struct css_set, cgrp_links);
	struct list_head *pos = BPF_CORE_READ(head, next);
	int i;

	/* not called then, but kernels before 6.8 verify it all the same */
	if (cgroup_unified)
		return 0;
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

	if (cgroup_unified)
		return BPF_CORE_READ(cset, dfl_cgrp, kn);
	return (void *)systemd_v1_cgroup(untyped(cset));
}

/* --- the table ------------------------------------------------------ */

/* Goes one step up the path of a cgroup, in its own record. Returns the node above,
 * or 0 at the end. The root has no name. */
__noinline __u64 step_cgroup(__u64 id, __u64 kernfs_node)
{
	/* in place: at the end of this row of calls, no stack is left for another one */
	struct cgroup_path *path = bpf_map_lookup_elem(&cgroups, &id);
	struct kernfs_node *kn = (void *)kernfs_node;
	struct kernfs_node *parent = kernfs_parent(kn);
	__u32 len, uid;

	if (!path || !parent)
		return 0;
	len = path->rec.len;
	if (len >= CGROUP_STARTS) {
		path->rec.cut = 1;
		return 0;
	}
	uid = BPF_CORE_READ(kn, iattr, ia_uid.val);
	if (uid) {
		path->rec.delegated = len;
		path->rec.delegated_uid = uid;
	}
	len = append_component(path->rec.path, clamp(len, CGROUP_STARTS), BPF_CORE_READ(kn, name));
	path->rec.len = len;
	return len ? (__u64)parent : 0;
}

/* Goes up some steps, likewise. */
__noinline __u64 step_cgroup_chunk(__u64 id, __u64 node)
{
	int i;

	for (i = 0; i < PATH_CHUNK && node; i++)
		node = step_cgroup(id, node);
	return node;
}

static __always_inline void read_cgroup_path(struct cgroup_path *path, __u64 node)
{
	int i;

	for (i = 0; i < PATH_DEPTH / PATH_CHUNK && node; i++)
		node = step_cgroup_chunk(path->rec.id, node);
	if (node)
		path->rec.cut = 1;
	path->complete = 1;
}

/* Adds an entry for a path. Returns false if another CPU was first, or there is no
 * room. */
static __always_inline bool add_cgroup_path(__u64 *id, __u32 place)
{
	if (!take_room(TABLE_CGROUPS, place))
		return false;
	if (!bpf_map_update_elem(&cgroups, id, zeros(), BPF_NOEXIST))
		return true;
	give_room(TABLE_CGROUPS, place);
	return false;
}

/* Holds the path of a cgroup, and reads it if it is not known yet. */
__noinline int hold_cgroup_path(__u64 kernfs_node, __u32 place)
{
	struct kernfs_node *kn = (void *)kernfs_node;
	struct cgroup_path *path;
	__u64 id;

	if (!kn)
		return 0;
	id = BPF_CORE_READ(kn, id);
	path = find_cgroup_path(&id);
	if (!path) {
		bool first = add_cgroup_path(&id, place);

		path = find_cgroup_path(&id);
		if (!path) {
			count_for(place, COUNT_CGROUP_FULL);
			return 0;
		}
		if (first) {
			path->place = place;
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
	struct cgroup_path *path = find_cgroup_path(&id);
	__u32 published, place;

	if (!path)
		return 0;
	published = path->published;
	place = path->place;
	__sync_fetch_and_add(&path->refs, -1);
	if (*(volatile __s64 *)&path->refs > 0)
		return 0;
	if (bpf_map_delete_elem(&cgroups, &id))
		return 0;
	give_room(TABLE_CGROUPS, place);
	if (published)
		emit_forget(0, 0, 0, id);
	return 0;
}

/* Returns the id of the cgroup of a task. The caller then holds its path, for which that
 * owner pays. */
static __always_inline __u64 hold_cgroup(struct task_struct *task, __u32 place)
{
	struct kernfs_node *kn = task_cgroup(task);

	hold_cgroup_path(untyped(kn), place);
	return BPF_CORE_READ(kn, id); /* 0 if there is none */
}

__noinline int publish_cgroup(__u64 id, enum ring ring)
{
	struct cgroup_path *path = find_cgroup_path(&id);

	if (!path || !path->complete || path->published)
		return 0;
	if (emit(ring, &path->rec, sizeof(path->rec), COUNT_LOST_PROCESS))
		path->published = 1;
	return 0;
}

#endif
