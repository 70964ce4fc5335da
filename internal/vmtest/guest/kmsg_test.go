package main

import "testing"

func TestComplains(t *testing.T) {
	var k kernelLog
	for _, line := range []struct {
		text string
		want bool
	}{
		{"Call Trace:", true},
		{"nsblame invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0", false},
		{"Call Trace:", false},
		{"RIP: 0010:_copy_to_iter+0x81/0x910", false},
		{"BUG: scheduling while atomic", true},
		{"Memory cgroup out of memory: Killed process 812 (nsblame)", false},
		{"Call Trace:", true},
		{"RIP: 0010:_copy_to_iter+0x81/0x910", true},
	} {
		if got := k.complains(line.text); got != line.want {
			t.Errorf("%s: %v", line.text, got)
		}
	}
}
