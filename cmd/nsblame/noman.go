//go:build !man

package main

import "github.com/spf13/cobra"

// addManCmd adds nothing: see man.go.
func addManCmd(*cobra.Command) {}
