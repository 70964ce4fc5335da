package dbuswire

import (
	"bytes"
	"strings"
)

// authCommands are the commands of the authentication that goes before the
// first message, of the client and of the server. None can be taken for a
// message: that would make its fourth byte the number 1.
var authCommands = map[string]bool{
	"AUTH": true, "CANCEL": true, "BEGIN": true, "DATA": true, "ERROR": true, "NEGOTIATE_UNIX_FD": true,
	"REJECTED": true, "OK": true, "AGREE_UNIX_FD": true,
}

// IsAuth tells whether b begins with text of the authentication phase, which
// precedes the messages on a connection: a command of either side, or the NUL
// byte that the client sends first. A message may follow in the same send.
func IsAuth(b []byte) bool { return authLen(b) > 0 }

// authLen is the length of the authentication text at the start of b.
func authLen(b []byte) int {
	n := 0
	if len(b) > 0 && b[0] == 0 {
		n = 1
		if len(b) > 1 && !isAuthLine(b[1:]) {
			return 0
		}
	}
	for isAuthLine(b[n:]) {
		line, _, whole := bytes.Cut(b[n:], []byte("\r\n"))
		n += len(line)
		if !whole {
			break
		}
		n += len("\r\n")
		if string(line) == "BEGIN" {
			break // by definition, messages follow
		}
	}
	return n
}

// isAuthLine tells whether b begins with a whole command.
func isAuthLine(b []byte) bool {
	const longest = len("NEGOTIATE_UNIX_FD ")
	head := string(b[:min(len(b), longest)])
	if i := strings.IndexAny(head, " \r"); i >= 0 {
		head = head[:i]
	}
	return authCommands[head]
}
