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

/*
 * What ordinary users may open has tables of its own: their connections, and all those to
 * buses that are not the machine's. Anybody can open any number. So each owner has some
 * places, and a stream may be in few of those: it takes one from an older stream of its own
 * owner, and from nobody else. As many owners as in share.h can fill theirs at once.
 */
#define OWNERS_AT_ONCE 32
#define STREAMS_EACH 64 /* a power of two, as the next one */
#define PIECES_EACH 4
#define PLACES_EACH_MAY_TAKE 4

/* A place of an owner. */
struct user_key {
	struct owner owner;
	__u32 place;
};

struct user_stream {
	struct connection connection;
	__u64 id;
};

/* The beginning of a message that comes in pieces, until it is complete. There is more
 * room than needed, so that a mask contents the verifier. */
struct pieces {
	__u64 conn;
	__u8 data[2 * BUS_DATA];
};

#define STREAMS(name, entries, type_of_key, type_of_value) \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_LRU_HASH);       \
		__uint(max_entries, entries);              \
		__type(key, type_of_key);                  \
		__type(value, type_of_value);              \
	} name SEC(".maps")

STREAMS(connections, 2048, struct stream_key, struct connection);
STREAMS(user_connections, OWNERS_AT_ONCE *STREAMS_EACH, struct user_key, struct user_stream);
STREAMS(pieces, 128, struct stream_key, struct pieces);
STREAMS(user_pieces, OWNERS_AT_ONCE *PIECES_EACH, struct user_key, struct pieces);

ENOUGH_ZEROS(struct connection);
ENOUGH_ZEROS(struct user_stream);
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
	__u32 has_place; /* then set if its stream has a place */
	struct user_key stream; /* which it is, or that it may take */
	struct user_key pieces; /* and that of its pieces */

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
	OF_ENGINE,
	OF_ENGINE_SPLICE,
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

/* A number for a stream, never 0. */
static __always_inline __u64 stream_id(struct sending *s)
{
	return s->key.conn * 2 + s->key.from_bus + 1;
}

/* What is in the place of a user's stream. */
static __always_inline struct user_stream *in_place(struct sending *s)
{
	return look_up(&user_connections, &s->stream);
}

/* Looks for the place of a user's stream. If it has none, that is the one that it may take:
 * a free one, or else the first of those where it may be. */
__noinline int search_place_of_stream(__u32 of)
{
	struct sending *s = this_sending(of);
	__u32 found, first;
	__u64 id;
	int i;

	if (!s || !s->ordinary)
		return 0;
	id = stream_id(s);
	s->has_place = true;
	found = first = (id * 0x9E3779B97F4A7C15ULL) >> 58; /* spreads what is numbered in a row */
	for (i = 0; i < PLACES_EACH_MAY_TAKE; i++) {
		struct user_stream *u;

		s->stream.place = (first + i) & (STREAMS_EACH - 1);
		u = in_place(s);
		if (!u)
			found = s->stream.place;
		else if (u->id == id)
			return 0;
	}
	s->has_place = false;
	s->stream.place = found;
	return 0;
}

/* Two sends of one owner at the same moment may take the same place. Then one of them is out
 * of step, which is reported as his. */
static __noinline struct connection *find_stream(struct sending *s)
{
	if (!s->ordinary)
		return look_up(&connections, &s->key);
	return s->has_place ? (void *)in_place(s) : NULL;
}

static __noinline int put_stream(struct sending *s)
{
	struct user_stream *u;

	if (!s->ordinary)
		return bpf_map_update_elem(&connections, &s->key, zeros(), BPF_NOEXIST);
	bpf_map_update_elem(&user_connections, &s->stream, zeros(), BPF_ANY);
	s->has_place = true;
	u = in_place(s);
	if (u)
		u->id = stream_id(s);
	return 0;
}

/* Returns a new entry for a connection, NULL if there is no room. */
static __always_inline struct connection *make_stream(struct sending *s)
{
	put_stream(s);
	return find_stream(s);
}

/* Drops a stream that was found. */
static __noinline int drop_stream(struct sending *s)
{
	if (!s->ordinary)
		return bpf_map_delete_elem(&connections, &s->key);
	return bpf_map_delete_elem(&user_connections, &s->stream);
}

static __noinline struct pieces *pieces_at(struct sending *s)
{
	return !s->ordinary ? look_up(&pieces, &s->key) :
			      look_up(&user_pieces, &s->pieces);
}

/* Returns the pieces of a stream, with fresh set an empty one: an older stream of the same
 * owner may lose its own for it. */
static __always_inline struct pieces *find_pieces(struct sending *s, bool fresh)
{
	struct pieces *p;

	if (fresh && !s->ordinary)
		bpf_map_update_elem(&pieces, &s->key, zeros(), BPF_ANY);
	else if (fresh)
		bpf_map_update_elem(&user_pieces, &s->pieces, zeros(), BPF_ANY);
	p = pieces_at(s);
	if (p && fresh)
		p->conn = s->key.conn;
	if (p && p->conn != s->key.conn)
		p = NULL;
	return p;
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
	c = find_stream(s);
	if (!c)
		c = make_stream(s);
	if (c)
		c->awaited[c->next++ & (AWAITED - 1)] = order(h.serial, h.endian);
	return 0;
}

static __always_inline bool awaits_answers(struct connection *c)
{
	__u64 *pairs = (void *)c->awaited;

	/* no loop, of which the verifier would look at each turn */
	_Static_assert(AWAITED == 16, "eight pairs");
	return pairs[0] | pairs[1] | pairs[2] | pairs[3] | pairs[4] | pairs[5] | pairs[6] | pairs[7];
}

/* True if that is the answer to a message that was sent over a stream. */
static __always_inline bool answers(struct sending *s, struct connection *c)
{
	__u32 serial = reply_serial(s->head, s->have);
	int i;

	if (!serial)
		return false;
	for (i = 0; i < AWAITED; i++) {
		if (c->awaited[i] != serial)
			continue;
		c->awaited[i] = 0;
		if (c->step == IN_STEP && !c->left && !c->kept && !awaits_answers(c))
			drop_stream(s);
		return true;
	}
	return false;
}

/* True if that is the answer to a message that was reported, and the first one. */
__noinline int is_awaited(__u32 of)
{
	struct sending *s = this_sending(of);
	__u32 place, has_place;
	struct connection *c;
	bool is = false;

	if (!s || !s->key.from_bus)
		return 0;
	place = s->stream.place;
	has_place = s->has_place;
	s->key.from_bus = 0; /* the direction in which it was asked */
	search_place_of_stream(of);
	c = find_stream(s);
	if (c)
		is = answers(s, c);
	s->key.from_bus = 1;
	s->stream.place = place;
	s->has_place = has_place;
	return is;
}

#endif
