// Package blame carries the chain on from the process that created a network
// namespace to whoever asked for it: over systemd and D-Bus, to timers,
// sockets, restarts and the boot, or to the process itself.
//
// It is a pure function of the stream of events and of the lineage that package
// lineage draws from it. Where it needs to know what a service manager says of
// a unit, it asks a Question; a live source answers it with an event, which a
// recording has already.
//
// A wrong culprit is the worst answer. Every link names its evidence, and where
// evidence ends, the chain ends and says why.
package blame
