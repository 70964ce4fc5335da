package event

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// The table has one row for each constant, and a name is used once.
func TestLossTable(t *testing.T) {
	declared := constants(t, "loss.go", "LossKind")
	for _, row := range lossKinds {
		if !declared[string(row.kind)] {
			t.Errorf("two rows for %s, or no constant", row.kind)
		}
		delete(declared, string(row.kind))
		if harmless := row.kind == LossForget; row.kind.Harmless() != harmless {
			t.Errorf("%s: harmless %t", row.kind, !harmless)
		}
	}
	for kind := range declared {
		t.Errorf("no row for %s", kind)
	}
}

// constants reads the values of a type's constants from the source.
func constants(t *testing.T, file, typeName string) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != typeName {
			return true
		}
		for _, value := range spec.Values {
			name, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found[name] = true
		}
		return true
	})
	return found
}

// A kind that a later version recorded may hide anything.
func TestUnknownLoss(t *testing.T) {
	kind := LossKind("of a later version")
	for hidden := HiddenCreations; hidden <= HiddenInits && hidden > 0; hidden <<= 1 {
		if !kind.Hides(hidden) {
			t.Errorf("%b is not hidden", hidden)
		}
	}
	if kind.Harmless() || kind.Buffered() {
		t.Error("it is taken for harmless, or for a matter of the buffer")
	}
}
