// Package redact takes the values of arguments and the names of the machine, of
// containers and of pods out of the stream of events before they are written down or
// shown.
//
// It keeps what shows who did what: the program (argv[0], the executable), the
// number of arguments, and the names of options. All that can hold an argument
// elsewhere in the stream goes: of a bus message, what follows the first
// arguments by which a unit is named. Names of units, paths of cgroups and
// files, and names of processes stay; a secret that somebody puts into one of
// those is not found.
package redact

import (
	"encoding/binary"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// Mode is a set of what is hidden.
type Mode uint8

// The modes. All includes the others.
const (
	// Secrets replaces the arguments that look like a secret: see secret.
	Secrets Mode = 1 << iota
	// Names hides the machine's name, and those of containers and pods: see names.go.
	Names
	arguments
	// All replaces every argument but the name of the program, and hides what Names
	// does.
	All = arguments | Secrets | Names
	// none hides nothing.
	none Mode = 0
)

// modeNames has the modes by name, in the order in which they are listed.
var modeNames = []struct {
	name string
	mode Mode
}{{"all", All}, {"secrets", Secrets}, {"names", Names}}

// ModeNames returns the names that Parse knows.
func ModeNames() []string {
	list := make([]string, len(modeNames))
	for i, m := range modeNames {
		list[i] = m.name
	}
	return list
}

// Parse returns the mode of that name; false if there is none.
func Parse(name string) (Mode, bool) {
	for _, m := range modeNames {
		if m.name == name {
			return m.mode, true
		}
	}
	return none, false
}

// String names what is hidden: "all", or a list such as "secrets,names".
func (m Mode) String() string {
	var list []string
	for _, row := range modeNames {
		if m&row.mode == row.mode {
			list = append(list, row.name)
			m &^= row.mode
		}
	}
	return strings.Join(list, ",")
}

// mark stands in the place of what was replaced.
const mark = "[redacted]"

// Redactor hides what its mode says in all events of a run.
type Redactor struct {
	mode Mode
	key  []byte
}

// New returns a Redactor. The key makes the words that stand for names: whoever has it
// can find out whether a word stands for a name that he guesses. So it should be
// random, and be kept nowhere.
func New(mode Mode, key []byte) *Redactor { return &Redactor{mode: mode, key: key} }

// Event returns the event as it may be written. What has to be changed is copied.
func (r *Redactor) Event(ev event.Event) event.Event {
	if r.mode != none {
		ev = r.mode.event(ev)
		ev.Body = r.names(ev.Body)
	}
	return ev
}

// event hides all but the names of containers and pods.
func (m Mode) event(ev event.Event) event.Event {
	switch b := ev.Body.(type) {
	case *event.Host:
		c := *b
		c.Redacted = m.String()
		if m&Names != 0 {
			c.Hostname = ""
		}
		ev.Body = &c
	case *event.Program:
		if len(b.Argv) > 0 && m&(arguments|Secrets) != 0 {
			c := *b
			c.Argv = m.argv(b.Argv)
			ev.Body = &c
		}
	case *event.BusMessage:
		if m&(arguments|Secrets) != 0 {
			c := *b
			c.Data, c.Size = messages(b.Data, b.Size)
			ev.Body = &c
		}
	}
	return ev
}

// argv replaces the values in an argument list. A program that has overwritten
// its arguments may have all of them in the first, whatever is left behind it:
// what it did not need is empty.
func (m Mode) argv(list []string) []string {
	out := make([]string, len(list))
	out[0] = list[0]
	if i := strings.IndexAny(list[0], " \t\n"); i >= 0 && m&arguments != 0 {
		out[0] = list[0][:i] + " " + mark
	}
	next := false // the argument is the value of the option before it
	ids := machinery(list[0])
	for i, arg := range list[1:] {
		switch {
		case m&arguments != 0:
			out[i+1] = mark
		case next:
			out[i+1], next = mark, false
		case ids && fullID.MatchString(arg):
			out[i+1] = arg
		default:
			out[i+1], next = secret(arg)
		}
	}
	if m&arguments == 0 && list[0] != "" && !isPath(list[0]) {
		out[0], _ = secret(list[0])
	}
	return out
}

// isPath reports whether a text is nothing but an absolute path, which may be long and
// have digits.
func isPath(s string) bool { return path.IsAbs(s) && !strings.ContainsAny(s, " \t\n=") }

// fullID is the id of a container, which runtimes have in their command lines.
// Elsewhere it looks like a key.
var fullID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// machinery reports whether a program of that name is run by container engines.
func machinery(name string) bool {
	switch base := path.Base(name); base {
	case "runc", "crun", "youki", "conmon", "podman", "pinns":
		return true
	default:
		return strings.HasPrefix(base, "containerd-shim")
	}
}

var (
	// secretName is what names of options and variables have in them that stand
	// for a secret.
	secretName = regexp.MustCompile(`(?i)(passw|passphrase|passwd|pwd|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|auth|cookie|session[-_.]?id|signature|bearer|^-*pass$|^-*key$)`)
	// userinfo is a password in a URL.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/@\s]*@`)
	// header is a line of HTTP that authenticates; inline is an assignment within
	// a longer text, such as a script.
	header = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|cookie|x-[a-z-]*(?:token|key|auth)[a-z-]*)(\s*:\s*)[^'"]+`)
	inline = regexp.MustCompile(`(?i)([A-Za-z0-9_.-]*(?:passw|passwd|pwd|secret|token|credential|api[-_]?key|access[-_]?key)[A-Za-z0-9_.-]*)(=|\s*:\s*|\s+)("[^"]*"?|'[^']*'?|[^\s'";&|]+)`)
	// wellKnown are tokens that are known by their looks: of AWS, GitHub, GitLab,
	// Slack, Google, JSON Web Tokens, and keys in PEM.
	wellKnown = regexp.MustCompile(`(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{35}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|-----BEGIN[\s\S]*`)
	// opaque is a long run of characters as keys are made of.
	opaque = regexp.MustCompile(`^[A-Za-z0-9+/_=-]{32,}$`)
	// short are options of one letter that are followed at once by a password,
	// as of mysql and sshpass.
	short = regexp.MustCompile(`^-p.+$`)
)

// secret returns an argument without what looks like a secret, and whether the
// next one is the value of this.
func secret(arg string) (out string, next bool) {
	if name, _, ok := strings.Cut(arg, "="); ok && !strings.ContainsAny(name, " \t\n/:") {
		if secretName.MatchString(name) {
			return name + "=" + mark, false
		}
	}
	if strings.HasPrefix(arg, "-") && !strings.ContainsAny(arg, "= \t\n") && secretName.MatchString(arg) {
		return arg, true
	}
	if short.MatchString(arg) && !strings.HasPrefix(arg, "--") && !number.MatchString(arg[2:]) {
		return arg[:2] + mark, false
	}
	if name, value, ok := strings.Cut(arg, "="); ok && opaque.MatchString(value) && mixed(value) {
		return name + "=" + mark, false
	}
	if opaque.MatchString(arg) && mixed(arg) {
		return mark, false
	}
	arg = userinfo.ReplaceAllString(arg, "${1}"+mark+"@")
	arg = header.ReplaceAllString(arg, "${1}${2}"+mark)
	arg = inline.ReplaceAllString(arg, "${1}${2}"+mark)
	return wellKnown.ReplaceAllString(arg, mark), false
}

// number is what -p more often takes: a port, a pid.
var number = regexp.MustCompile(`^[0-9.:/]+$`)

// mixed reports whether text has digits and letters: a long path or word is no
// key.
func mixed(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.IndexFunc(s, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) >= 0
}

// named are the messages whose arguments name units and names of the bus, and
// hold nothing else.
var named = map[string]bool{
	"JobNew": true, "JobRemoved": true, "NameOwnerChanged": true, "ActivationRequest": true, "StartServiceByName": true,
}

const (
	transient         = "StartTransientUnit"
	activationFailure = "ActivationFailure"
)

// messages returns the messages of a send, up to the first of which arguments have
// to be taken out, and how long the send is from there. What a client says to be let
// in is left out.
func messages(data []byte, size uint32) ([]byte, uint32) {
	parts := dbuswire.ParseAll(data)
	switch {
	case len(parts) == 0 && len(data) == int(size):
		return nil, 0
	case len(parts) == 0:
		return nil, size
	}
	begin, end := parts[0].Offset, 0
	for _, p := range parts {
		kept := message(data[p.Offset:], &p.Message, p.Err)
		end = p.Offset + kept
		if kept < p.Message.Size || p.Err != nil {
			break
		}
	}
	if end <= begin {
		return nil, size
	}
	return data[begin:end], size - min(size, uint32(begin))
}

// message returns how much of a message is left, of its arguments only those by
// which a unit is named. The properties of a transient unit hold its command line,
// the text of an error or of another service's call may hold anything.
func message(data []byte, m *dbuswire.Message, err error) int {
	switch {
	case errors.Is(err, dbuswire.ErrTruncated):
		return len(data) // it ends before the arguments
	case err != nil:
		return 0
	}
	_, _, _, job := dbuswire.StartJob(m, m.Destination)
	body := bodyStart(data, m.Size)
	switch {
	case m.Member == transient:
		body = behind(body, m.Args[:min(2, len(m.Args))])
	case m.Member == activationFailure: // behind the unit comes text of the manager's
		body = behind(body, m.Args[:min(1, len(m.Args))])
	case dbuswire.RepliedJob(m) != 0:
		path := slices.IndexFunc(m.Args, func(a dbuswire.Arg) bool { return a.Signature == "o" })
		body = behind(body, m.Args[:path+1])
	case job, named[m.Member]:
		body = m.Size
	}
	return min(body, len(data))
}

// behind is where the arguments end that are numbers of four bytes or texts.
func behind(body int, args []dbuswire.Arg) int {
	for _, arg := range args {
		body = (body+3)&^3 + 4
		if arg.Signature == "s" || arg.Signature == "o" {
			body += len(arg.Text) + 1
		}
	}
	return body
}

// bodyStart is where the arguments of a message of that size begin.
func bodyStart(data []byte, size int) int {
	order := binary.ByteOrder(binary.LittleEndian)
	if data[0] == 'B' {
		order = binary.BigEndian
	}
	return size - int(order.Uint32(data[4:]))
}
