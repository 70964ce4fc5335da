// Package kernel finds out what the running kernel and the rights of this
// process allow: capabilities, BTF, modules, program types, the hierarchy that
// names units.
//
// Everything is tried, and nothing is concluded from the kernel's version:
// distributions backport, vendors configure, sandboxes refuse. The kernel's BTF
// is expensive to read, so it is read once.
//
// Check serves "nsblame doctor". unsupported.Error is the one error that means
// "this kernel or these rights do not allow it"; the command line turns it
// into exit code 3.
package kernel
