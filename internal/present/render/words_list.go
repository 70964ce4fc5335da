package render

import "github.com/nsblame/nsblame/internal/explain/inventory"

// rightsWords has the words for what to do about rights that are lacking.
var rightsWords = map[inventory.Rights]string{
	inventory.RightsPtrace:     "run it as root, or give it CAP_SYS_PTRACE",
	inventory.RightsUnconfined: "run it in the machine's own user namespace and without a security module that keeps processes from it",
}

// hiddenWords has the words for why there may be processes that are not seen.
var hiddenWords = map[inventory.Hidden]string{
	inventory.HiddenPIDNamespace: "nsblame is in a pid namespace of its own: run it on the host itself (docker, podman: --pid=host)",
	inventory.HiddenHidepid:      "/proc is mounted with hidepid: run it as root, or give it CAP_SYS_PTRACE",
}

// unusedWords has the words for why a recording was not used.
var unusedWords = map[Unused]string{
	UnusedOtherBoot: "it is of another machine, or of another run of this one",
}

// unusedText is such a reason in words, or its code where it has none.
func unusedText(u Unused) string { return inWords(unusedWords, u) }

// rightsText is what to do about lacking rights, or the code where it has no words.
func rightsText(r inventory.Rights) string { return inWords(rightsWords, r) }

// hiddenText is such a reason in words, or its code where it has none.
func hiddenText(h inventory.Hidden) string { return inWords(hiddenWords, h) }
