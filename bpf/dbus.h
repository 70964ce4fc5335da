/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of D-Bus that are sent over unix sockets: which socket is that of a bus,
 * which bytes are sent, and whether they are a message that can start something.
 *
 * A bus is known by the path that its socket listens on. An accepted socket has the
 * address of its listener. So the client has it on its peer, the bus on its own socket.
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

#define DBUS_NO_AUTO_START 2 /* among the flags */

#define DBUS_METHOD_CALL 1
#define DBUS_ERROR 3
#define DBUS_SIGNAL 4
#define DBUS_FIELD_MEMBER 3
#define DBUS_FIELD_DESTINATION 6
#define DBUS_FIELDS_MAX 12

/* The shortest call to a name that has no owner: the fixed part and the fields for
 * path, destination and member. The authentication before the first message is
 * shorter. It often is text in a page that the program has not touched yet, so it
 * cannot be read here. */
#define CALL_MIN 64

/* What shows that a message begins: byte order, type, flags, version. */
#define MESSAGE_START 4

/* Enough for each name that is compared, and its NUL. */
#define NAME_WORDS 4

struct name {
	__u64 word[NAME_WORDS];
};

/* Eight bytes of a string as the number that they are in memory. */
#define WORD(a, b, c, d, e, f, g, h)                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

#define FIRST(n) (~0ULL >> (8 * (8 - (n))))

/* --- which socket --------------------------------------------------- */

/* /run/user/UID/bus and /run/user/UID/systemd/private */
static __always_inline bool is_user_bus(const char *path)
{
	int i;

	for (i = 10; i < 21; i++) {
		if (path[i] == '/')
			return (path[i + 1] == 'b' && path[i + 2] == 'u' && path[i + 3] == 's' &&
				!path[i + 4]) ||
			       (path[i + 1] == 's' && path[i + 2] == 'y' && path[i + 3] == 's');
		if (path[i] < '0' || path[i] > '9')
			break;
	}
	return false;
}

/* Reads the path that a socket is bound to. True if it is that of a bus. */
static __always_inline bool is_bus(struct unix_address *addr, __u64 *path)
{
	if (!addr ||
	    bpf_probe_read_kernel(path, 8, (void *)addr + bpf_core_field_offset(struct unix_address, name) +
						    bpf_core_field_offset(struct sockaddr_un, sun_path)))
		return false;
	if (path[0] != WORD('/', 'r', 'u', 'n', '/', 'd', 'b', 'u') &&
	    path[0] != WORD('/', 'v', 'a', 'r', '/', 'r', 'u', 'n') &&
	    path[0] != WORD('/', 'r', 'u', 'n', '/', 's', 'y', 's') &&
	    path[0] != WORD('/', 'r', 'u', 'n', '/', 'u', 's', 'e'))
		return false;
	if (bpf_probe_read_kernel_str(path, BUS_PATH,
				      (void *)addr + bpf_core_field_offset(struct unix_address, name) +
					      bpf_core_field_offset(struct sockaddr_un, sun_path)) < 0)
		return false;
	if (path[0] == WORD('/', 'r', 'u', 'n', '/', 'u', 's', 'e'))
		return is_user_bus((char *)path);
	return path[1] == WORD('s', '/', 's', 'y', 's', 't', 'e', 'm') ||
	       path[1] == WORD('/', 'd', 'b', 'u', 's', '/', 's', 'y') ||
	       path[1] == WORD('t', 'e', 'm', 'd', '/', 'p', 'r', 'i');
}

/* --- which bytes ---------------------------------------------------- */

/* The first segments of a message that are not empty. libdbus and dbus-daemon send
 * header and body in segments of their own. dbus-broker sends four: the header
 * without the sender, padding, the sender, and the body. In its own messages the
 * middle ones are empty. */
struct segments {
	__u64 head;
	__u64 head_len;
	__u64 next; /* 0 if there is none */
	__u64 next_len;
	__u64 third;
	__u64 third_len;
};

#define SEGMENTS_MAX 4

static __always_inline const struct iovec *segment_list(struct iov_iter *it)
{
	if (bpf_core_field_exists(it->__iov))
		return BPF_CORE_READ(it, __iov);
	return BPF_CORE_READ((struct iov_iter___v61 *)it, iov);
}

/* The array of segments is the kernel's copy, and what they point to is the sender's
 * memory. Each kernel generation numbers the kinds of iterators in its own way. */
static __always_inline bool read_segments(struct segments *seg, struct iov_iter *it, __u64 size)
{
	const struct iovec *iov;
	__u64 nr;
	int i;
	__u64 iovec_kind = bpf_core_enum_value_exists(enum iter_type___kinds, ITER_IOVEC___kinds) ?
				   bpf_core_enum_value(enum iter_type___kinds, ITER_IOVEC___kinds) :
				   0;
	__u64 kind;

	if (bpf_core_field_exists(((struct iov_iter___v510 *)it)->type))
		kind = BPF_CORE_READ((struct iov_iter___v510 *)it, type) & ~1;
	else
		kind = BPF_CORE_READ(it, iter_type);
	__builtin_memset(seg, 0, sizeof(*seg));
	if (bpf_core_enum_value_exists(enum iter_type___kinds, ITER_UBUF___kinds) &&
	    kind == bpf_core_enum_value(enum iter_type___kinds, ITER_UBUF___kinds)) {
		seg->head = (__u64)BPF_CORE_READ((struct iov_iter___ubuf *)it, ubuf);
		seg->head_len = size;
		return true;
	}
	if (kind != iovec_kind)
		return false;
	iov = segment_list(it);
	nr = BPF_CORE_READ(it, nr_segs);
	for (i = 0; i < SEGMENTS_MAX && i < nr; i++) {
		__u64 base = (__u64)BPF_CORE_READ(iov, iov_base);
		__u64 len = BPF_CORE_READ(iov, iov_len);

		iov = (void *)iov + bpf_core_type_size(struct iovec);
		if (!len)
			continue;
		if (!seg->head_len) {
			seg->head = base;
			seg->head_len = len;
		} else if (!seg->next_len) {
			seg->next = base;
			seg->next_len = len;
		} else if (!seg->third_len) {
			seg->third = base;
			seg->third_len = len;
		}
	}
	return true;
}

/* --- which message -------------------------------------------------- */

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
	/* A call that matters for its destination only. The bits from DEST_SHIFT on have
	 * the offset of the destination in the message. They are 0 if the header is not
	 * captured whole, was not understood, or is not all that is sent. */
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
		return member->word[1] == WORD('o', 'n', 'R', 'e', 'q', 'u', 'e', 's');
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
	return !bpf_probe_read_user(head, sizeof(head), (void *)first_arg) && head[4] != ':';
}

/*
 * Returns where the next header field begins by the sender's account. The bits from
 * FIELD_CODE on have the code of the field at off if it is a name or a path. Returns 0
 * if that is no field of a message. The verifier looks at a function of its own only
 * once.
 */
#define FIELD_CODE 32

__noinline __u64 field_at(__u64 head, __u64 off, __u32 endian)
{
	__u64 len, code = 0;
	__u8 field[8];

	/* code, then a variant: signature of one type, and its value */
	if (bpf_probe_read_user(field, sizeof(field), (void *)head + off) || field[1] != 1)
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
		len = 8;
		break;
	default:
		return 0;
	}
	off = (off + len + 7) & ~7ULL;
	return off >> FIELD_CODE ? 0 : off | code << FIELD_CODE;
}

/* The length of a message by its own account, 0 if it does not begin as one. */
__noinline __u64 message_size(__u64 head, __u64 head_len)
{
	struct dbus_header h;

	if (head_len < sizeof(h) || bpf_probe_read_user(&h, sizeof(h), (void *)head))
		return 0;
	if ((h.endian != 'l' && h.endian != 'B') || h.version != 1)
		return 0;
	return ((sizeof(h) + (__u64)order(h.fields_len, h.endian) + 7) & ~7ULL) +
	       order(h.body_len, h.endian);
}

/* Walks the fields of the header for the two that decide. Their order is up to the
 * sender, and so is every length. Returns a verdict. */
__noinline int message_matters(__u64 head, __u64 head_len, __u64 next, __u32 to_bus)
{
	struct name member = {}, dest = {};
	struct dbus_header h;
	/* so that the verifier finds the first turn like all others */
	__u64 member_at = untyped(NULL), dest_at = untyped(NULL);
	__u64 off = sizeof(h), end;
	int i, verdict;

	if (head_len < sizeof(h) || bpf_probe_read_user(&h, sizeof(h), (void *)head))
		return 0;
	end = off + order(h.fields_len, h.endian);
	if (h.type == DBUS_ERROR) /* an error to a bus starts nothing */
		return !to_bus;
	if (h.type != DBUS_METHOD_CALL && h.type != DBUS_SIGNAL)
		return 0;
	for (i = 0; i < DBUS_FIELDS_MAX; i++) {
		__u64 field;

		if (off >= end || off + 8 > head_len)
			break;
		field = field_at(head, off, h.endian);
		if (!field)
			break;
		if (field >> FIELD_CODE == DBUS_FIELD_MEMBER)
			member_at = off + 8;
		if (field >> FIELD_CODE == DBUS_FIELD_DESTINATION)
			dest_at = off + 8;
		off = (__u32)field;
	}
	/* behind the segment is not what is sent */
	if (to_bus && (off < end || end > head_len))
		return CALL_TO_NAME;
	if (member_at)
		bpf_probe_read_user_str(&member, sizeof(member), (void *)head + member_at);
	if (dest_at)
		bpf_probe_read_user_str(&dest, sizeof(dest), (void *)head + dest_at);
	if (h.type == DBUS_METHOD_CALL) {
		verdict = call_matters(&dest, &member, to_bus);
		if (verdict == CALL_TO_NAME && (h.flags & DBUS_NO_AUTO_START))
			return IGNORED;
		if (verdict == CALL_TO_NAME && end <= BUS_SEGMENT)
			verdict |= dest_at << DEST_SHIFT;
		return verdict;
	}
	end = (end + 7) & ~7ULL;
	return signal_matters(&dest, &member, end < head_len ? head + end : next + (end - head_len),
			      to_bus);
}

#endif
