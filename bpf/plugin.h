/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CNI plugins, known by their environment, which says for which pod they work. It holds
 * secrets of others as well, so only the values of four variables leave the kernel.
 *
 * A plugin is a program that its runtime, root, has called exec for. The environment is
 * read where the kernel has put it (struct mm_struct, env_start), once for each program.
 */
#ifndef NSBLAME_PLUGIN_H
#define NSBLAME_PLUGIN_H

#include "netns.h"

/* How much is read of a variable. The longest CNI_ARGS that a kubelet can cause has some
 * 530 bytes. */
#define VARIABLE_MAX 704

/* What the scan of an environment is at. Only one program scans, and does not preempt
 * itself. */
struct plugin_scan {
	__u64 at;
	__u64 end;
	__u32 goes_on; /* within a variable that was too long */
	__u32 found;
	char text[VARIABLE_MAX]; /* a variable, never sent */
	struct cni_record rec;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plugin_scan);
} plugin_scans SEC(".maps");

static __noinline struct plugin_scan *this_scan(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&plugin_scans, &zero);
}

/* Keeps the value of a variable that begins behind its name. */
#define KEEP(scan, field, name)                                                                      \
	do {                                                                                         \
		long len = bpf_probe_read_kernel_str((scan)->rec.field, sizeof((scan)->rec.field),   \
						     (scan)->text + sizeof(name) - 1);               \
		if (len >= (long)sizeof((scan)->rec.field))                                          \
			(scan)->rec.flags |= CNI_CUT;                                                \
		(scan)->found++;                                                                     \
	} while (0)

static __always_inline void keep_variable(struct plugin_scan *scan)
{
	__u64 *text = (void *)scan->text;

	switch (text[0]) {
	case WORD('C', 'N', 'I', '_', 'A', 'R', 'G', 'S'):
		if ((__u8)text[1] == '=')
			KEEP(scan, args, "CNI_ARGS=");
		break;
	case WORD('C', 'N', 'I', '_', 'C', 'O', 'M', 'M'):
		if ((__u32)text[1] == (__u32)WORD('A', 'N', 'D', '=', 0, 0, 0, 0))
			KEEP(scan, command, "CNI_COMMAND=");
		break;
	case WORD('C', 'N', 'I', '_', 'C', 'O', 'N', 'T'):
		if (text[1] == WORD('A', 'I', 'N', 'E', 'R', 'I', 'D', '='))
			KEEP(scan, container, "CNI_CONTAINERID=");
		break;
	case WORD('C', 'N', 'I', '_', 'N', 'E', 'T', 'N'):
		if ((__u16)text[1] == (__u16)WORD('S', '=', 0, 0, 0, 0, 0, 0))
			KEEP(scan, netns, "CNI_NETNS=");
		break;
	}
}

/* Looks at the next variable. Returns 0 if there is none. */
__noinline int scan_variable(void)
{
	struct plugin_scan *scan = this_scan();
	__u32 began_before;
	long len;

	if (!scan || scan->at >= scan->end)
		return 0;
	len = bpf_probe_read_user_str(scan->text, sizeof(scan->text), (void *)scan->at);
	if (len <= 0) {
		scan->rec.flags |= CNI_CUT;
		return 0;
	}
	began_before = scan->goes_on;
	scan->goes_on = len == sizeof(scan->text); /* with the NUL, which is put there */
	scan->at += len - scan->goes_on;
	if (began_before)
		return 1;
	keep_variable(scan);
	return 1;
}

/* How many variables are looked at. The verifier looks at one chunk only. */
#define VARIABLES_MAX 192
#define VARIABLES_CHUNK 12

__noinline int scan_variables(void)
{
	int i;

	for (i = 0; i < VARIABLES_CHUNK; i++)
		if (!scan_variable())
			return 0;
	return 1;
}

/* Begins to scan the environment of the current process. */
__noinline int begin_scan(void)
{
	struct mm_struct *mm = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), mm);
	struct plugin_scan *scan = this_scan();

	if (!scan || !mm)
		return 0;
	__builtin_memset(&scan->rec, 0, sizeof(scan->rec));
	scan->at = BPF_CORE_READ(mm, env_start);
	scan->end = BPF_CORE_READ(mm, env_end);
	scan->goes_on = scan->found = 0;
	return 1;
}

/* True if the current process is a program of the machine's root, whose environment was
 * not looked at yet. */
static __always_inline bool may_be_plugin(struct process *p)
{
	const struct cred *cred = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), real_cred);

	if (!p->execs || p->scanned == p->execs || BPF_CORE_READ(cred, uid.val) ||
	    BPF_CORE_READ(cred, user_ns, level) > 0)
		return false;
	p->scanned = p->execs;
	return true;
}

/* Reports that the current process, which has moved into a namespace whose creation was
 * seen, is a CNI plugin, if it is one. */
__noinline int report_plugin(__u64 serial)
{
	struct process_key key = current_key();
	struct process *p = find_process(&key);
	struct plugin_scan *scan;
	int i;

	if (!p || !may_be_plugin(p) || !begin_scan())
		return 0;
	for (i = 0; i < VARIABLES_MAX / VARIABLES_CHUNK; i++)
		if (!scan_variables())
			break;
	scan = this_scan();
	if (!scan)
		return 0;
	if (scan->at < scan->end)
		scan->rec.flags |= CNI_CUT;
	if (!scan->found && !(scan->rec.flags & CNI_CUT))
		return 0;
	publish_lineage(key.start_ns, key.pid, RING_STORY);
	scan->rec.kind = REC_CNI;
	scan->rec.boot_ns = bpf_ktime_get_boot_ns();
	scan->rec.serial = serial;
	scan->rec.process = key;
	emit(RING_STORY, &scan->rec, sizeof(scan->rec), COUNT_LOST_JOIN);
	return 0;
}

#endif
