package bench

import (
	"math"
	"testing"
	"time"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
)

const (
	ucbErased = "UCB1 behind Policy"
	ucbTyped  = "UCB1 behind Learner"
	plainLoop = "a plain loop"
	ucbGoal   = "at most 1.5"
	ucbArms   = 10
	ucbRounds = 100_000
)

// coins are the rewards of both sides: round by arm.
func coins() []float64 {
	src := noise.NewSeeded(1)
	out := make([]float64, ucbArms*ucbRounds)
	for i := range out {
		if noise.Float64(src) < 0.5+0.03*float64(i%ucbArms) {
			out[i] = 1
		}
	}
	return out
}

// plain is the textbook: counts and sums in slices.
func plain(rewards []float64) (pulls []float64) {
	n, sum := make([]float64, ucbArms), make([]float64, ucbArms)
	for t := range ucbRounds {
		at := t
		if t >= ucbArms {
			best := math.Inf(-1)
			scale := 2 * math.Log(float64(t+1))
			for a := range n {
				if index := sum[a]/n[a] + math.Sqrt(scale/n[a]); index > best {
					best, at = index, a
				}
			}
		}
		n[at]++
		sum[at] += rewards[t*ucbArms+at]
	}
	return n
}

func BenchmarkUCB1(b *testing.B) {
	rewards := coins()
	bare := func() time.Duration { return timed(func() { plain(rewards) }) }
	problem := arms.Problem{Arms: ucbArms, Horizon: ucbRounds}

	b.Run("Policy", func(b *testing.B) {
		slower(b, ucbErased, plainLoop, ucbGoal, func() time.Duration {
			u, err := arms.NewUCB1(problem)
			if err != nil {
				b.Fatal(err)
			}
			p := mechanisms.Erase[mechanisms.None, mechanisms.Arm, mechanisms.Reward](u)
			return timed(func() {
				for t := range uint64(ucbRounds) {
					a, _, err := p.Choose(mechanisms.Round{T: t + 1}, mechanisms.None{}, nil)
					if err == nil {
						err = p.Observe(mechanisms.Round{T: t + 1}, mechanisms.None{}, a, mechanisms.Reward{X: rewards[int(t)*ucbArms+int(a.(mechanisms.Arm))]})
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}, bare)
	})
	b.Run("Learner", func(b *testing.B) {
		slower(b, ucbTyped, plainLoop, ucbGoal, func() time.Duration {
			u, err := arms.NewUCB1(problem)
			if err != nil {
				b.Fatal(err)
			}
			var l mechanisms.Learner[mechanisms.None, mechanisms.Arm, mechanisms.Reward] = u
			return timed(func() {
				for t := range uint64(ucbRounds) {
					a, _, err := l.Choose(mechanisms.Round{T: t + 1}, mechanisms.None{}, nil)
					if err == nil {
						err = l.Observe(mechanisms.Round{T: t + 1}, mechanisms.None{}, a, mechanisms.Reward{X: rewards[int(t)*ucbArms+int(a)]})
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}, bare)
	})
}

// Both sides pull each arm equally often: they are the same rule.
func TestThePlainLoopIsTheSameRule(t *testing.T) {
	rewards := coins()
	u, err := arms.NewUCB1(arms.Problem{Arms: ucbArms, Horizon: ucbRounds})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(ucbRounds) {
		a, _, err := u.Choose(mechanisms.Round{T: i + 1}, mechanisms.None{}, nil)
		if err == nil {
			err = u.Observe(mechanisms.Round{T: i + 1}, mechanisms.None{}, a, mechanisms.Reward{X: rewards[int(i)*ucbArms+int(a)]})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for a, n := range plain(rewards) {
		if got := u.Statistics().Block("count")[a]; math.Abs(float64(got)-n) > 0.01*ucbRounds { // indices round differently
			t.Errorf("arm %d: %d pulls, and %v in the plain loop", a, got, n)
		}
	}
}
