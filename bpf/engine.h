/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to container engines: the sockets that they listen on, and what of what is
 * sent there can matter.
 *
 * An engine's socket is known by its path, which user space has put into a table with
 * the user who must listen there. What a client sends is HTTP. Docker's API, podman's
 * and LXD's are HTTP/1.1: a write that begins with a request that can make something
 * run matters. Containerd's API and CRI are gRPC: of the frames of HTTP/2, those with
 * data matter that look like a call to create a task or a pod's sandbox. The path of a
 * call cannot be had, for it comes as an index into a table that grew before.
 *
 * Little is kept of a connection: how much of a frame is still to come, and the beginning
 * of what cannot be judged yet. Clients of gRPC fill a buffer, and write it wherever a
 * frame in it ends (google.golang.org/grpc, internal/transport/http_util.go, bufWriter).
 */
#ifndef NSBLAME_ENGINE_H
#define NSBLAME_ENGINE_H

#include "bus_stream.h"

struct engine_path {
	char text[ENGINE_PATH];
};

struct engine_socket {
	struct process_key holder; /* who serves it where a service manager listens, zero if not known */
	__u32 uid;		   /* who must listen */
	__u32 grpc;		   /* HTTP/2, not HTTP/1.1 */
};

/* Filled by user space (internal/observe/probe/engines.go). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ENGINE_SOCKETS);
	__type(key, struct engine_path);
	__type(value, struct engine_socket);
} engine_sockets SEC(".maps");

/* A bit for each length of these paths, by which nearly all other sockets are passed over. */
volatile __u64 engine_lengths[2] = {};

/* Who serves a listening socket, by the address that it is bound to: whoever was last seen
 * to send on a connection that was accepted there. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, struct process_key);
} engine_servers SEC(".maps");

/* How much is kept of a frame's header, or of a message, until the next write. */
#define ENGINE_HELD 96

/* A connection in the middle of a frame, or of which something was not read. */
struct engine_stream {
	__u64 told_ns; /* when that was last reported */
	__u64 left;    /* bytes of the frame that are still to come */
	__u64 held;    /* bytes of a header, or if some of the frame are left of a message */
	__u8 start[ENGINE_HELD];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u64); /* the inode number of the client's socket */
	__type(value, struct engine_stream);
} engine_streams SEC(".maps");

/* What is read at once. */
#define ENGINE_PIECE 512

/* What a program is at work on, beside its struct sending. */
struct hearing {
	__u64 rest; /* bytes of the write that are not looked at */
	__u64 left; /* of them and of later writes, what belongs to the frame */
	__u64 held; /* bytes in rec.data that are of the write before */
	struct process_key holder;
	__u32 grpc;
	__u32 have;  /* bytes in rec.data */
	__u32 parts; /* that were taken of the write */
	__u32 unread;
	struct engine_record rec;
	__u8 slack[ENGINE_PIECE]; /* contents the verifier */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct hearing);
} hearings SEC(".maps");

static __noinline struct hearing *this_hearing(__u32 of)
{
	__u32 which = of == OF_ENGINE_SPLICE;

	return bpf_map_lookup_elem(&hearings, &which);
}

static __always_inline struct engine_stream *find_engine_stream(__u64 conn)
{
	return look_up(&engine_streams, &conn);
}

/* --- sockets -------------------------------------------------------- */

static __always_inline bool may_be_engine(__u32 len)
{
	return (len < 64 ? engine_lengths[0] : engine_lengths[1]) >> (len & 63) & 1;
}

/* What the ends of a connection may be: its own, and the far one. */
enum ends {
	NEAR_BUS = 1 << 0,
	NEAR_ENGINE = 1 << 1,
	FAR_BUS = 1 << 2,
	FAR_ENGINE = 1 << 3,
	BEHIND_NEAR = 2, /* how many bits */
};

/* What is read of an address at once. */
struct address_head {
	__u32 len;
	__u16 rest[10];
};

static __always_inline __u64 word_of(const __u16 *at)
{
	return at[0] | (__u64)at[1] << 16 | (__u64)at[2] << 32 | (__u64)at[3] << 48;
}

/* How many bytes the path is behind the length: the kernel may have something between. */
#define LEN_TO_PATH (SUN_PATH - bpf_core_field_offset(struct unix_address, len))

/* What a socket may be, by the address that it is bound to. */
static __always_inline int end_of(struct unix_sock *sk)
{
	struct unix_address *addr = BPF_CORE_READ(sk, addr);
	struct address_head head;
	__u64 path = 0;

	if (!addr || bpf_probe_read_kernel(&head, sizeof(head),
					   (void *)addr + bpf_core_field_offset(struct unix_address, len)))
		return 0;
	if (LEN_TO_PATH == 6)
		path = word_of(head.rest + 1);
	else if (LEN_TO_PATH == 10)
		path = word_of(head.rest + 3);
	else
		bpf_probe_read_kernel(&path, sizeof(path), (void *)addr + SUN_PATH);
	return (may_be_bus(path) ? NEAR_BUS : 0) | (may_be_engine(head.len) ? NEAR_ENGINE : 0);
}

/* What is at both ends of what is sent, an enum ends. Each read takes a hundred
 * instructions, and everything that is sent over unix sockets comes here. */
static __noinline int ends_of(struct unix_sock *sk)
{
	struct unix_sock *peer = BPF_CORE_READ(sk, peer);

	return end_of(sk) | (peer ? end_of(peer) << BEHIND_NEAR : 0);
}

/* Unset for a program on a tracepoint: its arguments lead to what RCU guards, which the
 * helper that casts sockets refuses. */
const volatile __u8 typed_sockets = 1;

/* What a socket may be, where the verifier knows the types. */
static __noinline int typed_end_of(struct unix_sock *sk)
{
	struct unix_address *addr = sk->addr;

	if (!addr)
		return 0;
	return (may_be_bus(word_of((void *)addr + SUN_PATH)) ? NEAR_BUS : 0) |
	       (may_be_engine(addr->len) ? NEAR_ENGINE : 0);
}

/* What is at both ends of what is sent over a socket that may be any. What is read without
 * a helper costs next to nothing. Kernels before 5.16 know no such type. The peer of a
 * stream is held while somebody sends, that of datagrams may change meanwhile. */
static __always_inline int typed_ends_of(struct sock *sk)
{
	struct unix_sock *end;
	int ends;

	if (sk->__sk_common.skc_family != AF_UNIX || sk->sk_type != SOCK_STREAM)
		return 0;
	if (!typed_sockets || !bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_skc_to_unix_sock___known))
		return ends_of((void *)sk);
	end = bpf_skc_to_unix_sock(sk);
	if (!end)
		return 0;
	ends = typed_end_of(end);
	end = bpf_skc_to_unix_sock(end->peer);
	return ends | (end ? typed_end_of(end) << BEHIND_NEAR : 0);
}

/* True if the listener that a client is connected to is the user who must listen, outside
 * of user namespaces if that is root. */
static __always_inline bool listens(struct sock *client, __u32 uid)
{
	const struct cred *cred = BPF_CORE_READ(client, sk_peer_cred);

	return cred && BPF_CORE_READ(cred, euid.val) == uid &&
	       (uid || !BPF_CORE_READ(cred, user_ns, level));
}

/* Looks an address up to which a client is connected. Returns 0 if no engine listens
 * there. */
__noinline int find_engine(__u64 address, __u64 client, __u32 of)
{
	struct hearing *h = this_hearing(of);
	struct engine_socket *e;

	if (!h)
		return 0;
	__builtin_memset(h->rec.path, 0, sizeof(h->rec.path));
	if (bpf_probe_read_kernel_str(h->rec.path, sizeof(h->rec.path), (void *)address + SUN_PATH) <= 0)
		return 0;
	e = look_up(&engine_sockets, h->rec.path);
	if (!e || !listens((void *)client, e->uid))
		return 0;
	h->holder = e->holder;
	h->grpc = e->grpc;
	return 1;
}

/* Notes that the current process serves a socket. */
__noinline int note_server(__u64 address, __u64 client, __u32 of)
{
	struct process_key now = current_key(), *known;

	if (!find_engine(address, client, of))
		return 0;
	known = look_up(&engine_servers, &address);
	if (!known || known->start_ns != now.start_ns || known->pid != now.pid)
		bpf_map_update_elem(&engine_servers, &address, &now, BPF_ANY);
	return 0;
}

/* Who serves a connection: whoever has answered on such a one; else, where the machine's
 * service manager may listen for it, whoever user space has found; else who listens. */
static __always_inline struct process_key server_of(struct sending *s, struct hearing *h)
{
	struct process_key *known = look_up(&engine_servers, &s->bus);
	struct sock *client = (void *)s->client;

	if (known && find_process(known))
		return *known;
	if (h->holder.pid && !BPF_CORE_READ(client, sk_peer_pid, level) &&
	    find_process(&h->holder))
		return h->holder;
	return listener_of(client);
}

/* Begins to look at what a client sends to an engine. Returns 0 if it does not. */
__noinline int begin_hearing(__u64 client, __u32 of)
{
	struct sending *s = this_sending(of);
	__u64 address = (__u64)BPF_CORE_READ((struct unix_sock *)client, peer, addr);

	if (!s || !find_engine(address, client, of))
		return 0;
	s->client = client;
	s->bus = address;
	s->key.conn = connection_of((void *)client);
	s->unread = BUS_READ;
	s->fragments = s->nr_fragments = 0;
	s->at = s->len = 0;
	return 1;
}

/* --- records -------------------------------------------------------- */

__noinline int fill_engine_record(__u32 of, __u32 unread)
{
	struct sending *s = this_sending(of);
	struct hearing *h = this_hearing(of);
	__u64 size;

	if (!s || !h)
		return false;
	h->rec.kind = REC_ENGINE;
	h->rec.flags = h->grpc ? ENGINE_GRPC : 0;
	h->rec.conn = s->key.conn;
	h->rec.tid = this_thread();
	h->rec.unread = unread;
	h->rec.listener = server_of(s, h);
	size = unread ? 0 : h->have;
	if (size > ENGINE_DATA)
		size = ENGINE_DATA;
	h->rec.len = size;
	return true;
}

/* What taking a part has found. */
enum heard {
	HEARD_ALL,
	HEARD_MORE = 1 << 0,	/* there is more to take */
	HEARD_MESSAGE = 1 << 1, /* there is a message to report, or something unread */
};

/* Sends the sender, the engine, and what was found. */
__noinline int send_engine_record(__u32 of, int heard)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct hearing *h = this_hearing(of);
	struct process_key key = {};
	__u32 place, known = 0, unread;
	__u64 size;

	if (!h || !(heard & HEARD_MESSAGE))
		return 0;
	unread = h->unread;
	/* before 5.12 a thread of the kernel may send for somebody (io_uring) */
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
		key = current_key();
		known = meet_current();
	}
	place = place_of_current();
	switch (may_send(place, TO_ENGINE)) {
	case SEND_NOTHING:
		return 0;
	case SEND_TOO_MANY:
		unread = BUS_TOO_MANY;
		break;
	}
	h->rec.sender = key;
	if (!fill_engine_record(of, unread))
		return 0;
	if (known)
		publish_lineage(key.start_ns, key.pid, RING_BUS);
	if (h->rec.listener.pid)
		publish_lineage(h->rec.listener.start_ns, h->rec.listener.pid, RING_BUS);
	h->rec.boot_ns = bpf_ktime_get_boot_ns();
	size = h->rec.len;
	if (size > ENGINE_DATA)
		return 0;
	if (bpf_ringbuf_output(&bus_records, &h->rec, sizeof(h->rec) - ENGINE_DATA + size, wakeup(RING_BUS, false)))
		count_for(place, COUNT_LOST_ENGINE);
	return 0;
}

/* What is left of a write was not read, which is reported once in a while for each
 * connection. Returns an enum heard. */
__noinline int tell_engine_unread(__u32 of, __u32 why)
{
	struct sending *s = this_sending(of);
	struct hearing *h = this_hearing(of);
	struct engine_stream *stream, now = {};

	if (!s || !h)
		return HEARD_ALL;
	h->unread = why;
	h->left = h->held = 0;
	h->rec.size = h->rest;
	h->rest = 0;
	now.told_ns = bpf_ktime_get_boot_ns();
	stream = find_engine_stream(s->key.conn);
	if (stream && stream->told_ns && now.told_ns - stream->told_ns < CALL_AGAIN_NS)
		return HEARD_ALL;
	if (stream)
		stream->told_ns = now.told_ns;
	else
		bpf_map_update_elem(&engine_streams, &s->key.conn, &now, BPF_ANY);
	return HEARD_MESSAGE;
}

/* --- what is sent --------------------------------------------------- */

/* Reads the next piece of what is in one place, n bytes at most, into the record. */
__noinline int take_engine_piece(__u32 of, __u64 n)
{
	struct sending *s = this_sending(of);
	struct hearing *h = this_hearing(of);
	__u64 have;

	if (!s || !h || (!s->len && !next_span(of)))
		return 0;
	if (n > s->len)
		n = s->len;
	if (n > ENGINE_PIECE)
		n = ENGINE_PIECE;
	have = h->have & (ENGINE_DATA - 1);
	if (!s->at || bpf_probe_read_kernel(h->rec.data + have, n, (void *)s->at)) {
		s->unread = BUS_OUT_OF_STEP;
		return 0;
	}
	pass(s, n);
	h->have = have + n;
	h->rest -= n;
	return n;
}

/* Reads until there are so many bytes in the record, or no more. Returns how many there
 * are. */
__noinline int take_engine_bytes(__u32 of, __u32 want)
{
	struct hearing *h = this_hearing(of);
	int i;

	if (!h)
		return 0;
	for (i = 0; i < 8; i++) {
		if (h->have >= want || h->have >= ENGINE_DATA || !take_engine_piece(of, want - h->have))
			break;
	}
	return h->have;
}

/* Passes over n bytes, or as many as there are in one place. Returns 0 at the end. */
__noinline int skip_engine_piece(__u32 of, __u64 n)
{
	struct sending *s = this_sending(of);
	struct hearing *h = this_hearing(of);

	if (!s || !h || (!s->len && !next_span(of)))
		return 0;
	if (n > s->len)
		n = s->len;
	pass(s, n);
	h->rest -= n;
	h->left -= n;
	return 1;
}

/* --- HTTP/1.1 ------------------------------------------------------- */

/* How much of a request is read: its line, its headers if they are short, and of what is
 * asked of Incus whether the new container is to be started. */
#define HTTP_DATA 1024

/* Where the path of a request begins behind its version, as in "/v1.45/containers". */
__noinline __u32 behind_version(__u32 of, __u32 at)
{
	struct hearing *h = this_hearing(of);
	__u32 i;

	if (!h)
		return at;
	at &= 15;
	if (h->rec.data[at + 1] != 'v' || h->rec.data[at + 2] < '0' || h->rec.data[at + 2] > '9')
		return at;
	for (i = at + 3; i < at + 15; i++)
		if (h->rec.data[i & 31] == '/')
			return i & 31;
	return at;
}

/* True if a path may be that of a request that makes something run. */
__noinline int path_matters(__u32 of, __u32 at)
{
	struct hearing *h = this_hearing(of);
	__u64 path;

	if (!h || bpf_probe_read_kernel(&path, sizeof(path), h->rec.data + (at & 31)))
		return 0;
	return path == WORD('/', 'c', 'o', 'n', 't', 'a', 'i', 'n') ||
	       (path & FIRST(6)) == WORD('/', 'b', 'u', 'i', 'l', 'd', 0, 0) ||
	       path == WORD('/', 's', 'e', 's', 's', 'i', 'o', 'n') ||
	       (path & FIRST(5)) == WORD('/', 'g', 'r', 'p', 'c', 0, 0, 0) ||
	       path == WORD('/', 'l', 'i', 'b', 'p', 'o', 'd', '/') ||
	       (path & FIRST(5)) == WORD('/', '1', '.', '0', '/', 0, 0, 0);
}

/* Takes a write that may begin with a request. Returns an enum heard. */
__noinline int take_http(__u32 of)
{
	struct hearing *h = this_hearing(of);
	__u64 start, size;
	__u32 at = 0, n;

	if (!h || !h->rest)
		return HEARD_ALL;
	size = h->rest;
	n = take_engine_bytes(of, 8);
	start = *(__u64 *)h->rec.data;
	if (n < 8) {
		/* a client that divides its first word */
		if (n && (!((start ^ WORD('P', 'O', 'S', 'T', ' ', '/', 0, 0)) & (FIRST(n))) ||
			  !((start ^ WORD('P', 'U', 'T', ' ', '/', 0, 0, 0)) & (FIRST(n)))))
			return tell_engine_unread(of, BUS_OUT_OF_STEP);
		return HEARD_ALL;
	}
	if ((start & FIRST(6)) == WORD('P', 'O', 'S', 'T', ' ', '/', 0, 0))
		at = 5;
	else if ((start & FIRST(5)) == WORD('P', 'U', 'T', ' ', '/', 0, 0, 0))
		at = 4;
	else
		return HEARD_ALL;
	take_engine_bytes(of, HTTP_DATA);
	if (!path_matters(of, behind_version(of, at)))
		return HEARD_ALL;
	h->rec.size = size;
	return HEARD_MESSAGE;
}

/* --- HTTP/2 --------------------------------------------------------- */

/* Frames (RFC 9113, section 4.1), and what precedes a message of gRPC in their data. */
#define FRAME_HEADER 9
#define FRAME_DATA 0
#define FRAME_PADDED 8
#define FRAME_TYPES 16		/* that are defined, or may be */
#define FRAME_MAX (1 << 20)	/* clients send 16 KiB at most unless the server says otherwise */
#define GRPC_PREFIX 5
#define PREFACE 24 /* "PRI * HTTP/2.0" and what follows */

/* How much is read of a message at first, and of a task. */
#define GRPC_START 24
#define TASK_ID_MAX 76
#define TASK_DATA 192

/* Reads a length as protobuf has it, which must be short of 2 MiB. Returns where it ends,
 * 0 if it is longer. */
static __always_inline __u32 behind_length(struct hearing *h, __u32 at)
{
	if (!(h->rec.data[at & 31] & 0x80))
		return at + 1;
	if (!(h->rec.data[(at + 1) & 31] & 0x80))
		return at + 2;
	return h->rec.data[(at + 2) & 31] & 0x80 ? 0 : at + 3;
}

/* The field 1 that is a string or a message. */
#define FIELD_1 0x0a

/* How much to read of a message of gRPC, of which the start was read: all of a request for
 * a sandbox, whose first field is a message whose first field is a message whose first field
 * is a string; and the start of one for a task, whose first field is the id. 0 if it is
 * neither. */
__noinline __u32 wanted_of_message(__u32 of, __u32 size)
{
	struct hearing *h = this_hearing(of);
	__u32 at, id;

	if (!h || h->rec.data[0] || h->rec.data[GRPC_PREFIX] != FIELD_1)
		return 0;
	at = behind_length(h, GRPC_PREFIX + 1);
	if (at && h->rec.data[at & 31] == FIELD_1) {
		at = behind_length(h, at + 1);
		return at && h->rec.data[at & 31] == FIELD_1 ? ENGINE_DATA : 0;
	}
	id = h->rec.data[GRPC_PREFIX + 1];
	at = h->rec.data[GRPC_PREFIX + 2];
	if (id > TASK_ID_MAX || size <= GRPC_PREFIX + 2 + id)
		return 0; /* nothing follows the id */
	return (at >= '0' && at <= '9') || ((at | 32) >= 'a' && (at | 32) <= 'z') ? TASK_DATA : 0;
}

/* True if the message that was read is one for a task to be created: what follows the id is
 * none of the fields that other calls have there (containerd, api/services/tasks/v1). */
__noinline int creates_task(__u32 of)
{
	struct hearing *h = this_hearing(of);
	__u32 at;

	if (!h)
		return 0;
	at = GRPC_PREFIX + 2 + (h->rec.data[GRPC_PREFIX + 1] & 127);
	if (h->have <= at)
		return 0;
	switch (h->rec.data[at & 255]) {
	case 0x1a: /* rootfs */
	case 0x22: /* stdin */
	case 0x2a: /* stdout */
	case 0x32: /* stderr */
	case 0x42: /* checkpoint */
	case 0x4a: /* options */
		return 1;
	}
	return 0;
}

/* Reads until there are so many bytes of a message in the record. False if the write ends
 * before that, so that what there is waits for the next one. */
static __always_inline bool have_of_message(__u32 of, __u32 want)
{
	struct hearing *h = this_hearing(of);

	if (!h)
		return false;
	if (take_engine_bytes(of, want) >= want || h->rest)
		return true;
	if (h->have >= ENGINE_HELD)
		return true;
	h->held = h->have;
	return false;
}

/* Looks at the data of a frame, of which some may be held. Returns an enum heard. */
__noinline int take_message(__u32 of, __u32 size)
{
	struct hearing *h = this_hearing(of);
	__u32 want;

	if (!h)
		return HEARD_ALL;
	h->have = h->held;
	h->held = 0;
	if (!have_of_message(of, size < GRPC_START ? size : GRPC_START) || h->have < GRPC_PREFIX + 4)
		return HEARD_ALL;
	want = wanted_of_message(of, size);
	if (!want || !have_of_message(of, size < want ? size : want))
		return HEARD_ALL;
	if (want == TASK_DATA && !creates_task(of))
		return HEARD_ALL;
	h->rec.size = size;
	return HEARD_MESSAGE;
}

/* Looks at what is left of a frame with data. Returns an enum heard. */
static __always_inline int take_frame_data(__u32 of)
{
	struct hearing *h = this_hearing(of);
	int heard;
	__u64 before;

	if (!h)
		return HEARD_ALL;
	before = h->rest;
	heard = take_message(of, h->held + h->left);
	h->left -= before - h->rest;
	return heard | HEARD_MORE;
}

/* How many frames, and pieces of them, are taken of one write. The verifier looks at one
 * chunk only. */
#define FRAMES_MAX 96
#define FRAMES_CHUNK 12

/* Takes a request, or the rest of a frame or the next one, according to what the engine
 * speaks. Returns an enum heard. */
__noinline int take_engine_part(__u32 of)
{
	struct hearing *h = this_hearing(of);
	__u32 size, type;

	if (!h)
		return HEARD_ALL;
	h->unread = BUS_READ;
	if (!h->rest)
		return HEARD_ALL;
	if (!h->grpc)
		return take_http(of);
	if (h->parts++ >= FRAMES_MAX - 1)
		return tell_engine_unread(of, BUS_TOO_MANY);
	if (h->left)
		return h->held ? take_frame_data(of) : skip_engine_piece(of, h->left);
	h->have = h->held;
	h->held = 0;
	if (take_engine_bytes(of, FRAME_HEADER) < FRAME_HEADER) {
		if (h->rest)
			return tell_engine_unread(of, BUS_OUT_OF_STEP);
		h->held = h->have;
		return HEARD_ALL;
	}
	size = h->rec.data[0] << 16 | h->rec.data[1] << 8 | h->rec.data[2];
	type = h->rec.data[3];
	if (h->rec.data[0] == 'P' && h->rec.data[1] == 'R') {
		h->left = PREFACE - FRAME_HEADER;
		return HEARD_MORE;
	}
	if (h->rec.data[0] >= 'A' && h->rec.data[0] <= 'Z') { /* CRI-O speaks HTTP/1.1 as well */
		h->rest = 0;
		return HEARD_ALL;
	}
	if (size > FRAME_MAX || type > FRAME_TYPES)
		return tell_engine_unread(of, BUS_OUT_OF_STEP);
	h->left = size;
	if (type != FRAME_DATA || h->rec.data[4] & FRAME_PADDED || size < GRPC_PREFIX + 4)
		return HEARD_MORE;
	if (!h->rest) { /* the header is taken again with what follows */
		h->left = 0;
		h->held = FRAME_HEADER;
		return HEARD_ALL;
	}
	return take_frame_data(of);
}

/* Takes some parts, and reports them. Returns 0 if there is no more. */
__noinline int take_engine_parts(__u32 of)
{
	int i;

	for (i = 0; i < FRAMES_CHUNK; i++) {
		int heard = take_engine_part(of);

		send_engine_record(of, heard);
		if (!(heard & HEARD_MORE))
			return 0;
	}
	return 1;
}

/* Recalls, and notes, how much of a frame is still to come, and what is held of it. */
__noinline int recall_engine_stream(__u32 of)
{
	struct sending *s = this_sending(of);
	struct hearing *h = this_hearing(of);
	struct engine_stream *stream;

	if (!s || !h)
		return 0;
	stream = find_engine_stream(s->key.conn);
	h->left = stream ? stream->left : 0;
	h->held = stream ? stream->held : 0;
	if (h->held)
		bpf_probe_read_kernel(h->rec.data, ENGINE_HELD, stream->start);
	return 1;
}

__noinline int keep_engine_stream(__u32 of)
{
	struct sending *s = this_sending(of);
	struct hearing *h = this_hearing(of);
	struct engine_stream *stream, now = {};

	if (!s || !h)
		return 0;
	stream = find_engine_stream(s->key.conn);
	now.left = h->left;
	now.held = h->held;
	if (now.held)
		bpf_probe_read_kernel(now.start, ENGINE_HELD, h->rec.data);
	now.told_ns = stream ? stream->told_ns : 0;
	if (stream)
		*stream = now;
	else if (now.left || now.held)
		bpf_map_update_elem(&engine_streams, &s->key.conn, &now, BPF_ANY);
	return 0;
}

static __always_inline void hear(__u32 of)
{
	int i;

	if (!recall_engine_stream(of))
		return;
	for (i = 0; i < FRAMES_MAX / FRAMES_CHUNK; i++)
		if (!take_engine_parts(of))
			break;
	keep_engine_stream(of);
}

/* Pages that are handed over to an engine are not read. */
static __always_inline void hear_splice(struct unix_sock *sk, int ends, __u64 size)
{
	struct hearing *h;

	if (!(ends & FAR_ENGINE) || !begin_hearing(untyped(sk), OF_ENGINE_SPLICE))
		return;
	h = this_hearing(OF_ENGINE_SPLICE);
	if (h)
		h->rest = size;
	send_engine_record(OF_ENGINE_SPLICE, tell_engine_unread(OF_ENGINE_SPLICE, BUS_SPLICED));
}

/* --- the copy -------------------------------------------------------- */

/* Prepares to read what is sent. Returns 0 if there is nothing. */
__noinline int begin_engine_copy(__u64 skb_address)
{
	struct sk_buff *skb = (void *)skb_address;
	struct sending *s = this_sending(OF_ENGINE);
	struct hearing *h = this_hearing(OF_ENGINE);
	__u32 in_fragments;

	if (!s || !h)
		return 0;
	in_fragments = BPF_CORE_READ(skb, data_len);
	s->skb = skb_address;
	s->at = (__u64)BPF_CORE_READ(skb, data);
	s->len = BPF_CORE_READ(skb, len) - in_fragments;
	if (in_fragments) {
		struct skb_shared_info *info = (void *)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end);

		s->nr_fragments = BPF_CORE_READ(info, nr_frags);
		map_pages(skb_address);
	}
	h->rest = BPF_CORE_READ(skb, len);
	h->have = h->parts = 0;
	return h->rest > 0;
}

/* Looks at what was sent over a unix socket. */
static __always_inline void hear_copy(struct unix_sock *sk, int ends, struct sk_buff *skb)
{
	if (ends & FAR_ENGINE) {
		if (begin_hearing(untyped(sk), OF_ENGINE) && begin_engine_copy(untyped(skb)))
			hear(OF_ENGINE);
	} else if (ends & NEAR_ENGINE) {
		note_server((__u64)BPF_CORE_READ(sk, addr), (__u64)BPF_CORE_READ(sk, peer), OF_ENGINE);
	}
}

#endif
