// Package vmlinux picks a few types out of the kernel's type information (BTF).
//
// A kernel describes some 150,000 types in 5 MB. A library indexes all of them
// by name, which takes longer than anything else that a start does in user
// space. Programs name some hundred types and functions; one pass over the
// records finds these, and what they are made of goes into a small BTF of its
// own, against which the library relocates.
package vmlinux
