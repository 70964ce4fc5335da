package dbuswire

import "strings"

const maxName = 255

func validObjectPath(s string) bool {
	if s == "/" {
		return true
	}
	elements, rooted := strings.CutPrefix(s, "/")
	return rooted && everyElement(elements, '/', func(e string) bool { return isWord(e, false) })
}

// validInterface also holds for error names, which follow the same rules.
func validInterface(s string) bool {
	return dotted(s) && everyElement(s, '.', validMember)
}

func validMember(s string) bool {
	return len(s) <= maxName && isWord(s, false) && !isDigit(s[0])
}

func validBusName(s string) bool {
	if unique, ok := strings.CutPrefix(s, ":"); ok {
		return len(s) <= maxName && dotted(unique) &&
			everyElement(unique, '.', func(e string) bool { return isWord(e, true) })
	}
	return validWellKnownName(s)
}

func validWellKnownName(s string) bool {
	return dotted(s) &&
		everyElement(s, '.', func(e string) bool { return isWord(e, true) && !isDigit(e[0]) })
}

func dotted(s string) bool {
	return len(s) <= maxName && strings.IndexByte(s, '.') >= 0
}

func everyElement(s string, sep byte, valid func(string) bool) bool {
	for {
		i := strings.IndexByte(s, sep)
		if i < 0 {
			return valid(s)
		}
		if !valid(s[:i]) {
			return false
		}
		s = s[i+1:]
	}
}

// isWord tells whether s is made of the characters of names, and isn't empty.
func isWord(s string, dash bool) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '_' && (c != '-' || !dash) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
