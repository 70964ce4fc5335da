package scenario

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	s, err := Parse("sample", `# A comment.
about Why it exists.
	And more.
boot plain hybrid
skip-unless a file
	test -e file
setup
	one

	two
nsblame as alice trace --output json --unit 'a b'
timeout 5m
run as alice
	three
wait 2 netns_create
	.process.pid == ${PID}
wait until
	four
wait exit
cleanup
	five
exit 3
expect 2+ netns_create
	# Not a check.
	.error == null
same .process.pid of netns_create as pids
stderr
	~ x
cpus 4
no-corpus a flood
`)
	if err != nil {
		t.Fatal(err)
	}
	// What travels to the guest arrives as it was.
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var copied Scenario
	if err := json.Unmarshal(raw, &copied); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*s, copied) {
		t.Errorf("after the journey:\n%+v\nbefore:\n%+v", copied, *s)
	}
	check, err := parseCheck(".process.pid == ${PID}")
	if err != nil {
		t.Fatal(err)
	}
	null, err := parseCheck(".error == null")
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{
		Name: "sample", About: "Why it exists.\nAnd more.", Boots: []string{"plain", "hybrid"}, User: "alice", CPUs: 4, Timeout: 5 * time.Minute,
		NoCorpus:   "a flood",
		Conditions: []Condition{{Reason: "a file", Script: Script{Line: 5, Text: "test -e file"}}},
		Setup:      []Script{{Line: 7, Text: "one\n\ntwo"}},
		Args:       []string{"trace", "--output", "json", "--unit", "a b"},
		Steps: []Step{
			{Line: 13, Run: &Script{Line: 13, User: "alice", Text: "three"}},
			{Line: 15, Events: &EventWait{Count: 2, Type: "netns_create", Checks: []Check{check}}},
			{Line: 17, Until: &Script{Line: 17, Text: "four"}},
			{Line: 19, Exit: true},
		},
		Cleanup: []Script{{Line: 20, Text: "five"}},
		Expect: Expect{
			ExitCode: 3,
			Blocks:   []Block{{Line: 23, Type: "netns_create", Min: 2, More: true, Checks: []Check{null}}},
			Fields:   []Field{{Line: 26, Path: ".process.pid", Type: "netns_create", File: "pids"}},
			Stderr:   []TextCheck{{text: "~ x", op: "~", operand: "x"}},
		},
	}
	if !reflect.DeepEqual(*s, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", *s, want)
	}
}

func TestParseDefaults(t *testing.T) {
	plain := Scenario{
		Name: "sample", About: "x", Boots: []string{PlainBoot}, Timeout: defaultTimeout,
		Args:   []string{"trace", "--output", "json"},
		Expect: Expect{Blocks: []Block{{Line: 2, Type: "netns_create"}}},
	}
	early := plain
	early.AtBoot = true
	for file, want := range map[string]Scenario{
		"about x\nexpect 0 netns_create\n":                  plain,
		"about x\nexpect 0 netns_create\nnsblame at boot\n": early,
	} {
		s, err := Parse("sample", file)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*s, want) {
			t.Errorf("%q:\n%+v\nwant:\n%+v", file, *s, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const none = "expect 0 netns_create\n"
	for _, tc := range []struct{ name, file, reason string }{
		{"unknown directive", "about x\nexpct netns_create\n", "line 2: expct: unknown directive"},
		{"no about", none, "no about"},
		{"no report", "about x\nnsblame report --duration 1h --output json\nexpect 0 netns_create\n", "what the report is expected to be"},
		{"no count", "about x\nrun\n\ttrue\n", "expect 0 netns_create"},
		{"body of nothing", "\tx\n", "nothing is above it"},
		{"blanks for a tab", "about x\n  y\n", "indent with a tab"},
		{"twice", "about x\nabout y\n", "given twice"},
		{"empty script", "about x\n" + none + "run\n", "no script below it"},
		{"user without as", "about x\n" + none + "run alice\n\ttrue\n", `"as USER"`},
		{"boot without a name", "about x\n" + none + "boot\n", "no name"},
		{"boot twice", "about x\n" + none + "boot hybrid hybrid\n", "hybrid is named twice"},
		{"skip without a reason", "about x\n" + none + "skip-unless\n\ttrue\n", "no reason"},
		{"no-corpus without a reason", "about x\n" + none + "no-corpus\n", "no reason given"},
		{"no arguments", "about x\nnsblame as alice\n", "no arguments"},
		{"open quote", "about x\nnsblame trace 'x\n", "quote without an end"},
		{"bad timeout", "about x\n" + none + "timeout soon\n", "invalid duration"},
		{"bad number of CPUs", "about x\n" + none + "cpus all\n", "invalid syntax"},
		{"one CPU", "about x\n" + none + "cpus 1\n", "there is always one"},
		{"bad exit", "about x\n" + none + "exit zero\n", "invalid syntax"},
		{"body of exit", "about x\n" + none + "exit 0\n\tx\n", "nothing may be indented"},
		{"bad wait", "about x\n" + none + "wait a while\n", `"N TYPE"`},
		{"wait for none", "about x\n" + none + "wait 0 netns_create\n", `"N TYPE"`},
		{"wait exit with more", "about x\n" + none + "wait exit now\n", `unexpected "now"`},
		{"bad count", "about x\nexpect many netns_create\n", "[N|N+] TYPE"},
		{"checks of none", "about x\nexpect 0 netns_create\n\t.a == 1\n", "0 takes no checks"},
		{"bad same", "about x\n" + none + "same .a in b\n", "same PATH of TYPE as FILE"},
		{"bad unique", "about x\n" + none + "unique .a\n", "unique PATH of TYPE"},
		{"path of same", "about x\n" + none + "same a of b as c\n", "expected . or ["},
		{"check without operator", "about x\nexpect netns_create\n\t.a\n", "unknown operator"},
		{"check with a wrong operator", "about x\nexpect netns_create\n\t.a = 1\n", `unknown operator "="`},
		{"check without value", "about x\nexpect netns_create\n\t.a ==\n", "no value after =="},
		{"check with a bad value", "about x\nexpect netns_create\n\t.a == [1\n", `value "[1"`},
		{"check with a bad regexp", "about x\nexpect netns_create\n\t.a ~ (\n", "missing closing )"},
		{"check with a bad path", "about x\nexpect netns_create\n\ta == 1\n", "expected . or ["},
		{"empty name in a path", "about x\nexpect netns_create\n\t.a..b == 1\n", "is not a name"},
		{"bad index", "about x\nexpect netns_create\n\t.a[x] == 1\n", "[NUMBER]"},
		{"open bracket", "about x\nexpect netns_create\n\t.a[1 == 1\n", "[ without ]"},
		{"absent with a value", "about x\nexpect netns_create\n\t.a absent x\n", "takes no value"},
		{"absent element", "about x\nexpect netns_create\n\t.a[0] absent\n", "ends in a name"},
		{"text without an expectation", "about x\nnsblame trace\n", "neither stdout nor stderr"},
		{"events of text", "about x\nnsblame trace\nexpect netns_create\n", "need nsblame's --output json"},
		{"waiting for events of text", "about x\nnsblame trace\nwait 1 netns_create\nstdout\n\tempty\n", "--output json"},
		{"empty stdout block", "about x\n" + none + "stdout\n", "no check below it"},
		{"unknown text operator", "about x\n" + none + "stdout\n\tmatches x\n", `unknown operator "matches"`},
		{"bad text regexp", "about x\n" + none + "stdout\n\t~ (\n", "no valid regular expression"},
		{"lines of nothing", "about x\n" + none + "stdout\n\tlines many\n", "lines needs a number"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("sample", tc.file)
			if err == nil || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("error %v, want one that mentions %q", err, tc.reason)
			}
		})
	}
}
