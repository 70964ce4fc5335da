// Command meter measures in a test VM what nsblame costs, beside other tools.
// It writes one bench.Sample a line to stdout, and its progress to stderr.
//
// The harness builds it for each run; it has no use elsewhere.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/bench"
)

func main() {
	if len(os.Args) == 3 { // a call of itself
		switch os.Args[1] {
		case loopVerb:
			exit(createLoop(os.Args[2]))
		case answerVerb:
			exit(answer(os.Args[2]))
		case callVerb:
			exit(callOnDemand(os.Args[2]))
		}
	}
	exit(run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "meter:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// amounts is how much is done; the zero value measures nothing.
type amounts struct {
	rounds    int
	creations int // a run
	execs     int
	pingpongs int
	seconds   int // of bus calls and of execs
	soak      int // creations
	loss      int
}

// meter is a run of all that was asked for.
type meter struct {
	amounts
	parts map[string]bool
	// beside matches the names of the tools that are measured beside nsblame.
	beside *regexp.Regexp
	out    *json.Encoder
}

func run() error {
	m := &meter{out: json.NewEncoder(os.Stdout), parts: map[string]bool{}}
	flag.IntVar(&m.rounds, "rounds", 3, "how often each loop is run with each tracer")
	flag.IntVar(&m.creations, "creations", 100, "namespaces a loop")
	flag.IntVar(&m.execs, "execs", 300, "programs a loop")
	flag.IntVar(&m.pingpongs, "pingpongs", 5000, "bytes a loop, there and back")
	flag.IntVar(&m.seconds, "seconds", 10, "how long buses and execs go on")
	flag.IntVar(&m.soak, "soak", 2000, "creations of the soak")
	flag.IntVar(&m.loss, "loss", 20000, "creations to lose none of")
	parts := flag.String("parts", "start,loops,programs,polling,bus,idle,storm,soak,loss,overflow", "what to measure")
	beside := flag.String("beside", "", "measure only those tracers beside nsblame that match")
	flag.Parse()
	for _, part := range strings.Split(*parts, ",") {
		m.parts[part] = true
	}
	var err error
	if m.beside, err = regexp.Compile(*beside); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, p := range []struct {
		name string
		do   func() error
	}{
		{"start", m.starts},
		{"loops", m.loops},
		{"programs", m.programs},
		{"polling", m.polling},
		{"bus", m.bus},
		{"idle", m.idle},
		{"storm", m.storm},
		{"soak", m.soakLoop},
		{"overflow", m.overflow},
		{"loss", m.losses}, // it leaves much to be torn down
		{"audit", m.audit},
	} {
		if !m.parts[p.name] && !(p.name == "audit" && m.parts["loops"]) {
			continue
		}
		say("%s", p.name)
		if err := p.do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
			say("%v", errs[len(errs)-1])
		}
	}
	return errors.Join(errs...)
}

// chosen are those of the tracers that were asked for.
func (m *meter) chosen(list ...*tracer) []*tracer {
	return slices.DeleteFunc(list, func(t *tracer) bool {
		return t != untraced && t != traced && !m.beside.MatchString(t.name)
	})
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (m *meter) sample(row, beside string, value float64) error {
	return m.out.Encode(bench.Sample{Row: row, Beside: beside, Value: value})
}
