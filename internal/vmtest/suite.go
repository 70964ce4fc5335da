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
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

//go:embed scenarios/*.txt
var scenarioFiles embed.FS

// actors are the programs that scenarios call beside those of the guest.
var actors = []string{"cloner", "daemon", "storm", "threader"}

// Scenarios returns those whose names match, in order.
func Scenarios(match *regexp.Regexp) ([]*scenario.Scenario, error) {
	dir, err := fs.Sub(scenarioFiles, "scenarios")
	if err != nil {
		return nil, err
	}
	all, err := scenario.ParseDir(dir)
	if err != nil {
		return nil, err
	}
	var chosen []*scenario.Scenario
	for _, s := range all {
		if match.MatchString(s.Name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no scenario matches %q", match)
	}
	var errs []error
	for _, s := range chosen {
		errs = append(errs, checkBoots(s))
	}
	return chosen, errors.Join(errs...)
}

// Result counts scenarios, each once for each boot that it is run under.
type Result struct {
	// Passed, Failed and Skipped are the counts. One that the VM did not get
	// to has failed.
	Passed, Failed, Skipped int
	// Origins counts the creations whose origin was told, Unknown those of
	// which nsblame said that it does not know.
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

	built bool // the programs are, and are among the Files
}

// Suite runs scenarios, one after the other, in one VM for each boot that they
// need, and prints a verdict for each as it comes. The error is that of the
// VMs; whatever the scenarios yielded until then is in the result.
func Suite(ctx context.Context, o SuiteOptions, scenarios []*scenario.Scenario, out io.Writer) (Result, error) {
	groups := groupByBoot(scenarios)
	h, err := o.prepare(ctx)
	if err != nil {
		var r Result
		for _, g := range groups {
			for _, sc := range g.scenarios {
				r.add(Case{Name: g.boot.label(sc.Name), Verdict: fail})
			}
		}
		return r, err
	}
	ctx, cancel := h.limited(ctx)
	defer cancel()
	s := suite{SuiteOptions: o, out: out}
	var errs []error
	for _, g := range groups {
		if err := s.runGroup(ctx, h, g); err != nil {
			errs = append(errs, fmt.Errorf("boot %s: %w", g.boot.Name, err))
		}
	}
	return s.Result, errors.Join(errs...)
}

// prepare builds all that the VMs need.
func (o *SuiteOptions) prepare(ctx context.Context) (*host, error) {
	if err := o.buildPrograms(ctx); err != nil {
		return nil, err
	}
	return newHost(ctx, o.Options)
}

// runGroup runs the scenarios of one boot.
func (s *suite) runGroup(ctx context.Context, h *host, g group) error {
	s.boot, s.waiting = g.boot, map[string]*scenario.Scenario{}
	if needs := g.boot.Lacking[h.Release]; needs != "" {
		for _, sc := range g.scenarios {
			s.skip(sc.Name, needs, 0)
		}
		return nil
	}
	for _, sc := range g.scenarios {
		s.waiting[sc.Name] = sc
	}
	err := s.runVM(ctx, h, g)
	for _, sc := range g.scenarios {
		if s.waiting[sc.Name] != nil {
			s.verdict(Case{Verdict: fail}, sc.Name, 0)
			fmt.Fprintln(s.out, "      the VM was gone before the scenario was done")
		}
	}
	return err
}

func (s *suite) runVM(ctx context.Context, h *host, g group) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // there was no time left for it
	}
	end, err := h.run(ctx, g.boot, &link.Plan{Scenarios: g.scenarios}, s.handle)
	if s.Keep != "" {
		err = errors.Join(err, s.keepConsole())
	}
	if err == nil && len(end.KernelWarnings) > 0 {
		err = fmt.Errorf("the guest's kernel complained:\n%s", strings.Join(end.KernelWarnings, "\n"))
	}
	return err
}

func (s *suite) keepConsole() error {
	data, err := os.ReadFile(consoleLog(s.Dir, s.boot))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it did not get as far as booting
	}
	if err != nil {
		return err
	}
	dir := filepath.Join(s.Keep, s.boot.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "console.log"), data, 0o644)
}

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
	for _, name := range actors {
		program := filepath.Join(o.Dir, name)
		if err := buildStatic(ctx, program, "internal/vmtest/actor/"+name); err != nil {
			return err
		}
		o.Files = append(o.Files, program)
	}
	program := filepath.Join(o.Dir, "systemd.test")
	o.Files = append(o.Files, program)
	return compileStatic(ctx, "amd64", "test", "-c", "-o", program, "./internal/systemd")
}

// suite is a run of scenarios under way.
type suite struct {
	SuiteOptions
	Result
	out     io.Writer
	boot    Boot
	waiting map[string]*scenario.Scenario // those of the boot that are not done
}

func (s *suite) handle(m *link.Message) error {
	switch {
	case m.Hello != nil:
		greet(s.Log, m.Hello)
		s.Kernel = m.Hello.Kernel
	case m.Started != "":
		fmt.Fprintf(s.Log, "  ... %s\n", s.boot.label(m.Started))
	case m.Outcome != nil:
		return s.judge(m.Outcome)
	}
	return nil
}

func (s *suite) judge(o *scenario.Outcome) error {
	sc := s.waiting[o.Name]
	if sc == nil {
		return fmt.Errorf("the guest reports scenario %q, which it was not given", o.Name)
	}
	delete(s.waiting, o.Name)
	s.countOrigins(o.Stdout)
	if o.Repeated > 0 {
		fmt.Fprintf(s.out, "      %s was repeated %d times: the kernel had left out a run of a probe\n", o.Name, o.Repeated)
	}
	failures := []string{}
	switch {
	case o.Skipped != "" && len(o.Errors) == 0:
		s.skip(o.Name, o.Skipped, o.Duration)
	default:
		failures = sc.Judge(o)
		if len(failures) == 0 {
			s.verdict(Case{Verdict: pass}, o.Name, o.Duration)
			break
		}
		s.verdict(Case{Verdict: fail}, o.Name, o.Duration)
		s.explain(failures, o)
	}
	if s.Keep == "" {
		return nil
	}
	return keep(filepath.Join(s.Keep, s.boot.Name, o.Name), o, failures)
}

// countOrigins counts what JSON output says of origins; other output has none.
func (s *suite) countOrigins(stdout []byte) {
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

func (s *suite) verdict(c Case, name string, took time.Duration) {
	c.Name = s.boot.label(name)
	s.add(c)
	fmt.Fprintf(s.out, "%s  %s  (%.1fs)\n", c.Verdict, c.Name, took.Seconds())
}

func (s *suite) skip(name, needs string, took time.Duration) {
	s.verdict(Case{Verdict: skip, Needs: needs}, name, took)
	fmt.Fprintln(s.out, "      needs "+needs)
}

// explain prints all that helps to understand a failure.
func (s *suite) explain(failures []string, o *scenario.Outcome) {
	for _, f := range failures {
		fmt.Fprintln(s.out, indent(f, "      "))
	}
	for _, part := range []struct {
		name string
		data []byte
	}{{"stdout", o.Stdout}, {"stderr", o.Stderr}, {"scripts", o.Scripts}} {
		const limit = 3000
		if text := string(part.data); text != "" {
			if len(text) > limit {
				text = fmt.Sprintf("(%d bytes left out) …%s", len(text)-limit, text[len(text)-limit:])
			}
			fmt.Fprintf(s.out, "      %s:\n%s\n", part.name, indent(text, "      | "))
		}
	}
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
	for name, data := range o.Files {
		parts[filepath.Join("files", name)] = data
	}
	var errs []error
	for name, data := range parts {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	return errors.Join(errs...)
}
