// Command busynode writes the recording of a busy Kubernetes node to stdout, to try
// nsblame on.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"github.com/nsblame/nsblame/internal/bench/busynode"
)

func main() {
	creations := flag.Int("creations", 0, "how many creations, of the same mix; 0 for the usual 97,719")
	commands := flag.Int("commands", 0, "how many runs of a command, each with another argument, in place of all that")
	name := flag.String("node", "node1", "the name of the machine")
	number := flag.Int("number", 0, "makes it another machine")
	flag.Parse()
	plan := busynode.Busy()
	switch {
	case *commands > 0:
		plan = busynode.Plan{Commands: *commands, Span: 100_560}
	case *creations > 0:
		plan = busynode.Of(*creations)
	}
	plan.Node, plan.Number = *name, *number
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	err := busynode.Write(out, plan)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "busynode:", err)
		os.Exit(1)
	}
}
