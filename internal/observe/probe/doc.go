// Package probe loads and attaches the BPF programs of nsblame, reads what they
// send, and turns it into events.
//
// The objects and their bindings (bpf_*_bpfel.*) are generated from bpf/ by
// the directive in generate.go at the top of the module, and committed.
package probe
