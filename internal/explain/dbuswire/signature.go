package dbuswire

import "strings"

const (
	maxSignature = 255
	// maxNesting bounds arrays within arrays and structs within structs.
	maxNesting = 32
)

// fixedSize is the size of a basic type of fixed size, else 0.
func fixedSize(kind byte) int {
	switch kind {
	case 'y':
		return 1
	case 'n', 'q':
		return 2
	case 'b', 'i', 'u', 'h':
		return 4
	case 'x', 't', 'd':
		return 8
	}
	return 0
}

// alignment is that of any type, by the first character of its signature.
func alignment(kind byte) int {
	switch kind {
	case 'g', 'v':
		return 1
	case 's', 'o', 'a':
		return 4
	case '(', '{':
		return 8
	}
	return fixedSize(kind)
}

func basic(kind byte) bool { return strings.IndexByte("ybnqiuxtdhsog", kind) >= 0 }

// validSignature tells whether sig is a sequence of complete types.
func validSignature(sig string) bool {
	if len(sig) > maxSignature {
		return false
	}
	for sig != "" {
		n := completeType(sig)
		if n == 0 {
			return false
		}
		sig = sig[n:]
	}
	return true
}

// completeType returns the length of the complete type that sig begins with, 0
// if it begins with none.
func completeType(sig string) int { return nestedType(sig, 0, 0) }

func nestedType(sig string, arrays, structs int) int {
	switch {
	case sig == "" || arrays > maxNesting || structs > maxNesting:
		return 0
	case sig[0] == 'v' || basic(sig[0]):
		return 1
	case sig[0] == '(':
		return structType(sig, arrays, structs+1)
	case strings.HasPrefix(sig, "a{"):
		return dictType(sig, arrays+1, structs) // a dict entry counts for nothing
	case sig[0] == 'a':
		if n := nestedType(sig[1:], arrays+1, structs); n > 0 {
			return n + 1
		}
	}
	return 0
}

func structType(sig string, arrays, structs int) int {
	i := len("(")
	for i < len(sig) && sig[i] != ')' {
		n := nestedType(sig[i:], arrays, structs)
		if n == 0 {
			return 0
		}
		i += n
	}
	if i == len("(") || i == len(sig) {
		return 0
	}
	return i + 1
}

func dictType(sig string, arrays, structs int) int {
	const key = len("a{")
	if len(sig) <= key || !basic(sig[key]) {
		return 0
	}
	n := nestedType(sig[key+1:], arrays, structs)
	end := key + 1 + n
	if n == 0 || end >= len(sig) || sig[end] != '}' {
		return 0
	}
	return end + 1
}
