/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to services, seen in what is sent on buses: method calls to a well-known
 * name, calls to systemd that start units, and the two signals by which a bus announces
 * an activation and the owner of a name. Everything else that is sent over unix sockets
 * must leave here within a few instructions.
 */
#ifndef NSBLAME_HOOK_REQUEST_H
#define NSBLAME_HOOK_REQUEST_H

#include "dbus.h"
#include "process.h"

/* --- repeated calls ------------------------------------------------- */

/*
 * A process that calls one service a thousand times a second says no more by it
 * than by a few calls. User space keeps CALLS_REPORTED - 1 calls to a name, from
 * when it last heard who has the name, or that something is started on. Beyond
 * those it needs to know who else calls, and the latest call of each. So the
 * further calls of one process to one name are left out, but for one in
 * CALL_AGAIN_NS, whoever else calls meanwhile. The same goes for what is no
 * message: it shows no more than that it was sent.
 */
#define CALLEE_NAME 64

struct callee {
	__u64 bus;
	struct process_key by;
	char name[CALLEE_NAME];
};

struct reported {
	__u64 turn;
	__u64 boot_ns; /* of the latest that was reported */
	__u32 version; /* of the record of its process at that time */
	__u32 calls;
};

/* A caller that is dropped here is reported again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct callee);
	__type(value, struct reported);
} reported_calls SEC(".maps");

/* Grows with every other message that is reported. User space may begin to count anew
 * then. */
volatile __u64 bus_turn = 0;

/* True if a call shows nothing new. Otherwise notes it as reported. name is 0 for what
 * is no message. */
__noinline int reported_already(__u64 bus, __u64 name)
{
	struct callee key = { .bus = bus, .by = process_key((void *)bpf_get_current_task()) };
	struct process *p = find_process(&key.by);
	__u64 now = bpf_ktime_get_boot_ns();
	struct reported *seen;
	long len;

	if (!p)
		return 0;
	if (name) {
		len = bpf_probe_read_user_str(key.name, sizeof(key.name), (void *)name);
		if (len <= 0 || len >= CALLEE_NAME) /* maybe cut */
			return 0;
	}
	seen = bpf_map_lookup_elem(&reported_calls, &key);
	if (!seen) {
		struct reported none = {};

		bpf_map_update_elem(&reported_calls, &key, &none, BPF_NOEXIST);
		seen = bpf_map_lookup_elem(&reported_calls, &key);
		if (!seen)
			return 0;
	}
	if (seen->turn != bus_turn) {
		seen->turn = bus_turn;
		seen->calls = 0;
	}
	if (seen->calls >= CALLS_REPORTED && seen->version == p->version && now - seen->boot_ns < CALL_AGAIN_NS)
		return 1;
	seen->calls++;
	seen->version = p->version;
	seen->boot_ns = now;
	return 0;
}

/* --- what does not begin with a header ------------------------------ */

/* A socket may take only a part of a message that is longer than half its buffer. The
 * sender comes again with the rest. Half a buffer is no less than this
 * (net/unix/af_unix.c, unix_stream_sendmsg, and include/net/sock.h, SOCK_MIN_SNDBUF). */
#define LARGE 2048

/* How much of a message a sender may still have to send. */
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

/* Notes what may follow on a message of total bytes, of which size are sent. */
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

	return rest && *rest >= size; /* all of it if the socket took nothing */
}

/* Notes that what follows belongs to a message of unknown length, until another one
 * begins. */
static __always_inline void begins_short(__u64 sk)
{
	__u64 rest = ~0ULL;

	bpf_map_update_elem(&rests, &sk, &rest, BPF_ANY);
}

#define FOUR(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

/* True for a line of the authentication. Messages may follow in the same send. */
static __always_inline bool is_auth(__u32 start)
{
	return start == FOUR(0, 'A', 'U', 'T') || start == FOUR('A', 'U', 'T', 'H') ||
	       start == FOUR('N', 'E', 'G', 'O') || start == FOUR('B', 'E', 'G', 'I');
}

static __always_inline bool is_start(__u32 start)
{
	return start >> 24 == 1 && ((start & 0xff) == 'l' || (start & 0xff) == 'B');
}

/* True if a send to a bus that does not begin with a whole header may be a call, or
 * hide one, and so is reported. */
static __always_inline bool may_call(struct segments *seg, __u64 bus, __u64 sk, __u64 size)
{
	__u8 type;
	__u32 start;

	if (seg->head_len < sizeof(start)) { /* user space puts segments together */
		forget_rest(sk);
		return size >= CALL_MIN || !reported_already(bus, 0);
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
		return (type == DBUS_METHOD_CALL || type == DBUS_SIGNAL) && !reported_already(bus, 0);
	}
	return size >= CALL_MIN && !goes_on(sk, size) && !reported_already(bus, 0);
}

/* --- the probe ------------------------------------------------------ */

static __always_inline void fill_data(struct bus_record *rec, struct segments *seg)
{
	__u64 n = seg->head_len, more = seg->next_len, off;

	if (n > BUS_SEGMENT)
		n = BUS_SEGMENT;
	if (bpf_probe_read_user(rec->data, n, (void *)seg->head)) {
		if (!(rec->flags & BUS_TO)) /* one to a bus still shows its sender */
			count(COUNT_BUS_UNREAD);
		return;
	}
	rec->len = n;
	/* a further segment makes sense only behind a whole one */
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
	struct process *p = find_or_note(task, &key);
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
		/* further messages in the same send are read by user space */
		if (!to_bus || total >= size)
			verdict = message_matters(seg.head, seg.head_len, seg.next, to_bus);
	}
	if (verdict == IGNORED)
		return 0;
	if (verdict == SENT) /* before it is out, so that what follows it is reported */
		__sync_fetch_and_add(&bus_turn, 1);
	else if (verdict >> DEST_SHIFT && reported_already((__u64)addr, seg.head + (verdict >> DEST_SHIFT)))
		return 0;
	send_bus_record(&seg, (__u64)addr, path, size,
			BPF_CORE_READ((struct sock *)sk, sk_peer_pid, numbers[0].nr), to_bus);
	return 0;
}

#endif
