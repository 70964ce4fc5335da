/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Somebody connects to a unix socket on which a service manager listens for a unit, or
 * to an engine's that user space does not know yet.
 *
 * A service manager waits for the first connection to the socket of a unit, and then
 * passes the socket on to the service. So of all connections one matters: the one that
 * finds no other before it, while nobody but the manager has the socket. This shows in
 * the queue of the socket and in the references to its file. While the manager forks for
 * another unit, its child has the socket, too, for a moment. Then a connection is taken
 * for one to a running service, and nothing is said of it.
 *
 * The hook of security modules is called before the listener wakes up, and so before
 * anything comes of the connection (net/unix/af_unix.c, unix_stream_connect). Such a
 * module may refuse. User space counts a connection only where a unit was begun.
 */
#ifndef NSBLAME_HOOK_CONNECT_H
#define NSBLAME_HOOK_CONNECT_H

#include "engine.h"

/* True if nobody but its listener has a socket, and nobody waits to be accepted there. */
static __always_inline bool is_idle(struct sock *listening)
{
	struct file *file = BPF_CORE_READ(listening, sk_socket, file);
	struct file___v613 *newer = (void *)file;

	if (!file || BPF_CORE_READ(listening, sk_receive_queue.qlen))
		return false;
	if (bpf_core_field_exists(newer->f_ref))
		return !BPF_CORE_READ(newer, f_ref.refcnt.counter);
	return BPF_CORE_READ(file, f_count.counter) == 1;
}

/* True if a path is that of a socket on which a manager serves its own clients, of which
 * there are many: systemctl, and whoever looks up a user. */
__noinline int is_managers_own(__u64 address)
{
	__u64 path[BUS_PATH / 8], user;

	if (is_bus((void *)address, path, &user))
		return 1;
	return path[0] == WORD('/', 'r', 'u', 'n', '/', 's', 'y', 's') &&
	       path[1] == WORD('t', 'e', 'm', 'd', '/', 'u', 's', 'e') &&
	       path[2] == WORD('r', 'd', 'b', '/', 'i', 'o', '.', 's') &&
	       path[3] == WORD('y', 's', 't', 'e', 'm', 'd', '.', 'D');
}

/* True if user space does not know of an engine's socket. */
__noinline int is_unwatched(__u64 address)
{
	struct engine_path path = {};

	return bpf_probe_read_kernel_str(path.text, sizeof(path.text), (void *)address + SUN_PATH) > 0 &&
	       path.text[0] == '/' && !look_up(&engine_sockets, &path);
}

/* Whose socket this is, by the name of who listens, 0 if it does not matter. Anybody can
 * have such a name: user space judges that. */
static __always_inline __u32 connects_to(struct sock *listening, struct unix_address *addr)
{
	struct task_struct *task = listening_task(listening);
	__u64 name[2] = {};

	if (!task || bpf_probe_read_kernel(name, sizeof(name), (void *)task + bpf_core_field_offset(struct task_struct, comm)))
		return 0;
	if (name[0] == WORD('s', 'y', 's', 't', 'e', 'm', 'd', 0) || BPF_CORE_READ(task, tgid) == 1)
		return is_idle(listening) && !is_managers_own(untyped(addr)) ? CONNECT_UNIT : 0;
	if (name[0] == WORD('p', 'o', 'd', 'm', 'a', 'n', 0, 0) ||
	    name[0] == WORD('d', 'o', 'c', 'k', 'e', 'r', 'd', 0) ||
	    (name[0] == WORD('c', 'o', 'n', 't', 'a', 'i', 'n', 'e') && (name[1] & FIRST(3)) == WORD('r', 'd', 0, 0, 0, 0, 0, 0)) ||
	    (name[0] & FIRST(4)) == WORD('k', '3', 's', '-', 0, 0, 0, 0) ||
	    (name[0] & FIRST(5)) == WORD('c', 'r', 'i', 'o', 0, 0, 0, 0) ||
	    (name[0] & FIRST(4)) == WORD('l', 'x', 'd', 0, 0, 0, 0, 0) ||
	    (name[0] & FIRST(7)) == WORD('i', 'n', 'c', 'u', 's', 'd', 0, 0))
		return is_unwatched(untyped(addr)) ? CONNECT_ENGINE : 0;
	return 0;
}

/* Sends who connects, and who listens. */
__noinline int send_connect_record(__u64 listening, __u64 address, __u32 to)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key key = {}, listener = listener_of((void *)listening);
	__u32 place, known = 0;
	struct connect_record *rec;
	__u64 now;

	/* before 5.12 a thread of the kernel may connect for somebody (io_uring) */
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
		key = current_key();
		known = meet_current();
	}
	place = place_of_current();
	if (may_send(place, TO_SOCKET_UNIT) != SEND_WHOLE)
		return 0;
	if (to == CONNECT_UNIT) {
		if (known)
			publish_lineage(key.start_ns, key.pid, RING_BUS);
		publish_lineage(listener.start_ns, listener.pid, RING_BUS);
	}
	now = bpf_ktime_get_boot_ns();
	rec = bpf_ringbuf_reserve(&bus_records, sizeof(*rec), 0);
	if (!rec) {
		count_for(place, COUNT_LOST_CONNECT);
		return 0;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = REC_CONNECT;
	rec->to = to;
	rec->sender = key;
	rec->listener = listener;
	rec->tid = this_thread();
	bpf_probe_read_kernel_str(rec->path, sizeof(rec->path), (void *)address + SUN_PATH);
	rec->boot_ns = now;
	/* the first request to an engine may come at once */
	bpf_ringbuf_submit(rec, wakeup(RING_BUS, to == CONNECT_ENGINE));
	return 0;
}

PROBE_ENTRY(connected, security_unix_stream_connect, struct sock *sock, struct sock *other)
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)other, addr);
	__u32 to = addr ? connects_to(other, addr) : 0;

	if (to)
		send_connect_record(untyped(other), untyped(addr), to);
	return 0;
}

#endif
