/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is sent over a connection, taken as the stream that it is: where a message
 * begins is known from those before it, however the sender divides them.
 *
 * A connection that is not known begins with the authentication, or was there before
 * nsblame. Then it is taken to be between two messages if what is sent begins as one.
 *
 * By splice, out of band, or by two processes that take turns within a message, no client
 * of D-Bus sends. (Two threads may: Go moves what it runs between them.) After that the beginning of a message would be a matter of belief. So
 * the connection stays out of step, and whatever is sent over it is reported as unread.
 */
#ifndef NSBLAME_BUS_STREAM_H
#define NSBLAME_BUS_STREAM_H

#include "bus_connection.h"

/* What take_next has found. */
enum taken {
	TAKEN_ALL,
	TAKEN_MORE = 1 << 0,	/* there is more to take */
	TAKEN_MESSAGE = 1 << 1, /* there is a message to report, or something unread */
	TAKEN_PIECE = 1 << 2,	/* a message begins that comes in pieces */
};

static __always_inline void pass(struct sending *s, __u64 n)
{
	if (s->at)
		s->at += n;
	s->len -= n;
}

/* Reports that what there is was not read. */
static __always_inline int tell_unread(struct sending *s, struct connection *c, __u32 why)
{
	__u64 now = bpf_ktime_get_boot_ns();

	s->unread = why;
	s->size = s->len;
	s->have = 0;
	s->len = 0;
	s->fragments = s->nr_fragments;
	if (c && c->told_ns && now - c->told_ns < CALL_AGAIN_NS)
		return TAKEN_ALL;
	if (c)
		c->told_ns = now;
	return TAKEN_MESSAGE;
}

/* From here on it is not known where a message begins. Returns an enum taken. */
__noinline int stay_out(__u32 of, __u32 why)
{
	struct sending *s = this_sending(of);
	struct connection *c;

	if (!s)
		return TAKEN_ALL;
	c = find_stream(s);
	if (!c)
		c = make_stream(s);
	if (c) {
		c->step = STAYS_OUT;
		c->unread = why;
		c->left = 0;
		c->kept = 0;
	}
	return tell_unread(s, c, why);
}

/* --- authentication ------------------------------------------------- */

/* Where in a line the authentication is. Up to LINE_BEGIN it is as many bytes of
 * "BEGIN" as were seen. */
enum line {
	LINE_START = 0,
	LINE_BEGIN = 5,
	LINE_OTHER,
	LINE_RETURN = 8, /* a carriage return was seen last: a bit beside the others */
};

/* Also what auth_byte returns, beside where in a line it then is. */
enum auth {
	AUTH_GOES_ON,
	AUTH_ENDS = 16,	   /* with this byte */
	AUTH_UNCLEAR = 32, /* servers differ on whether it ends */
};

/* Takes a byte of the authentication. A line ends with a carriage return and a line
 * feed. */
__noinline __u32 auth_byte(__u32 line, __u32 byte)
{
	bool returned = line & LINE_RETURN;
	__u32 at = line & ~LINE_RETURN;

	if (returned && byte == '\n')
		return at == LINE_BEGIN ? AUTH_ENDS : LINE_START;
	if (at == LINE_BEGIN && (returned || byte != '\r'))
		return AUTH_UNCLEAR;
	if (at < LINE_BEGIN)
		at = byte == (WORD('B', 'E', 'G', 'I', 'N', 0, 0, 0) >> (8 * at) & 0xff) ? at + 1 : LINE_OTHER;
	return at | (byte == '\r' ? LINE_RETURN : 0);
}

/* How many bytes the verifier looks at. */
#define AUTH_PART 12

/* Looks for the line that ends the authentication in n bytes, or in the first ones.
 * Returns how many belong to it, and from bit 16 on what auth_byte said of the last
 * one. */
__noinline __u32 scan_auth_part(__u64 text, __u32 n, __u32 line)
{
	__u32 i;

	for (i = 0; i < AUTH_PART; i++) {
		__u8 byte = 0;

		/* so that the end of the loop stays a constant: verifiers before 6.8 do
		 * not find the end of one that ends at a number that they don't know */
		asm volatile("" : "+r"(n));
		if (i >= n)
			break;
		bpf_probe_read_kernel(&byte, sizeof(byte), (void *)text + i);
		line = auth_byte(line, byte);
		if (line >= AUTH_ENDS)
			return (i + 1) | line << 16;
	}
	return i | line << 16;
}

/* Likewise, in all n bytes. */
__noinline __u32 scan_auth(__u64 text, __u32 n, __u32 line)
{
	__u32 i, done = 0;

	for (i = 0; i < AUTH_CHUNK / AUTH_PART; i++) {
		__u32 result = scan_auth_part(text + done, n - done, line);

		done += result & 0xffff;
		line = result >> 16;
		if (line >= AUTH_ENDS || done >= n)
			break;
	}
	return done | line << 16;
}

__noinline int take_auth(__u32 of)
{
	struct sending *s = this_sending(of);
	struct connection *c;
	__u32 result;
	__u64 n;

	if (!s)
		return TAKEN_ALL;
	c = find_stream(s);
	if (!c)
		return TAKEN_ALL;
	n = s->len;
	if (n > AUTH_CHUNK)
		n = AUTH_CHUNK;
	if (!s->at)
		return stay_out(of, BUS_OUT_OF_STEP);
	result = scan_auth(s->at, n, c->line);
	c->line = result >> 16;
	if (c->line == AUTH_UNCLEAR)
		return stay_out(of, BUS_OUT_OF_STEP);
	n = result & 0xffff;
	pass(s, n < s->len ? n : s->len);
	if (c->line == AUTH_ENDS) {
		c->step = IN_STEP;
		c->line = LINE_START;
		if (!awaits_answers(c))
			drop_stream(s);
	}
	return TAKEN_MORE;
}

#define FOUR(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

/* True for the first bytes of a connection, or of a line of the authentication. */
static __always_inline bool is_auth(__u32 start, __u64 len)
{
	if (len < 4) /* of which less is there */
		return !((start ^ FOUR(0, 'A', 'U', 'T')) & ((1 << (8 * len)) - 1));
	return start == FOUR(0, 'A', 'U', 'T') || start == FOUR('A', 'U', 'T', 'H') ||
	       start == FOUR('N', 'E', 'G', 'O') || start == FOUR('B', 'E', 'G', 'I') ||
	       start == FOUR('D', 'A', 'T', 'A') || start == FOUR('C', 'A', 'N', 'C');
}

/* True if the first bytes of a message can be these. */
static __always_inline bool may_start(__u32 start, __u64 len)
{
	if ((__u8)start != 'l' && (__u8)start != 'B')
		return false;
	if (len >= 2 && !(__u8)(start >> 8))
		return false;
	return len < 4 || start >> 24 == 1;
}

/* --- messages ------------------------------------------------------- */

/* Passes over what belongs to a message that was looked at. */
static __always_inline int take_rest(struct sending *s, struct connection *c)
{
	__u64 n = c->left < s->len ? c->left : s->len;

	c->left -= n;
	pass(s, n);
	if (!c->left && !awaits_answers(c))
		drop_stream(s);
	return TAKEN_MORE;
}

/* Takes a message of which all that matters is in the span. */
__noinline int take_whole(__u32 of, __u64 size)
{
	struct sending *s = this_sending(of);
	struct connection *c;

	if (!s)
		return TAKEN_ALL;
	s->head = s->at;
	s->have = size < s->len ? size : s->len;
	s->size = size;
	pass(s, s->have);
	if (size == s->have)
		return TAKEN_MESSAGE | TAKEN_MORE;
	c = find_stream(s);
	if (!c && s->key.conn) /* else nobody is there any more */
		c = make_stream(s);
	if (c) {
		c->step = IN_STEP;
		c->left = size - s->have;
		c->pid = this_process();
	}
	return TAKEN_MESSAGE | TAKEN_MORE;
}

/* How much of a message that comes in pieces is to be kept. size is 0 if it is not known. */
__noinline __u64 piece_wanted(__u64 size)
{
	if (!size)
		return sizeof(struct dbus_header);
	return size < BUS_DATA ? size : BUS_DATA;
}

/* Adds n bytes to those that are kept, n + kept being BUS_DATA at most. Returns where they
 * all are, 0 if they cannot be kept. */
__noinline __u64 add_piece(__u32 of, __u32 has, __u64 n)
{
	struct sending *s = this_sending(of);
	__u32 kept = has & (BUS_DATA - 1);
	struct pieces *p;

	if (!s || !s->at)
		return 0;
	p = find_pieces(s, !kept);
	n &= 2 * BUS_DATA - 1;
	if (n > BUS_DATA)
		n = BUS_DATA;
	if (!p || bpf_probe_read_kernel(p->data + kept, n, (void *)s->at))
		return 0;
	return untyped(p->data);
}

/* Adds to a message that comes in pieces. */
__noinline int take_piece(__u32 of)
{
	struct sending *s = this_sending(of);
	struct connection *c;
	__u64 want, n, data;
	__u32 kept;

	if (!s)
		return TAKEN_ALL;
	c = find_stream(s);
	if (!c)
		return TAKEN_ALL;
	want = piece_wanted(c->size);
	kept = c->kept & (BUS_DATA - 1);
	n = want - kept;
	if (n > s->len)
		n = s->len;
	data = add_piece(of, kept, n);
	if (!data)
		return stay_out(of, BUS_OUT_OF_STEP);
	c->pid = this_process();
	c->kept = kept + n;
	pass(s, n);
	if (c->kept < want)
		return TAKEN_MORE;
	if (!c->size) {
		c->size = message_size(data);
		if (!c->size)
			return stay_out(of, BUS_OUT_OF_STEP);
		if (c->size > c->kept)
			return TAKEN_MORE;
	}
	s->head = data;
	s->have = c->kept;
	s->size = c->size;
	c->left = c->size - c->kept;
	c->kept = 0;
	c->size = 0;
	if (!c->left && !awaits_answers(c))
		drop_stream(s);
	return TAKEN_MESSAGE | TAKEN_MORE;
}

/* What a bus sends is whole but for the end of a large message. */
__noinline int take_from_bus(__u32 of)
{
	struct sending *s = this_sending(of);
	struct connection *c;
	__u64 size;

	if (!s)
		return TAKEN_ALL;
	c = find_stream(s);
	if (c && c->left)
		return take_rest(s, c);
	if (!s->at)
		count(s->others ? COUNT_LOST_OTHER_BUS : COUNT_BUS_UNREAD);
	size = s->at && s->len >= sizeof(struct dbus_header) ? message_size(s->at) : 0;
	if (size)
		return take_whole(of, size);
	s->fragments = s->nr_fragments; /* authentication */
	return TAKEN_ALL;
}

/* What something may be by its first bytes. */
enum beginning {
	BEGINS_BRIEF = 1 << 0, /* a message of which not even the header is there */
	BEGINS_AUTH = 1 << 1,  /* a line of the authentication */
	BEGINS_NUL = 1 << 2,
};

/* Returns what may begin at an address, at which there are len bytes. */
__noinline __u32 beginning_of(__u64 at, __u64 len)
{
	__u32 start = 0, is = 0;

	if (!at)
		return 0;
	bpf_probe_read_kernel(&start, len < 4 ? len & 3 : 4, (void *)at);
	if (len < sizeof(struct dbus_header) && may_start(start, len))
		is |= BEGINS_BRIEF;
	if (is_auth(start, len))
		is |= BEGINS_AUTH;
	if (!(__u8)start)
		is |= BEGINS_NUL;
	return is;
}

/* Takes what is not whole: the beginning of a message of that size, 0 if it is not known, or
 * of something else. Returns an enum taken. */
__noinline int take_beginning(__u32 of, __u64 size, __u32 begins)
{
	struct sending *s = this_sending(of);
	struct connection *c;

	if (!s)
		return TAKEN_ALL;
	c = find_stream(s);
	if (!c)
		c = make_stream(s);
	if (!c)
		return tell_unread(s, c, BUS_TOO_MANY);
	if (size || begins & BEGINS_BRIEF) {
		c->step = IN_STEP;
		c->size = size;
		return TAKEN_PIECE;
	}
	if (begins & BEGINS_AUTH) {
		c->step = IN_AUTH;
		if (begins & BEGINS_NUL)
			pass(s, 1);
		return TAKEN_MORE;
	}
	c->step = OUT_OF_STEP;
	return tell_unread(s, c, BUS_OUT_OF_STEP);
}

/* Takes what begins where a message may begin. What it calls are functions of their own, so
 * that the verifier does not follow each way from one to the next. */
__noinline int take_start(__u32 of)
{
	struct sending *s = this_sending(of);
	__u32 begins, step = OUT_OF_STEP;
	struct connection *c;
	__u64 size = 0;
	int taken;

	if (!s)
		return TAKEN_ALL;
	c = find_stream(s);
	if (c)
		step = c->step;
	if (s->at && s->len >= sizeof(struct dbus_header))
		size = message_size(s->at);
	if (size && s->len >= (size < BUS_DATA ? size : BUS_DATA)) {
		if (c && step != IN_STEP)
			c->step = IN_STEP;
		return take_whole(of, size);
	}
	begins = beginning_of(s->at, s->len);
	if (c && !size && step != IN_STEP) { /* still out of step, as was told */
		s->len = 0;
		return TAKEN_MORE;
	}
	if (c && !size && !(begins & BEGINS_BRIEF))
		return stay_out(of, BUS_OUT_OF_STEP);
	taken = take_beginning(of, size, begins);
	return taken & TAKEN_PIECE ? take_piece(of) : taken;
}

/* The layout of struct bio_vec and of struct skb_frag. */
struct fragment {
	__u64 page;
	__u32 len;
	__u32 offset;
};

/* The next part of what is sent that is in one place. Returns 0 if there is none. */
__noinline int next_span(__u32 of)
{
	struct sending *s = this_sending(of);
	struct fragment fragment;
	struct sk_buff *skb;

	if (!s || s->fragments >= s->nr_fragments)
		return 0;
	skb = (void *)s->skb;
	if (bpf_probe_read_kernel(&fragment, sizeof(fragment),
				  (void *)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end) +
					  bpf_core_field_offset(struct skb_shared_info, frags) +
					  s->fragments * sizeof(fragment)))
		return 0;
	s->fragments++;
	s->len = fragment.len;
	s->at = 0;
	if (pages_mapped_at) /* see map_pages */
		s->at = page_address(fragment.page) + fragment.offset;
	return 1;
}

/* Takes the next piece, message or line. Returns an enum taken. Each step is a function
 * that finds the connection again: the verifier looks at it once. */
static __always_inline int take_next(__u32 of)
{
	struct sending *s = this_sending(of);
	struct connection *c;

	if (!s || (!s->len && !next_span(of)))
		return TAKEN_ALL;
	if (!s->len)
		return TAKEN_MORE;
	s->unread = BUS_READ;
	if (s->key.from_bus)
		return take_from_bus(of);
	c = find_stream(s);
	if (!c)
		return take_start(of);
	if (c->step == STAYS_OUT)
		return tell_unread(s, c, c->unread);
	if ((c->left || c->kept) && c->pid != this_process())
		return stay_out(of, BUS_OUT_OF_STEP);
	if (c->step == IN_AUTH)
		return take_auth(of);
	if (c->left)
		return take_rest(s, c);
	if (c->kept)
		return take_piece(of);
	return take_start(of);
}

#endif
