// Package kernel tells what the running kernel, and the rights that this
// process has on it, allow: capabilities, BTF, modules, program types, the
// hierarchy that names units.
//
// Everything is probed, nothing is concluded from the kernel's version:
// distributions backport, vendors configure, sandboxes refuse. The kernel's BTF,
// the one thing that costs something to read, is read once.
//
// Check serves "nsblame doctor". UnsupportedError is the one error that means
// "this kernel or these rights do not allow it"; the command line turns it
// into exit code 3.
package kernel
