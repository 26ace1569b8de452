package node

import "time"

// clock counts milliseconds on from the wall time of the node's start. It follows
// the monotonic clock, so that setting the wall clock neither expires a decision
// nor brings one back while the process runs.
type clock struct {
	now   func() time.Time
	start time.Time
}

func newClock(now func() time.Time) clock { return clock{now, now()} }

// ms is the time in Unix milliseconds.
func (c clock) ms() int64 { return c.start.UnixMilli() + c.now().Sub(c.start).Milliseconds() }
