// Package probe loads and attaches the kernel half of nsblame, reads what it
// sends, and turns it into events.
//
// The objects and their bindings (bpf_*_bpfel.*) are generated from bpf/ by
// the directive in generate.go at the top of the module, and committed.
package probe
