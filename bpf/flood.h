/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What keeps one owner's flood from the room of others in the ring buffers.
 *
 * What is sent on buses has a rate: a burst is free, and then so many records a second.
 * Honest programs stay far below it: of the calls of one process to one name some ten a
 * second are sent (hook_request.h). An owner beyond it is reported as such, so that user
 * space knows whose request may be hidden. What goes to the machine's bus has a rate of
 * its own. So whatever users and containers send on their buses hides no request to the
 * machine's manager.
 *
 * A creation cannot wait for its turn. User space is woken when the story's ring is half
 * full. Beyond three quarters, creations of an owner are dropped who has his share of what
 * was written lately. What follows from a creation (an exec, an end) is bounded by these.
 */
#ifndef NSBLAME_FLOOD_H
#define NSBLAME_FLOOD_H

#include "ring.h"

/* --- what is sent on buses ------------------------------------------ */

/* The time that a record costs, and how much of it an owner may use up at once. Root and
 * the accounts of the system, below 1000 on all known distributions, have more: the
 * buses run under them, and speak for everybody. */
#define SEND_NS (5 * 1000 * 1000)
#define SEND_NS_SYSTEM (1000 * 1000)
#define SEND_BURST 512
#define SYSTEM_UIDS 1000
/* How often user space hears that an owner sends too much. */
#define TOO_MANY_NS (100 * 1000 * 1000)

enum may_send {
	SEND_NOTHING,
	SEND_TOO_MANY, /* a record without data, which says that there was too much */
	SEND_WHOLE,
};

/* Where something is sent. Each has a rate of its own. */
enum send_to {
	TO_MACHINES_BUS,
	TO_OTHER_BUS,
	TO_ENGINE,
	TO_SOCKET_UNIT, /* has that of engines */
	PLACES_TO_SEND, /* a power of two */
};

/* The verifier follows each way through a choice, and only one through a table. */
const volatile __u32 lost_sends[PLACES_TO_SEND] = {
	[TO_MACHINES_BUS] = COUNT_LOST_BUS,
	[TO_OTHER_BUS] = COUNT_LOST_OTHER_BUS,
	[TO_ENGINE] = COUNT_LOST_ENGINE,
	[TO_SOCKET_UNIT] = COUNT_LOST_CONNECT,
};

/* What is counted if a message is not sent. */
static __always_inline __u32 lost_send(__u32 to)
{
	__u64 i = to;

	asm volatile("" : "+r"(i)); /* as in share_of */
	return lost_sends[i & (PLACES_TO_SEND - 1)];
}

static __always_inline struct send_rate *rate_of(struct share *share, __u32 to)
{
	__u64 i = to == TO_SOCKET_UNIT ? TO_ENGINE : to;

	asm volatile("" : "+r"(i)); /* as in share_of */
	return &share->rate[i & (RATES - 1)];
}

/* The time that a record costs an owner. */
__noinline __u64 cost_of_send(__u32 place)
{
	struct share *share = share_of(place);

	return place == PLACE_ROOT ||
			       (share->owner.pid_ns == MACHINE_PID_NS && share->owner.uid < SYSTEM_UIDS) ?
		       SEND_NS_SYSTEM :
		       SEND_NS;
}

/* What may be sent of a message of an owner, who has this place. What is dropped is
 * counted as his. Two CPUs that ask at once may both get what one of them should. */
__noinline int may_send(__u32 place, __u32 to)
{
	struct share *share = share_of(place);
	__u64 now = bpf_ktime_get_boot_ns(), cost = cost_of_send(place), until;
	struct send_rate *rate = rate_of(share, to);

	until = rate->paid_ns < now ? now : rate->paid_ns;
	if (until - now <= SEND_BURST * cost) {
		rate->paid_ns = until + cost;
		return SEND_WHOLE;
	}
	count_for(place, lost_send(to));
	if (now - rate->too_many_ns < TOO_MANY_NS)
		return SEND_NOTHING;
	rate->too_many_ns = now;
	return SEND_TOO_MANY;
}

/* --- creations ------------------------------------------------------ */

static __always_inline __u64 story_written(void)
{
	return bpf_ringbuf_query(&story_records, BPF_RB_PROD_POS);
}

/* What was written lately is what went into this half of the ring and the one before.
 * Begins a new half if it is time. */
static __always_inline void turn_half(struct share *share, __u64 written)
{
	__u64 half = written / story_half;

	if (half == share->half)
		return;
	share->written[1] = half == share->half + 1 ? share->written[0] : 0;
	share->written[0] = 0;
	share->half = half;
}

/* True if a creation of an owner may be written. A share is 1/32 of the ring, and root's
 * is 1/8. Root goes up to 7/8 beyond it, so root and four others have theirs in the
 * quarter that is left. */
__noinline int may_create(__u32 place)
{
	__u64 used = bpf_ringbuf_query(&story_records, BPF_RB_AVAIL_DATA), size = 2 * story_half;
	struct share *share = share_of(place);
	__u64 lately;

	if (used < size - size / 4)
		return true;
	turn_half(share, story_written());
	lately = share->written[0] + share->written[1];
	if (place == PLACE_ROOT)
		return lately < size / 8 || used < size - size / 8;
	return lately < size / 32;
}

/* Notes what an owner's creation has taken since the ring was at that place. What others
 * have written meanwhile is in it. */
__noinline int note_written(__u32 place, __u64 since)
{
	struct share *share = share_of(place);
	__u64 now = story_written();

	turn_half(share, now);
	__sync_fetch_and_add(&share->written[0], now - since);
	return 0;
}

#endif
