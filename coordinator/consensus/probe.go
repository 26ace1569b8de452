package consensus

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// fsyncProbes is how many fsyncs are timed at start; the slowest but one in fifty
// stands for the slowest in a hundred.
const (
	fsyncProbes = 50
	fsyncFactor = 10 // how much longer than an fsync a heartbeat must be
)

// probe times fsyncs in dir and returns the 98th percentile.
func probe(dir string, now func() time.Time) (_ time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return 0, fmt.Errorf("probe disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	times := make([]time.Duration, fsyncProbes)
	for i := range times {
		begun := now()
		if _, err := f.WriteAt([]byte{1}, int64(i)); err != nil {
			return 0, fmt.Errorf("probe disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("probe disk: %w", err)
		}
		times[i] = now().Sub(begun)
	}
	slices.Sort(times)
	return times[fsyncProbes-2], nil
}

// warnOfSlowDisk says when the disk is too slow for the timing: followers would
// think a leader dead that only waits for its disk.
func (c *Consensus) warnOfSlowDisk() error {
	slow, err := probe(c.config.Dir, c.config.Now)
	if err != nil {
		return openFailure(err)
	}
	if fsyncFactor*slow >= c.config.Timing.Heartbeat {
		c.config.Logger.Warn("the disk is slow for the heartbeat: leaders may change without need",
			"fsync", slow, "heartbeat", c.config.Timing.Heartbeat, "factor", fsyncFactor)
	}
	return nil
}
