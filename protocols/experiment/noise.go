package experiment

import (
	"fmt"
	"math"
	"math/big"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Noise is what an experiment's promise makes of a record and of a report. The
// statement of [Explain] is derived from this value, and so is what nodes add.
type Noise struct {
	Mechanism  statistics.Mechanism // LaplacePerReport under silo, DuchiPerRecord under local
	Neighbours dp.Relation
	RecordMax  uint64   // 2^f, the largest magnitude of a record in grid units
	Record     uint64   // L1 sensitivity of one record, in grid units
	Unit       *big.Int // L1 sensitivity of one unit: Record times maxContributions
	PerRecord  dp.Spend // what one record is charged; a unit's worst case is maxContributions of it
	Laplace    noise.DiscreteLaplace
	Randomiser *big.Rat // ε of each record's randomiser under local, else nil
}

// Noise returns the experiment's noise.
//
// Under silo a report's sums take discrete Laplace noise of scale Δ/ε₁ grid units,
// Δ the sensitivity of one record and ε₁ the spend of one: ⌊ε·10⁹/C⌋ nano-ε with C
// = maxContributions, so that C records are charged no more than ε and the scale is
// at least C·Δ/ε. Δ is 2^f where neighbours are zero-out or rewards have a range
// (a record lies in [0, 2^f]); replacing a signed record of a moment bound costs
// 2·2^f. Under local each record takes Duchi's randomiser at ε₁.
// Source: README 3, private-learning 4, 5.3, 9.
func (e *Experiment) Noise() Noise {
	n, err := e.noise()
	if err != nil {
		panic("experiment: an experiment was not made by Read: " + err.Error())
	}
	return n
}

func (e *Experiment) noise() (Noise, error) {
	spend, err := e.Privacy.Params().RecordSpend(uint64(e.Privacy.MaxContributions))
	if err != nil {
		return Noise{}, err
	}
	n := Noise{Neighbours: e.Neighbours(), RecordMax: 1 << e.Privacy.FractionBits, PerRecord: spend}
	n.Record = n.RecordMax
	if n.Neighbours == dp.Replace && e.Reward.Moment != nil {
		n.Record *= 2
	}
	n.Unit = new(big.Int).Mul(new(big.Int).SetUint64(n.Record), big.NewInt(e.Privacy.MaxContributions))
	if e.Privacy.Model == dp.Local {
		n.Mechanism = statistics.DuchiPerRecord
		n.Randomiser = new(big.Rat).SetFrac(new(big.Int).SetUint64(spend.NanoEpsilon), new(big.Int).SetUint64(dp.NanoPerEpsilon))
		return n, nil
	}
	n.Mechanism = statistics.LaplacePerReport
	n.Laplace, err = noise.LaplaceFor(n.Record, spend)
	return n, err
}

// fits reports whether a report's sums and their noise stay inside the integers:
// maxRecords·2^f + 64σ < 2^62, σ = √2 times the Laplace scale.
// Source: experiment-file 6.
func (e *Experiment) fits() bool {
	n, err := e.noise()
	if err != nil {
		return false
	}
	most := new(big.Int).Mul(big.NewInt(e.Rounds.MaxRecords), new(big.Int).SetUint64(n.RecordMax))
	if n.Mechanism == statistics.LaplacePerReport {
		num, den := n.Laplace.Scale()
		// 91 > 64·√2, and the quotient is rounded up
		tail := new(big.Int).Mul(new(big.Int).SetUint64(num), big.NewInt(91))
		tail.Div(tail, new(big.Int).SetUint64(den))
		most.Add(most, tail.Add(tail, big.NewInt(1)))
	}
	return most.Cmp(new(big.Int).Lsh(big.NewInt(1), 62)) < 0
}

// overflow refuses settings whose sums could leave the integers.
func (b *block) overflow(e *Experiment) {
	if _, err := e.Privacy.Params().RecordSpend(uint64(e.Privacy.MaxContributions)); err != nil {
		b.refuse("epsilon", e.Privacy.Epsilon.String(), fmt.Sprintf("at least %de-9", e.Privacy.MaxContributions),
			"privacy.epsilon divided by privacy.maxContributions is less than the smallest spend, 1e-9", "raise epsilon, or lower maxContributions")
		return
	}
	if e.fits() {
		return
	}
	smaller := *e
	for bits := e.Privacy.FractionBits - 1; bits >= 4; bits-- {
		smaller.Privacy.FractionBits = bits
		if smaller.fits() {
			b.refuse("fractionBits", fmt.Sprint(e.Privacy.FractionBits), fmt.Sprintf("[4, %d]", bits),
				fmt.Sprintf("privacy.fractionBits: the sums of a report would overflow; %d bits fit", bits),
				"lower it, or rounds.maxRecords")
			return
		}
	}
	b.refuse("fractionBits", fmt.Sprint(e.Privacy.FractionBits), "", "privacy.fractionBits: the sums of a report would overflow with any number of bits",
		"lower rounds.maxRecords or privacy.maxContributions, or raise privacy.epsilon")
}

// Settings returns what the experiment says to its policy.
func (e *Experiment) Settings() mechanisms.Settings {
	s := mechanisms.Settings{
		Kind: e.Problem.Kind, Arms: append([]string(nil), e.Problem.Arms...),
		Horizon: uint64(e.Horizon), Bonus: e.Policy.Bonus, Kappa: e.Policy.Kappa.Float64(),
		RoundDecisions: uint64(e.Rounds.Trigger.Decisions),
		Privacy: &mechanisms.Privacy{
			Model: e.Privacy.Model, Unit: e.Privacy.Unit, Relation: e.Neighbours(),
			PublicArrival: e.Privacy.Arrival == PublicArrival, Epsilon: e.Privacy.Epsilon.Rat(),
			MaxContributions: uint64(e.Privacy.MaxContributions), FractionBits: e.Privacy.FractionBits,
		},
	}
	if e.Reward.Range != nil {
		s.Range = &mechanisms.Range{Low: e.Reward.Range.Low.Float64(), High: e.Reward.Range.High.Float64()}
	}
	if e.Reward.Moment != nil {
		// the order is rounded to nearest; the bound is rounded up, so that it stays one
		s.Moment = &mechanisms.Moment{Order: e.Reward.Moment.Order.Float64(), Bound: floatUp(e.Reward.Moment.Bound)}
	}
	return s
}

// floatUp returns the least float64 that is not below d.
func floatUp(d Decimal) float64 {
	f := d.Float64()
	if new(big.Rat).SetFloat64(f).Cmp(d.Rat()) < 0 {
		return math.Nextafter(f, math.Inf(1))
	}
	return f
}
