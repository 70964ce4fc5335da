/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to services, seen in what is sent on buses: method calls to a well-known
 * name, calls to systemd that start units, the answers to both, and the signals by
 * which a bus or a manager announces an activation, a job, or the owner of a name. Also
 * requests to container engines, for a program of its own on the same function would have
 * to be loaded and run, too. Everything else that is sent over unix sockets must leave here
 * within a few instructions.
 *
 * What is heard is the kernel's copy: once it is complete, neither its bytes nor that
 * it is sent depend on the sender any more. Only if the other end is closed at that
 * moment, nobody reads it.
 */
#ifndef NSBLAME_HOOK_REQUEST_H
#define NSBLAME_HOOK_REQUEST_H

#include "engine.h"

/* --- repeated calls ------------------------------------------------- */

/*
 * A process that calls one service a thousand times a second says no more by it
 * than by a few calls. User space keeps CALLS_REPORTED - 1 calls to a name, from
 * when it last heard who has the name, or that something is started on. Beyond
 * those it needs to know who else calls, and the latest call of each. So the
 * further calls of one process to one name are left out, but for one in
 * CALL_AGAIN_NS, whoever else calls meanwhile.
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

/* True if a call shows nothing new. Otherwise notes it as reported. name is 0 if it is
 * not known. */
__noinline int reported_already(__u64 bus, __u64 name)
{
	struct callee key = { .bus = bus, .by = current_key() };
	struct process *p = find_process(&key.by);
	__u64 now = bpf_ktime_get_boot_ns();
	struct reported *seen;
	long len;

	if (!p)
		return 0;
	if (name) {
		len = bpf_probe_read_kernel_str(key.name, sizeof(key.name), (void *)name);
		if (len <= 0 || len >= CALLEE_NAME) /* maybe cut */
			return 0;
	}
	seen = look_up(&reported_calls, &key);
	if (!seen) {
		struct reported none = {};

		bpf_map_update_elem(&reported_calls, &key, &none, BPF_NOEXIST);
		seen = look_up(&reported_calls, &key);
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

/* --- records -------------------------------------------------------- */

/* Of the arguments of an answer only the first few are kept. They name a job. */
#define ANSWER_KEPT 128

/* How much of a message is sent to user space. */
static __always_inline __u64 kept_of(struct sending *s)
{
	struct dbus_header h;
	__u64 end;

	if (!s->answer || bpf_probe_read_kernel(&h, sizeof(h), (void *)s->head))
		return s->have;
	end = ((sizeof(h) + (__u64)order(h.fields_len, h.endian) + 7) & ~7ULL) + ANSWER_KEPT;
	return s->have < end ? s->have : end;
}

static __always_inline void fill_record(struct bus_record *rec, struct sending *s)
{
	__u64 n = s->unread ? 0 : kept_of(s);

	rec->kind = REC_BUS;
	rec->flags = s->key.from_bus ? 0 : BUS_TO;
	rec->bus = s->bus;
	rec->conn = s->key.conn;
	rec->tid = this_thread();
	rec->size = s->size;
	rec->peer = s->peer;
	rec->listener_owner = s->owner;
	rec->unread = s->unread;
	__builtin_memcpy(rec->path, s->path, sizeof(rec->path));
	if (n > BUS_DATA)
		n = BUS_DATA;
	rec->len = bpf_probe_read_kernel(rec->data, n, (void *)s->head) ? 0 : n;
}

/* Sends the sender, the listener, and what take_part has found. */
__noinline int send_bus_record(__u32 of, int taken)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct sending *s = this_sending(of);
	struct process_key key = {}, listener;
	__u32 unread, place, known = 0;
	struct bus_record *rec;
	__u64 now;

	if (!s || !(taken & TAKEN_MESSAGE))
		return 0;
	unread = s->unread;
	/* before 5.12 a thread of the kernel may send for somebody (io_uring) */
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
		key = current_key();
		known = meet_current();
	}
	place = place_of_current();
	switch (may_send(place, s->others)) {
	case SEND_NOTHING:
		return 0;
	case SEND_TOO_MANY:
		s->unread = BUS_TOO_MANY;
		break;
	}
	if (known)
		publish_lineage(key.start_ns, key.pid, RING_BUS);
	listener = listener_of((void *)s->client);
	if (listener.pid)
		publish_lineage(listener.start_ns, listener.pid, RING_BUS);
	now = bpf_ktime_get_boot_ns();
	rec = bpf_ringbuf_reserve(&bus_records, sizeof(*rec), 0);
	if (!rec) {
		count_for(place, lost_send(s->others));
		s->unread = unread;
		return 0;
	}
	rec->sender = key;
	rec->listener = listener;
	fill_record(rec, s);
	s->unread = unread; /* of what else is in this send */
	rec->boot_ns = now;
	bpf_ringbuf_submit(rec, wakeup(RING_BUS, false));
	return 0;
}

/* True if what take_next has found is to be reported. */
__noinline int matters(__u32 of)
{
	struct sending *s = this_sending(of);
	int verdict;

	if (!s)
		return 0;
	s->answer = 0;
	if (s->unread)
		return 1;
	verdict = message_matters(s->head, s->have, !s->key.from_bus);
	if (verdict == IGNORED)
		return 0;
	/* A user can have the bus forget where in a large message of his own it is. So what
	 * the machine's bus announces is heard where it tells the machine's accounts. */
	if (verdict == SENT && s->key.from_bus && s->ordinary && !s->others)
		return 0;
	if (verdict == REPLY) {
		s->answer = 1;
		return is_awaited(of);
	}
	if (verdict == SENT) /* before it is out, so that what follows it is reported */
		__sync_fetch_and_add(&bus_turn, 1);
	else if (reported_already(s->bus, verdict >> DEST_SHIFT ? s->head + (verdict >> DEST_SHIFT) : 0))
		return 0;
	if (!s->key.from_bus)
		await_answer(of);
	return 1;
}

/* Takes the next part. Returns an enum taken, with TAKEN_MESSAGE only for what is to be
 * reported. A function of its own, because older verifiers follow each way through a loop
 * that calls functions. */
__noinline int take_part(__u32 of)
{
	int taken = take_next(of);

	return taken & TAKEN_MESSAGE && !matters(of) ? taken & ~TAKEN_MESSAGE : taken;
}

/* Reports that what there is was not read. That matters, whatever it is. */
__noinline int refuse(__u32 of, __u32 why)
{
	send_bus_record(of, stay_out(of, why));
	return 0;
}

/* --- the probes ----------------------------------------------------- */

/* Reads the path that the socket of a bus is bound to. Returns 0 if it is none. A function
 * of its own, as is what it is followed by: the verifier looks at it once. */
__noinline int read_bus(__u64 address, __u32 of)
{
	struct sending *s = this_sending(of);

	return s && is_bus((void *)address, s->path, &s->user);
}

/* A connection to a bus. */
struct bus_ends {
	struct unix_address *addr;
	struct unix_sock *client;
};

static __always_inline bool is_of_bus(struct unix_sock *sk, int ends, struct bus_ends *b, __u32 of)
{
	b->client = sk;
	b->addr = ends & FAR_BUS ? BPF_CORE_READ(sk, peer, addr) : NULL;
	if (b->addr && read_bus(untyped(b->addr), of))
		return true;
	b->addr = ends & NEAR_BUS ? BPF_CORE_READ(sk, addr) : NULL;
	if (!b->addr || !read_bus(untyped(b->addr), of))
		return false;
	b->client = BPF_CORE_READ(sk, peer);
	return true;
}

/* Returns 0 if whoever listens cannot be a bus. */
__noinline int begin_sending(__u64 sock, __u64 client_sock, __u64 address, __u32 of)
{
	struct sock *client = (void *)client_sock;
	__u64 listener = user_behind(client_sock), user;
	struct sending *s = this_sending(of);
	__u32 pid_ns;

	if (!s || !may_listen(listener, s->user))
		return 0;
	s->key.conn = connection_of(client);
	s->key.from_bus = client_sock != sock;
	s->client = client_sock;
	s->bus = address;
	s->peer = BPF_CORE_READ((struct sock *)sock, sk_peer_pid, numbers[0].nr);
	s->owner = listener;
	pid_ns = pid_ns_of(BPF_CORE_READ(client, sk_peer_pid));
	s->others = !!(s->owner | pid_ns);
	user = user_behind((__u64)BPF_CORE_READ((struct unix_sock *)client, peer));
	s->ordinary = s->others | ordinary_user(user);
	/* root of each container has room of its own, nobody else has more */
	s->stream.owner.uid = user;
	s->stream.owner.pid_ns = s->stream.owner.uid ? 0 : pid_ns;
	search_place_of_stream(of);
	s->pieces = s->stream;
	s->pieces.place &= PIECES_EACH - 1;
	s->unread = BUS_READ;
	s->fragments = s->nr_fragments = 0;
	return 1;
}

/* What a program is at work on, if a connection is one to a bus. */
static __always_inline struct sending *sending_on(struct unix_sock *sk, int ends, __u32 of)
{
	struct bus_ends b = {};

	if (!is_of_bus(sk, ends, &b, of) || !begin_sending(untyped(sk), untyped(b.client), untyped(b.addr), of))
		return NULL;
	return this_sending(of);
}

/* How many parts are taken of what is sent at once: fragments, messages, lines. */
#define PARTS_MAX 96

/* The verifier looks at so many. */
#define PARTS_CHUNK 12

/* Takes some parts, and reports them. Returns 0 if there is no more. */
__noinline int take_parts(__u32 of)
{
	int i;

	for (i = 0; i < PARTS_CHUNK; i++) {
		int taken = take_part(of);

		send_bus_record(of, taken);
		if (!(taken & TAKEN_MORE))
			return 0;
	}
	return 1;
}

static __always_inline int take_copy(struct unix_sock *sk, int ends, struct sk_buff *skb, struct iov_iter *from)
{
	struct msghdr *msg = (void *)from - bpf_core_field_offset(struct msghdr, msg_iter);
	struct sending *s = sending_on(sk, ends, OF_COPY);
	int i;

	if (!s)
		return 0;
	s->skb = (__u64)skb;
	s->at = (__u64)BPF_CORE_READ(skb, data);
	s->len = BPF_CORE_READ(skb, len);
	if (BPF_CORE_READ(msg, msg_flags) & MSG_OOB) {
		if (!s->key.from_bus)
			refuse(OF_COPY, BUS_OUT_OF_STEP);
		return 0;
	}
	if (BPF_CORE_READ(skb, data_len)) {
		struct skb_shared_info *info = (void *)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end);

		s->len -= BPF_CORE_READ(skb, data_len);
		s->nr_fragments = BPF_CORE_READ(info, nr_frags);
		map_pages(untyped(skb));
	}
	for (i = 0; i < PARTS_MAX / PARTS_CHUNK; i++) {
		if (!take_parts(OF_COPY))
			return 0;
	}
	if ((s->len || s->fragments < s->nr_fragments) && !s->key.from_bus)
		refuse(OF_COPY, BUS_TOO_MANY);
	return 0;
}

/* net/unix/af_unix.c, unix_stream_sendmsg: the message is complete, and is queued next. */
static __always_inline int sent(void *ctx, struct sk_buff *skb, struct iov_iter *from, int error)
{
	struct unix_sock *sk = error ? NULL : unix_sender(skb);
	int ends = sk ? ends_of(sk) : 0;

	if (!ends)
		return 0;
	hear_copy(sk, ends, skb);
	return take_copy(sk, ends, skb, from);
}

/* Likewise, where the verifier knows the type of skb. Everything that is sent over sockets
 * comes here, and what is read without a helper costs next to nothing. */
static __always_inline int sent_typed(void *ctx, struct sk_buff *skb, struct iov_iter *from, int error)
{
	struct sock *sk = skb->sk;
	int ends;

	if (error || !sk)
		return 0;
	ends = typed_ends_of(sk);
	if (!ends)
		return 0;
	hear_copy((void *)sk, ends, skb);
	return take_copy((void *)sk, ends, skb, from);
}

PROBE_PROGRAM(sent_fexit, "fexit/skb_copy_datagram_from_iter", unsigned long long, sent_typed, ctx, (void *)ctx[0],
	      (void *)ctx[2], (int)ctx[4])

static __always_inline int begin_copy(void *ctx, struct sk_buff *skb, struct iov_iter *from)
{
	struct copying copy = { .skb = (__u64)skb, .from = (__u64)from };
	struct unix_sock *sk = unix_sender(skb);
	__u32 tid = this_thread();
	int ends = sk ? ends_of(sk) : 0;
	struct bus_ends b = {};

	if (ends & (NEAR_ENGINE | FAR_ENGINE) || (ends && is_of_bus(sk, ends, &b, OF_ENTRY)))
		bpf_map_update_elem(&copies, &tid, &copy, BPF_ANY);
	return 0;
}

static __always_inline int end_copy(void *ctx, int error)
{
	__u32 tid = this_thread();
	struct copying *copy = look_up(&copies, &tid), now;

	if (!copy)
		return 0;
	now = *copy;
	bpf_map_delete_elem(&copies, &tid);
	return sent(ctx, (void *)now.skb, (void *)now.from, error);
}

PROBE_PROGRAM(sent_kprobe, "kprobe/skb_copy_datagram_from_iter", struct pt_regs, begin_copy, ctx,
	      (void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM3(ctx))
PROBE_PROGRAM(sent_kretprobe, "kretprobe/skb_copy_datagram_from_iter", struct pt_regs, end_copy, ctx,
	      (int)PT_REGS_RC(ctx))

/* Pages that are handed over are not copied. The sender, or anybody who shares them, can
 * change them until they are read. */
static __always_inline int take_splice(struct unix_sock *sk, __u64 size)
{
	int ends = ends_of(sk);
	struct sending *s;

	hear_splice(sk, ends, size);
	s = sending_on(sk, ends, OF_SPLICE);
	if (!s || s->key.from_bus)
		return 0;
	s->at = 0;
	s->len = size;
	refuse(OF_SPLICE, BUS_SPLICED);
	return 0;
}

/* Up to 6.4. */
PROBE_ENTRY(page_sent, unix_stream_sendpage, struct socket *socket, struct page *page, int offset,
	    unsigned long size)
{
	return take_splice(BPF_CORE_READ(socket, sk), size);
}

/* From 6.5 on, for all protocols. */
PROBE_ENTRY(spliced, skb_splice_from_iter, struct sk_buff *skb, struct iov_iter *iter, long size)
{
	struct unix_sock *sk = unix_sender(skb);

	return sk ? take_splice(sk, size) : 0;
}

#endif
