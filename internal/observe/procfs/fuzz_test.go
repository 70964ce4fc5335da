package procfs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// FuzzStat: whatever a process calls itself, its start time is found behind
// its name, and any other bytes are refused or read, no more.
func FuzzStat(f *testing.F) {
	f.Add([]byte("sh"), uint64(4711), uint64(0))
	f.Add([]byte("a) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ("), uint64(1), uint64(2))
	f.Add([]byte("\n) R (\xff"), uint64(1)<<63, uint64(9))
	f.Add([]byte(""), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, comm []byte, start, behind uint64) {
		stat := fmt.Appendf(nil, "7 (%s) S 1%s 64%s %d %d\n", comm, strings.Repeat(" -3", 4), strings.Repeat(" -3", 12), start, behind)
		if got, err := parseStat(stat); err != nil || got.ticks != start || got.flags != 64 || got.comm != string(comm) {
			t.Fatalf("%q: %+v, %v", stat, got, err)
		}
		if _, err := parseStat(stat[:bytes.LastIndexByte(stat, ')')+1]); err == nil {
			t.Fatal("a start time out of nothing")
		}
		_, _ = parseStat(comm)
	})
}

// FuzzSplitArgv: joined again, the arguments are the part of the block that is
// kept.
func FuzzSplitArgv(f *testing.F) {
	for _, s := range []string{"", "\x00", "a\x00b\x00", "a", "\x00\x00", "a\xff\x00\n", strings.Repeat("x\x00", maxArgv)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		argv, truncated := SplitArgv(raw)
		if truncated != (len(raw) > maxArgv) {
			t.Fatalf("%d bytes, truncated %v", len(raw), truncated)
		}
		kept := raw[:min(len(raw), maxArgv)]
		joined := []byte(strings.Join(argv, "\x00"))
		if !bytes.Equal(joined, bytes.TrimSuffix(kept, []byte{0})) {
			t.Fatalf("%q became %q", raw, argv)
		}
		if (len(argv) == 0) != (len(raw) == 0) {
			t.Fatalf("%d arguments in %d bytes", len(argv), len(raw))
		}
	})
}
