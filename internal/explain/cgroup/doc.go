// Package cgroup tells from a cgroup's path where a process belongs: the
// systemd unit, its slice, the login session and its owner, the container.
//
// It is pure: a path goes in, a Placement comes out, and nothing is looked up.
// What it says is what the path says, and no more. Paths are read as systemd
// reads them (the cg_path_get_* functions of its src/basic/cgroup-util.c): the
// leading slices are skipped, the first thing after them must be a valid unit,
// and whatever lies below that unit was delegated and no longer names units of
// the same manager. Only user@UID.service (and capsule@NAME.service), which
// are managers themselves, and login sessions are looked into once more.
//
// Container runtimes have no such grammar. Only names and surroundings that a
// known runtime makes are recognised; a bare 64-digit name is not enough. A
// name says who claims to have made the cgroup: whoever may create cgroups in
// a delegated subtree can choose any name there. Hence Placement.Outer and Claim: a
// name below a user's manager is the user's, and one within a container is the
// container's.
package cgroup
