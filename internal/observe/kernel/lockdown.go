package kernel

import (
	"io/fs"
	"strings"
)

// lockdown returns the lockdown mode: "none", "integrity", "confidentiality",
// or "" if the kernel has no such module or securityfs is not mounted.
func (x *examiner) lockdown() string {
	data, err := fs.ReadFile(x.root, "sys/kernel/security/lockdown")
	if err != nil {
		return ""
	}
	return parseLockdown(string(data))
}

// confidential reports whether lockdown forbids reading kernel memory.
func (x *examiner) confidential() bool { return x.lockdown() == "confidentiality" }

// parseLockdown reads "none [integrity] confidentiality".
func parseLockdown(s string) string { return between(s, "[", "]") }

// between returns the text between two marks, empty without them. A file of
// choices marks the one in force so.
func between(s, before, behind string) string {
	_, after, _ := strings.Cut(s, before)
	chosen, _, ok := strings.Cut(after, behind)
	if !ok {
		return ""
	}
	return chosen
}
