package render

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The middle of a command line goes first: the program, its subcommand and the last
// argument tell most.
func TestAppendMiddleCut(t *testing.T) {
	id := strings.Repeat("5feceb66", 8)
	for name, tc := range map[string]struct {
		argv  []string
		limit int
		want  string
	}{
		"fits": {[]string{"ip", "netns", "add", "blue"}, 16, "ip netns … blue"},
		"all":  {[]string{"ip", "netns", "add", "blue"}, 17, "ip netns add blue"},
		"subcommand": {
			[]string{"docker", "run", "--rm", "--network", "none", "--label", "a=b", "debian:12"},
			40,
			"docker run --rm --network … debian:12",
		},
		"a flag is no subcommand": {[]string{"runc", "--root", "/run/docker/runtime-runc/moby", "create"}, 24, "runc --root … create"},
		"path": {
			[]string{"/usr/local/lib/systemd/systemd-hostnamed", "--verbose", "--again"},
			40,
			"…/systemd-hostnamed --verbose --again",
		},
		"long last": {[]string{"sh", "-c", strings.Repeat("x", 40) + "end"}, 24, "sh -c xxxxxxxx…xxxxxend"},
		"one":       {[]string{strings.Repeat("a", 20) + strings.Repeat("b", 20)}, 11, "aaaaa…bbbbb"},
		"quoted":    {[]string{"sh", "-c", "echo one two three four five six"}, 24, "sh -c 'echo one'…'five six'"},
		"id":        {[]string{"runc", "create", id}, 100, "runc create 5feceb665fec…"},
		"nothing":   {nil, 10, ""},
	} {
		if got := string(appendArgv(nil, tc.argv, -tc.limit)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// Whatever the arguments are, a command line without its middle is harmless and not much
// longer than it may be.
func TestMiddleCutIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		argv := rapid.SliceOfN(anyString(), 1, 5).Draw(t, "argv")
		limit := rapid.IntRange(1, 200).Draw(t, "limit")
		out := string(appendArgv(nil, argv, -limit))
		harmless(t, out)
		if n := width(out); n > 4*limit+40 {
			t.Fatalf("%d cells with a limit of %d: %s", n, limit, out)
		}
	})
}
