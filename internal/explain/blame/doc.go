// Package blame carries the chain on from the process that created a network
// namespace to whoever asked for it: over systemd and D-Bus, to timers,
// sockets, restarts and the boot, or to the process itself.
//
// It is a pure function of the stream of events and of the lineage that package
// lineage draws from it. Where it needs to know what a service manager says of a
// unit, it asks a Question. A live source answers it with an event, which a recording
// has already.
//
// What began a run of a unit is found by rules. rules.go has their order, which is
// the policy. Each rule has a file, which begins with what systemd does there, and a
// test beside it that tells stories. A rule judges the facts of a run (facts.go),
// asks what else it needs (questions.go), and answers no, yes or blocked. To add a
// rule, write its file and its story, and give it a row in rules.go.
//
// A wrong culprit is the worst answer. Every link names its evidence, and where
// evidence ends, the chain ends and says why.
package blame
