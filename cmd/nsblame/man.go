//go:build man

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// addManCmd adds the verb that writes the manual pages. It is not part of the
// binary: make man builds one that has it.
func addManCmd(root *cobra.Command) {
	root.AddCommand(&cobra.Command{
		Use:    "man DIR",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeManPages(cmd.Root(), args[0])
		},
	})
}

// writeManPages writes a page for each verb. SOURCE_DATE_EPOCH sets their date.
func writeManPages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the manual: %w", err)
	}
	prepareForMan(root)
	header := &doc.GenManHeader{Section: "1", Source: "nsblame", Manual: "nsblame"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fmt.Errorf("write the manual: %w", err)
	}
	return nil
}

func prepareForMan(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	cmd.Long = markdown(cmd.Long)
	for _, sub := range cmd.Commands() {
		prepareForMan(sub)
	}
}

// markdown turns a help text into the Markdown that cobra's generator takes:
// indented lines stay as they are, and no other character is special.
func markdown(text string) string {
	var b strings.Builder
	verbatim := false
	for line := range strings.SplitSeq(text, "\n") {
		indented := strings.HasPrefix(line, "  ")
		if indented && !verbatim {
			b.WriteString("\n")
		}
		if verbatim && !indented && line != "" {
			b.WriteString("\n")
		}
		verbatim = indented || verbatim && line == ""
		if indented {
			b.WriteString("    " + line[2:] + "\n")
			continue
		}
		b.WriteString(special.Replace(line) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// special escapes what Markdown gives a meaning.
var special = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`)
