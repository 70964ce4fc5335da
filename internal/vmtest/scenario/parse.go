package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The object types that a scenario must account for one by one: one that it
// does not mention makes it fail.
var accounted = []string{"netns_create", "loss"}

const defaultTimeout = 3 * time.Minute

// ParseDir parses all scenario files of a directory, in the order of their
// names.
func ParseDir(fsys fs.FS) ([]*Scenario, error) {
	files, err := fs.Glob(fsys, "*.txt")
	if err != nil {
		return nil, err
	}
	var scenarios []*Scenario
	var errs []error
	for _, file := range files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		s, err := Parse(strings.TrimSuffix(file, ".txt"), string(text))
		errs = append(errs, err)
		scenarios = append(scenarios, s)
	}
	return scenarios, errors.Join(errs...)
}

// Parse parses the text of a scenario file.
func Parse(name, text string) (*Scenario, error) {
	directives, err := split(text)
	p := parser{s: &Scenario{Name: name, Timeout: defaultTimeout}, seen: map[string]bool{}}
	for _, d := range directives {
		if err != nil {
			break
		}
		if err = p.directive(d); err != nil {
			err = fmt.Errorf("line %d: %s: %w", d.line, d.word, err)
		}
	}
	if err == nil {
		err = p.finish()
	}
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", name, err)
	}
	return p.s, nil
}

// directive is a line that is not indented, and the indented lines below it.
type directive struct {
	line int
	word string   // the first word
	rest string   // what follows it in its line
	body []string // without the indentation
}

// text returns the body as one text.
func (d directive) text() string { return strings.Join(d.body, "\n") }

func split(text string) ([]directive, error) {
	var ds []directive
	for n, line := range slices.Collect(strings.Lines(text)) {
		line = strings.TrimRight(line, "\r\n\t ")
		body, indented := strings.CutPrefix(line, "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case indented || line == "":
			if len(ds) > 0 {
				ds[len(ds)-1].body = append(ds[len(ds)-1].body, body)
			} else if indented {
				return nil, fmt.Errorf("line %d: indented, but nothing is above it", n+1)
			}
		case line[0] == ' ':
			return nil, fmt.Errorf("line %d: indent with a tab", n+1)
		default:
			word, rest, _ := strings.Cut(line, " ")
			ds = append(ds, directive{line: n + 1, word: word, rest: strings.TrimSpace(rest)})
		}
	}
	for i := range ds {
		for len(ds[i].body) > 0 && ds[i].body[len(ds[i].body)-1] == "" {
			ds[i].body = ds[i].body[:len(ds[i].body)-1]
		}
	}
	return ds, nil
}

type parser struct {
	s    *Scenario
	seen map[string]bool
}

// once lists what a file may say only once.
var once = []string{"about", "draft", "boot", "cpus", "nsblame", "alone", "no-corpus", "takes", "timeout", "exit", "stdout", "stderr"}

func (p *parser) directive(d directive) error {
	if p.seen[d.word] && slices.Contains(once, d.word) {
		return errors.New("given twice")
	}
	p.seen[d.word] = true
	s := p.s
	switch d.word {
	case "about":
		s.About = strings.TrimSpace(d.rest + "\n" + d.text())
		return nil
	case "boot":
		return p.boot(d)
	case "cpus":
		var err error
		s.CPUs, err = strconv.Atoi(d.rest)
		if err == nil && s.CPUs < 2 {
			err = errors.New("there is always one")
		}
		return errors.Join(err, d.noBody())
	case "skip-unless":
		return p.skipUnless(d)
	case "setup":
		return p.script(d, d.rest, &s.Setup)
	case "cleanup":
		return p.script(d, d.rest, &s.Cleanup)
	case "nsblame":
		return p.nsblame(d)
	case "draft":
		return d.reason(&s.Draft)
	case "alone":
		return d.reason(&s.Alone)
	case "no-corpus":
		return d.reason(&s.NoCorpus)
	case "takes":
		var err error
		s.Takes, err = time.ParseDuration(d.rest)
		return errors.Join(err, d.noBody())
	case "timeout":
		var err error
		s.Timeout, err = time.ParseDuration(d.rest)
		return errors.Join(err, d.noBody())
	case "run":
		script, err := parseScript(d, d.rest)
		s.Steps = append(s.Steps, Step{Line: d.line, Run: script})
		return err
	case "wait":
		return p.wait(d)
	case "expect":
		return p.expect(d)
	case "same", "unique":
		return p.field(d)
	case "exit":
		var err error
		s.Expect.ExitCode, err = strconv.Atoi(d.rest)
		return errors.Join(err, d.noBody())
	case "stdout":
		return p.output(d, &s.Expect.Stdout)
	case "stderr":
		return p.output(d, &s.Expect.Stderr)
	default:
		return errors.New("unknown directive")
	}
}

// reason takes the reason for a directive that consists of nothing else.
func (d directive) reason(to *string) error {
	if *to = d.rest; *to == "" {
		return errors.New("no reason given")
	}
	return d.noBody()
}

func (d directive) noBody() error {
	if len(d.body) > 0 {
		return errors.New("nothing may be indented below it")
	}
	return nil
}

// parseScript parses "[as USER]" and the body.
func parseScript(d directive, who string) (*Script, error) {
	script := &Script{Line: d.line, Text: d.text()}
	switch fields := strings.Fields(who); {
	case len(fields) == 2 && fields[0] == "as":
		script.User = fields[1]
	case len(fields) != 0:
		return nil, fmt.Errorf("expected nothing or \"as USER\", found %q", who)
	}
	if strings.TrimSpace(script.Text) == "" {
		return nil, errors.New("no script below it")
	}
	return script, nil
}

func (p *parser) script(d directive, who string, to *[]Script) error {
	script, err := parseScript(d, who)
	if err != nil {
		return err
	}
	*to = append(*to, *script)
	return nil
}

// boot parses "NAME...". Which names there are is not known here.
func (p *parser) boot(d directive) error {
	names := strings.Fields(d.rest)
	if len(names) == 0 {
		return errors.New("no name given")
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%s is named twice", name)
		}
	}
	p.s.Boots = names
	return d.noBody()
}

func (p *parser) skipUnless(d directive) error {
	if d.rest == "" {
		return errors.New("no reason given")
	}
	script, err := parseScript(d, "")
	if err != nil {
		return err
	}
	p.s.Conditions = append(p.s.Conditions, Condition{Reason: d.rest, Script: *script})
	return nil
}

func (p *parser) nsblame(d directive) error {
	if err := d.noBody(); err != nil {
		return err
	}
	args, err := splitWords(d.rest)
	if err != nil {
		return err
	}
	if slices.Equal(args, []string{"at", "boot"}) {
		p.s.AtBoot = true // with the arguments that the others have by default
		return nil
	}
	if len(args) >= 2 && args[0] == "as" {
		p.s.User, args = args[1], args[2:]
	}
	if len(args) == 0 {
		return errors.New("no arguments")
	}
	p.s.Args = args
	return nil
}

// splitWords splits a command line at blanks; single quotes keep them.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, inWord := false, false
	for _, r := range line {
		switch {
		case r == '\'':
			quoted, inWord = !quoted, true
		case r == ' ' && !quoted:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, errors.New("quote without an end")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

func (p *parser) wait(d directive) error {
	step := Step{Line: d.line}
	what, rest, _ := strings.Cut(d.rest, " ")
	switch what {
	case "exit":
		step.Exit = true
		if rest != "" {
			return fmt.Errorf("unexpected %q", rest)
		}
		if err := d.noBody(); err != nil {
			return err
		}
	case "until":
		var err error
		if step.Until, err = parseScript(d, strings.TrimSpace(rest)); err != nil {
			return err
		}
	default:
		n, err := strconv.Atoi(what)
		if err != nil || n < 1 || !isName(rest) {
			return errors.New("expected \"exit\", \"until\" or \"N TYPE\"")
		}
		checks, err := parseChecks(d.body)
		if err != nil {
			return err
		}
		step.Events = &EventWait{Count: n, Type: rest, Checks: checks}
	}
	p.s.Steps = append(p.s.Steps, step)
	return nil
}

func parseChecks(body []string) ([]Check, error) {
	var checks []Check
	for _, line := range body {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c, err := parseCheck(line)
		if err != nil {
			return nil, err
		}
		checks = append(checks, c)
	}
	return checks, nil
}

// expect parses "[N|N+] TYPE" and the checks.
func (p *parser) expect(d directive) error {
	count, typ, ok := strings.Cut(d.rest, " ")
	if !ok {
		count, typ = "1", d.rest
	}
	b := Block{Line: d.line, Type: strings.TrimSpace(typ)}
	count, b.More = strings.CutSuffix(count, "+")
	var err error
	if b.Min, err = strconv.Atoi(count); err != nil || b.Min < 0 || !isName(b.Type) {
		return errors.New("expected \"[N|N+] TYPE\"")
	}
	if b.Checks, err = parseChecks(d.body); err != nil {
		return err
	}
	if b.Min == 0 && !b.More && len(b.Checks) > 0 {
		// A misspelt check would make it true.
		return errors.New("0 takes no checks: it means that there is no such object at all")
	}
	p.s.Expect.Blocks = append(p.s.Expect.Blocks, b)
	return nil
}

// field parses "same PATH of TYPE as FILE" and "unique PATH of TYPE".
func (p *parser) field(d directive) error {
	words := strings.Fields(d.rest)
	f := Field{Line: d.line}
	switch {
	case d.word == "same" && len(words) == 5 && words[1] == "of" && words[3] == "as":
		f.File = words[4]
	case d.word == "unique" && len(words) == 3 && words[1] == "of":
	default:
		return errors.New("expected \"same PATH of TYPE as FILE\" or \"unique PATH of TYPE\"")
	}
	f.Path, f.Type = words[0], words[2]
	p.s.Expect.Fields = append(p.s.Expect.Fields, f)
	_, err := parsePath(f.Path)
	return errors.Join(err, d.noBody())
}

func (p *parser) output(d directive, to *[]TextCheck) error {
	if d.rest != "" {
		return fmt.Errorf("unexpected %q", d.rest)
	}
	for _, line := range d.body {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		c, err := parseTextCheck(line)
		if err != nil {
			return err
		}
		*to = append(*to, c)
	}
	if len(*to) == 0 {
		return errors.New("no check below it")
	}
	return nil
}

// finish checks what only the whole file shows.
func (p *parser) finish() error {
	s := p.s
	if s.Args == nil {
		s.Args = DefaultArgs()
	}
	if s.Boots == nil {
		s.Boots = []string{PlainBoot}
	}
	switch {
	case s.Alone != "" && s.needsOwnRun():
		return errors.New("alone: it is so in any case")
	case s.About == "":
		return errors.New("no about: say why the scenario exists")
	case s.printsJSON() && s.Expect.ExitCode == 0 && s.reports() && !s.expects("report"):
		return errors.New("nothing says what the report is expected to be")
	case s.printsJSON() && s.Expect.ExitCode == 0 && !s.reports() && !s.expects("netns_create"):
		return errors.New("nothing says how many netns_create are expected; for none: expect 0 netns_create")
	case !s.printsJSON() && len(s.Expect.Blocks)+len(s.Expect.Fields) > 0:
		return errors.New("expect, same and unique need nsblame's --output json")
	case !s.printsJSON() && len(s.Expect.Stdout)+len(s.Expect.Stderr) == 0:
		return errors.New("neither stdout nor stderr is expected to be anything")
	}
	for _, step := range s.Steps {
		if step.Events != nil && !s.printsJSON() {
			return fmt.Errorf("line %d: waiting for events needs nsblame's --output json", step.Line)
		}
	}
	return nil
}

// reports tells that nsblame prints one report in place of a stream.
func (s *Scenario) reports() bool { return s.Args[0] == "report" }

func (s *Scenario) expects(typ string) bool {
	return slices.ContainsFunc(s.Expect.Blocks, func(b Block) bool { return b.Type == typ })
}

// printsJSON reports whether nsblame is asked for JSON.
func (s *Scenario) printsJSON() bool {
	for i, arg := range s.Args {
		if arg == "--output=json" || arg == "--output" && i+1 < len(s.Args) && s.Args[i+1] == "json" {
			return true
		}
	}
	return false
}
