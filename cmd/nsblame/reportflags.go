package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// reportView are the flags that say what of a report is shown, and how it is grouped.
type reportView struct {
	cause, top uint
	all        bool
	sort, by   choice
	window     windowFlags
}

func newReportView() reportView {
	v := reportView{top: defaultTop, sort: choice{value: string(report.OrderCount)}}
	for _, o := range report.Orders {
		v.sort.allowed = append(v.sort.allowed, string(o))
	}
	for _, b := range report.Bys {
		v.by.allowed = append(v.by.allowed, string(b))
	}
	return v
}

// defaultTop is how many causes a screen has.
const defaultTop = 10

func (v *reportView) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.UintVar(&v.cause, "cause", 0, "show all that is known of the cause of this `number`")
	flags.UintVar(&v.top, "top", defaultTop, "show this many causes")
	flags.BoolVar(&v.all, "all", false, "show every cause, and all that is known of each")
	v.sort.add(cmd, "sort", "sort the causes; their numbers stay those by count")
	v.by.add(cmd, "by", "group the creations by this in place of their cause")
	v.window.add(cmd)
}

var (
	errCauseAll = errors.New("--cause doesn't go with --all")
	errNumber   = errors.New("--cause and --top count from 1")
)

func (v *reportView) validate(cmd *cobra.Command, files []string) error {
	given := cmd.Flags().Changed
	switch {
	case given("cause") && v.all:
		return errCauseAll
	case given("cause") && v.cause == 0 || v.top == 0:
		return errNumber
	}
	return v.window.validate(files)
}

// limit leaves of a report what is asked for.
func (v *reportView) limit(cmd *cobra.Command, r *report.Report, text bool) error {
	r.Sort(report.Order(v.sort.value))
	switch {
	case v.cause > 0:
		n := len(r.Causes)
		if !r.Keep(int(v.cause)) {
			return fmt.Errorf("--cause %d: the report has %d causes", v.cause, n)
		}
	case !text && cmd.Flags().Changed("top"):
		r.Cut(int(v.top))
	}
	return nil
}

// shown is how many causes text and Markdown have, 0 for all.
func (v *reportView) shown() int {
	if v.all {
		return 0
	}
	return int(v.top)
}
