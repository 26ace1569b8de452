package experiment

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Noise is what an experiment's promise makes of a record and of a report, taken
// from the layout that nodes noise their statistics by: the statement of [Explain]
// and the noise can't say different things.
type Noise struct {
	Neighbours dp.Relation
	PerRecord  *big.Rat               // ε of one record: ε divided by maxContributions
	Blocks     []statistics.BlockSpec // those that records touch, each with its noise
}

// Noise returns the experiment's noise.
//
// Under silo a report's sums take discrete Laplace noise of scale C·Δ/ε grid units,
// C = maxContributions and Δ the sensitivity of one record: 2^f where neighbours are
// zero-out, 2·2^f where a record is replaced. Under local each record takes Duchi's
// randomiser at ε/C. Source: README 3, private-learning 4, 5.3, 9.
func (e *Experiment) Noise() Noise {
	layout, err := e.layout()
	if err != nil {
		panic("experiment: an experiment was not made by Read: " + err.Error())
	}
	n := Noise{Neighbours: e.Neighbours(), PerRecord: e.Settings().Privacy.PerRecord()}
	for _, b := range layout {
		if b.Noise != statistics.Public {
			n.Blocks = append(n.Blocks, b)
		}
	}
	return n
}

// layout asks the policy itself what its statistics and their noise are.
func (e *Experiment) layout() (statistics.Layout, error) {
	policy, err := catalogue.Default().Shared(e.Policy.Name, e.Settings())
	if err != nil {
		return nil, err
	}
	return policy.Layout(), nil
}

// fits reports whether a report's sums and their noise stay inside the integers:
// maxRecords·2^f + 64σ < 2^62, σ at most √2 times the Laplace scale.
// Source: experiment-file 6.
func (e *Experiment) fits() error {
	layout, err := e.layout()
	if err != nil {
		return err
	}
	for _, b := range layout {
		most := new(big.Int).Mul(big.NewInt(e.Rounds.MaxRecords), big.NewInt(b.Record))
		if b.Noise == statistics.LaplacePerReport {
			if _, err := noise.NewDiscreteLaplace(b.Num, b.Den); err != nil {
				return err
			}
			// 91 > 64·√2, and the quotient is rounded up
			tail := new(big.Int).Mul(new(big.Int).SetUint64(b.Num), big.NewInt(91))
			tail.Div(tail, new(big.Int).SetUint64(b.Den))
			most.Add(most, tail.Add(tail, big.NewInt(1)))
		}
		if most.Cmp(new(big.Int).Lsh(big.NewInt(1), 62)) >= 0 {
			return errOverflow
		}
	}
	return nil
}

var errOverflow = errors.New("the sums of a report would overflow")

// overflow refuses settings whose sums could leave the integers.
func (b *block) overflow(e *Experiment, root *node) {
	if _, err := e.Privacy.Params().RecordSpend(uint64(e.Privacy.MaxContributions)); err != nil {
		b.refuse("epsilon", e.Privacy.Epsilon.String(), fmt.Sprintf("at least %de-9", e.Privacy.MaxContributions),
			"privacy.epsilon divided by privacy.maxContributions is less than the smallest spend, 1e-9", "raise epsilon, or lower maxContributions")
		return
	}
	err := e.fits()
	if err == nil {
		return
	}
	smaller := *e
	for bits := e.Privacy.FractionBits - 1; bits >= 4; bits-- {
		smaller.Privacy.FractionBits = bits
		if smaller.fits() == nil {
			b.refuse("fractionBits", fmt.Sprint(e.Privacy.FractionBits), fmt.Sprintf("[4, %d]", bits),
				fmt.Sprintf("privacy.fractionBits: the sums of a report would overflow; %d bits fit", bits),
				"lower it, or rounds.maxRecords")
			return
		}
	}
	// no number of bits helps: the policy itself refuses, and says which field
	var own *posse.Error
	if errors.As(err, &own) && own.Code == posse.InvalidArgument && own.Field != "scale" {
		line, column := root.place(own.Field)
		b.r.report(own, line, column)
		return
	}
	b.refuse("fractionBits", fmt.Sprint(e.Privacy.FractionBits), "", "privacy.fractionBits: the sums of a report would overflow with any number of bits",
		"lower rounds.maxRecords or privacy.maxContributions, or raise privacy.epsilon")
}

// Limit is what one unit may spend in the experiment, in the kind that its releases
// are charged in: an ε. A declared δ is no part of it, since pure noise spends none
// (docs/adr/0009).
func (e *Experiment) Limit() dp.Spend {
	return dp.Spend{NanoEpsilon: e.Privacy.Params().Limit().NanoEpsilon}
}

// Settings returns what the experiment says to its policy.
func (e *Experiment) Settings() mechanisms.Settings {
	s := mechanisms.Settings{
		Kind: e.Problem.Kind, Arms: append([]string(nil), e.Problem.Arms...),
		Horizon: uint64(e.Horizon), Clip: e.Reward.Clip, Bonus: e.Policy.Bonus, Kappa: e.Policy.Kappa.Float64(), Pooling: e.Pooling == PartialPooling,
		RoundDecisions: uint64(e.Rounds.Trigger.Decisions),
		Privacy: &mechanisms.Privacy{
			Model: e.Privacy.Model, Unit: e.Privacy.Unit, Relation: e.Neighbours(),
			PublicArrival: e.Privacy.Arrival == PublicArrival, Epsilon: e.Privacy.Epsilon.Rat(),
			MaxContributions: uint64(e.Privacy.MaxContributions), FractionBits: e.Privacy.FractionBits,
		},
	}
	if e.Privacy.Model == 0 { // a scenario's
		s.Privacy = nil
	}
	if e.Reward.Range != nil {
		s.Range = &mechanisms.Range{Low: e.Reward.Range.Low.Float64(), High: e.Reward.Range.High.Float64()}
	}
	if e.Reward.Moment != nil {
		// the order is rounded to nearest; the bound up, so that it stays one
		s.Moment = &mechanisms.Moment{Order: e.Reward.Moment.Order.Float64(), Bound: floatUp(e.Reward.Moment.Bound.Rat())}
	}
	return s
}

// floatUp returns the least float64 that is not below r.
func floatUp(r *big.Rat) float64 {
	f, _ := r.Float64()
	if new(big.Rat).SetFloat64(f).Cmp(r) < 0 {
		return math.Nextafter(f, math.Inf(1))
	}
	return f
}
