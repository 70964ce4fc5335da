/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BPF programs of nsblame, one object. Each header includes only headers that
 * stand above it here.
 *
 * The ground:
 *   kernel.h         the kernel types that are read
 *   wire.h           the records that go to user space
 *   probe.h          two programs from one body
 *   net.h            what is read of a namespace
 *   counter.h        what was seen, and what was lost
 *   owner.h          who answers for a process
 *   share.h          how much room each owner has
 *   ring.h           the way to user space
 *   flood.h          what one owner may send on it
 *   paths.h          paths in pieces
 *   zeros.h          what new values start as
 *   pages.h          where pages are mapped
 *   dbus.h           messages on the buses
 *
 * The tables, what is kept and who counts it:
 *   cgroup_path.h    paths of cgroups
 *   program_image.h  what a process has called exec for
 *   process.h        processes
 *   netns.h          network namespaces, and who is in them
 *   plugin.h         CNI plugins, and for which pod they work
 *   cost.h           what a creation is made of
 *   module.h         modules that are being loaded
 *   bus_socket.h     sockets of buses, and who listens there
 *   bus_connection.h connections to buses, and which answers matter
 *   bus_stream.h     what is sent over a connection, as a stream
 *   engine.h         requests to container engines, and their sockets
 *
 * The hooks, programs and what they do:
 *   hook_process.h   fork, exec, exit, and a pass over what was there before
 *   hook_create.h    a namespace is created
 *   hook_pernet.h    subsystems initialise their part of a namespace
 *   hook_release.h   a namespace is given up, and torn down
 *   hook_join.h      a thread moves into one
 *   hook_request.h   a service or a container engine is asked for something
 *   hook_connect.h   somebody connects to a socket unit, or to an engine
 */
#include "hook_create.h"
#include "hook_join.h"
#include "hook_pernet.h"
#include "hook_process.h"
#include "hook_release.h"
#include "hook_request.h"
#include "hook_connect.h"

char LICENSE[] SEC("license") = "GPL";

/* Anchors what the Go side is generated from in the object's BTF. */
union wire {
	enum limit limit;
	enum table table;
	enum place place;
	enum record_kind record_kind;
	enum process_flags process_flags;
	enum program_flags program_flags;
	enum create_flags create_flags;
	enum create_call create_call;
	enum counter counter;
	enum bus_flags bus_flags;
	enum bus_unread bus_unread;
	enum engine_flags engine_flags;
	enum connect_to connect_to;
	enum held held;
	enum release_flags release_flags;
	enum join_how join_how;
	enum leave_flags leave_flags;
	enum cni_flags cni_flags;
	struct process_record process;
	struct program_record program;
	struct cgroup_record cgroup;
	struct forget_record forget;
	struct create_record create;
	struct child_record child;
	struct followup_record followup;
	struct bus_record bus;
	struct engine_record engine;
	struct connect_record connect;
	struct release_record release;
	struct free_record free;
	struct join_record join;
	struct leave_record leave;
	struct cni_record cni;
	struct cost_op cost_op;
	struct cost_record cost;
	struct module_record module;
	struct pernet_init_record init;
};
const union wire *wire_anchor __attribute__((unused));
