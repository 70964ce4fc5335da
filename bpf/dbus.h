/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of D-Bus: where their parts are, and whether they can start something. All
 * functions read the kernel's memory, where a message is complete up to some length.
 */
#ifndef NSBLAME_DBUS_H
#define NSBLAME_DBUS_H

#include "probe.h"
#include <bpf/bpf_core_read.h>

/* The fixed part of a message's header (D-Bus specification, message format). */
struct dbus_header {
	__u8 endian; /* 'l' or 'B' */
	__u8 type;
	__u8 flags;
	__u8 version;
	__u32 body_len;
	__u32 serial;
	__u32 fields_len;
};

#define DBUS_NO_REPLY_EXPECTED 1 /* among the flags */
#define DBUS_NO_AUTO_START 2

#define DBUS_METHOD_CALL 1
#define DBUS_METHOD_RETURN 2
#define DBUS_ERROR 3
#define DBUS_SIGNAL 4
#define DBUS_FIELD_MEMBER 3
#define DBUS_FIELD_REPLY_SERIAL 5
#define DBUS_FIELD_DESTINATION 6
#define DBUS_FIELDS_MAX 12

/* Enough for each name that is compared, and its NUL. */
#define NAME_WORDS 4

struct name {
	__u64 word[NAME_WORDS];
};

#define FIRST(n) (~0ULL >> (8 * (8 - (n))))

static __always_inline __u32 order(__u32 n, __u8 endian)
{
	return endian == 'B' ? __builtin_bswap32(n) : n;
}

static __always_inline bool starts_units(struct name *member)
{
	__u64 w = member->word[0];

	return (w & FIRST(5)) == WORD('S', 't', 'a', 'r', 't', 0, 0, 0) ||
	       (w & FIRST(7)) == WORD('R', 'e', 's', 't', 'a', 'r', 't', 0) ||
	       (w & FIRST(6)) == WORD('R', 'e', 'l', 'o', 'a', 'd', 0, 0) ||
	       (w & FIRST(7)) == WORD('T', 'r', 'y', 'R', 'e', 's', 't', 0) ||
	       (w & FIRST(7)) == WORD('E', 'n', 'q', 'u', 'e', 'u', 'e', 0);
}

static __always_inline bool is_systemd1(struct name *dest)
{
	return dest->word[0] == WORD('o', 'r', 'g', '.', 'f', 'r', 'e', 'e') &&
	       dest->word[1] == WORD('d', 'e', 's', 'k', 't', 'o', 'p', '.') &&
	       dest->word[2] == WORD('s', 'y', 's', 't', 'e', 'm', 'd', '1') && !dest->word[3];
}

static __always_inline bool is_the_bus(struct name *dest)
{
	return dest->word[0] == WORD('o', 'r', 'g', '.', 'f', 'r', 'e', 'e') &&
	       dest->word[1] == WORD('d', 'e', 's', 'k', 't', 'o', 'p', '.') &&
	       dest->word[2] == WORD('D', 'B', 'u', 's', 0, 0, 0, 0);
}

/* What to do about a message. */
enum verdict {
	IGNORED,
	SENT,
	/* An answer, which matters if it is that to a message that was reported. */
	REPLY,
	/* A call that matters for its destination only. The bits from DEST_SHIFT on have
	 * the offset of the destination in the message. They are 0 if the header is not
	 * there whole, or was not understood. */
	CALL_TO_NAME,
};

#define DEST_SHIFT 8

static __always_inline int call_matters(struct name *dest, struct name *member, bool to_bus)
{
	/* systemd by its name, on a socket of its own, or by its connection's name */
	if (is_systemd1(dest) || !dest->word[0] || (dest->word[0] & 0xff) == ':')
		return starts_units(member) ? SENT : IGNORED;
	if (!to_bus) /* passed on by the bus, and seen when it was sent to it */
		return IGNORED;
	if (is_the_bus(dest)) /* StartServiceByName */
		return (member->word[0] & FIRST(8)) == WORD('S', 't', 'a', 'r', 't', 'S', 'e', 'r') ?
			       SENT :
			       IGNORED;
	return CALL_TO_NAME;
}

static __always_inline bool signal_matters(struct name *dest, struct name *member, __u64 first_arg,
					   bool to_bus)
{
	__u8 head[5] = {};

	if (member->word[0] == WORD('A', 'c', 't', 'i', 'v', 'a', 't', 'i'))
		return member->word[1] == WORD('o', 'n', 'R', 'e', 'q', 'u', 'e', 's') ||
		       member->word[1] == WORD('o', 'n', 'F', 'a', 'i', 'l', 'u', 'r');
	/* systemd announces a job or its end, on a bus or on its own socket */
	if (member->word[0] == WORD('J', 'o', 'b', 'N', 'e', 'w', 0, 0) ||
	    member->word[0] == WORD('J', 'o', 'b', 'R', 'e', 'm', 'o', 'v'))
		return true;
	/* a signal to a name activates it as a call does */
	if (to_bus)
		return dest->word[0] && (dest->word[0] & 0xff) != ':';
	if (member->word[0] != WORD('N', 'a', 'm', 'e', 'O', 'w', 'n', 'e') ||
	    member->word[1] != WORD('r', 'C', 'h', 'a', 'n', 'g', 'e', 'd'))
		return false;
	/* not for unique names of connections, which come and go all the time */
	return first_arg && !bpf_probe_read_kernel(head, sizeof(head), (void *)first_arg) && head[4] != ':';
}

/*
 * Returns where the next header field begins by the sender's account. The bits from
 * FIELD_CODE on have the code of the field at off if it is a name, a path or a number.
 * Returns 0 if that is no field of a message. The verifier looks at a function of its own only
 * once.
 */
#define FIELD_CODE 32

__noinline __u64 field_at(__u64 head, __u64 off, __u32 endian)
{
	__u64 len, code = 0;
	__u8 field[8];

	/* code, then a variant: signature of one type, and its value */
	if (bpf_probe_read_kernel(field, sizeof(field), (void *)head + off) || field[1] != 1)
		return 0;
	switch (field[2]) {
	case 's':
	case 'o':
		code = field[0];
		len = 8 + (__u64)order(*(__u32 *)(field + 4), endian) + 1;
		break;
	case 'g':
		len = 5 + field[4] + 1;
		break;
	case 'u':
		code = field[0];
		len = 8;
		break;
	default:
		return 0;
	}
	off = (off + len + 7) & ~7ULL;
	return off >> FIELD_CODE ? 0 : off | code << FIELD_CODE;
}

/* Longer ones are none (D-Bus specification, message format). */
#define DBUS_SIZE_MAX (1 << 27)
#define DBUS_FIELDS_SIZE_MAX (1 << 26)

static __always_inline bool is_header(struct dbus_header *h)
{
	return (h->endian == 'l' || h->endian == 'B') && h->type && h->version == 1;
}

/* The length of a message by its own account, 0 if it does not begin as one. */
__noinline __u64 message_size(__u64 head)
{
	struct dbus_header h;
	__u64 size, fields;

	if (bpf_probe_read_kernel(&h, sizeof(h), (void *)head) || !is_header(&h) || !h.serial)
		return 0;
	fields = order(h.fields_len, h.endian);
	size = ((sizeof(h) + fields + 7) & ~7ULL) + order(h.body_len, h.endian);
	return fields > DBUS_FIELDS_SIZE_MAX || size > DBUS_SIZE_MAX ? 0 : size;
}

/* What find_names returns. Offsets are below 1 << NAME_BITS, for no message is larger. */
#define NAME_BITS 28
#define NAME_MASK ((1ULL << NAME_BITS) - 1)
#define FIELDS_CUT (1ULL << (2 * NAME_BITS))

/* Notes where a field begins that is one of the two names. names is as find_names returns
 * it, field as field_at does. */
__noinline __u64 note_name(__u64 names, __u64 off, __u64 field)
{
	if (field >> FIELD_CODE == DBUS_FIELD_MEMBER)
		return (names & ~NAME_MASK) | (off + 8);
	if (field >> FIELD_CODE == DBUS_FIELD_DESTINATION)
		return (names & NAME_MASK) | (off + 8) << NAME_BITS;
	return names;
}

/*
 * Walks the fields of the header for the two that decide. Their order is up to the
 * sender, and so is every length. have is how much of the message is there. Returns where
 * the member begins, from bit NAME_BITS on the destination, 0 for none, and FIELDS_CUT if
 * the header is not there whole, or was not understood.
 */
__noinline __u64 find_names(__u64 head, __u64 have)
{
	struct dbus_header h;
	__u64 off = sizeof(h), end, names = untyped(NULL);
	int i;

	if (have > NAME_MASK || bpf_probe_read_kernel(&h, sizeof(h), (void *)head))
		return FIELDS_CUT;
	end = off + order(h.fields_len, h.endian);
	for (i = 0; i < DBUS_FIELDS_MAX; i++) {
		__u64 field;

		if (off >= end || off + 8 > have)
			break;
		field = field_at(head, off, h.endian);
		if (!field)
			break;
		names = note_name(names, off, field);
		off = (__u32)field;
	}
	return off < end || end > have ? names | FIELDS_CUT : names;
}

/* Returns a verdict on a message of which have bytes are there. */
__noinline int message_matters(__u64 head, __u64 have, __u32 to_bus)
{
	struct name member = {}, dest = {};
	__u64 names, dest_at, end;
	struct dbus_header h;
	int verdict;

	if (have < sizeof(h) || bpf_probe_read_kernel(&h, sizeof(h), (void *)head))
		return IGNORED;
	if (h.type == DBUS_METHOD_RETURN || h.type == DBUS_ERROR)
		return to_bus ? IGNORED : REPLY;
	if (h.type != DBUS_METHOD_CALL && h.type != DBUS_SIGNAL)
		return IGNORED;
	names = find_names(head, have);
	if (to_bus && names & FIELDS_CUT)
		return CALL_TO_NAME;
	dest_at = names >> NAME_BITS & NAME_MASK;
	if (names & NAME_MASK)
		bpf_probe_read_kernel_str(&member, sizeof(member), (void *)head + (names & NAME_MASK));
	if (dest_at)
		bpf_probe_read_kernel_str(&dest, sizeof(dest), (void *)head + dest_at);
	if (h.type == DBUS_METHOD_CALL) {
		verdict = call_matters(&dest, &member, to_bus);
		if (verdict == CALL_TO_NAME && (h.flags & DBUS_NO_AUTO_START))
			return IGNORED;
		if (verdict == CALL_TO_NAME)
			verdict |= dest_at << DEST_SHIFT;
		return verdict;
	}
	end = (sizeof(h) + (__u64)order(h.fields_len, h.endian) + 7) & ~7ULL;
	return signal_matters(&dest, &member, end + 8 <= have ? head + end : 0, to_bus);
}

/* The serial of the message that this one answers, 0 if there is none. */
__noinline __u32 reply_serial(__u64 head, __u64 have)
{
	__u64 off = untyped(NULL) + sizeof(struct dbus_header), end, field = 0;
	struct dbus_header h;
	__u32 serial = 0;
	int i;

	if (have < sizeof(h) || bpf_probe_read_kernel(&h, sizeof(h), (void *)head))
		return 0;
	end = off + order(h.fields_len, h.endian);
	for (i = 0; i < DBUS_FIELDS_MAX; i++) {
		if (off >= end || off + 8 > have)
			return 0;
		field = field_at(head, off, h.endian);
		if (!field || field >> FIELD_CODE == DBUS_FIELD_REPLY_SERIAL)
			break;
		off = (__u32)field;
	}
	if (field >> FIELD_CODE != DBUS_FIELD_REPLY_SERIAL)
		return 0;
	bpf_probe_read_kernel(&serial, sizeof(serial), (void *)head + off + 4);
	return order(serial, h.endian);
}

#endif
