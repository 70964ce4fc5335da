package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/bench/busynode"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/probe"
	"github.com/nsblame/nsblame/internal/observe/survey"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

var update = flag.Bool("update", false, "rewrite the files in the scripts that output is compared with")

// TestMain has times without a date, on whatever day they are looked at, unless the
// variable TODAY names a day.
// inUTC are the tests, which print times of one zone. It is set before any of them begins, for
// what they leave running reads it.
type inUTC struct{ *testing.M }

func (m inUTC) Run() int {
	time.Local = time.UTC
	return m.M.Run()
}

func TestMain(m *testing.M) {
	day, _ := time.Parse(time.DateOnly, os.Getenv("TODAY"))
	today = func() time.Time { return day }
	testscript.Main(inUTC{m}, map[string]func(){
		"nsblame":        main,
		"nsblame-nobody": mainAsNobody,
		"nsblame-fake":   mainOnFakeKernel,
	})
}

func TestScript(t *testing.T) {
	heedSignals(t)
	busy := busyRecordings(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			recordings, err := filepath.Abs("testdata/recordings")
			if err != nil {
				return err
			}
			env.Setenv("RECORDINGS", recordings)
			examples, err := filepath.Abs("../../examples")
			env.Setenv("EXAMPLES", examples)
			env.Setenv("BUSY", busy[0])
			env.Setenv("BUSY2", busy[1])
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode":   cmdExitCode,
			"doctorjson": cmdDoctorJSON,
			"waitfor":    cmdWaitFor,
		},
	})
}

// busyRecordings writes the recordings of two busy nodes.
func busyRecordings(t *testing.T) []string {
	t.Helper()
	var names []string
	for i, node := range []string{"node1", "node2"} {
		plan := busynode.Quick()
		plan.Commands, plan.Node, plan.Number = 30, node, i
		name := filepath.Join(t.TempDir(), node+".avro")
		writeBusy(t, name, plan)
		names = append(names, name)
	}
	return names
}

func writeBusy(tb testing.TB, name string, plan busynode.Plan) {
	tb.Helper()
	file, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(busynode.Write(file, plan), file.Close()); err != nil {
		tb.Fatal(err)
	}
}

// heedSignals has the programs of scripts heed SIGINT and SIGHUP, also where this
// test was started in the background of a shell script or by nohup, which have
// them ignored. A signal that is handled here has its default in what is executed.
func heedSignals(t *testing.T) {
	t.Helper()
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			continue
		}
		heeded := make(chan os.Signal, 1)
		signal.Notify(heeded, s)
		t.Cleanup(func() { signal.Stop(heeded) })
	}
}

// mainAsNobody runs nsblame without any rights.
func mainAsNobody() {
	if os.Geteuid() != 0 {
		main()
		return
	}
	const nobody = 65534
	// The file itself may lie where nobody may not go; the link leads past
	// the directories.
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = "nsblame"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		fmt.Fprintln(os.Stderr, "cannot become nobody:", err)
		os.Exit(99)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// mainOnFakeKernel runs nsblame with a kernel that does as the variable FAKE
// says.
func mainOnFakeKernel() {
	openLive = func(ctx context.Context, f *liveFlags) (source, error) {
		fmt.Fprintf(os.Stderr, "buffer=%d exec-wait=%s start-wait=%s\n", f.bufferSize, f.execWait, f.startWait)
		if os.Getenv("FAKE") == "refuses" {
			return nil, fmt.Errorf("open: %w", unsupported.New("attach fentry/copy_net_ns", "ask for a real kernel", kernel.ErrRefused))
		}
		if file := os.Getenv("FAKE_FILE"); file != "" {
			return openLasting(ctx, file)
		}
		return &fakeSource{how: os.Getenv("FAKE"), events: fakeStream(os.Getenv("FAKE"))}, nil
	}
	tryProbes = func(context.Context, probe.Attach) []kernel.Finding {
		return []kernel.Finding{{
			Name: "copy_net_ns", Verdict: kernel.Missing, Required: true,
			How: "fentry", Detail: "a name with \x1b[31m", Remedy: "none",
		}}
	}
	takeSurvey = fakeSurvey
	listUnits = func() []string { return []string{"cron.service", "docker.service"} }
	main()
}

// fakeSurvey finds the namespaces that fakeStream leaves, held in one way each,
// and says what FAKE asks of a recording.
func fakeSurvey(_ context.Context, watched []string) (*survey.Survey, error) {
	b := inventory.NewBuilder()
	p := inventory.Process{
		ID: event.ProcessID{PID: 7, StartNS: 450e9}, Comm: "redis", Described: true,
		Program: event.Program{Argv: []string{"redis"}, Exe: "/usr/bin/redis"}, Cgroup: "/redis.service", CgroupKnown: true,
	}
	b.Occupant(4026531840, p, 1)
	b.Mount(4026532000, inventory.Mount{Path: "/run/netns/blue", Own: true})
	b.Occupant(4026532001, p, 2)
	if os.Getenv("FAKE") == "pods" {
		b.Container(4026532001, &event.Container{Name: "web", PodNamespace: "shop", PodName: "web-1"})
	}
	var list []inventory.Kernel
	for _, inum := range []uint32{4026531840, 4026532000, 4026532001, 4026532002} {
		list = append(list, inventory.Kernel{Inum: inum, References: 1, HasReferences: true})
	}
	b.List(list, list)
	s := &survey.Survey{Builder: b, Host: &event.Host{}, NowNS: 500e9, Writers: make(map[string]bool)}
	if os.Getenv("FAKE") == "elsewhere" {
		s.Host.BootID = "another"
	}
	for _, path := range watched {
		s.Writers[path] = os.Getenv("FAKE") == "growing"
	}
	return s, nil
}

// fakeSource plays a stream, and then waits for the end. Some behave as asked.
type fakeSource struct {
	how    string
	events []event.Event
	ended  bool
	serial uint64
}

// fakeStream is cron's hostnamectl --static, which has a namespace made every
// two minutes, and somebody's unshare that is refused; both are asked of a
// kernel with all probes, but for what FAKE leaves out.
func fakeStream(how string) []event.Event {
	var list []event.Event
	at := func(boot uint64, bodies ...event.Body) {
		for _, b := range bodies {
			list = append(list, event.Event{BootNS: boot, Body: b})
		}
	}
	id := func(pid uint32) event.ProcessID { return event.ProcessID{PID: pid, StartNS: uint64(pid) * 1e6} }
	process := func(pid, parent uint32, uid uint32, cgroup event.CgroupID, argv ...string) []event.Body {
		return []event.Body{
			&event.Program{ID: event.ProgramID{Process: id(pid)}, Argv: argv, Exe: argv[0]},
			&event.Process{ID: id(pid), Parent: id(parent), Program: event.ProgramID{Process: id(pid)}, Comm: argv[0], UID: uid, Cgroup: cgroup},
		}
	}
	const second = uint64(1e9)
	at(0, &event.Host{Kernel: "6.1.0", CgroupHierarchy: "unified"},
		&event.Coverage{Probe: "copy_net_ns", Live: true, AttachMethod: "fentry"},
		&event.Coverage{Probe: "unix_stream_sendmsg", Live: true, AttachMethod: "fentry"},
		&event.Coverage{Probe: event.ProbeRelease, Live: how != "blind", Why: "it was refused"},
		&event.Cgroup{ID: 1, Path: "/system.slice/cron.service"}, &event.Cgroup{ID: 2, Path: "/init.scope"},
		&event.Active{Cgroups: []event.Population{
			{Path: "/system.slice/cron.service", Processes: 1}, {Path: "/system.slice/kubelet.service", Processes: 3},
		}})
	at(0, process(10, 1, 0, 1, "cron", "-f")...)
	at(0, process(1, 0, 0, 2, "/sbin/init")...)
	list[len(list)-1].Body.(*event.Process).Parent = event.ProcessID{}
	for i := range uint64(4) {
		pid, now := uint32(100+i), (10+120*i)*second
		at(now, process(pid, 10, 0, 1, "ip-job", "--once")...)
		inum := 4026532000 + uint32(i)
		if how == "twice" {
			inum = 4026532000 + uint32(i/2)
		}
		at(now, &event.NetnsCreate{
			Serial: i + 1, Creator: id(pid), TID: pid, Comm: "ip-job", Cgroup: 1, Call: event.CallUnshare,
			Inum: inum, DurationNS: 3e6,
		}, &event.Exit{Process: id(pid)})
		if how == "many" { // enough for several files: nothing of it compresses well
			for j := range uint64(6000) {
				at(now+j, &event.Forget{Process: event.ProcessID{PID: uint32(j), StartNS: (i*6000 + j) * 0x9e3779b97f4a7c15}})
			}
		}
		if i > 0 {
			at(now+5*second, &event.NetnsRelease{Serial: i + 1}, &event.NetnsFree{Serial: i + 1, DurationNS: 1e6})
		}
	}
	at(400*second, process(200, 10, 1000, 1, "unshare", "-n")...)
	at(400*second, &event.NetnsCreate{
		Serial: 9, Creator: id(200), TID: 200, Comm: "unshare", UID: 1000, Cgroup: 1, Call: event.CallUnshare, Errno: 28, DurationNS: 1e4,
	})
	if how == "growing" { // somebody looks into the one that stays
		at(410*second, process(300, 10, 0, 1, "ip", "netns", "exec", "blue", "ss")...)
		at(410*second, &event.NetnsJoin{
			Serial: 1, Inum: 4026532000, CreatedNS: 10 * second, Ordinal: 1, Process: id(300), TID: 300, Comm: "ip", How: event.JoinSetns,
		}, &event.Exit{Process: id(300)})
	}
	if how == "lossy" {
		at(401*second, &event.Loss{Kind: event.LossCreation, Count: 2})
	}
	return list
}

func (f *fakeSource) Next(ctx context.Context) (event.Event, error) {
	switch f.how {
	case "endless":
		f.serial++
		return event.Event{BootNS: f.serial, Body: &event.NetnsCreate{Serial: f.serial, Errno: 28}}, nil
	case "fails":
		return event.Event{}, errors.New("the ring \x1b[2J broke")
	case "stuck":
		<-ctx.Done() // by then the signals are reset
		if err := os.WriteFile("stuck", nil, 0o600); err != nil {
			return event.Event{}, err
		}
		select {}
	}
	if f.ended {
		return event.Event{}, io.EOF
	}
	if len(f.events) == 0 {
		<-ctx.Done()
	}
	if ctx.Err() != nil && len(f.events) == 0 {
		seen := uint64(5)
		if f.how == "lossy" {
			seen += 2
		}
		f.events = []event.Event{
			{BootNS: 500e9, Body: &event.Active{AtEnd: true, Cgroups: []event.Population{
				{Path: "/system.slice/cron.service", Processes: 1}, {Path: "/system.slice/kubelet.service", Processes: 3},
			}}},
			{BootNS: 500e9, Body: &event.End{Seen: seen}},
		}
	}
	ev := f.events[0]
	f.events = f.events[1:]
	if _, last := ev.Body.(*event.End); last {
		f.ended = true
	}
	return ev, nil
}

func (f *fakeSource) WakeAt(uint64) {}

func (f *fakeSource) Ask(event.Question) {}

func (f *fakeSource) AskContainer(event.ContainerQuestion) {}

func (f *fakeSource) Needs() []libcap.Value { return nil }

func (f *fakeSource) Close() error {
	fmt.Fprintln(os.Stderr, "detached")
	return nil
}

// cmdExitCode: exitcode N[|N...] command [args...]
func cmdExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exited *exec.ExitError
	switch {
	case errors.As(err, &exited):
		code = exited.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(code)) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// cmdWaitFor: waitfor file
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor file")
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}

// cmdDoctorJSON: doctorjson checks that stdout is what doctor's JSON must be.
func cmdDoctorJSON(ts *testscript.TestScript, _ bool, _ []string) {
	lines := bytes.Split(bytes.TrimSuffix([]byte(ts.ReadFile("stdout")), []byte("\n")), []byte("\n"))
	for i, line := range lines {
		v, err := findings.DecodeStrict(line)
		ts.Check(err)
		last := i == len(lines)-1
		switch v := v.(type) {
		case *findings.Verdict:
			if last && v.Schema == findings.Schema && v.Text != "" {
				continue
			}
		case *findings.Check:
			verdicts := []kernel.Verdict{kernel.OK, kernel.Degraded, kernel.Missing, kernel.Unknown}
			known := slices.Contains(verdicts, kernel.Verdict(v.Verdict))
			if !last && v.Schema == findings.Schema && v.Name != "" && v.Detail != "" && known {
				continue
			}
		}
		ts.Fatalf("line %d: %s", i+1, line)
	}
}
