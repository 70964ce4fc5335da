package main

import (
	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/docs"
)

const schemaHelp = `Print the JSON Schema (draft 2020-12) of all that nsblame writes with
--output json. Each line is valid by itself. Its "type" says what it is.

Fields can be added in any version. The number in "schema" changes when a field
changes its meaning or its name.`

func newSchemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "schema",
		Short:             "Print the JSON Schema of the output",
		Long:              schemaHelp,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := docs.Schema()
			if err == nil {
				_, err = cmd.OutOrStdout().Write(schema)
			}
			return err
		},
	}
}
