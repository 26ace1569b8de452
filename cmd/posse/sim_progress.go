package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// rate writes steps a second for people.
func rate(perSecond float64) string {
	switch {
	case perSecond >= 1e6:
		return fmt.Sprintf("%.1f M steps/s", perSecond/1e6)
	case perSecond >= 1e3:
		return fmt.Sprintf("%.1f k steps/s", perSecond/1e3)
	default:
		return fmt.Sprintf("%.0f steps/s", perSecond)
	}
}

// simProgress shows how far a simulation is, with rate and time left: a bar on a
// terminal after half a second, else a line each ten seconds. The function that it
// returns ends it.
func (p *program) simProgress(steps *atomic.Int64, total int64) (stop func()) {
	if p.format == "json" && !terminal(p.err) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		began := time.Now()
		var bar *progressbar.ProgressBar
		every := 10 * time.Second
		if terminal(p.err) {
			every = 250 * time.Millisecond
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				if bar != nil {
					_ = bar.Clear()
				}
				return
			case <-tick.C:
			}
			n, elapsed := steps.Load(), time.Since(began)
			perSecond := float64(n) / elapsed.Seconds()
			left := "–"
			if perSecond > 0 {
				left = (time.Duration(float64(total-n)/perSecond*1e9) * time.Nanosecond).Round(time.Second).String()
			}
			if !terminal(p.err) {
				p.note("  %.0f %%  %s  %s left", 100*float64(n)/float64(total), rate(perSecond), left)
				continue
			}
			if elapsed < 500*time.Millisecond {
				continue
			}
			if bar == nil {
				bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.err), progressbar.OptionClearOnFinish(),
					progressbar.OptionSetWidth(20), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
			}
			bar.Describe(fmt.Sprintf("  %s  %s left", rate(perSecond), left))
			_ = bar.Set64(n)
		}
	}()
	return func() { close(done); <-ended }
}
