package cgroup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsblame/nsblame/internal/event"
	"pgregory.net/rapid"
)

// pathGen draws paths out of names that mean something and bytes that don't.
func pathGen() *rapid.Generator[string] {
	component := rapid.OneOf(
		rapid.SampledFrom([]string{
			"system.slice", "user.slice", "user-1000.slice", "user@1000.service", "session-3.scope",
			"init.scope", "foo@bar.service", "_cpu.service", "machine.slice", "machine-a.scope",
			"systemd-nspawn@a.service", "payload", "supervisor", "docker", "lxc", "lxc.payload",
			"lxc.payload.x", "lxc.monitor.x", "lxc.monitor", "libpod_parent", "kubepods", "burstable",
			"pod0c1f3a5b7d9e4f60a1b2c3d4e5f60718", "default", "ecs", "buildkit", idA, idB,
			"docker-" + idA + ".scope", "libpod-" + idB, "libpod-conmon-" + idA + ".scope",
			"kubepods.slice:cri-containerd:" + idA, "", "cri-containerd-" + idB, "garden", "good",
			"docker-khiqosr0x3n4b1k46wm2zkbtt.scope", "system.slice:docker:khiqosr0x3n4b1k46wm2zkbtt", "3a5bdc4f-1c3d-4a1e-5d9b-70f1", "ns",
		}),
		rapid.StringMatching(`[a-z@\\.:_-]{0,6}(\.service|\.slice|\.scope)?`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", "/"}).Draw(t, "lead") +
			strings.Join(rapid.SliceOfN(component, 0, 12).Draw(t, "components"), "/")
	})
}

// check fails unless p can be what path says.
func check(t interface{ Fatalf(string, ...any) }, path string, p Placement) {
	for name, s := range map[string]string{
		"unit": p.Unit, "system unit": p.SystemUnit, "session": p.Session,
	} {
		if !strings.Contains(path, s) {
			t.Fatalf("%s %q is not in %q", name, s, path)
		}
	}
	if p.Slice != rootSlice && !strings.Contains(path, p.Slice) {
		t.Fatalf("slice %q is not in %q", p.Slice, path)
	}
	if (p.Unit == "") != (p.Manager == "") {
		t.Fatalf("unit %q with manager %q in %q", p.Unit, p.Manager, path)
	}
	for _, c := range []*Container{p.Container, p.Outer, p.Monitor} {
		if c == nil {
			continue
		}
		if c.ID == "" || c.Runtime == "" {
			t.Fatalf("container %+v in %q", *c, path)
		}
		if !strings.Contains(path, c.ID) && !strings.Contains(unescape(path), c.ID) {
			t.Fatalf("container %q is not in %q", c.ID, path)
		}
		if !strings.Contains(strings.ReplaceAll(path, "_", "-"), strings.ReplaceAll(c.Pod, "_", "-")) {
			t.Fatalf("pod %q is not in %q", c.Pod, path)
		}
	}
	if _, unit, _ := strings.Cut("/"+p.GuestUnit, "/"); !strings.Contains(path, unit[strings.LastIndexByte(unit, '/')+1:]) {
		t.Fatalf("guest's unit %q is not in %q", p.GuestUnit, path)
	}
	if p.GuestUnit != "" && p.Container == nil {
		t.Fatalf("unit %q of no guest in %q", p.GuestUnit, path)
	}
	if p.Outer != nil && p.Container == nil {
		t.Fatalf("outer container without an inner one in %q", path)
	}
}

// TestParseProperties: what is returned comes from the path, is the same a
// second time, and doesn't depend on how many slashes there are.
func TestParseProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := pathGen().Draw(t, "path")
		p := Parse(path)
		check(t, path, p)
		check(t, path, ParseTail(path))
		if diff := cmp.Diff(p, Parse(path)); diff != "" {
			t.Fatalf("a second Parse differs:\n%s", diff)
		}
		if path == "" {
			return
		}
		if diff := cmp.Diff(p, Parse("/"+strings.ReplaceAll(path, "/", "//")+"/")); diff != "" {
			t.Fatalf("slashes matter:\n%s", diff)
		}
	})
}

// TestDelegatedSubtree: whatever is made below a plain service, it remains the
// unit.
func TestDelegatedSubtree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		below := pathGen().Draw(t, "below")
		p := Parse("/system.slice/foo.service/" + below)
		if p.Unit != "foo.service" || p.Slice != "system.slice" || p.Manager != event.ManagerSystem || p.Session != "" || p.HasOwner {
			t.Fatalf("%+v", p)
		}
	})
}

// TestParseIsLinear: a path that is long and deep allocates no more than a
// container for each level.
func TestParseIsLinear(t *testing.T) {
	for name, path := range map[string]string{
		"slashes":     strings.Repeat("/", 64<<10),
		"slices":      strings.Repeat("/a.slice", 8<<10),
		"one name":    strings.Repeat("a", 64<<10),
		"colons":      "/" + strings.Repeat("a.slice:", 8<<10),
		"dashes":      "/" + strings.Repeat("-kubepods", 7<<10) + ".slice",
		"escapes":     "/machine.slice/machine-" + strings.Repeat(`\x2d`, 16<<10) + ".scope",
		"containers":  strings.Repeat("/docker/"+idA, 900),
		"monitors":    strings.Repeat("/lxc.monitor.x", 4600),
		"supervisors": strings.Repeat("/libpod-"+idA+"/supervisor", 780),
	} {
		t.Run(name, func(t *testing.T) {
			check(t, path, Parse(path))
			if n := testing.AllocsPerRun(3, func() { Parse(path) }); n > 5000 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service")
	f.Add("/docker/" + idA + "/kubelet/kubepods/burstable/pod0c1f3a5b7d9e4f60a1b2c3d4e5f60718/" + idB)
	f.Add(`/machine.slice/machine-my\x2dbox.scope/supervisor`)
	f.Add("/a.slice/\xff\x00\x1b[2J/_@.service")
	f.Fuzz(func(t *testing.T, path string) {
		check(t, path, Parse(path))
		check(t, path, ParseTail(path))
		if diff := cmp.Diff(Parse(path), Parse(path)); diff != "" {
			t.Fatal(diff)
		}
		checkUnescape(t, path)
	})
}

// checkUnescape fails unless bytes come back that were written as systemd
// writes them into a name, and what is no such sequence stays.
func checkUnescape(t *testing.T, name string) {
	t.Helper()
	var escaped strings.Builder
	for i := range len(name) {
		fmt.Fprintf(&escaped, `\x%02x`, name[i])
	}
	if got := unescape(escaped.String()); got != name {
		t.Fatalf("%s became %q, not %q", escaped.String(), got, name)
	}
	if !strings.Contains(name, `\x`) && unescape(name) != name {
		t.Fatalf("%q became %q", name, unescape(name))
	}
	if got := unescape(name); len(got) > len(name) {
		t.Fatalf("%q became %q", name, got)
	}
}

func BenchmarkParse(b *testing.B) {
	for name, path := range map[string]string{
		"service": "/system.slice/cron.service",
		"user":    "/user.slice/user-1000.slice/user@1000.service/app.slice/pipewire.service",
		"pod":     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod74c13223_5a00_11e9_b385_42010a80018d.slice/cri-containerd-" + idA + ".scope",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parse(path)
			}
		})
	}
}
