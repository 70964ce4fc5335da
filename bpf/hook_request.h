/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said on the buses, as far as it can start something: method calls to
 * a well-known name, calls to systemd that start units, and the two signals by
 * which a bus tells of an activation and of a name's owner.
 *
 * A bus is known by the path that its socket listens on. An accepted socket
 * carries its listener's address: a client sees it on its peer, the bus on its
 * own socket. Everything else that is sent over unix sockets must leave here
 * within a few instructions.
 */
#ifndef NSBLAME_HOOK_REQUEST_H
#define NSBLAME_HOOK_REQUEST_H

#include "process.h"

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
 * path, destination and member. What goes before the first message, by which who
 * connects shows who it is, is shorter, and often is text that its program has not
 * touched yet, which can't be read here. */
#define CALL_MIN 64

/* By so much a message is recognised: order of bytes, type, flags, version. */
#define MESSAGE_START 4

/* Long enough for each name that is compared, and its end. */
#define NAME_WORDS 4

struct name {
	__u64 word[NAME_WORDS];
};

/* Eight bytes of a string as the number that they are in memory. */
#define WORD(a, b, c, d, e, f, g, h)                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

#define FIRST(n) (~0ULL >> (8 * (8 - (n))))

/* --- which socket ------------------------------------------------------ */

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

/* Reads the path that a socket is bound to, and tells if it is a bus's. */
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

/* --- which bytes ------------------------------------------------------- */

/* The first of a message's segments that are not empty. libdbus and dbus-daemon
 * send header and body apart. dbus-broker sends four: the header without the
 * sender, padding, the sender, and the body; in what it says itself the middle
 * ones are empty. */
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

/* The array of segments is the kernel's own copy, what they point to is the
 * sender's. Kinds of iterators are numbered differently by each generation. */
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

/* --- which message ----------------------------------------------------- */

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

/* What is to be done about a message. */
enum verdict {
	IGNORED,
	SENT,
	/* a call that only its name makes of interest; how far into the message its
	 * destination begins is in the bits from DEST_SHIFT on, 0 if its header is
	 * not captured whole, was not understood, or is not all that is sent */
	CALL_TO_NAME,
};

#define DEST_SHIFT 8

static __always_inline int call_matters(struct name *dest, struct name *member, bool to_bus)
{
	/* systemd by its name, on a socket of its own, or by its connection's name */
	if (is_systemd1(dest) || !dest->word[0] || (dest->word[0] & 0xff) == ':')
		return starts_units(member) ? SENT : IGNORED;
	if (!to_bus) /* passed on by the bus: seen when it was sent */
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
	/* systemd says that a job is there or over, on a bus or its own socket */
	if (member->word[0] == WORD('J', 'o', 'b', 'N', 'e', 'w', 0, 0) ||
	    member->word[0] == WORD('J', 'o', 'b', 'R', 'e', 'm', 'o', 'v'))
		return true;
	/* a signal to a name activates it as a call does */
	if (to_bus)
		return dest->word[0] && (dest->word[0] & 0xff) != ':';
	if (member->word[0] != WORD('N', 'a', 'm', 'e', 'O', 'w', 'n', 'e') ||
	    member->word[1] != WORD('r', 'C', 'h', 'a', 'n', 'g', 'e', 'd'))
		return false;
	/* not of the connections' own names, which come and go all the time */
	return !bpf_probe_read_user(head, sizeof(head), (void *)first_arg) && head[4] != ':';
}

/*
 * Where the header field behind the one at off begins, as the sender would have
 * it, and, above that, the code of this one if it is a name or a path. 0 if it is
 * no field of a message. A function of its own, so that the verifier looks at it
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

/* How long a message is by its own account, 0 if it does not begin as one. */
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

/*
 * Walks the header's fields for the two that decide. Their order is up to the
 * sender, and so is every length. Returns a verdict.
 */
__noinline int message_matters(__u64 head, __u64 head_len, __u64 next, __u32 to_bus)
{
	struct name member = {}, dest = {};
	struct dbus_header h;
	/* to the verifier the first turn is like all others */
	__u64 member_at = untyped(NULL), dest_at = untyped(NULL);
	__u64 off = sizeof(h), end;
	int i, verdict;

	if (head_len < sizeof(h) || bpf_probe_read_user(&h, sizeof(h), (void *)head))
		return 0;
	end = off + order(h.fields_len, h.endian);
	if (h.type == DBUS_ERROR) /* what is refused starts nothing */
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

/* --- what is said again ------------------------------------------------- */

/*
 * Who calls one service a thousand times a second tells no more by it than by a
 * few calls. User space keeps so many calls to a name, from when it last heard
 * who has the name or that something is started on; once there are more, it only
 * wants to know who else calls, and of the latest call of each. So of the calls
 * to a name by one process as it is, all further ones are left out but for one in
 * a while, whoever else calls meanwhile. The same goes for what is no message:
 * no more can be told of it than that it was sent.
 */
#define CALLS_TOLD 17 /* what user space keeps (blame's maxCalls), and one more */
#define CALL_AGAIN_NS (100 * 1000 * 1000)

#define CALLEE_NAME 64

struct callee {
	__u64 bus;
	struct process_key by;
	char name[CALLEE_NAME];
};

struct told {
	__u64 turn;
	__u64 boot_ns; /* of the latest that was told */
	__u32 version; /* of its process, then */
	__u32 calls;
};

/* Whoever is dropped is told of again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct callee);
	__type(value, struct told);
} told_calls SEC(".maps");

/* Grows with every message that is no such call: with that, user space may begin
 * anew to count. */
volatile __u64 bus_turn = 0;

/* Whether a call tells nothing new; notes it if it does. Without a name it is
 * about what is no message. */
__noinline int told_already(__u64 bus, __u64 name)
{
	struct callee key = { .bus = bus, .by = process_key((void *)bpf_get_current_task()) };
	struct process *p = bpf_map_lookup_elem(&processes, &key.by);
	__u64 now = bpf_ktime_get_boot_ns();
	struct told *told;
	long len;

	if (!p)
		return 0;
	if (name) {
		len = bpf_probe_read_user_str(key.name, sizeof(key.name), (void *)name);
		if (len <= 0 || len >= CALLEE_NAME) /* maybe cut */
			return 0;
	}
	told = bpf_map_lookup_elem(&told_calls, &key);
	if (!told) {
		struct told none = {};

		bpf_map_update_elem(&told_calls, &key, &none, BPF_NOEXIST);
		told = bpf_map_lookup_elem(&told_calls, &key);
		if (!told)
			return 0;
	}
	if (told->turn != bus_turn) {
		told->turn = bus_turn;
		told->calls = 0;
	}
	if (told->calls >= CALLS_TOLD && told->version == p->version && now - told->boot_ns < CALL_AGAIN_NS)
		return 1;
	told->calls++;
	told->version = p->version;
	told->boot_ns = now;
	return 0;
}

/* --- what does not begin with a header ---------------------------------- */

/* A socket takes a part of a message that is longer than half its buffer, which is
 * no less than this, and the sender comes again with the rest (net/unix/af_unix.c,
 * unix_stream_sendmsg; include/net/sock.h, SOCK_MIN_SNDBUF). */
#define LARGE 2048

/* How much of a message a socket may still be given. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* the socket's address */
	__type(value, __u64);
} rests SEC(".maps");

static __always_inline void forget_rest(__u64 sk)
{
	if (bpf_map_lookup_elem(&rests, &sk))
		bpf_map_delete_elem(&rests, &sk);
}

/* Notes what may follow on a message of so many bytes, of which so many are sent. */
static __always_inline void begins(__u64 sk, __u64 total, __u64 size)
{
	__u64 rest = total > size ? total - size : size;

	if (total > size || size > LARGE)
		bpf_map_update_elem(&rests, &sk, &rest, BPF_ANY);
	else
		forget_rest(sk);
}

static __always_inline bool goes_on(__u64 sk, __u64 size)
{
	__u64 *rest = bpf_map_lookup_elem(&rests, &sk);

	return rest && *rest >= size; /* all of it if nothing was taken */
}

/* Notes that what follows belongs to a message of unknown length, until the next
 * one begins. */
static __always_inline void begins_short(__u64 sk)
{
	__u64 rest = ~0ULL;

	bpf_map_update_elem(&rests, &sk, &rest, BPF_ANY);
}

#define FOUR(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

/* Whether it is what a client says to be let in. Messages may follow. */
static __always_inline bool is_auth(__u32 start)
{
	return start == FOUR(0, 'A', 'U', 'T') || start == FOUR('A', 'U', 'T', 'H') ||
	       start == FOUR('N', 'E', 'G', 'O') || start == FOUR('B', 'E', 'G', 'I');
}

static __always_inline bool is_start(__u32 start)
{
	return start >> 24 == 1 && ((start & 0xff) == 'l' || (start & 0xff) == 'B');
}

/* Whether a send to a bus that does not begin with a whole header may be a call, or
 * hide one, and user space is to be told. */
static __always_inline bool may_call(struct segments *seg, __u64 bus, __u64 sk, __u64 size)
{
	__u8 type;
	__u32 start;

	if (seg->head_len < sizeof(start)) { /* user space puts segments together */
		forget_rest(sk);
		return size >= CALL_MIN || !told_already(bus, 0);
	}
	if (bpf_probe_read_user(&start, sizeof(start), (void *)seg->head))
		start = 0;
	if (is_auth(start)) {
		forget_rest(sk);
		return size >= CALL_MIN;
	}
	if (is_start(start) && seg->head_len < size) {
		forget_rest(sk);
		return true;
	}
	if (is_start(start)) { /* the first piece of a message */
		begins_short(sk);
		type = start >> 8;
		return (type == DBUS_METHOD_CALL || type == DBUS_SIGNAL) && !told_already(bus, 0);
	}
	return size >= CALL_MIN && !goes_on(sk, size) && !told_already(bus, 0);
}

/* --- the probe --------------------------------------------------------- */

static __always_inline void fill_data(struct bus_record *rec, struct segments *seg)
{
	__u64 n = seg->head_len, more = seg->next_len, off;

	if (n > BUS_SEGMENT)
		n = BUS_SEGMENT;
	if (bpf_probe_read_user(rec->data, n, (void *)seg->head)) {
		if (!(rec->flags & BUS_TO)) /* to a bus it is known who sent it */
			count(COUNT_BUS_UNREAD);
		return;
	}
	rec->len = n;
	/* a further segment makes sense only behind whole ones */
	if (!more || seg->head_len > BUS_SEGMENT)
		return;
	if (more > BUS_SEGMENT)
		more = BUS_SEGMENT;
	if (bpf_probe_read_user(rec->data + n, more, (void *)seg->next))
		return;
	off = n + more;
	rec->len = off;
	more = seg->third_len;
	if (!more || off > BUS_SEGMENT)
		return;
	if (more > BUS_SEGMENT)
		more = BUS_SEGMENT;
	if (!bpf_probe_read_user(rec->data + off, more, (void *)seg->third))
		rec->len = off + more;
}

static __always_inline void send_bus_record(struct segments *seg, __u64 bus, __u64 *path, __u64 size,
					    __u32 peer, bool to_bus)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key key = process_key(task);
	struct process *p = find_or_adopt(task, &key);
	struct bus_record *rec;

	if (p) {
		refresh(p, task);
		publish_lineage(key.start_ns, key.pid);
	}
	rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);
	if (!rec) {
		count(COUNT_LOST_BUS);
		return;
	}
	rec->kind = REC_BUS;
	rec->flags = to_bus ? BUS_TO : 0;
	rec->boot_ns = bpf_ktime_get_boot_ns();
	rec->sender = key;
	rec->bus = bus;
	rec->tid = (__u32)bpf_get_current_pid_tgid();
	rec->size = size;
	rec->len = 0;
	rec->peer = peer;
	__builtin_memcpy(rec->path, path, sizeof(rec->path));
	fill_data(rec, seg);
	bpf_ringbuf_submit(rec, wakeup(false));
}

PROBE_ENTRY(send, unix_stream_sendmsg, struct socket *sock, struct msghdr *msg, unsigned long size)
{
	__u64 path[BUS_PATH / 8] = {};
	struct unix_address *addr;
	struct segments seg;
	struct unix_sock *sk;
	bool to_bus = true;
	__u64 total;
	int verdict = CALL_TO_NAME;

	if (size < MESSAGE_START)
		return 0;
	sk = BPF_CORE_READ(sock, sk);
	addr = BPF_CORE_READ(sk, peer, addr);
	if (!is_bus(addr, path)) {
		to_bus = false;
		addr = BPF_CORE_READ(sk, addr);
		if (!is_bus(addr, path))
			return 0;
	}
	if (!read_segments(&seg, &msg->msg_iter, size)) {
		count(COUNT_BUS_UNREAD);
		return 0;
	}
	total = message_size(seg.head, seg.head_len);
	if (!total) {
		if (!to_bus || !may_call(&seg, (__u64)addr, (__u64)sk, size))
			return 0;
	} else {
		if (to_bus)
			begins((__u64)sk, total, size);
		/* user space reads the further messages, too */
		if (!to_bus || total >= size)
			verdict = message_matters(seg.head, seg.head_len, seg.next, to_bus);
	}
	if (verdict == IGNORED)
		return 0;
	if (verdict == SENT) /* before it is out: what follows it is told */
		__sync_fetch_and_add(&bus_turn, 1);
	else if (verdict >> DEST_SHIFT && told_already((__u64)addr, seg.head + (verdict >> DEST_SHIFT)))
		return 0;
	send_bus_record(&seg, (__u64)addr, path, size,
			BPF_CORE_READ((struct sock *)sk, sk_peer_pid, numbers[0].nr), to_bus);
	return 0;
}

#endif
