/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of owners, what each holds, and how much room each has for certain.
 *
 * The tables of processes, programs and cgroups are filled by what processes do. Up to
 * three quarters, everybody takes what he needs. Beyond that, an owner gets no new entry
 * if he holds his share or more, and his processes that end are not kept for their
 * descendants. So his evidence is cut, and nobody else's.
 *
 * A share is 1/256 of a table, and root of the machine has 1/8. These are guarantees for
 * root and 32 further owners at once: those who hold more than their share together have
 * 3/4 of a table at most, root beyond its share goes up to 7/8, and 32 shares fit into
 * the last eighth. Where root holds no more than its own eighth, the quarter has room for
 * that and the 32 shares. CPUs that check at the same time may exceed this by one entry
 * each.
 */
#ifndef NSBLAME_SHARE_H
#define NSBLAME_SHARE_H

#include "counter.h"
#include "owner.h"

/* Places in the table of owners. An owner that holds nothing gives up his own when it is
 * needed. Those who find none share one. */
enum place {
	PLACE_ROOT,
	PLACE_OTHERS,
	PLACES_TAKEN, /* the first one for anybody */
	PLACES = 1024, /* a power of two */
};

enum table {
	TABLE_PROCESSES,
	TABLE_PROGRAMS,
	TABLE_CGROUPS,
	TABLES = 4, /* a power of two */
};

/* How many rates each owner has, a power of two. */
#define RATES 4

struct send_rate {
	__u64 paid_ns;	   /* until when what was sent is paid for */
	__u64 too_many_ns; /* when user space last heard that it is too much */
};

struct share {
	struct owner owner;
	__s64 held[TABLES];
	__u64 lost[COUNTERS_ROOM]; /* by enum counter, what was refused to the owner */
	struct send_rate rate[RATES]; /* see flood.h */
	__u64 half;	  /* of the story's ring, counted from the first */
	__u64 written[2]; /* bytes in that half, and in the one before */
};

/* A variable, not a map: the kernel replaces each lookup in a map by instructions, and
 * copies the whole program for each. */
struct share shares[PLACES] = {};

/* How many entries each table has, set by the loader, and how many of them are used. */
const volatile __u32 table_size[TABLES] = { 65536, 8192, 4096 };
volatile __s64 table_used[TABLES] = {};

/* PLACES is a power of two. */
static __always_inline struct share *share_of(__u32 place)
{
	__u64 i = place;

	/* so that the compiler leaves the mask, by which the verifier sees a bound */
	asm volatile("" : "+r"(i));
	return &shares[i & (PLACES - 1)];
}

/* --- locks ---------------------------------------------------------- */

/* 5.10 has neither compare-and-swap nor spin locks for these programs. But to add a key
 * that must be new is atomic. Whoever does not get a lock must do without: nobody waits. */
struct lock {
	__u64 id;
	__u32 pid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct lock);
	__type(value, __u8);
} locks SEC(".maps");

static __always_inline bool try_lock(struct lock *lock)
{
	__u8 one = 1;

	return !bpf_map_update_elem(&locks, lock, &one, BPF_NOEXIST);
}

static __always_inline void unlock(struct lock *lock)
{
	bpf_map_delete_elem(&locks, lock);
}

/* --- places --------------------------------------------------------- */

/* How many places an owner may have, from the one that a hash gives. */
#define PLACES_TRIED 4

static __always_inline __u32 place_at(struct owner *owner, __u32 i)
{
	__u32 hash = owner->uid * 2654435761U ^ owner->pid_ns * 2246822519U;

	return PLACES_TAKEN + ((hash >> 8) + i) % (PLACES - PLACES_TAKEN);
}

static __always_inline bool holds_nothing(struct share *share)
{
	int i;

	for (i = 0; i < TABLES; i++)
		if (share->held[i])
			return false;
	return true;
}

/* True if a place is that of an owner, or with vacant set a free one. A function of its own:
 * the verifier looks at it once, and not in each turn of the loop. */
__noinline int fits(__u32 place, __u32 uid, __u32 pid_ns, __u32 vacant)
{
	struct share *share = share_of(place);

	if (vacant)
		return holds_nothing(share);
	return share->owner.uid == uid && share->owner.pid_ns == pid_ns;
}

/* Finds the place of an owner, or with vacant set one that is free. Returns PLACE_OTHERS
 * if there is none. */
__noinline __u32 search_place(__u32 uid, __u32 pid_ns, __u32 vacant)
{
	struct owner owner = { .uid = uid, .pid_ns = pid_ns };
	int i;

	for (i = 0; i < PLACES_TRIED; i++) {
		__u32 place = place_at(&owner, i);

		if (fits(place, uid, pid_ns, vacant))
			return place;
	}
	return PLACE_OTHERS;
}

/* Gives an owner a place. One who had it may come back at this moment: what he is
 * charged then is charged to the place, and given back to it. */
static __always_inline __u32 claim_place(__u32 uid, __u32 pid_ns)
{
	struct lock claim = {}; /* no process has this key */
	struct share *share;
	__u32 place;

	if (!try_lock(&claim))
		return PLACE_OTHERS;
	place = search_place(uid, pid_ns, false); /* another CPU was first */
	if (place == PLACE_OTHERS) {
		place = search_place(uid, pid_ns, true);
		share = share_of(place);
		if (place != PLACE_OTHERS) {
			__builtin_memset(share->lost, 0, sizeof(share->lost));
			share->owner.uid = uid;
			share->owner.pid_ns = pid_ns;
		}
	}
	unlock(&claim);
	return place;
}

__noinline __u32 find_place(__u32 uid, __u32 pid_ns)
{
	__u32 place;

	if (!uid && pid_ns == MACHINE_PID_NS)
		return PLACE_ROOT;
	place = search_place(uid, pid_ns, false);
	return place == PLACE_OTHERS ? claim_place(uid, pid_ns) : place;
}

static __always_inline __u32 place_of(struct owner *owner)
{
	return find_place(owner->uid, owner->pid_ns);
}

/* --- room ----------------------------------------------------------- */

/* Counts what an owner is refused. */
static __always_inline void count_for(__u32 place, __u32 which)
{
	__u32 i = which & (COUNTERS_ROOM - 1);

	asm volatile("" : "+r"(i)); /* so that the verifier sees its bound */
	/* in this order: user space reads the sum first */
	__sync_fetch_and_add(&share_of(place)->lost[i], 1);
	count(which);
}

/* A table's number in a form in which the verifier sees that it is one. */
static __always_inline __u32 bounded(__u32 table)
{
	table &= TABLES - 1;
	asm volatile("" : "+r"(table));
	return table;
}

/* True if an owner may have one more entry of a table. */
static __always_inline bool may_take(__u32 table, __u32 place, struct share *share)
{
	__s64 size = table_size[table], used = table_used[table], held = share->held[table];

	if (used < size - size / 4)
		return true;
	if (place == PLACE_ROOT)
		return held < size / 8 || used < size - size / 8;
	return held < size / 256;
}

__noinline int has_room(__u32 table, __u32 place)
{
	return may_take(bounded(table), place, share_of(place));
}

/* Takes an entry of a table for an owner. Whoever cannot put it in gives it back. */
__noinline int take_room(__u32 any_table, __u32 place)
{
	__u32 table = bounded(any_table);
	struct share *share = share_of(place);

	if (!may_take(table, place, share))
		return false;
	__sync_fetch_and_add(&share->held[table], 1);
	__sync_fetch_and_add(&table_used[table], 1);
	return true;
}

__noinline int give_room(__u32 any_table, __u32 place)
{
	__u32 table = bounded(any_table);

	__sync_fetch_and_add(&table_used[table], -1);
	__sync_fetch_and_add(&share_of(place)->held[table], -1);
	return 0;
}

/* Moves an entry from one owner to another. It is not refused: it is there already. */
static __always_inline void move_room(enum table table, __u32 from, __u32 to)
{
	__sync_fetch_and_add(&share_of(from)->held[table], -1);
	__sync_fetch_and_add(&share_of(to)->held[table], 1);
}

#endif
