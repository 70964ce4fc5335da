package render

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// constants are the values of a file's constants of a type.
func constants(t *testing.T, file, typeName string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typeName {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, value)
		return true
	})
	if len(out) == 0 {
		t.Fatalf("no constants of %s in %s", typeName, file)
	}
	return out
}

// texts are the keys of a table of words.
func texts[K ~string](table map[K]string) []string {
	var out []string
	for k := range maps.Keys(table) {
		out = append(out, string(k))
	}
	return out
}

// Every code has words here. Every code of the JSON has a place in its
// documentation.
func TestCodesHaveWords(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	var causes []string
	for _, c := range []finding.Cause{
		finding.Setting{},
		finding.SettingUnknown{},
		finding.SettingMissing{},
		finding.OwnProgram{},
		finding.BusActivation{},
		finding.Job{},
		finding.Restart{},
		finding.Dependency{},
		finding.Triggered{},
		finding.Outcome{},
		finding.Outcome{Failed: true},
		finding.Boot{},
		finding.EngineRequest{},
		finding.ContainerRestart{},
		finding.EngineStart{},
		finding.GuestUnit{},
	} {
		if causeText(c) != "" || c == (finding.Job{}) { // one without a method says nothing
			causes = append(causes, string(c.Code()))
		}
	}
	const explain = "../../explain/"
	for _, table := range []struct {
		file, typeName string
		words          []string
		inJSON         bool
	}{
		{explain + "finding/link.go", "Kind", texts(kindWords), true},
		{explain + "finding/cause.go", "Code", causes, true},
		{explain + "finding/reason.go", "ReasonCode", texts(reasonWords), true},
		{explain + "lineage/lineage.go", "Cut", texts(cutWords), true},
		{explain + "life/index.go", "Unmatched", texts(unmatchedWords), true},
		{explain + "report/reason.go", "ReasonCode", texts(reportWords), true},
		{explain + "report/advice.go", "AdviceCode", texts(adviceWords), false},
		{explain + "report/advice.go", "DrawbackCode", texts(drawbackWords), false},
		{explain + "inventory/inventory.go", "Rights", texts(rightsWords), false},
		{explain + "inventory/inventory.go", "Hidden", texts(hiddenWords), false},
		{"list.go", "Unused", texts(unusedWords), true},
	} {
		for _, code := range constants(t, table.file, table.typeName) {
			if !slices.Contains(table.words, code) {
				t.Errorf("%s %q has no words", table.typeName, code)
			}
			if table.inJSON && !strings.Contains(string(docs), "`"+code+"`") {
				t.Errorf("%s %q is not in docs/json.md", table.typeName, code)
			}
		}
	}
}
