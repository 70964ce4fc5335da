package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// step is one of a job, or of an action.
type step struct {
	Uses, Run, Shell, If string
	With, Env            map[string]string
}

// workflows are the steps of each workflow and of the action, by their files.
func workflows(t *testing.T) map[string][]step {
	t.Helper()
	all := map[string][]step{}
	files := append(filesIn(t, "../../.github/workflows", "*.yml"), filesIn(t, "../../contrib", "*/action.yml")...)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var flow struct {
			Name        string
			On          any
			Permissions map[string]string
			Jobs        map[string]struct {
				RunsOn  string `yaml:"runs-on"`
				Timeout int    `yaml:"timeout-minutes"`
				Steps   []step
			}
			Runs struct {
				Using string
				Steps []step
			}
		}
		if err := yaml.Unmarshal(raw, &flow); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		steps := flow.Runs.Steps
		if flow.Runs.Using == "" && (flow.On == nil || len(flow.Permissions) == 0 || len(flow.Jobs) == 0) {
			t.Errorf("%s says not when, with which rights, or what", file)
		}
		for name, job := range flow.Jobs {
			if job.RunsOn == "" || job.Timeout == 0 {
				t.Errorf("%s: job %s says not where, or has no end", file, name)
			}
			steps = append(steps, job.Steps...)
		}
		all[file] = steps
	}
	if len(all) < 3 {
		t.Fatalf("only %d", len(all))
	}
	return all
}

// What stands in braces is filled in before a shell sees it.
var expression = regexp.MustCompile(`\$\{\{[^}]*\}\}`)

// Each step of the workflows is a make target, a script of the tree, or a program that
// every runner has; and it is what a shell understands.
func TestWorkflowsRunWhatIsThere(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for file, steps := range workflows(t) {
		for _, s := range steps {
			if (s.Uses == "") == (s.Run == "") {
				t.Errorf("%s: %+v both uses and runs something, or neither", file, s)
			}
			if s.Uses != "" && !regexp.MustCompile(`^[\w.-]+/[\w./-]+@[\w.-]+$`).MatchString(s.Uses) {
				t.Errorf("%s: %q has no version", file, s.Uses)
			}
			if s.Run == "" {
				continue
			}
			if expression.MatchString(s.Run) {
				t.Errorf("%s: %q puts a value into a script, which may be anybody's: pass it by env", file, s.Run)
			}
			if err := checkShell(exec.Command("bash", "-n", "-c", s.Run)); err != nil {
				t.Errorf("%s: %q: %v", file, s.Run, err)
			}
			for _, line := range strings.Split(strings.ReplaceAll(s.Run, "&&", "\n"), "\n") {
				if err := isThere(filepath.Dir(file), strings.Fields(line), string(makefile)); err != nil {
					t.Errorf("%s: %q: %v", file, line, err)
				}
			}
		}
	}
}

// isThere reports whether what a line of a step runs exists.
func isThere(dir string, words []string, makefile string) error {
	if len(words) == 0 {
		return nil
	}
	script := strings.Trim(words[0], `"`)
	switch {
	case words[0] == "make":
		for _, target := range words[1:] {
			if !strings.Contains(makefile, "\n"+target+":") {
				return fmt.Errorf("there is no target %s", target)
			}
		}
		return nil
	case slices.Contains([]string{"apt-get", "git", "gh"}, words[0]):
		return nil
	case strings.HasPrefix(script, "$GITHUB_ACTION_PATH/"):
		script = filepath.Join(dir, strings.TrimPrefix(script, "$GITHUB_ACTION_PATH/"))
	default:
		script = filepath.Join("../..", script)
	}
	info, err := os.Stat(script)
	switch {
	case err != nil:
		return err
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s cannot be run", script)
	}
	return checkShell(exec.Command("bash", "-n", script))
}

func checkShell(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// What does not exist is found.
func TestWorkflowsAreChecked(t *testing.T) {
	for _, line := range []string{"make nothing", "./nothing.sh", "README.md", `"$GITHUB_ACTION_PATH/nothing.sh"`} {
		if err := isThere("../../contrib/github-action", strings.Fields(line), "\nall: build\n"); err == nil {
			t.Errorf("%s is accepted", line)
		}
	}
	if checkShell(exec.Command("bash", "-n", "-c", "if true")) == nil {
		t.Error("half a command is accepted")
	}
}
