package systemd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/unit"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

// The tests in this file ask a real systemd, and change its units: they run in
// a VM of internal/vmtest, as root, and nowhere else.
//
//	CGO_ENABLED=0 go test -c -o /tmp/systemd.test ./internal/observe/systemd
//	go run ./internal/vmtest/cmd/vmtest exec -file /tmp/systemd.test -- \
//	    'NSBLAME_IN_VM=1 systemd.test -test.v -test.run TestLive'
func live(t *testing.T) {
	t.Helper()
	if os.Getenv("NSBLAME_IN_VM") == "" {
		t.Skip("changes the machine's units: scenario systemd-live runs it in a VM")
	}
}

const runtimeUnits = "/run/systemd/system"

// install writes units (and drop-ins) and has systemd read them.
func install(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(runtimeUnits, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(file) })
	}
	run(t, "systemctl", "daemon-reload")
}

// run runs a command and returns what it printed.
func run(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func ask(t *testing.T, c *Client, name string) event.UnitState {
	t.Helper()
	u, err := c.unitNamed(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// await asks until the answer is as wanted.
func await(t *testing.T, name string, wanted func(*event.UnitState) bool) event.UnitState {
	t.Helper()
	return awaitAnswer(t, name, func(u *event.UnitState, err error) bool { return err == nil && wanted(u) })
}

// patience bounds a wait: machines are emulated, and others' load is on them.
const patience = 2 * time.Minute

// awaitAnswer asks until the answer, which may be an error, is as wanted.
func awaitAnswer(t *testing.T, name string, wanted func(*event.UnitState, error) bool) event.UnitState {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		u, err := System().unitNamed(t.Context(), name)
		if wanted(&u, err) {
			return u
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %+v, %v", name, u, err)
		}
	}
}

// show is systemctl's view of a property.
func show(t *testing.T, name, property string) string {
	t.Helper()
	return run(t, "systemctl", "show", "--value", "-p", property, name)
}

func monotonic(t *testing.T) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	s, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(s * 1e6)
}

// lineOf finds the line of a unit file on which an assignment stands.
func lineOf(t *testing.T, file, assignment string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(strings.Split(string(text), "\n"), assignment)
	if i < 0 {
		t.Fatalf("%s has no %s", file, assignment)
	}
	return i + 1
}

func TestLiveHostnamed(t *testing.T) {
	live(t)
	const name, alias = "systemd-hostnamed.service", "dbus-org.freedesktop.hostname1.service"
	run(t, "systemctl", "stop", name)
	// Where it has a socket, as since systemd 257, that keeps it loaded.
	if u, err := System().unitNamed(t.Context(), name); !errors.Is(err, errNoUnit) && (err != nil || u.Running() || len(u.TriggeredBy) == 0) {
		t.Errorf("stopped: %+v, %v; want errNoUnit", u, err)
	}
	before := monotonic(t)
	run(t, "hostnamectl", "--static")
	u := ask(t, System(), alias)
	slices.Sort(u.Names)
	if u.Name != name || !slices.Equal(u.Names, []string{alias, name}) {
		t.Errorf("names %q, %q", u.Name, u.Names)
	}
	want := unit.Network{Effect: unit.EffectCreate, Settings: []event.UnitSetting{{
		Name: "PrivateNetwork", Value: "yes", File: u.FragmentPath,
		Line: lineOf(t, u.FragmentPath, "PrivateNetwork=yes"), Source: event.SettingFromFile,
	}}}
	if diff := cmp.Diff(want, unit.NetworkOf(&u)); diff != "" {
		t.Error(diff)
	}
	if u.BusName != "org.freedesktop.hostname1" || !u.Running() || u.NRestarts != 0 {
		t.Errorf("%+v", u)
	}
	if u.InactiveExitUS+20_000 < before || u.InactiveExitUS > monotonic(t)+20_000 {
		t.Errorf("began at %d, called at %d", u.InactiveExitUS, before)
	}
	checkCgroup(t, &u)
	text, _ := json.MarshalIndent(u, "", " ")
	t.Logf("%s", text)
}

// checkCgroup holds the cgroup's id against the file system's.
func checkCgroup(t *testing.T, u *event.UnitState) {
	t.Helper()
	if u.ControlGroupID == 0 && run(t, "systemctl", "show", "--property=ControlGroupId", u.Name) == "" {
		return // it came with systemd 251
	}
	// not by systemctl show: the unit may be of another manager
	path := strings.TrimPrefix(run(t, "cat", fmt.Sprintf("/proc/%d/cgroup", u.MainPID)), "0::")
	id := run(t, "stat", "-c", "%i", "/sys/fs/cgroup"+path)
	if id != fmt.Sprint(u.ControlGroupID) {
		t.Errorf("%s: cgroup id %d, stat says %s", u.Name, u.ControlGroupID, id)
	}
	if p := cgroup.Parse(path); p.Unit != u.Name || p.Manager != u.Manager {
		t.Errorf("%s: the path says %+v", u.Name, p)
	}
}

func TestLiveDropIn(t *testing.T) {
	live(t)
	const name = "systemd-hostnamed.service"
	dropIn := filepath.Join(runtimeUnits, name+".d", "x.conf")
	install(t, map[string]string{name + ".d/x.conf": "# nothing\n[Service]\nPrivateNetwork=off\n"})
	run(t, "systemctl", "restart", name)
	u := ask(t, System(), name)
	want := unit.Network{Effect: unit.EffectNone, Settings: []event.UnitSetting{
		{Name: "PrivateNetwork", Value: "no", File: dropIn, Line: 3, Source: event.SettingFromFile},
	}}
	if diff := cmp.Diff(want, unit.NetworkOf(&u)); diff != "" {
		t.Error(diff)
	}
	// The file changes, and the manager isn't told: what it has in force counts.
	if err := os.WriteFile(dropIn, []byte("[Service]\nPrivateNetwork=yes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	u = ask(t, System(), name)
	if n := unit.NetworkOf(&u); n.Effect != unit.EffectNone || len(n.Settings) != 0 || !u.NeedDaemonReload {
		t.Errorf("changed file: %+v, reload needed: %t", n, u.NeedDaemonReload)
	}
	os.Remove(dropIn)
	run(t, "systemctl", "daemon-reload")
	run(t, "systemctl", "restart", name)
	// In force and in no file.
	if err := os.WriteFile(dropIn, []byte("[Service]\nPrivateNetwork=no\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	u = ask(t, System(), name)
	if n := unit.NetworkOf(&u); n.Effect != unit.EffectCreate || n.Settings[0].File != u.FragmentPath {
		t.Errorf("new drop-in: %+v", n)
	}
	os.Remove(dropIn)
	run(t, "systemctl", "daemon-reload")
}

func TestLiveTransient(t *testing.T) {
	live(t)
	run(t, "systemd-run", "--unit=tr", "-p", "PrivateNetwork=yes", "sleep", "60")
	defer run(t, "systemctl", "stop", "tr")
	u := ask(t, System(), "tr.service")
	n := unit.NetworkOf(&u)
	if !u.Transient || n.Effect != unit.EffectCreate || len(n.Settings) != 1 || n.Settings[0].Source != event.SettingFromManager {
		t.Errorf("%+v of %+v", n, u)
	}
	t.Logf("settings %+v, drop-ins %q", n.Settings, u.DropInPaths)
	checkCgroup(t, &u)
	run(t, "systemd-run", "--unit=gone", "--wait", "-p", "PrivateNetwork=yes", "true")
	// unloaded some time after its end
	awaitAnswer(t, "gone.service", func(_ *event.UnitState, err error) bool { return errors.Is(err, errNoUnit) })
	if u, err := System().unitThatRan(t.Context(), "gone.service", nil); !errors.Is(err, errNoUnit) {
		t.Errorf("gone, loaded: %+v, %v", u, err)
	}
	run(t, "systemd-run", "--scope", "--unit=sc", "sh", "-c", "true")
}

func TestLiveJoins(t *testing.T) {
	live(t)
	sleeps := "ExecStart=/bin/sleep 60\nPrivateNetwork=yes\n"
	install(t, map[string]string{
		"ja.service": "[Service]\n" + sleeps,
		"jb.service": "[Unit]\nJoinsNamespaceOf=ja.service\n[Service]\n" + sleeps,
		"jc.service": "[Service]\nExecStart=/bin/sleep 60\nPrivateNetwork=yes\nNetworkNamespacePath=/run/netns/%p\n",
		"jd@.service": "[Unit]\nJoinsNamespaceOf=\\\n  ja.service\n[Service]\n" + sleeps +
			"ExecStartPre=/bin/true\n",
	})
	run(t, "ip", "netns", "add", "jc")
	run(t, "systemctl", "start", "ja", "jb", "jc", "jd@x")
	defer run(t, "systemctl", "stop", "ja", "jb", "jc", "jd@x")
	netns := func(name string) string {
		return run(t, "readlink", "/proc/"+show(t, name, "MainPID")+"/ns/net")
	}
	a, b, c, d := ask(t, System(), "ja.service"), ask(t, System(), "jb.service"), ask(t, System(), "jc.service"), ask(t, System(), "jd@x.service")
	// whether the other side knows differs from one systemd to the next
	for _, u := range []*event.UnitState{&b, &d} {
		if n := unit.NetworkOf(u); n.Effect != unit.EffectCreateOrJoin {
			t.Errorf("%s: %+v", u.Name, n)
		}
	}
	if netns("ja") != netns("jb") || netns("ja") != netns("jd@x") {
		t.Error("not the same namespace")
	}
	want := []event.UnitSetting{
		{Name: "PrivateNetwork", Value: "yes", File: b.FragmentPath, Line: 5, Source: event.SettingFromFile},
		{Name: "JoinsNamespaceOf", Value: "ja.service", File: b.FragmentPath, Line: 2, Source: event.SettingFromFile},
	}
	if diff := cmp.Diff(want, unit.NetworkOf(&b).Settings); diff != "" {
		t.Error(diff)
	}
	if !unit.NetworkOf(&a).Effect.Creates() {
		t.Errorf("the other side: %+v", unit.NetworkOf(&a))
	}
	if d.FragmentPath != filepath.Join(runtimeUnits, "jd@.service") || unit.NetworkOf(&d).Settings[1].Line != 2 {
		t.Errorf("instance: %+v", d)
	}
	want = []event.UnitSetting{{Name: "NetworkNamespacePath", Value: "/run/netns/%p", File: c.FragmentPath, Line: 4, Source: event.SettingFromFile}}
	if diff := cmp.Diff(unit.Network{Effect: unit.EffectJoin, Settings: want}, unit.NetworkOf(&c)); diff != "" {
		t.Error(diff)
	}
	if c.NetworkNamespacePath != "/run/netns/jc" || netns("jc") == netns("ja") {
		t.Errorf("%+v", c)
	}
}

func TestLiveRestart(t *testing.T) {
	live(t)
	install(t, map[string]string{"re.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sh -c 'sleep 1; exit 3'\n" +
		"PrivateNetwork=yes\nRestart=always\nRestartSec=100ms\n"})
	run(t, "systemctl", "start", "re")
	defer run(t, "systemctl", "stop", "re")
	first := ask(t, System(), "re.service")
	if first.NRestarts != 0 || first.Restart != "always" {
		t.Errorf("first: %+v", first)
	}
	again := await(t, "re.service", func(u *event.UnitState) bool { return u.NRestarts == 2 && u.SubState == "running" })
	if again.InactiveExitUS <= first.InactiveExitUS {
		t.Errorf("again: %+v", again)
	}
	run(t, "systemctl", "restart", "re")
	if u := ask(t, System(), "re.service"); u.NRestarts != 0 {
		t.Errorf("restarted by hand: %+v", u)
	}
}

func TestLivePath(t *testing.T) {
	live(t)
	install(t, map[string]string{
		"pa.service": "[Service]\nExecStart=/bin/sleep 60\nPrivateNetwork=yes\n",
		"pa.path":    "[Path]\nPathChanged=/run/pa.file\n",
	})
	run(t, "systemctl", "start", "pa.path")
	defer run(t, "systemctl", "stop", "pa.path", "pa.service")
	if err := os.WriteFile("/run/pa.file", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	u := await(t, "pa.service", func(u *event.UnitState) bool { return u.SubState == "running" })
	trigger := ask(t, System(), "pa.path")
	if got := unit.StartedBy(&u, &trigger); got != evidence.Manager {
		t.Errorf("by the path: %q of %+v and %+v", got, u, trigger)
	}
	run(t, "systemctl", "stop", "pa.service")
	run(t, "systemctl", "start", "pa.service")
	u, trigger = ask(t, System(), "pa.service"), ask(t, System(), "pa.path")
	if got := unit.StartedBy(&u, &trigger); got != "" {
		t.Errorf("by hand: %q of %+v and %+v", got, u, trigger)
	}
}

func TestLiveUserManager(t *testing.T) {
	live(t)
	run(t, "useradd", "-m", "nsuser")
	uid64, err := strconv.ParseUint(run(t, "id", "-u", "nsuser"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	uid := uint32(uid64)
	if _, err := user(uid).unitNamed(t.Context(), "init.scope"); !errors.Is(err, ErrNoManager) {
		t.Errorf("not logged in: %v", err)
	}
	run(t, "systemctl", "start", fmt.Sprintf("user@%d.service", uid))
	defer run(t, "systemctl", "stop", fmt.Sprintf("user@%d.service", uid))
	out := run(t, "setpriv", "--reuid=nsuser", "--regid=nsuser", "--init-groups", "env", fmt.Sprintf("XDG_RUNTIME_DIR=/run/user/%d", uid),
		"systemd-run", "--user", "--unit=us", "-p", "PrivateNetwork=yes", "-p", "PrivateUsers=yes", "sleep", "60")
	t.Log(out)
	u := ask(t, user(uid), "us.service")
	if u.Manager != event.ManagerUser || u.OwnerUID != uid || unit.NetworkOf(&u).Effect != unit.EffectCreate || !u.Transient {
		t.Errorf("%+v", u)
	}
	checkCgroup(t, &u)
	if b, err := user(uid).Boot(t.Context()); err != nil || b.FinishUS < b.UserspaceUS || b.UserspaceUS == 0 {
		t.Errorf("%+v, %v", b, err)
	}
	t.Logf("%+v, netns %s, ours %s", u.Settings, run(t, "readlink", fmt.Sprintf("/proc/%d/ns/net", u.MainPID)), run(t, "readlink", "/proc/self/ns/net"))
	// A user who points his manager's socket at pid 1's.
	private := fmt.Sprintf("/run/user/%d/systemd/private", uid)
	if err := os.Rename(private, private+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(privateSystem, private); err != nil {
		t.Fatal(err)
	}
	if _, err := user(uid).unitNamed(t.Context(), "init.scope"); !errors.Is(err, ErrNoManager) {
		t.Errorf("led elsewhere: %v", err)
	}
	if err := os.Rename(private+".old", private); err != nil {
		t.Fatal(err)
	}
}

func TestLiveMaskedAndLinked(t *testing.T) {
	live(t)
	if err := os.MkdirAll("/opt/li", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/opt/li/li.service", []byte("[Service]\nPrivateNetwork=yes\nExecStart=/bin/sleep 60\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	install(t, map[string]string{"ma.service": "[Service]\nPrivateNetwork=yes\nExecStart=/bin/sleep 60\n"})
	run(t, "systemctl", "link", "/opt/li/li.service")
	if err := os.Symlink(runtimeUnits+"/ma.service", runtimeUnits+"/ma-alias.service"); err != nil {
		t.Fatal(err)
	}
	run(t, "systemctl", "daemon-reload")
	run(t, "systemctl", "start", "ma-alias", "li")
	defer run(t, "systemctl", "stop", "li")
	u := ask(t, System(), "ma-alias.service")
	if u.Name != "ma.service" || unit.NetworkOf(&u).Settings[0].File != runtimeUnits+"/ma.service" {
		t.Errorf("alias: %+v", u)
	}
	u = ask(t, System(), "li.service")
	if n := unit.NetworkOf(&u); n.Effect != unit.EffectCreate || n.Settings[0].Line != 2 {
		t.Errorf("linked: %+v", u)
	}
	t.Logf("linked: %s", u.FragmentPath)
	os.Remove(runtimeUnits + "/ma-alias.service")
	os.Remove(runtimeUnits + "/ma.service")
	run(t, "systemctl", "mask", "--runtime", "ma.service")
	defer run(t, "systemctl", "unmask", "--runtime", "ma.service")
	run(t, "systemctl", "daemon-reload")
	u = ask(t, System(), "ma.service")
	if u.LoadState != "masked" || len(u.Problems) != 0 || unit.NetworkOf(&u).Effect != unit.EffectNone {
		t.Errorf("masked while it runs: %+v", u)
	}
	if u, err := System().unitThatRan(t.Context(), "no-such.service", nil); !errors.Is(err, errNoUnit) {
		t.Errorf("no such: %+v, %v", u, err)
	}
	if _, err := System().unitNamed(t.Context(), "not a name"); err == nil {
		t.Errorf("bad name: %v", err)
	}
}

func TestLiveBootAndDependents(t *testing.T) {
	live(t)
	b, err := System().Boot(t.Context())
	if err != nil || b.Version == "" || b.UserspaceUS == 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	// nobody starts that one again
	u := ask(t, System(), "systemd-user-sessions.service")
	if !b.During(u.InactiveExitUS) || b.FinishUS != 0 && b.During(monotonic(t)+1) {
		t.Errorf("%+v, it began at %d", b, u.InactiveExitUS)
	}
	if !slices.Contains(u.Dependents, event.UnitDependent{Name: "multi-user.target", Dependency: "WantedBy"}) {
		t.Errorf("%+v", u.Dependents)
	}
	for _, name := range []string{"-.slice", "init.scope", "multi-user.target", "-.mount", "dbus.socket", "system.slice"} {
		if u := ask(t, System(), name); u.Name != name || unit.NetworkOf(&u).Effect != unit.EffectNone {
			t.Errorf("%+v", u)
		}
	}
}

// TestLiveWithoutRoot asks by the bus. It runs itself again as another user.
func TestLiveWithoutRoot(t *testing.T) {
	live(t)
	if os.Geteuid() != 0 {
		ask(t, System(), "cron.service")
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := "/tmp/systemd.test"
	run(t, "cp", self, copied)
	out := run(t, "setpriv", "--reuid=nobody", "--clear-groups", "env", "NSBLAME_IN_VM=1", copied, "-test.v", "-test.run=^TestLiveWithoutRoot$")
	if !strings.Contains(out, "PASS") {
		t.Error(out)
	}
}

// odd asks for a unit that the manager need not be able to run.
func odd(t *testing.T, name string) (u event.UnitState, err error) {
	t.Helper()
	err = System().ask(t.Context(), func(ctx context.Context, s *session, _ credentials) (err error) {
		u, err = loadFile(ctx, s, name, newRoom())
		return err
	})
	return u, err
}

// TestLiveParser holds our reading of odd files against systemd's own.
func TestLiveParser(t *testing.T) {
	live(t)
	files := map[string]string{}
	for i, text := range oddFiles {
		files[fmt.Sprintf("odd%d.service", i)] = text
		files[fmt.Sprintf("odddrop%d.service", i)] = "[Service]\nExecStart=/bin/true\n"
		files[fmt.Sprintf("odddrop%d.service.d/x.conf", i)] = text
	}
	install(t, files)
	for name := range files {
		if filepath.Ext(name) != ".service" {
			continue
		}
		u, err := odd(t, name)
		if err != nil {
			t.Error(err)
			continue
		}
		settings, err := readSettings(newFileReader().read, u.Name, u.FragmentPath, u.DropInPaths)
		private, path := "no", ""
		for _, s := range settings {
			switch s.Name {
			case event.SettingPrivate:
				private = s.Value
			case event.SettingPath:
				path = s.Value
			}
		}
		if private != yesNo(u.PrivateNetwork) || path != u.NetworkNamespacePath {
			text, _ := os.ReadFile(filepath.Join(runtimeUnits, name))
			if len(u.DropInPaths) > 0 {
				text, _ = os.ReadFile(u.DropInPaths[0])
			}
			// systemd 247 passes over such a section, which later ones refuse, as
			// we do: nothing is claimed of the file then.
			if err != nil && len(settings) == 0 && strings.Contains(string(text), "[X-\"]") {
				continue
			}
			t.Errorf("%s (%s):\n%q\nwe read %+v (%v), systemd has %t and %q", name, u.LoadState, text, settings, err, u.PrivateNetwork, u.NetworkNamespacePath)
		}
	}
}
