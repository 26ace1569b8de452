package demo

import (
	"sync"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

// baselines is what the same traffic would have given otherwise.
type baselines struct {
	alone      []float64 // by node: the same policy, guarantee and users, on its own
	nonPrivate float64   // all together, without noise or a bound on users
	err        error
}

// compute runs while the demo plays: it needs the scene alone.
func (s *scene) compute(seed uint64) *baselines {
	b := &baselines{alone: make([]float64, len(s.traffic.Nodes))}
	var all sync.WaitGroup
	errs := make([]error, len(s.traffic.Nodes)+1)
	all.Go(func() {
		settings := s.experiment.Settings()
		settings.Privacy = nil
		out, err := fast.Learn(s.learn(settings, seed, s.experiment.Rounds.Trigger.Decisions), s.traffic)
		b.nonPrivate, errs[0] = out.Mean, err
	})
	all.Go(func() {
		for j, n := range s.traffic.Nodes {
			one := &simnet.Traffic{Arms: s.traffic.Arms, Nodes: []simnet.Stream{n}}
			every := max(1, int64(float64(s.experiment.Rounds.Trigger.Decisions)*n.Share+0.5))
			if len(s.traffic.Nodes) == 1 {
				every = s.experiment.Rounds.Trigger.Decisions
			}
			one.Nodes[0].Share = 1
			settings := s.experiment.Settings()
			settings.Horizon = uint64(max(n.Len(), s.traffic.Arms))
			settings.RoundDecisions = uint64(every)
			out, err := fast.Learn(s.learn(settings, seed+uint64(j)+1, every), one)
			b.alone[j], errs[j+1] = out.Mean, err
		}
	})
	all.Wait()
	for _, err := range errs {
		if err != nil && b.err == nil {
			b.err = err
		}
	}
	return b
}

// learn says how a baseline learns. Its noise is simulated, unlike the platform's.
func (s *scene) learn(settings mechanisms.Settings, seed uint64, every int64) fast.Config {
	return fast.Config{
		Settings: settings, Limit: s.experiment.Limit(), Round: int(every), Source: noise.NewSeeded(seed),
		Policy: func(m mechanisms.Settings) (mechanisms.Shared, error) {
			return catalogue.Default().Shared(s.experiment.Policy.Name, m)
		},
	}
}
