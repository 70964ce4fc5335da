package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/nsblame/nsblame/findings"
	"github.com/spf13/cobra"
)

// version is set by release builds: -ldflags "-X main.version=v1.2.3".
var version string

// readVersion takes what the linker was given, and else what the go command
// noted of the module and the checkout.
func readVersion() findings.Version {
	v := findings.Version{
		Head:    findings.NewHead("version"),
		Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		addBuild(&v, build)
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}

// addBuild adds what the go command noted.
func addBuild(v *findings.Version, build *debug.BuildInfo) {
	if v.Version == "" {
		v.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
}

// versionText is the version in one line.
func versionText(v findings.Version) string {
	source := ""
	if v.Revision != "" {
		source = " commit " + v.Revision
		if v.Modified {
			source += " with changes"
		}
	}
	return fmt.Sprintf("nsblame %s%s %s %s/%s", v.Version, source, v.Go, v.OS, v.Arch)
}

func newVersionCmd() *cobra.Command {
	output := newOutputFlag()
	cmd := &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := readVersion()
			if output.json() {
				return writeJSON(cmd.OutOrStdout(), v)
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText(v))
			return err
		},
	}
	output.add(cmd)
	return cmd
}
