package image

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// mirrors are the archives of Debian that this machine uses; empty if it names
// none.
type mirrors struct{ main, security string }

// aptMirrors asks apt, so the form of its sources does not matter.
func aptMirrors(ctx context.Context) (mirrors, error) {
	if !installed("apt-get") {
		return mirrors{}, nil // not a Debian: mmdebstrap's defaults are as good
	}
	cmd := exec.CommandContext(ctx, "apt-get", "indextargets",
		"--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages", "Origin: Debian")
	out, err := cmd.Output()
	if err != nil {
		return mirrors{}, fmt.Errorf("ask apt for its mirrors: %w", err)
	}
	return parseMirrors(string(out)), nil
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func parseMirrors(targets string) mirrors {
	var m mirrors
	for line := range strings.Lines(targets) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		if uri, suite := fields[0], fields[1]; strings.HasSuffix(suite, "-security") {
			m.security = uri
		} else if m.main == "" {
			m.main = uri
		}
	}
	return m
}

// sources returns the lines of a sources.list for the release, none if the
// mirrors are unknown.
func (m mirrors) sources(release Release) []string {
	if m.main == "" {
		return nil
	}
	var lines []string
	for _, suite := range release.Suites {
		uri := m.main
		if strings.HasSuffix(suite, "-security") {
			if m.security == "" {
				continue
			}
			uri = m.security
		}
		lines = append(lines, fmt.Sprintf("deb %s %s main", uri, suite))
	}
	return lines
}

// aptProxies returns the options by which this machine's apt reaches its
// mirrors.
func aptProxies(ctx context.Context) ([]string, error) {
	if !installed("apt-config") {
		return nil, nil
	}
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "--no-empty").Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt for its proxies: %w", err)
	}
	var options []string
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, "Acquire::http") && strings.Contains(name, "::Proxy") {
			options = append(options, strings.TrimSpace(line))
		}
	}
	return options, nil
}
