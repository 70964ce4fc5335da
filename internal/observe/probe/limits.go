package probe

import "github.com/nsblame/nsblame/internal/event"

// What the stream promises of repeated calls is what the programs do: this does not
// compile otherwise.
var (
	_ [event.CallsReported]struct{} = [bpfLimitCALLS_REPORTED]struct{}{}
	_ [event.CallAgainNS]struct{}   = [bpfLimitCALL_AGAIN_NS]struct{}{}
)
