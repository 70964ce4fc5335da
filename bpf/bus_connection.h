/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections to buses: where in their messages they are, and which answers matter.
 *
 * Nothing is kept of a connection that is between two messages and awaits no answer,
 * which is most of them most of the time.
 */
#ifndef NSBLAME_BUS_CONNECTION_H
#define NSBLAME_BUS_CONNECTION_H

#include "bus_socket.h"
#include "pages.h"

enum step {
	IN_STEP,     /* where the next message begins is known */
	IN_AUTH,     /* in the lines before the first message */
	OUT_OF_STEP, /* until something begins as a message */
	STAYS_OUT,   /* of step */
};

/* How many messages of a connection are remembered until they are answered. */
#define AWAITED 16

struct connection {
	__u64 left;    /* bytes of the message under way that are not looked at */
	__u64 size;    /* of a message that comes in pieces, 0 until it is known */
	__u64 told_ns; /* when it was last reported that something is unread */
	__u32 kept;    /* bytes of that message in its buffer */
	__u32 pid;     /* of the process that sends the message under way */
	__u32 step;
	__u32 unread; /* enum bus_unread, why it is out of step */
	__u32 line;   /* of the authentication: enum line */
	__u32 next;   /* where the next serial goes */
	__u32 awaited[AWAITED]; /* serials, 0 for none */
};

/* The two directions of a connection are streams of their own. */
struct stream_key {
	__u64 conn;
	__u32 from_bus;
	__u32 pad;
};

/* What ordinary users may open has tables of its own: their connections, and all those to
 * buses that are not the machine's. Anybody can open any number, and the oldest entry goes. */
#define STREAMS(name, entries, type_of_value)        \
	struct {                                     \
		__uint(type, BPF_MAP_TYPE_LRU_HASH); \
		__uint(max_entries, entries);        \
		__type(key, struct stream_key);      \
		__type(value, type_of_value);        \
	} name SEC(".maps")

STREAMS(connections, 2048, struct connection);
STREAMS(user_connections, 2048, struct connection);

/* The beginning of a message that comes in pieces, until it is complete. There is more
 * room than needed, so that a mask contents the verifier. */
struct pieces {
	__u8 data[2 * BUS_DATA];
};

STREAMS(pieces, 128, struct pieces);
STREAMS(user_pieces, 128, struct pieces);

ENOUGH_ZEROS(struct connection);
ENOUGH_ZEROS(struct pieces);

/* How many bytes of the authentication are looked at at once. */
#define AUTH_CHUNK 132

/* What a program is at work on. */
struct sending {
	struct stream_key key;
	__u64 bus;
	__u64 path[BUS_PATH / 8];
	__u64 user; /* in that path, NOT_USER if it is the system's */
	__u64 client; /* its socket */
	__u32 peer;
	__u32 owner; /* of the listener */
	__u32 others; /* set if the bus is not the machine's */
	__u32 ordinary; /* set if it is not, or an ordinary user has connected */

	__u64 skb;
	__u32 fragments; /* that are behind the span, of nr_fragments */
	__u32 nr_fragments;
	__u64 at;  /* the span: where in the kernel's memory it is, 0 if not known */
	__u64 len; /* and how much of it is not looked at yet */

	/* the message that was found, or why there is none */
	__u64 head;
	__u64 have; /* bytes of it that are there */
	__u64 size;
	__u32 unread;
	__u32 answer; /* set if it is one */
};

/* The programs that have one of their own: they may preempt each other, but not
 * themselves. */
enum sending_of {
	OF_COPY,
	OF_SPLICE,
	OF_ENTRY, /* of the copy, where a kretprobe is told what it is about */
	SENDINGS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SENDINGS);
	__type(key, __u32);
	__type(value, struct sending);
} sendings SEC(".maps");

static __noinline struct sending *this_sending(__u32 of)
{
	return bpf_map_lookup_elem(&sendings, &of);
}

static __noinline struct connection *find_stream(struct stream_key *key, __u32 ordinary)
{
	return !ordinary ? bpf_map_lookup_elem(&connections, key) :
				  bpf_map_lookup_elem(&user_connections, key);
}

/* Returns a new entry for a connection, NULL if there is no room. */
static __always_inline struct connection *make_stream(struct stream_key *key, __u32 ordinary)
{
	if (!ordinary)
		bpf_map_update_elem(&connections, key, zeros(), BPF_NOEXIST);
	else
		bpf_map_update_elem(&user_connections, key, zeros(), BPF_NOEXIST);
	return find_stream(key, ordinary);
}

static __always_inline void drop_stream(struct stream_key *key, __u32 ordinary)
{
	if (!ordinary)
		bpf_map_delete_elem(&connections, key);
	else
		bpf_map_delete_elem(&user_connections, key);
}

static __noinline struct pieces *find_pieces(struct stream_key *key, __u32 ordinary)
{
	return !ordinary ? bpf_map_lookup_elem(&pieces, key) : bpf_map_lookup_elem(&user_pieces, key);
}

static __always_inline struct pieces *make_pieces(struct stream_key *key, __u32 ordinary)
{
	if (!ordinary)
		bpf_map_update_elem(&pieces, key, zeros(), BPF_ANY);
	else
		bpf_map_update_elem(&user_pieces, key, zeros(), BPF_ANY);
	return find_pieces(key, ordinary);
}

/* --- answers -------------------------------------------------------- */

/* Notes that the answer to a message to the bus is to be reported, unless there will
 * be none. */
__noinline int await_answer(__u32 of)
{
	struct sending *s = this_sending(of);
	struct connection *c;
	struct dbus_header h;

	if (!s || !s->key.conn || bpf_probe_read_kernel(&h, sizeof(h), (void *)s->head))
		return 0;
	if (h.type != DBUS_METHOD_CALL || h.flags & DBUS_NO_REPLY_EXPECTED)
		return 0;
	c = find_stream(&s->key, s->ordinary);
	if (!c)
		c = make_stream(&s->key, s->ordinary);
	if (c)
		c->awaited[c->next++ & (AWAITED - 1)] = order(h.serial, h.endian);
	return 0;
}

static __always_inline bool awaits_answers(struct connection *c)
{
	__u32 any = 0;
	int i;

	for (i = 0; i < AWAITED; i++)
		any |= c->awaited[i];
	return any;
}

/* True if that is the answer to a message that was reported, and the first one. */
__noinline int is_awaited(__u32 of)
{
	struct sending *s = this_sending(of);
	struct stream_key key = {};
	struct connection *c;
	__u32 serial;
	int i;

	if (!s)
		return 0;
	key.conn = s->key.conn; /* the direction to the bus */
	c = find_stream(&key, s->ordinary);
	if (!c)
		return 0;
	serial = reply_serial(s->head, s->have);
	if (!serial)
		return 0;
	for (i = 0; i < AWAITED; i++) {
		if (c->awaited[i] != serial)
			continue;
		c->awaited[i] = 0;
		if (c->step == IN_STEP && !c->left && !c->kept && !awaits_answers(c))
			drop_stream(&key, s->ordinary);
		return 1;
	}
	return 0;
}

#endif
