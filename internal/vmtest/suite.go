package vmtest

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/machine"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

//go:embed scenarios/*.txt
var scenarioFiles embed.FS

// actors are the programs that scenarios call beside those of the guest.
var actors = []string{
	"cloner", "crowd", "daemon", "keeper", "narrow", "programs", "repeater", "storm", "threader", "vexer", "warden", "writer",
}

// unitFile is what nsblame ships for systemd.
const unitFile = "contrib/systemd/nsblame-record.service"

// Choice says which scenarios are wanted.
type Choice struct {
	// Match is what their names match, nil for all.
	Match *regexp.Regexp
	// Boot is a way of booting that they need. If it is empty, they need any that
	// is not apart from the others.
	Boot string
	// Drafts takes those, too, that are not part of the suite yet.
	Drafts bool
}

// takes reports whether a scenario is wanted, and cuts its boots down to those wanted.
func (c Choice) takes(s *scenario.Scenario) bool {
	if c.Match != nil && !c.Match.MatchString(s.Name) || s.Draft != "" && !c.Drafts {
		return false
	}
	s.Boots = slices.DeleteFunc(s.Boots, func(name string) bool {
		if c.Boot != "" {
			return name != c.Boot
		}
		b, err := FindBoot(name)
		return err == nil && b.Apart
	})
	return len(s.Boots) > 0
}

// Scenarios returns those of a choice, in the order of their names.
func Scenarios(choice Choice) ([]*scenario.Scenario, error) {
	all, err := allScenarios()
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(all, func(s *scenario.Scenario) bool { return !choice.takes(s) })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no scenario matches %q, or only drafts do", choice.Match)
	}
	return chosen, nil
}

// allScenarios returns all that there are, drafts too.
func allScenarios() ([]*scenario.Scenario, error) {
	dir, err := fs.Sub(scenarioFiles, "scenarios")
	if err != nil {
		return nil, err
	}
	all, err := scenario.ParseDir(dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, s := range all {
		errs = append(errs, checkBoots(s))
	}
	return all, errors.Join(errs...)
}

// Result counts scenarios, each once for each boot that it is run under.
type Result struct {
	// Passed, Failed and Skipped are the counts. One that the VM did not get
	// to has failed.
	Passed, Failed, Skipped int
	// Origins counts the creations with a known origin, Unknown those of which
	// nsblame said that it does not know.
	Origins, Unknown int
	// Kernel is the release of the kernel, empty if no VM came up.
	Kernel string
	// Cases are all that were counted.
	Cases []Case
}

// Case is a scenario under one way of booting.
type Case struct {
	// Name is the scenario's, with the boot if that is not the plain one.
	Name string
	// Verdict is PASS, FAIL or SKIP.
	Verdict string
	// Needs says what a skipped one would have needed.
	Needs string
}

// The verdicts.
const (
	pass = "PASS"
	fail = "FAIL"
	skip = "SKIP"
)

func (r *Result) add(c Case) {
	switch c.Verdict {
	case pass:
		r.Passed++
	case fail:
		r.Failed++
	case skip:
		r.Skipped++
	}
	r.Cases = append(r.Cases, c)
}

// String returns the counts as a line for people.
func (r Result) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
}

// SuiteOptions are what Suite needs beyond Options.
type SuiteOptions struct {
	Options
	// Nsblame is the binary under test; it is built if empty.
	Nsblame string
	// Keep receives a directory for each boot, and in it one for each
	// scenario with all that it yielded; nothing is kept if it is empty.
	Keep string
	// Alone gives each scenario an nsblame of its own. So does Keep, for then each
	// has a recording.
	Alone bool
	// VMs is how many are up at once, one if it is 0.
	VMs int

	built bool   // the programs are, and are among the Files
	only  bool   // there is one cell, which needs no name
	home  Cell   // what is kept of it needs no directory of its own
	cell  string // is put before the names of scenarios, where it matters
}

func (o *SuiteOptions) vms() int { return max(o.VMs, 1) }

// shareCPUs has guests that are up at once share the CPUs of this machine: what is
// emulated keeps busy as many as it has, and more only wait for each other.
func (o *SuiteOptions) shareCPUs() {
	if o.CPUs == 0 && machine.Accelerator() == "tcg" {
		o.CPUs = min(max(runtime.NumCPU()/o.vms(), 1), usualCPUs)
	}
}

// Suite runs scenarios in VMs, at least one for each boot that they need, and
// prints a verdict for each as it comes. The error is that of the VMs; whatever
// the scenarios yielded until then is in the result.
func Suite(ctx context.Context, o SuiteOptions, scenarios []*scenario.Scenario, out io.Writer) (Result, error) {
	o.home = Cell{o.Release, o.attach()}
	parts := AtHome(o.home, scenarios)
	o.only = len(parts) == 1
	t, err := Matrix(ctx, o, parts, out)
	return t.Result(), err
}

// suite is a run of scenarios under way.
type suite struct {
	SuiteOptions
	mu sync.Mutex // guards what follows
	Result
	errs []error
	out  io.Writer
}

// prepare gets what VMs are booted from, and returns a task for each VM. Without
// that all scenarios have failed.
func (s *suite) prepare(ctx context.Context, scenarios []*scenario.Scenario) []Task {
	groups := split(groupByBoot(scenarios, s.cpus()), s.vms())
	err := os.MkdirAll(s.Dir, 0o755)
	var h *host
	if err == nil {
		h, err = newHost(ctx, s.Options, bootsOf(groups))
	}
	if err != nil {
		for _, g := range groups {
			for _, sc := range g.scenarios {
				s.add(Case{Name: g.boot.label(sc.Name), Verdict: fail})
			}
		}
		s.failed(err)
		return nil
	}
	var tasks []Task
	for i, g := range groups {
		tasks = append(tasks, Task{time.Duration(repeats(s.Release)) * g.takes(), func(ctx context.Context) {
			if err := s.runGroup(ctx, h, i, g); err != nil {
				s.failed(fmt.Errorf("boot %s: %w", g.boot.Name, err))
			}
		}})
	}
	return tasks
}

// failed notes an error of the VMs.
func (s *suite) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
	if s.cell != "" {
		fmt.Fprintf(s.out, "      %s: %v\n", s.cell, err)
	}
}

// vm is the part of a suite that one VM runs.
type vm struct {
	*suite
	group
	dir     string                        // its own
	waiting map[string]*scenario.Scenario // those that are not done
}

// runGroup runs the scenarios of one boot.
func (s *suite) runGroup(ctx context.Context, h *host, i int, g group) error {
	v := &vm{s, g, filepath.Join(s.Dir, fmt.Sprintf("vm%d", i)), map[string]*scenario.Scenario{}}
	if needs := g.boot.Lacking[h.Release]; needs != "" {
		for _, sc := range g.scenarios {
			v.skip(sc.Name, needs, 0)
		}
		return nil
	}
	for _, sc := range g.scenarios {
		v.waiting[sc.Name] = sc
	}
	err := v.run(ctx, h)
	for _, sc := range g.scenarios {
		if v.waiting[sc.Name] != nil {
			v.verdict(Case{Verdict: fail}, sc.Name, 0, "      the VM was gone before the scenario was done\n")
		}
	}
	return err
}

func (v *vm) run(ctx context.Context, h *host) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // there was no time left for it
	}
	if err := os.Mkdir(v.dir, 0o755); err != nil {
		return err
	}
	own := *h
	own.Dir, own.CPUs = v.dir, v.cpus
	end, err := own.run(ctx, v.boot, &link.Plan{Scenarios: v.scenarios, Record: v.Keep != "", Alone: v.Alone || v.Keep != ""}, v.handle)
	if v.Keep != "" {
		err = errors.Join(err, v.keepConsole())
	}
	if err == nil && len(end.KernelWarnings) > 0 {
		err = fmt.Errorf("the guest's kernel complained:\n%s", strings.Join(end.KernelWarnings, "\n"))
	}
	return err
}

func (v *vm) keepConsole() error {
	data, err := os.ReadFile(consoleLog(v.dir, v.boot))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it never booted
	}
	if err != nil {
		return err
	}
	dir := filepath.Join(v.Keep, v.boot.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, filepath.Base(v.dir)+"-console.log"), data, 0o644)
}

// attackers are actors of the scenarios of attacks.
var attackers = []string{"attacker", "seed"}

func (o *SuiteOptions) buildPrograms(ctx context.Context) error {
	if o.built {
		return nil
	}
	o.built = true
	if o.Nsblame == "" {
		o.Nsblame = filepath.Join(o.Dir, "nsblame")
		if err := buildStatic(ctx, o.Nsblame, "cmd/nsblame"); err != nil {
			return err
		}
	}
	o.Files = append(o.Files, o.Nsblame)
	for _, name := range slices.Concat(actors, attackers) {
		program := filepath.Join(o.Dir, name)
		if err := buildStatic(ctx, program, "internal/vmtest/actor/"+name); err != nil {
			return err
		}
		o.Files = append(o.Files, program)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	program := filepath.Join(o.Dir, "systemd.test")
	o.Files = append(o.Files, program, filepath.Join(root, unitFile))
	return compileStatic(ctx, "amd64", "test", "-c", "-o", program, "./internal/observe/systemd")
}

func (v *vm) handle(m *link.Message) error {
	switch {
	case m.Hello != nil:
		greet(v.Log, m.Hello)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.Kernel = m.Hello.Kernel
	case m.Started != "":
		fmt.Fprintf(v.Log, "  ... %s\n", v.named(m.Started))
	case m.Outcome != nil:
		return v.judge(m.Outcome)
	}
	return nil
}

func (v *vm) judge(o *scenario.Outcome) error {
	sc := v.waiting[o.Name]
	if sc == nil {
		return fmt.Errorf("the guest reports scenario %q, which it was not given", o.Name)
	}
	delete(v.waiting, o.Name)
	v.countOrigins(o.Stdout)
	failures := []string{}
	if o.Skipped != "" && len(o.Errors) == 0 {
		v.skip(o.Name, o.Skipped, o.Duration)
	} else {
		failures = sc.Judge(o)
		c, why := Case{Verdict: pass}, ""
		if len(failures) > 0 {
			c.Verdict, why = fail, explain(failures, o)
		}
		v.verdict(c, o.Name, o.Duration, repeated(o)+why)
	}
	if v.Keep == "" {
		return nil
	}
	return keep(filepath.Join(v.Keep, v.boot.Name, o.Name), o, failures)
}

func repeated(o *scenario.Outcome) string {
	if o.Repeated == 0 {
		return ""
	}
	return fmt.Sprintf("      was repeated %d times: the kernel had left out a run of a probe\n", o.Repeated)
}

// countOrigins counts what JSON output says of origins; other output has none.
func (s *suite) countOrigins(stdout []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range bytes.Lines(stdout) {
		var creation struct {
			Type   string
			Origin struct{ Trigger string }
		}
		if json.Unmarshal(line, &creation) != nil || creation.Type != "netns_create" {
			continue
		}
		if creation.Origin.Trigger == "unknown" {
			s.Unknown++
		} else {
			s.Origins++
		}
	}
}

// verdict counts and prints one, with what explains it in lines of their own.
func (v *vm) verdict(c Case, name string, took time.Duration, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c.Name = v.boot.label(name)
	v.add(c)
	fmt.Fprintf(v.out, "%s  %s  (%.1fs)\n%s", c.Verdict, v.named(name), took.Seconds(), why)
}

// named returns what the output calls a scenario.
func (v *vm) named(name string) string { return strings.TrimSpace(v.cell + " " + v.boot.label(name)) }

func (v *vm) skip(name, needs string, took time.Duration) {
	v.verdict(Case{Verdict: skip, Needs: needs}, name, took, "      needs "+needs+"\n")
}

// explain returns all that helps to understand a failure.
func explain(failures []string, o *scenario.Outcome) string {
	var why strings.Builder
	for _, f := range failures {
		fmt.Fprintln(&why, indent(f, "      "))
	}
	for _, part := range []struct {
		name string
		data []byte
	}{{"stdout beside others", o.SharedStdout}, {"stdout", o.Stdout}, {"stderr", o.Stderr}, {"scripts", o.Scripts}} {
		const limit = 3000
		if text := string(part.data); text != "" {
			if len(text) > limit {
				text = fmt.Sprintf("(%d bytes left out) …%s", len(text)-limit, text[len(text)-limit:])
			}
			fmt.Fprintf(&why, "      %s:\n%s\n", part.name, indent(text, "      | "))
		}
	}
	return why.String()
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}

// keep writes an outcome to a directory.
func keep(dir string, o *scenario.Outcome, failures []string) error {
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o755); err != nil {
		return err
	}
	parts := map[string][]byte{
		"stdout": o.Stdout, "stderr": o.Stderr, "scripts": o.Scripts,
		"failures": []byte(strings.Join(failures, "\n")),
	}
	if o.Recording != nil {
		parts[recordingName] = o.Recording
	}
	for name, data := range o.Files {
		parts[filepath.Join("files", name)] = data
	}
	var errs []error
	for name, data := range parts {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	return errors.Join(errs...)
}
