package findings_test

import (
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nsblame/nsblame/findings"
)

// Who made namespaces? This reads what "nsblame replay --output json" wrote, and
// counts the creations by the unit at their origin.
func Example() {
	file, err := os.Open("testdata/trace.ndjson")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()

	by := make(map[string]int)
	for line, err := range findings.NewReader(file).All() {
		if err != nil {
			log.Fatal(err)
		}
		created, ok := line.(*findings.NetnsCreate)
		if !ok {
			continue
		}
		unit := "none"
		if u := created.Origin.Unit; u != nil {
			unit = findings.Bytes(u.Name, u.NameBase64)
		}
		by[unit+" by "+string(created.Origin.Trigger)]++
	}
	for _, who := range slices.Sorted(maps.Keys(by)) {
		fmt.Println(by[who], who)
	}
	// Output: 3 session-1.scope by command
}

// A report is one line. Its causes are sorted, the most frequent first.
func Example_report() {
	file, err := os.Open("testdata/report.json")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()

	line, err := findings.NewReader(file).Next()
	if err != nil {
		log.Fatal(err)
	}
	report, ok := line.(*findings.Report)
	if !ok {
		log.Fatalf("not a report: %T", line)
	}
	fmt.Println(report.Selected, "creations,", report.Gaps.Lost, "lost")
	for _, c := range report.Causes {
		fmt.Printf("%d: %s of %s\n", c.Count, c.Trigger, c.Origin.Name)
		if c.Lifetime != nil {
			fmt.Println("they live", time.Duration(c.Lifetime.MedianNS).Round(time.Second))
		}
	}
	// Output:
	// 7 creations, 0 lost
	// 7: restart of worker.service
	// they live 2s
}

// A later nsblame may have types of line that this package does not know, and a line
// may be cut off. Neither ends the reading of the others.
func ExampleReader_Next_errors() {
	in := strings.NewReader(`{"schema":2,"type":"of_tomorrow"}
{"schema":2,"type":"version","version":"v1.0.0"}
{"schema":2,"type":"ver`)
	for line, err := range findings.NewReader(in).All() {
		var unknown *findings.UnknownTypeError
		var bad *findings.LineError
		switch {
		case errors.As(err, &unknown):
			fmt.Println("passed over:", unknown.Type)
		case errors.As(err, &bad):
			fmt.Println("damaged:", bad)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println("nsblame", line.(*findings.Version).Version)
		}
	}
	// Output:
	// passed over: of_tomorrow
	// nsblame v1.0.0
	// damaged: line 3: unexpected EOF
}

// A process chooses its name, which may be any bytes. Bytes and List return them.
func ExampleBytes() {
	in := `{"schema":2,"type":"netns_create","process":{"comm":"a\\xffb","comm_base64":"Yf9i","argv":["ip","netns"]}}`
	line, err := findings.Decode([]byte(in))
	if err != nil {
		log.Fatal(err)
	}
	p := line.(*findings.NetnsCreate).Process
	fmt.Printf("%s is %q\n", p.Comm, findings.Bytes(p.Comm, p.CommBase64))
	fmt.Println(findings.List(p.Argv, p.ArgvBase64))
	// Output:
	// a\xffb is "a\xffb"
	// [ip netns]
}
