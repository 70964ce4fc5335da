package scenario

import (
	"fmt"
	"strings"
	"testing"
)

// The samples that the tests vary.
const (
	create = `{"schema":1,"type":"netns_create","netns":{"inum":4026532158,"cookie":18446744073709551615},"error":null,` +
		`"process":{"pid":42,"comm":"unshare","argv":["unshare","-n","true"],"exe":"/usr/bin/unshare"},` +
		`"ancestry":[{"pid":41,"comm":"sh","argv":["sh"]},{"pid":7,"comm":"cron","argv":["cron","-f"]},{"pid":1,"comm":"systemd","argv":[]}],` +
		`"init":[{"subsystem":"nf_conntrack","ns":1},{"subsystem":"ip_vs","ns":2,"ipvs":{"size":2176}}]}`
	other   = `{"schema":1,"type":"netns_create","netns":{"inum":5,"cookie":9},"error":"ENOSPC","process":{"pid":43,"comm":"ip","argv":["ip"]}}`
	summary = `{"schema":1,"type":"summary","seen":%d,"printed":%[1]d,"lost":0,"cut":0}`
)

// output joins lines and adds a summary that fits.
func output(creations ...string) []byte {
	lines := append(creations, fmt.Sprintf(summary, len(creations)))
	return []byte(strings.Join(lines, "\n") + "\n")
}

// judge parses a file and judges an outcome by it.
func judge(t *testing.T, file string, o *Outcome) []string {
	t.Helper()
	s, err := Parse("sample", "about test\n"+file)
	if err != nil {
		t.Fatal(err)
	}
	return s.Judge(o)
}

// wantVerdict fails the test unless the failures are none, or, with a reason,
// some that mention it.
func wantVerdict(t *testing.T, failures []string, reason string) {
	t.Helper()
	all := strings.Join(failures, "\n")
	switch {
	case reason == "" && all != "":
		t.Errorf("must pass, fails with:\n%s", all)
	case reason != "" && all == "":
		t.Errorf("passes, must fail for %q", reason)
	case !strings.Contains(all, reason):
		t.Errorf("must fail for %q, fails with:\n%s", reason, all)
	}
}

func TestChecks(t *testing.T) {
	vars := map[string]string{"PID": "42", "NAME": "unshare", "PLUS": "a+b"}
	for _, tc := range []struct{ check, reason string }{
		{".process.comm == unshare", ""},
		{`.process.comm == "unshare"`, ""},
		{".process.comm == unshar", `.process.comm is "unshare"`},
		{".process.comm != ip", ""},
		{".process.comm != unshare", `.process.comm is "unshare"`},
		{".process.pid == 42", ""},
		{".process.pid == 42.0", ""},
		{`.process.pid == "42"`, ".process.pid is 42"},
		{".process.pid == ${PID}", ""},
		{".process.pid == ${NAME}", ".process.pid is 42"},
		{".process.pid == ${NOBODY}", "have not set NOBODY"},
		{".process.comm ~ ^${NAME}$", ""},
		{".process.comm ~ ^${PLUS}$", ".process.comm is"},
		{`.process.argv == ["${NAME}","-n","true"]`, ""},
		{`.process.argv == ["unshare","-n"]`, ".process.argv is"},
		{".process.argv[0] == unshare", ""},
		{".process.argv[-1] == \"true\"", ""},
		{".process.argv[-1] == true", `.process.argv[-1] is "true"`},
		{".process.argv[3] == x", "the array has 3 elements"},
		{".process.argv | length == 3", ""},
		{".process.argv | length > 3", ".process.argv is"},
		{".process | length > 3", "has no length"},
		{".process.argv contains -n", ""},
		{".process.argv contains -m", ".process.argv is"},
		{".process.argv lacks -m", ""},
		{".process.argv lacks -n", ".process.argv is"},
		{".process.exe contains /bin/", ""},
		{".process.exe contains 3", "cannot contain"},
		{".process.pid contains 4", "neither array nor string"},
		{".process.exe ~ /unshare$", ""},
		{".process.exe ~ /bash$", ".process.exe is"},
		{".process.exe !~ /bash$", ""},
		{".process.exe !~ bin", ".process.exe is"},
		{".process.pid ~ 42", "no string"},
		{".error == null", ""},
		{".error != null", ".error is null"},
		{".netns.cookie == 18446744073709551615", ""},
		{".netns.cookie == 18446744073709551614", ".netns.cookie is"},
		{".netns.cookie > 18446744073709551614", ""},
		{".netns.cookie >= 18446744073709551616", ".netns.cookie is"},
		{".netns.inum < 4026532159", ""},
		{".netns.inum <= 4026532157", ".netns.inum is"},
		{".process.comm > 1", "no number"},
		{".process.pid > unshare", "no number"},
		// A path that leads nowhere is neither null nor different.
		{".process.exec == null", "no .process.exec"},
		{".process.exec != null", "no .process.exec"},
		{".procss.comm != ip", "no .procss"},
		{".process.comm.x != ip", "is no object"},
		{".process[0] != ip", "is no array"},
		{".process.exec absent", ""},
		{".process.comm absent", `.process.comm is "unshare"`},
		{".procss.exec absent", "no .procss"},
		{".process.comm.x absent", "no object"},
		// Several values: any, or with a negative operator each.
		{".ancestry[*].comm == cron", ""},
		{".ancestry[*].comm contains ron", ""},
		{".ancestry[*].comm == bash", "is none of it"},
		{".ancestry[*].comm != bash", ""},
		{".ancestry[*].comm != cron", ".ancestry[*].comm is"},
		{".ancestry[*].com != bash", "no .ancestry[*].com"},
		{".ancestry[comm=cron].argv[1] == -f", ""},
		{".ancestry[comm=cron].argv[1] == -x", "is none of it"},
		{".ancestry[comm=bash].argv[1] != -x", "no such element"},
		{".ancestry[pid=41].comm == sh", ""},
		{".ancestry[pid=${PID}].comm == sh", "no such element"},
		{".ancestry[2].argv[*] != x", "no such element"},
		{".init[subsystem=ip_vs].ipvs.size == 2176", ""},
		{".init[*].ipvs.size == 2176", "no .init[*].ipvs"},
	} {
		t.Run(tc.check, func(t *testing.T) {
			o := &Outcome{Stdout: output(create), Vars: vars}
			wantVerdict(t, judge(t, "expect netns_create\n\t"+tc.check, o), tc.reason)
		})
	}
}

func TestEvents(t *testing.T) {
	const (
		isUnshare = "\nexpect netns_create\n\t.process.comm == unshare"
		isIP      = "\nexpect netns_create\n\t.process.comm == ip"
		isAny     = "\nexpect netns_create\n\t.process.pid > 0"
		loss      = `{"schema":1,"type":"loss","kind":"creation","count":2}`
		coverage  = `{"schema":1,"type":"coverage","probe":"x","live":false}`
	)
	withLoss := []byte(loss + "\n" + string(output(create)))
	for _, tc := range []struct {
		name, file, reason string
		stdout             []byte
	}{
		{"none as expected", "expect 0 netns_create", "", output()},
		{"one where none is expected", "expect 0 netns_create", "unexpected netns_create", output(create)},
		{"none where one is expected", isUnshare, "found 0", output()},
		{"each by its block", isUnshare + isIP, "", output(other, create)},
		{"one too many", isUnshare, "unexpected netns_create", output(create, other)},
		{"twice the same", isUnshare, "has its number already", output(create, create)},
		{"one missing", isUnshare + isIP, "found 0", output(create)},
		{"the general block leaves the special one its object", isAny + isUnshare, "", output(create, other)},
		{"in whatever order", isAny + isUnshare, "", output(other, create)},
		{"the general block alone", isAny + isAny, "", output(other, create)},
		{"count", "expect 2 netns_create\n\t.process.pid > 0", "", output(create, other)},
		{"count not reached", "expect 3 netns_create\n\t.process.pid > 0", "found 2", output(create, other)},
		{"count exceeded", "expect 1 netns_create\n\t.process.pid > 0", "unexpected", output(create, other)},
		{"at least", "expect 1+ netns_create\n\t.process.pid > 0", "", output(create, other)},
		{"at least, not reached", "expect 3+ netns_create\n\t.process.pid > 0", "found 2", output(create, other)},
		{"open block leaves what another needs", "expect 0+ netns_create" + isUnshare, "", output(create, other)},
		{"open block and a need unfulfilled, which is said", "expect 0+ netns_create" + isUnshare, ".process.comm is \"ip\"", output(other)},
		{"a loss nobody mentions", isUnshare, "unexpected loss", withLoss},
		{"a loss that is expected", isUnshare + "\nexpect loss\n\t.count == 2", "", withLoss},
		{"coverage nobody mentions", isUnshare, "", []byte(coverage + "\n" + string(output(create)))},
		{"no coverage though mentioned", isUnshare + "\nexpect 0 coverage", "unexpected coverage", []byte(coverage + "\n" + string(output(create)))},
		{"no summary", isUnshare, "only summary", []byte(create + "\n")},
		{"summary not last", isUnshare, "only summary", []byte(fmt.Sprintf(summary, 1) + "\n" + create + "\n")},
		{"two summaries", "expect 0 netns_create", "only summary", []byte(strings.Repeat(string(output()), 2))},
		{"summary miscounts", isUnshare, ".printed is 0", []byte(create + "\n" + string(output()))},
		{"lost", "expect 0 netns_create", ".lost is 3", []byte(`{"schema":1,"type":"summary","printed":0,"lost":3}` + "\n")},
		{"lost as expected", "expect 0 netns_create\nexpect summary\n\t.lost == 3", "", []byte(`{"schema":1,"type":"summary","printed":0,"lost":3}` + "\n")},
		{"summary without lost", "expect 0 netns_create", "no .lost", []byte(`{"schema":1,"type":"summary","printed":0}` + "\n")},
		{"no JSON", isUnshare, "is no JSON", []byte("hello\n")},
		{"no object", isUnshare, "is no object", []byte("3\n")},
		{"no type", isUnshare, "has no type", []byte(`{"schema":1}` + "\n")},
		{"no schema", isUnshare, "has no schema", []byte(`{"type":"x"}` + "\n")},
		{"two objects in a line", isUnshare, "is no JSON", []byte(create + create + "\n")},
		{"cut off", isUnshare, "has no end", []byte(strings.TrimSuffix(string(output(create)), "\n"))},
		{"nothing at all", isUnshare, "only summary", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantVerdict(t, judge(t, tc.file, &Outcome{Stdout: tc.stdout}), tc.reason)
		})
	}
}

// A report is the only object, with no summary behind it.
func TestJudgeReport(t *testing.T) {
	const file, report = "nsblame report --duration 1h --output json\nexpect report\n\t.seen == 1\n", `{"schema":1,"type":"report","seen":1}` + "\n"
	for _, tc := range []struct{ name, stdout, reason string }{
		{"one", report, ""},
		{"another", strings.Replace(report, "1}", "2}", 1), ".seen"},
		{"none", "", "must be one report, found 0"},
		{"two", report + report, "must be one report, found 2"},
		{"a summary", string(output()), "must be one report, found 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantVerdict(t, judge(t, file, &Outcome{Stdout: []byte(tc.stdout)}), tc.reason)
		})
	}
}

func TestFields(t *testing.T) {
	const any2 = "expect 2 netns_create\n"
	for _, tc := range []struct{ name, directive, file, reason string }{
		{"same", "same .process.pid of netns_create as pids", "43\n42\n", ""},
		{"missing", "same .process.pid of netns_create as pids", "42\n43\n44\n", "missing 44"},
		{"not expected", "same .process.pid of netns_create as pids", "42\n", "not expected 43"},
		{"another count", "same .process.pid of netns_create as pids", "42\n43\n43\n", "missing 43"},
		{"misspelt path", "same .process.pit of netns_create as pids", "42\n43\n", "no .process.pit"},
		{"misspelt type", "same .process.pid of netns_creat as pids", "42\n43\n", "missing 42 43"},
		{"no file", "same .process.pid of netns_create as nothing", "", "left no file nothing"},
		{"unique", "unique .netns.cookie of netns_create", "", ""},
		{"not unique", "unique .type of netns_create", "", "more than once"},
		{"unique of nothing", "unique .type of netns_creat", "", "no values"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &Outcome{Stdout: output(create, other), Files: map[string][]byte{"pids": []byte(tc.file)}}
			wantVerdict(t, judge(t, any2+tc.directive, o), tc.reason)
		})
	}
}

func TestTextAndExit(t *testing.T) {
	const text = "nsblame trace\nstdout\n\t~ ^09:41\n"
	ok := Outcome{Stdout: []byte("09:41 a\n10:00 b\n"), Vars: map[string]string{"N": "a"}}
	with := func(change func(*Outcome)) *Outcome {
		o := ok
		change(&o)
		return &o
	}
	for _, tc := range []struct {
		name, file, reason string
		o                  *Outcome
	}{
		{"found", text, "", &ok},
		{"each line is a line", text + "\t~ ^10:00 b$", "", &ok},
		{"not found", text + "\t~ ^11", "stdout: ~ ^11", &ok},
		{"found though unwanted", text + "\t!~ b$", `found "b"`, &ok},
		{"not found, as wanted", text + "\t!~ c$", "", &ok},
		{"variable", text + "\tcontains 09:41 ${N}", "", &ok},
		{"variable unset", text + "\tcontains ${M}", "have not set M", &ok},
		{"contained", text + "\tlacks 10:00", "lacks 10:00", &ok},
		{"not contained", text + "\tcontains 11:00", "contains 11:00", &ok},
		{"lines", text + "\tlines 2", "", &ok},
		{"other lines", text + "\tlines 1", "there are 2", &ok},
		{"not empty", text + "\tempty", "there are 16 bytes", &ok},
		{"stderr empty", text + "stderr\n\tempty", "", &ok},
		{"exit code", text, "exit code is 1, expected 0", with(func(o *Outcome) { o.ExitCode = 1 })},
		{"exit code as expected", text + "exit 3", "", with(func(o *Outcome) { o.ExitCode = 3 })},
		{"exit code 0 though not expected", text + "exit 3", "exit code is 0", &ok},
		{"killed", text, "exit code is -1", with(func(o *Outcome) { o.ExitCode = -1 })},
		{"crash", text, "nsblame crashed", with(func(o *Outcome) { o.Stderr = []byte("x\npanic: y\n") })},
		{"kernel", text, "the kernel complained: BUG: z", with(func(o *Outcome) { o.KernelWarnings = []string{"BUG: z"} })},
		{"script failed", text, "setup failed", with(func(o *Outcome) { o.Errors = []string{"setup failed"} })},
	} {
		t.Run(tc.name, func(t *testing.T) { wantVerdict(t, judge(t, tc.file, tc.o), tc.reason) })
	}
}

func TestEventWait(t *testing.T) {
	s, err := Parse("sample", "about test\nexpect 0+ netns_create\nwait 2 netns_create\n\t.process.pid >= ${MIN}\n")
	if err != nil {
		t.Fatal(err)
	}
	wait := s.Steps[0].Events
	for _, tc := range []struct {
		name, stdout, min string
		want              bool
	}{
		{"nothing yet", "", "1", false},
		{"one", create + "\n", "1", false},
		{"two", create + "\n" + other + "\n", "1", true},
		{"two, of which one fits", create + "\n" + other + "\n", "43", false},
		{"the second is not whole", create + "\n" + other[:30], "1", false},
		{"the second has no end", create + "\n" + other, "1", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := wait.Met([]byte(tc.stdout), map[string]string{"MIN": tc.min})
			if err != nil || got != tc.want {
				t.Errorf("Met = %v, %v, want %v", got, err, tc.want)
			}
		})
	}
	if _, err := wait.Met(nil, nil); err == nil {
		t.Error("Met with an unset variable must fail")
	}
	if _, err := wait.Met([]byte("panic\n"), map[string]string{"MIN": "1"}); err == nil {
		t.Error("Met must fail on what is no JSON")
	}
}
