package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tmux is a terminal of its own with a person before it.
type tmux struct {
	t   *testing.T
	dir string
}

// openTmux has a shell run a command line on a terminal of so many cells. nsblame there
// is this binary, and so is nsblame-fake.
func openTmux(t *testing.T, width, height int, command string) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("there is no tmux: make deps installs it")
	}
	dir, err := os.MkdirTemp("", "top") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	m := &tmux{t, dir}
	t.Cleanup(func() {
		_, _ = m.try("kill-server") // it may have ended by itself
		m.noRaces()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nsblame", "nsblame-fake"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf("PATH=%s:$PATH; cd %s; unset COLUMNS LINES NO_COLOR; %s; echo left with $?; exec sleep 600", dir, examplesPath(t), command)
	m.run("new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "sh", "-c", script)
	return m
}

func examplesPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(exampleDir)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (m *tmux) try(args ...string) (string, error) {
	cmd := exec.Command("tmux", append([]string{"-u", "-f", "/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=", "TMUX_TMPDIR="+m.dir, "LC_ALL=C.UTF-8", "TERM=screen",
		"GORACE=exitcode=0 log_path="+filepath.Join(m.dir, "race"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m *tmux) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return out
}

// noRaces fails for each report of the race detector but one: bubbletea closes its reader
// although a read that takes half a second to end is still under way (Program.shutdown).
func (m *tmux) noRaces() {
	m.t.Helper()
	reports, err := filepath.Glob(filepath.Join(m.dir, "race.*"))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, path := range reports {
		text, err := os.ReadFile(path)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, report := range strings.Split(string(text), "WARNING: DATA RACE")[1:] {
			if !strings.Contains(report, "(*Program).shutdown.func") {
				m.t.Error(report)
			}
		}
	}
}

func (m *tmux) press(keys ...string) { m.run(append([]string{"send-keys"}, keys...)...) }

// until waits for a screen that has all of these in it, and returns it.
func (m *tmux) until(texts ...string) string {
	m.t.Helper()
	screen := ""
	for end := time.Now().Add(topPatience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		screen = m.run("capture-pane", "-p")
		if hasAll(screen, texts) {
			return screen
		}
	}
	m.t.Fatalf("%q did not come up in\n%s", texts, screen)
	return ""
}

func hasAll(screen string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(screen, text) {
			return false
		}
	}
	return true
}

// Which pod, since when and how to stop it are seen without a key; the rest is one key
// further. The terminal is as it was when top is left.
func TestTopOnATerminal(t *testing.T) {
	m := openTmux(t, 80, 24, "nsblame top --from kubernetes.avro")
	m.until("> 1     11  79", "pod broken/job-node1", "since 2026-11-30 06:52:39", "$ kubectl --namespace broken describe pod job-node1",
		"space plays", "Enter open")
	m.press("Enter")
	m.until("WHAT ENDS IT", "1 $ kubectl", "THE LAST 60 MINUTES", "WHO AND WHY", "containerd was asked for a sandbox of pod broken/job-node1")
	m.press("PageDown", "PageDown")
	m.until("THE LAST 10", "4026532199", "origin")
	m.press("Escape")
	m.until("> 1     11")
	m.press("/")
	m.until("Enter keeps the filter")
	m.press("shop", "Enter")
	m.until("> 2", "/shop: 2 of 3")
	m.press("Escape")
	m.until("> 2", "  1     11")
	m.press("?")
	m.until("filter as you type")
	m.press("?")
	m.until("> 2")
	m.press("q")
	m.until("left with 0")
}

// What is copied comes to where the terminal has it.
func TestTopCopies(t *testing.T) {
	m := openTmux(t, 80, 24, "nsblame top --from kubernetes.avro")
	m.run("set", "-g", "set-clipboard", "on")
	m.until("> 1     11  79", "job-node1") // the whole file is read: what is chosen stays
	m.press("c")
	m.until("sent to the terminal's clipboard")
	for end := time.Now().Add(topPatience); ; time.Sleep(20 * time.Millisecond) {
		got, _ := m.try("show-buffer")
		if got == "kubectl --namespace broken describe pod job-node1" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("tmux has %q", got)
		}
	}
	m.press("C-c")
	m.until("left with 0")
}

// sgr are the sequences that paint.
var sgr = regexp.MustCompile(`\x1b\[([0-9;:]*)m`)

// colours are the parameters of all that paints on the screen.
func (m *tmux) colours() []string {
	var list []string
	for _, found := range sgr.FindAllStringSubmatch(m.run("capture-pane", "-p", "-e"), -1) {
		list = append(list, strings.FieldsFunc(found[1], func(r rune) bool { return r == ';' })...)
	}
	return list
}

// On a terminal of 16 colours these are enough, and with NO_COLOR there are none. What is
// chosen is marked by a letter, too.
func TestTopColours(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		allowed *regexp.Regexp
		some    string
	}{
		"16":       {"TERM=screen nsblame top --from kubernetes.avro", regexp.MustCompile(`^(0|1|2|7|22|27|3[0-79]|4[0-79]|9[0-7])?$`), "36"},
		"NO_COLOR": {"NO_COLOR=1 nsblame top --from kubernetes.avro", regexp.MustCompile(`^(0|1|2|7|22|27|39|49)?$`), "7"},
		"never":    {"nsblame top --from kubernetes.avro --color never", regexp.MustCompile(`^(0|1|2|7|22|27|39|49)?$`), "7"},
	} {
		t.Run(name, func(t *testing.T) {
			m := openTmux(t, 80, 24, c.command)
			m.until("> 1", "pod broken/job-node1", "since 2026-11-30 06:52:39", "$ kubectl --namespace broken describe pod job-node1")
			some := false
			for _, n := range m.colours() {
				some = some || n == c.some
				if !c.allowed.MatchString(n) {
					t.Errorf("it paints with %q", n)
				}
			}
			if !some {
				t.Errorf("nothing is painted with %s", c.some)
			}
			m.press("q")
			m.until("left with 0")
		})
	}
}

// It follows the size of the terminal, however small.
func TestTopResizes(t *testing.T) {
	m := openTmux(t, 120, 40, "nsblame top --from kubernetes.avro")
	m.until("PER HOUR", "> 1")
	for _, size := range [][2]string{{"50", "8"}, {"10", "3"}, {"1", "1"}, {"80", "24"}} {
		m.run("resize-window", "-x", size[0], "-y", size[1])
	}
	m.until("> 1     11  79", "$ kubectl", "Enter open")
	m.press("q")
	m.until("left with 0")
}

// terminate sends SIGTERM to the process that has written a ready file.
func (m *tmux) terminate(ready string) {
	m.t.Helper()
	text, err := os.ReadFile(ready)
	if err != nil {
		m.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		m.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
}

// Live, what comes is shown. A key and a signal leave the terminal in order.
func TestTopLive(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	for name, leave := range map[string]func(*tmux){
		"q":       func(m *tmux) { m.press("q") },
		"Ctrl-C":  func(m *tmux) { m.press("C-c") },
		"SIGTERM": func(m *tmux) { m.terminate(ready) },
	} {
		t.Run(name, func(t *testing.T) {
			m := openTmux(t, 80, 24, "nsblame-fake top --duration 50ms --ready-file "+ready)
			m.until("4 network namespaces", "1 failed", "ip-job --once in cron.service", "ended: nothing more comes", "Enter open")
			m.press("g")
			m.until("WORKLOAD")
			for _, title := range []string{"POD", "CONTAINER", "UNIT", "ORIGIN", "USER", "COMMAND", "WHY", "WORKLOAD"} {
				m.press("g")
				m.until(" " + title)
			}
			m.press("Enter")
			m.until("THE LAST")
			leave(m)
			m.until("left with 0")
		})
	}
}

// What was lost stands above the table, and an error stands where it can be read.
func TestTopTellsWhatIsWrong(t *testing.T) {
	m := openTmux(t, 80, 24, "FAKE=lossy nsblame-fake top --duration 50ms")
	m.until("! Lost 2: creations of namespaces", "not complete: see !")
	m.press("q")
	m.until("left with 0")
	m = openTmux(t, 80, 24, "FAKE=fails nsblame-fake top")
	m.until(`nsblame: the ring \x1b[2J broke`, "left with 1")
	m = openTmux(t, 80, 24, "FAKE=refuses nsblame-fake top")
	m.until("ask for a real kernel", "left with 3")
	m = openTmux(t, 80, 24, "TERM=dumb nsblame top --from kubernetes.avro")
	m.until("TERM is dumb", "left with 2")
}
