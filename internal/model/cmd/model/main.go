// Command model runs histories of package model, and prints what came of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/nsblame/nsblame/internal/model"
)

func main() {
	n := flag.Uint64("histories", 20_000, "how many histories")
	seed := flag.Uint64("seed", 1, "the seed of the first")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "how many at once")
	most := flag.Int("failures", 5, "how many failures to show")
	missed := flag.Int("missed", 0, "show so many that could have been known and were not")
	flag.Parse()
	os.Exit(run(*n, *seed, *workers, *most, *missed))
}

func run(n, seed uint64, workers, most, missed int) int {
	began := time.Now()
	total := model.NewTally()
	var failures []model.Failure
	var mu sync.Mutex
	var wg sync.WaitGroup
	share := n / uint64(workers)
	for i := range uint64(workers) {
		count := share
		if i == uint64(workers)-1 {
			count = n - share*i
		}
		wg.Go(func() {
			t, f := model.Run(seed+i*share, count, most)
			mu.Lock()
			defer mu.Unlock()
			total.Add(t)
			failures = append(failures, f...)
		})
	}
	wg.Wait()
	for i := range failures[:min(len(failures), most)] {
		failures[i].Print(os.Stdout)
	}
	if missed > 0 {
		for _, f := range model.Missed(seed, n, missed) {
			f.Print(os.Stdout)
		}
	}
	fmt.Print(total.Seeds())
	fmt.Printf("%s, in %.1f s, %.0f histories a second and core\n", total.Details(), time.Since(began).Seconds(), float64(n)/used().Seconds())
	short := total.Short()
	if short != "" {
		fmt.Println("falls short:", short)
	}
	fmt.Println(total)
	if len(failures) > 0 || short != "" {
		return 1
	}
	return 0
}

// used is the time of processors that was used: there may be others on the machine.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
