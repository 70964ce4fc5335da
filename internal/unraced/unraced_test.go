package unraced_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// A test that is left out under the race detector is among those of make unraced: its
// name fits UNRACED, and its package is among UNRACED_IN.
func TestWhatIsLeftIsRun(t *testing.T) {
	names := regexp.MustCompile(strings.ReplaceAll(setting(t, "UNRACED"), "$$", "$"))
	packages := strings.Fields(setting(t, "UNRACED_IN"))
	for _, dir := range []string{"cmd", "findings", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			in, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			for _, name := range left(t, path) {
				if !names.MatchString(name) || !slices.Contains(packages, "./"+in) {
					t.Errorf("%s: %s is left out under the race detector, and make unraced does not run it", in, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// setting is the value of a variable of the Makefile.
func setting(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + ` *= *(.+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("the Makefile sets no %s", name)
	}
	return string(found[1])
}

// left are the tests of a file that call unraced.Leave.
func left(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Leave" && isUnraced(s.X) {
				names = append(names, f.Name.Name)
			}
			return true
		})
	}
	return names
}

func isUnraced(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == "unraced"
}
