/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way to user space: two ring buffers.
 *
 * The story is what is asked for: creations, ends, joins, modules, and the processes
 * behind them. What is sent on buses has a ring of its own, with the processes that are
 * sent for its sake, since everybody can send as much as he likes. User space reads both
 * and puts them in order by time. So every record is made in this order: what it refers
 * to is sent, then the time is taken, then room is reserved. A record whose own time is
 * an earlier one has sent_ns as well.
 *
 * Only what ends a story wakes user space: a creation, the exec, exit or child
 * that it waits for, the end of a namespace, a join. The facts that these rest on
 * precede them without a wake-up, unless the buffer is half full.
 */
#ifndef NSBLAME_RING_H
#define NSBLAME_RING_H

#include "share.h"
#include <bpf/bpf_tracing.h>

enum ring {
	RING_STORY,
	RING_BUS,
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20); /* bytes; set by the loader */
} story_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 << 20); /* bytes; set by the loader */
} bus_records SEC(".maps");

/* Has a record as long as one of the others is more than half full. User space, while it
 * waits for more to come together, waits for this as well. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10); /* bytes; a page, set by the loader */
} alarms SEC(".maps");

const volatile __u64 story_half = 2 << 20; /* bytes; set by the loader */
const volatile __u64 bus_half = 1 << 20;   /* likewise */

static __always_inline void raise_alarm(void)
{
	__u64 nothing = 0;

	if (!bpf_ringbuf_query(&alarms, BPF_RB_AVAIL_DATA))
		bpf_ringbuf_output(&alarms, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

static __always_inline bool half_full(enum ring ring)
{
	return ring == RING_BUS ? bpf_ringbuf_query(&bus_records, BPF_RB_AVAIL_DATA) > bus_half :
				  bpf_ringbuf_query(&story_records, BPF_RB_AVAIL_DATA) > story_half;
}

/* Flags for a record. A function of its own, as are others: the verifier then looks at it
 * once, and what follows is one case for it. */
__noinline __u64 wakeup(enum ring ring, int ends_story)
{
	if (half_full(ring)) {
		raise_alarm();
		return BPF_RB_FORCE_WAKEUP;
	}
	return ends_story ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Returns false, and counts the record as lost, if there is no room. */
static __always_inline bool emit(enum ring ring, void *record, __u64 size, __u32 lost)
{
	bool ends_story = lost == COUNT_LOST_CREATE || lost == COUNT_LOST_FOLLOWUP ||
			  lost == COUNT_LOST_ENDING || lost == COUNT_LOST_JOIN ||
			  lost == COUNT_LOST_INIT;
	__u64 flags = wakeup(ring, ends_story);

	if (ring == RING_BUS ? !bpf_ringbuf_output(&bus_records, record, size, flags) :
			       !bpf_ringbuf_output(&story_records, record, size, flags))
		return true;
	count(lost);
	return false;
}

/* Says that a process, a program or the path of a cgroup is gone. A zero pid or id
 * stands for none. */
__noinline int emit_forget(__u64 start_ns, __u32 pid, __u32 exec, __u64 cgroup)
{
	/* in place: the stack that it shares with its callers has no room */
	__u64 now = bpf_ktime_get_boot_ns();
	struct forget_record *rec = bpf_ringbuf_reserve(&story_records, sizeof(*rec), 0);

	if (!rec) {
		count(COUNT_LOST_FORGET);
		return 0;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = REC_FORGET;
	rec->boot_ns = now;
	rec->cgroup = cgroup;
	if (exec) {
		rec->program.process.start_ns = start_ns;
		rec->program.process.pid = pid;
		rec->program.exec = exec;
	} else {
		rec->process.start_ns = start_ns;
		rec->process.pid = pid;
	}
	bpf_ringbuf_submit(rec, wakeup(RING_STORY, false));
	return 0;
}

#endif
