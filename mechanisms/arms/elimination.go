package arms

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// firstQuota is R_0 for one node: the pulls of each arm that end the first epoch.
// It is multiplied by the nodes, rounded up to a power of two, and doubles with
// each epoch. Source: private-learning 5.3.
const firstQuota = 64

// Elimination is robust elimination for many nodes (private-learning 5.3, and 5.4
// in the local model). Survivors are pulled round robin. Once each of
// them has 64 records, every version drops the arms whose mean lies more than twice
// the radius below the best. An epoch ends at
// the first version that has its quota of every survivor; the next one's is twice
// that, and rewards are clipped at the bound that is best for it.
//
// It differs from the published form in two things. Sums of all epochs add up
// (1.3), instead of being forgotten: a loser's noisy leaf of an earlier epoch,
// bought later, would be worthless otherwise. And arms are compared at every
// version instead of once an epoch (as 5.9 does), at the price of a union over
// versions inside the logarithm: what was paid for is used at once. Bonus "theory"
// is the published form, with its constants.
type Elimination struct {
	name     string
	settings mechanisms.Settings
	layout   statistics.Layout
	moment   mechanisms.Moment // valid also for ranges, where it is not used
	bounded  bool              // rewards lie in baseline ± half by declaration
	half     float64
	baseline float64
	bonus    string
	kappa    float64
	drops    bool        // false: the uniform policy, which compares nothing
	scale    float64     // Laplace scale over the bound B
	sigma    float64     // Gaussian deviation over the bound B
	epsilon  float64     // that of the promise, 1 where there is none: only "theory" reads it
	forget   *forgetting // nil: sums of all epochs add up
	duchi    float64     // C of the local randomiser, 0 in other models
	byRecord bool        // counts are those of records, not of slots
}

// NewElimination returns the policy. Settings need arms and either a range or a
// moment; a nil Privacy means no noise (simulations). Errors name the field.
func NewElimination(s mechanisms.Settings) (*Elimination, error) {
	return newElimination("robust-elimination", s)
}

// NewSharedUniform returns the policy that pulls all arms round robin for ever:
// it releases what elimination would, and drops nothing.
func NewSharedUniform(s mechanisms.Settings) (*Elimination, error) {
	e, err := newElimination("uniform", s)
	if err == nil {
		e.drops, e.forget = false, nil
	}
	return e, err
}

func newElimination(name string, s mechanisms.Settings) (*Elimination, error) {
	if err := s.Params.Only(name); err != nil {
		return nil, err
	}
	if _, err := (Problem{Arms: len(s.Arms), Horizon: s.Horizon, Range: s.Range, Moment: s.Moment}).validate(); err != nil {
		return nil, err
	}
	e := &Elimination{name: name, settings: s, baseline: s.Baseline, drops: true}
	if s.Range == nil && s.Moment == nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "reward.moment",
			Message: "reward.moment: required by policy " + name, Hint: "declare reward.moment or reward.range",
		}
	}
	if s.Moment != nil {
		e.moment = *s.Moment
	} else {
		e.bounded = true
		e.half = (s.Range.High - s.Range.Low) / 2
		e.baseline = s.Range.Low + e.half
		e.moment = mechanisms.Moment{Order: 2, Bound: e.half * e.half}
	}
	if err := e.setBonus(s); err != nil {
		return nil, err
	}
	if err := e.setNoise(s); err != nil {
		return nil, err
	}
	if e.bonus == "theory" && e.drops {
		e.forget = e.published()
	}
	return e, nil
}

func (e *Elimination) setBonus(s mechanisms.Settings) error {
	e.bonus, e.kappa = s.Bonus, s.Kappa
	if e.bonus == "" {
		e.bonus = "tuned"
	}
	switch e.bonus {
	case "tight", "theory":
		e.kappa = 1
	case "tuned":
		if e.kappa == 0 {
			e.kappa = 0.1
			if s.Privacy != nil && s.Privacy.Model == dp.Local {
				e.kappa = 0.25
			}
		}
		if !(e.kappa > 0 && e.kappa <= 10) {
			return posse.OutOfRange("policy.params.kappa", fmt.Sprint(e.kappa), "(0, 10]", "0.1 is the default")
		}
	default:
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "policy.params.bonus", Value: e.bonus,
			Allowed: "theory, tight, tuned", Message: fmt.Sprintf("policy.params.bonus: %q is not one of theory, tight, tuned", e.bonus),
			Hint: "tuned learns fast without a guarantee, the others have one",
		}
	}
	return nil
}

// setNoise fixes the layout: what one record may do, and which noise hides it.
//
// silo: Laplace of scale C·Δ/ε on each arm's sum, C the contributions of a unit,
// Δ = 2^f (zero-out) or 2·2^f (replace); a record costs ε/C, rounded down to whole
// nano-ε ([mechanisms.Privacy.PerRecord]), and the scale is made for that.
// local: each record becomes one random sign at ε/C, rounded in the same way.
func (e *Elimination) setNoise(s mechanisms.Settings) error {
	k := []int{len(s.Arms)}
	count := statistics.BlockSpec{Name: "count", Shape: k, Record: 1, Claim: true}
	f := uint8(fractionBits)
	if s.Privacy != nil {
		f = s.Privacy.FractionBits
	}
	if f < 4 || f > 40 {
		return posse.OutOfRange("privacy.fractionBits", fmt.Sprint(f), "[4, 40]", "16 is the default")
	}
	unit := uint64(1) << f
	sum := statistics.BlockSpec{Name: "sum", Shape: k, Scale: f, Record: int64(unit), L1: unit, L2Squared: squared(unit)}
	e.epsilon = 1
	if s.Privacy == nil {
		e.layout = statistics.Layout{count, sum}
		return nil
	}
	if s.Privacy.Epsilon == nil {
		return posse.OutOfRange("privacy.epsilon", "none", "(0, 20]", "1 is a common choice")
	}
	if s.Privacy.Epsilon.Sign() <= 0 {
		return posse.OutOfRange("privacy.epsilon", s.Privacy.Epsilon.RatString(), "(0, 20]", "1 is a common choice")
	}
	e.epsilon, _ = s.Privacy.Epsilon.Float64()
	perRecord := s.Privacy.PerRecord()
	if perRecord.Sign() == 0 {
		return posse.OutOfRange("privacy.epsilon", "less than 1e-9 a record", "at least privacy.maxContributions·1e-9",
			"raise epsilon, or lower maxContributions")
	}
	switch s.Privacy.Model {
	case dp.Local:
		if e.bonus == "theory" {
			return errBonus(e.bonus, "tight, tuned") // the published rate is the one that was shown wrong
		}
		e.byRecord = true
		sum.Noise = statistics.DuchiPerRecord
		sum.L1, sum.L2Squared = 2*unit, squared(2*unit)
		var ok bool
		if sum.Num, sum.Den, ok = ratio(perRecord); !ok {
			return tooFine()
		}
		eps, _ := perRecord.Float64()
		e.duchi = 1 / math.Tanh(eps/2) // (e^ε + 1)/(e^ε − 1)
	case dp.Silo:
		e.byRecord = s.Privacy.PublicArrival
		if s.Privacy.Relation == dp.Replace {
			sum.L1, sum.L2Squared = 2*unit, squared(2*unit)
		}
		if s.Privacy.Rho != nil {
			if err := e.gaussian(&sum, s.Privacy.RecordRho()); err != nil {
				return err
			}
			break
		}
		sum.Noise = statistics.LaplacePerReport
		spend, err := dp.SpendOfEpsilon(perRecord)
		if err != nil {
			return err
		}
		law, err := noise.LaplaceFor(sum.L1, spend)
		if err != nil {
			return err
		}
		sum.Num, sum.Den = law.Scale()
		e.scale = float64(sum.Num) / float64(sum.Den) / float64(unit)
	default:
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "policy.name", Value: e.name,
			Allowed: "silo, local", Message: fmt.Sprintf("%s is not available under privacy.model %s", e.name, s.Privacy.Model),
			Hint: "set privacy.model to silo or local",
		}
	}
	e.layout = statistics.Layout{count, sum}
	return e.layout.Validate()
}

// gaussian is 5.7: discrete Gaussian noise of σ² = Δ²/(2ρ) on each arm's sum, for a
// promise in ρ. Laplace noise is less where a record meets one release.
func (e *Elimination) gaussian(sum *statistics.BlockSpec, rho dp.Spend) error {
	if rho.PicoRho == 0 {
		return posse.OutOfRange("privacy.epsilon", "less than 1e-12 ρ a record", "at least privacy.maxContributions²·1e-12", "raise epsilon, or lower maxContributions")
	}
	law, err := noise.GaussianFor(new(big.Int).SetUint64(sum.L2Squared), rho)
	if err != nil {
		return err
	}
	var ok bool
	if sum.Num, sum.Den, ok = statistics.Variance(law.Sigma2()); !ok {
		return tooFine()
	}
	sum.Noise = statistics.GaussianPerReport
	e.sigma = math.Sqrt(float64(sum.Num)/float64(sum.Den)) / float64(sum.Record)
	return nil
}

func ratio(r *big.Rat) (num, den uint64, ok bool) {
	return r.Num().Uint64(), r.Denom().Uint64(), r.Num().IsUint64() && r.Denom().IsUint64() && r.Sign() > 0
}

// squared returns n², or the largest number where that does not fit: a sensitivity
// is never understated.
func squared(n uint64) uint64 {
	if high, low := bits.Mul64(n, n); high == 0 {
		return low
	}
	return math.MaxUint64
}

func tooFine() error {
	return posse.OutOfRange("privacy.epsilon", "a number with too many digits", "at most 12 decimals", "round epsilon down")
}

// Layout is the same for every descriptor of the experiment.
func (e *Elimination) Layout() statistics.Layout { return e.layout }

// Dimension is the number of arms.
func (e *Elimination) Dimension() int { return len(e.settings.Arms) }

// Check refuses counts below 0 or of arms that d has dropped, and, where counts are
// those of records, a sum of more than ±B a record and its noise. Where slots are
// counted, a leaf may hold more records than slots, since a reward whose own leaf
// has left is taken up by a later one: there a sum is not held to its count.
// Source: distributed 5.5.
func (e *Elimination) Check(d mechanisms.Descriptor, s *statistics.Set) error {
	p, err := decodePlan(d.Plan, len(e.settings.Arms))
	if err != nil {
		return err
	}
	count, sum := s.Block("count"), s.Block("sum") // a claim has no sum
	if len(count) != len(e.settings.Arms) || sum != nil && len(sum) != len(count) {
		return statistics.ErrShape
	}
	for a, n := range count {
		if !slices.Contains(p.survivors, a) && n != 0 && !e.settings.Pooling {
			return posse.OutOfRange("count", fmt.Sprint(n), "0 for an arm that was dropped", "report the arms of the descriptor only")
		}
		if n < 0 {
			return posse.OutOfRange("count", fmt.Sprint(n), "at least 0", "report what the window counted")
		}
		b := e.layout[1]
		if e.byRecord && sum != nil && math.Abs(float64(sum[a])) > float64(n)*float64(b.Record)+b.Tail() {
			return posse.OutOfRange("sum", "(withheld)", "within its count's records and the noise", "report what the window added up")
		}
	}
	return nil
}

// Information is the arms' counts.
func (e *Elimination) Information(d mechanisms.Descriptor, claim *statistics.Set) (statistics.Information, error) {
	n := claim.Block("count")
	if len(n) != len(e.settings.Arms) {
		return statistics.Information{}, statistics.ErrShape
	}
	counts := make([]float64, len(n))
	for a, c := range n {
		counts[a] = math.Max(0, float64(c))
	}
	return statistics.Counts(counts...), nil
}

// Plan decides, at a new version, who stays in play and how the next windows clip.
func (e *Elimination) Plan(before mechanisms.Descriptor, m mechanisms.Model, nodes int) (mechanisms.Descriptor, error) {
	d := mechanisms.Descriptor{Version: m.Version, Layout: e.layout}
	if before.Plan == nil {
		all := make([]int, len(e.settings.Arms))
		for a := range all {
			all[a] = a
		}
		p := plan{survivors: all, quota: firstQuota * roundUp(nodes)}
		if e.forget != nil {
			return e.forget.next(e, d, 1, p), nil
		}
		return e.next(d, 1, p, nodes), nil
	}
	p, err := decodePlan(before.Plan, len(e.settings.Arms))
	if err != nil {
		return d, err
	}
	if before.Ended {
		return before, nil
	}
	if e.forget != nil {
		return e.forget.plan(e, before, d, p, m)
	}
	cells, err := e.cells(m)
	if err != nil {
		return d, err
	}
	epoch := before.Epoch
	if e.drops && known(cells, p) {
		p.survivors = e.drop(cells, p.survivors, e.confidence(m.Version, len(p.survivors)))
	}
	for met(cells, p) { // a version that brings many unsold leaves may meet several
		epoch++
		p.quota *= 2
	}
	d = e.next(d, epoch, p, nodes)
	if d.Epoch == before.Epoch && d.Ended == before.Ended && bytes.Equal(d.Plan, before.Plan) {
		return before, nil // nothing changes: its part of the model goes on growing, and no other begins
	}
	return d, nil
}

func (e *Elimination) next(d mechanisms.Descriptor, epoch uint32, p plan, nodes int) mechanisms.Descriptor {
	d.Epoch = epoch
	d.Ended = len(p.survivors) == 1 && e.drops && !e.settings.Pooling // with pooling each node ends by itself
	p.bound = e.bound(epoch, p, nodes)
	d.Plan = p.encode()
	return d
}

// bound is B for an epoch: a function of public numbers only. A range needs no
// search; a moment weighs clipping bias against sampling and noise (1.2).
func (e *Elimination) bound(epoch uint32, p plan, nodes int) float64 {
	if e.bounded {
		return e.half
	}
	n := float64(p.quota)
	releases := float64(max(1, nodes))
	if d := e.settings.RoundDecisions; d > 0 {
		releases *= math.Max(1, math.Ceil(n*float64(len(p.survivors))/float64(d)))
	}
	unit := math.Pow(e.moment.Bound, 1/e.moment.Order)
	return robust.BestBound(e.moment, n, e.confidence(uint64(epoch), len(p.survivors)),
		robust.Noise{Releases: releases, Scale: e.scale, Sigma: e.sigma, Local: e.duchi}, unit*1e-6, unit*1e12)
}

// confidence is L = ln(4·|S|·τ²/β) with β = 1/T: a union over survivors, both
// sides and the comparisons made so far, of which there is one a version.
func (e *Elimination) confidence(comparison uint64, survivors int) float64 {
	tau := float64(max(1, comparison))
	return math.Log(4 * float64(survivors) * tau * tau * float64(e.settings.Horizon))
}

// known reports whether every survivor has as many records as one node's first
// quota: a tuned radius is too bold for a handful.
func known(cells []cell, p plan) bool {
	for _, a := range p.survivors {
		if cells[a].count < firstQuota {
			return false
		}
	}
	return true
}

// met reports whether every survivor has its quota of published records.
func met(cells []cell, p plan) bool {
	if p.quota > 1<<40 {
		return false // no horizon gets there: the epochs end
	}
	for _, a := range p.survivors {
		if cells[a].count < p.quota {
			return false
		}
	}
	return true
}

// drop keeps the arms whose mean is not more than twice the bonus below the best.
func (e *Elimination) drop(cells []cell, survivors []int, l float64) []int {
	best, widest := math.Inf(-1), 0.0
	for _, a := range survivors {
		best = math.Max(best, cells[a].mean)
		widest = math.Max(widest, e.radius(cells[a], l))
	}
	var kept []int
	for _, a := range survivors {
		if best-cells[a].mean <= 2*widest {
			kept = append(kept, a)
		}
	}
	return kept
}

func (e *Elimination) radius(c cell, l float64) float64 {
	if e.bounded {
		return e.kappa * c.ledger.BoundedRadius(l)
	}
	return e.kappa * c.ledger.Radius(e.moment, l)
}

// roundUp returns the least power of two that is at least n.
func roundUp(n int) uint64 {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len64(uint64(n-1))
}
