package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
)

// TestLifeIsObserved: who joins a namespace and who held it last is observed
// where the output can show it.
func TestLifeIsObserved(t *testing.T) {
	before := openLive
	t.Cleanup(func() { openLive = before })
	file := filepath.Join(t.TempDir(), "r.avro")
	for _, tc := range []struct {
		args []string
		want bool
	}{
		{[]string{"trace"}, false},
		{[]string{"trace", "--tree", "--cost", "--fail-on", "leaked"}, false},
		{[]string{"trace", "--life"}, true},
		{[]string{"trace", "--output", "json"}, true},
		{[]string{"trace", "--record", file}, true},
		{[]string{"record", "-o", file}, true},
		{[]string{"report", "--duration", "1s"}, true},
	} {
		stop := errors.New("stop")
		opened := false
		openLive = func(_ context.Context, f *liveFlags) (source, error) {
			opened = true
			if f.life != tc.want {
				t.Errorf("%q: life is %t", tc.args, f.life)
			}
			return nil, stop
		}
		root := newRootCmd()
		root.SetArgs(tc.args)
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		if err := root.Execute(); !errors.Is(err, stop) || !opened {
			t.Errorf("%q: %v", tc.args, err)
		}
	}
}
