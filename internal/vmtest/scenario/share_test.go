package scenario

import (
	"strings"
	"testing"
)

// Whatever a scenario looks at that a run of nsblame has once keeps it alone.
func TestShares(t *testing.T) {
	const usual = "about x\nexpect netns_create\n"
	for name, tt := range map[string]struct {
		text   string
		shares bool
	}{
		"usual":       {usual, true},
		"steps":       {usual + "setup\n\ttrue\nrun\n\techo \"$DIR\"\nwait 1 netns_create\n", true},
		"arguments":   {usual + "nsblame trace --output json --no-bus\n", false},
		"same":        {usual + "nsblame trace --output json\n", true},
		"user":        {usual + "nsblame as alice trace --output json\n", false},
		"at boot":     {usual + "nsblame at boot\n", false},
		"exit code":   {"about x\nexit 1\n", false},
		"its exit":    {usual + "wait exit\n", false},
		"text":        {usual + "stderr\n\tempty\n", false},
		"summary":     {usual + "expect summary\n", false},
		"loss":        {usual + "expect 0+ loss\n", false},
		"coverage":    {usual + "expect coverage\n", false},
		"output":      {usual + "wait until\n\tgrep -q x \"$STDOUT\"\n", false},
		"errors":      {usual + "run\n\tcat ${STDERR}\n", false},
		"alone":       {usual + "alone it breaks the bus\n", false},
		"other names": {usual + "run\n\techo \"$STDOUTS\"\n", true},
	} {
		s, err := Parse("x", tt.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Shares() != tt.shares {
			t.Errorf("%s: shares: %v", name, !tt.shares)
		}
	}
}

// A reason that explains nothing would hide those that do.
func TestNeedlesslyAlone(t *testing.T) {
	for _, text := range []string{
		"about x\nexpect netns_create\nalone\n",
		"about x\nexpect netns_create\nexpect summary\nalone it breaks the bus\n",
	} {
		if _, err := Parse("x", text); err == nil || !strings.Contains(err.Error(), "alone") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCut(t *testing.T) {
	const output = `{"boot_ns":9}
{"boot_ns":20}
{"boot_ns":10}
{"type":"summary"}
{"boot_ns":19}
{"boot_ns":1`
	if got := string(Cut([]byte(output), 10, 20)); got != "{\"boot_ns\":10}\n{\"boot_ns\":19}\n" {
		t.Errorf("%q", got)
	}
}

// Of a slice no summary is expected; all else is.
func TestJudgeSlice(t *testing.T) {
	s, err := Parse("x", "about x\nexpect netns_create\n\t.a == 1\n")
	if err != nil {
		t.Fatal(err)
	}
	line := `{"schema":1,"type":"netns_create","a":1}` + "\n"
	if f := s.Judge(&Outcome{Slice: true, Stdout: []byte(line)}); len(f) > 0 {
		t.Errorf("the right slice: %q", f)
	}
	for _, wrong := range []string{"", line + line, line + `{"schema":1,"type":"loss"}` + "\n"} {
		if s.Judge(&Outcome{Slice: true, Stdout: []byte(wrong)}) == nil {
			t.Errorf("nothing is wrong with %q", wrong)
		}
	}
}

// A failure beside others counts, whatever comes of the scenario alone.
func TestJudgeInShared(t *testing.T) {
	s, err := Parse("x", "about x\nexpect 0 netns_create\n")
	if err != nil {
		t.Fatal(err)
	}
	alone := &Outcome{Stdout: []byte(`{"schema":1,"type":"summary","printed":0,"lost":0}` + "\n")}
	if f := s.Judge(alone); len(f) > 0 {
		t.Fatal(f)
	}
	alone.InShared = []string{"wrong"}
	if f := s.Judge(alone); len(f) != 1 || !strings.Contains(f[0], "wrong") {
		t.Errorf("%q", f)
	}
}

// The run itself has to end in good order, with everything counted.
func TestJudgeSharedRun(t *testing.T) {
	s := ForSharing("run", defaultTimeout)
	create := `{"schema":1,"type":"netns_create"}` + "\n"
	summary := `{"schema":1,"type":"summary","printed":2,"lost":0}` + "\n"
	if f := s.Judge(&Outcome{Stdout: []byte(create + create + summary)}); len(f) > 0 {
		t.Errorf("%q", f)
	}
	for name, o := range map[string]*Outcome{
		"a creation is not counted": {Stdout: []byte(create + create + create + summary)},
		"no summary":                {Stdout: []byte(create + create)},
		"loss":                      {Stdout: []byte(create + create + `{"schema":1,"type":"loss"}` + "\n" + summary)},
		"lost":                      {Stdout: []byte(create + create + strings.Replace(summary, `"lost":0`, `"lost":1`, 1))},
		"exit code":                 {Stdout: []byte(create + create + summary), ExitCode: 1},
		"crash":                     {Stdout: []byte(create + create + summary), Stderr: []byte("panic: x\n")},
	} {
		if s.Judge(o) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}
