// Command model runs histories of package model, and prints what came of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
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
	focused := flag.Bool("focused", false, "have all of a history be about one unit")
	flag.Parse()
	draw := model.Drawing(model.Draw)
	if *focused {
		draw = model.DrawFocused
	}
	os.Exit(run(draw, *n, *seed, *workers, *most, *missed))
}

// chunk is how many histories a worker takes at a time. What failed of them is printed at
// once.
const chunk = 50_000

// moreGarbage has the collector run less often: histories are small, and soon garbage.
const moreGarbage = 800

func run(draw model.Drawing, n, seed uint64, workers, most, missed int) int {
	debug.SetGCPercent(moreGarbage)
	began := time.Now()
	r := &results{total: model.NewTally(), shown: make(map[string]bool), most: most}
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				from := next.Add(chunk) - chunk
				if from >= n {
					return
				}
				r.add(model.Run(draw, seed+from, min(chunk, n-from), most))
			}
		})
	}
	wg.Wait()
	if missed > 0 {
		for _, f := range model.Missed(draw, seed, n, missed) {
			f.Print(os.Stdout)
		}
	}
	total := r.total
	fmt.Print(total.Seeds())
	fmt.Printf("%s, in %.1f s, %.0f histories a second and core\n", total.Details(), time.Since(began).Seconds(), float64(n)/used().Seconds())
	short := total.Short()
	if short != "" {
		fmt.Println("falls short:", short)
	}
	fmt.Println(total)
	if len(total.Failed) > 0 || short != "" {
		return 1
	}
	return 0
}

// results are those of all workers.
type results struct {
	mu    sync.Mutex
	total *model.Tally
	// shown are the kinds of failures that were printed, of which there are most at most.
	shown map[string]bool
	most  int
}

// add takes in the results of a chunk.
func (r *results) add(t *model.Tally, failures []model.Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total.Add(t)
	for i := range failures {
		if f := &failures[i]; !r.shown[f.Key] && len(r.shown) < r.most {
			r.shown[f.Key] = true
			f.Print(os.Stdout)
		}
	}
}

// used is the time of processors that was used: there may be others on the machine.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
