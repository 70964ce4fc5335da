package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheckVersion(t *testing.T) {
	for _, tc := range []struct {
		output string
		ok     bool
	}{
		{"QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright", true},
		{"QEMU emulator version 11.1.0", true},
		{"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", false},
		{"QEMU emulator version 9.2.4", false},
		{"qemu?", false},
	} {
		if err := checkVersion(tc.output); (err == nil) != tc.ok {
			t.Errorf("checkVersion(%q) = %v", tc.output, err)
		}
	}
}

func TestVirtualization(t *testing.T) {
	for flags, want := range map[string]bool{
		"processor\t: 0\nflags\t\t: fpu vmx sse\n":   true,
		"flags\t\t: fpu svm\n":                       true,
		"flags\t\t: fpu sse\nvmx flags\t: vnmi\n":    false,
		"flags\t\t: fpu\nmodel name\t: svm vmx 3\n":  false,
		"flags\t\t: fpu svm_lock avmx\nbugs\t: vmx ": false,
	} {
		if got := virtualization.MatchString(flags); got != want {
			t.Errorf("%q: %v, want %v", flags, got, want)
		}
	}
}

func TestConsoleTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console")
	if err := os.WriteFile(path, []byte("a\r\nb\r\nc\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ConsoleTail(path, 2); got != "b\nc" {
		t.Errorf("got %q", got)
	}
	if got := ConsoleTail(path, 9); got != "a\nb\nc" {
		t.Errorf("got %q", got)
	}
}
