package linear

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Shared is linear UCB for many nodes: DP-LinUCB under silo, where each report takes
// Gaussian noise, and LDP-LinUCB under local, where each record does. With noise of
// variance τ² in a coordinate of an arm's Gram matrix,
//
//	theory  V = G̃ + 2ΥI, Υ = √M'·σ(1 + √(ln(1/α)) + √d)    β = √(2Υ)·S + R√(d·ln(1 + n/(d·2Υ)) + ln(1/α))
//	tight   V = G̃ + 2ΥI, Υ = OperatorNorm(τ)                β = R√(2·ln(1/α) + ln det V − d·ln Υ) + S√(3Υ) + Bτ_b(√d + √(2·ln(1/α)))/√Υ + bias
//	tuned   V = Σ max(λ_i, λ_0)·q_i·q_iᵀ of G̃, λ_0 = max(1, √(2d)·τ)    κ times the β of tight
//
// θ̂ = V⁻¹b̃·B, the index is x·θ̂ + β·‖x‖_{V⁻¹}, and an arm is taken by the published
// numbers alone; until there are any, arms take turns. A model is planned on anew when a
// fifth more was released, so that it has few parts. Rewards have a range, or a moment:
// then they are clipped at the B that minimises the terms of β in it at n = T, R is B,
// and bias is c_v·u·B^(−v)·√n.
//
// A tuned radius has no guarantee. If V of tight is not positive definite, which has
// probability α, the plan before it stays.
//
// Source: Shariff and Sheffet 2018, section 4 (shifted regularisers; constants of
// private-learning 6.2); Zhou and Chowdhury 2024, algorithm 1 (silo, theory);
// Zheng, Cai, Huang, Li and Wang 2020, algorithm 2 (local).
type Shared struct {
	name     string
	settings mechanisms.Settings
	layout   statistics.Layout
	bits     uint8
	local    bool
	bonus    string
	kappa    float64
	bound    float64 // B
	spread   float64 // R in units of B
	// deviation of the noise of one release (or record) in a coordinate
	sigmaGram, sigmaVector float64
}

const linearBits = 12 // f: products have 24 bits

// NewPrivateLinUCB returns dp-linucb for privacy.model silo, or without noise where
// Privacy is nil. Settings need features, and a privacy model needs a promise in ρ
// (δ > 0). Errors name the field.
func NewPrivateLinUCB(s mechanisms.Settings) (*Shared, error) {
	return newShared("dp-linucb", s, dp.Silo)
}

// NewLocalLinUCB returns ldp-linucb for privacy.model local.
func NewLocalLinUCB(s mechanisms.Settings) (*Shared, error) {
	return newShared("ldp-linucb", s, dp.Local)
}

func newShared(name string, s mechanisms.Settings, model dp.Model) (*Shared, error) {
	if s.Features == nil {
		return nil, errMissing("problem.features", name)
	}
	if s.Features.PerArm {
		return nil, posse.OutOfRange("problem.features.perArm", "true", "false", "lin-ucb takes features of each arm")
	}
	if err := s.Params.Only(name); err != nil {
		return nil, err
	}
	if s.Range == nil && s.Moment == nil {
		return nil, errMissing("reward.range", name)
	}
	problem := Problem{Arms: len(s.Arms), Horizon: min(s.Horizon, maxRecords), Features: *s.Features, Range: s.Range, ParameterBound: s.ParameterBound}
	checked, err := problem.validate()
	if err != nil {
		return nil, err
	}
	features := checked.Features
	s.Features, s.ParameterBound = &features, checked.ParameterBound
	p := &Shared{name: name, settings: s, bits: linearBits, bonus: s.Bonus, kappa: 1}
	switch p.bonus {
	case "", "tuned":
		p.bonus = "tuned"
		if p.kappa = s.Kappa; p.kappa == 0 {
			p.kappa = 0.1
			if model == dp.Local {
				p.kappa = 0.25
			}
		}
		if !(p.kappa >= 0 && p.kappa <= 10) {
			return nil, posse.OutOfRange("policy.params.kappa", fmt.Sprint(p.kappa), "(0, 10]", "0.1 is the default")
		}
	case "theory", "tight":
	default:
		return nil, errBonus(p.bonus, "theory, tight, tuned")
	}
	if s.Privacy != nil {
		if s.Privacy.Model != model {
			return nil, &posse.Error{
				Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "policy.name", Value: name, Allowed: model.String(),
				Message: fmt.Sprintf("%s is not available under privacy.model %s", name, s.Privacy.Model), Hint: "set privacy.model to " + model.String(),
			}
		}
		if s.Privacy.Rho == nil || s.Privacy.RecordRho().PicoRho < 2 {
			return nil, posse.OutOfRange("privacy.delta", "0, or too small a promise", "above 0", name+" takes Gaussian noise, which needs delta")
		}
		if s.Privacy.FractionBits >= 4 && s.Privacy.FractionBits < linearBits {
			p.bits = s.Privacy.FractionBits
		}
		p.local = model == dp.Local
	}
	if p.layout, p.sigmaGram, p.sigmaVector, err = layoutFor(s, p.bits); err != nil {
		return nil, err
	}
	p.scale()
	return p, nil
}

func errMissing(field, policy string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: field,
		Message: fmt.Sprintf("%s: required by policy %s", field, policy), Hint: "declare " + field,
	}
}

// scale sets B and R: the range's, or what balances the terms of β that grow with B
// against the clipping bias at n = T, B = (v·c_v·u·√T/a)^(1/(1+v)).
func (p *Shared) scale() {
	if r := p.settings.Range; r != nil {
		p.bound = longest(*r)
		p.spread = (r.High - r.Low) / 2 / p.bound
		return
	}
	m := *p.settings.Moment
	n, d, v := float64(p.settings.Horizon), float64(p.settings.Features.Dimension), m.Order-1
	l := math.Log(1 / p.alpha())
	tau, tauB := p.sigmaGram, p.sigmaVector
	if p.local {
		tau, tauB = tau*math.Sqrt(n), tauB*math.Sqrt(n)
	}
	shift := math.Max(1, OperatorNorm(int(d), tau, p.alpha()))
	a := math.Sqrt(2*l+d*math.Log(1+n/(d*shift))) + tauB*(math.Sqrt(d)+math.Sqrt(2*l))/math.Sqrt(shift)
	p.bound = math.Pow(v*robust.BiasConstant(m.Order)*m.Bound*math.Sqrt(n)/a, 1/m.Order)
	p.spread = 1
}

// alpha is the failure probability of one version and arm: 1/(T·K).
func (p *Shared) alpha() float64 {
	return 1 / (float64(p.settings.Horizon) * float64(len(p.settings.Arms)) * 4)
}

// Layout is the same for every descriptor of the experiment.
func (p *Shared) Layout() statistics.Layout { return p.layout }

// Dimension is the number of features of an Information: all arms' Gram matrices are
// added up, as the auction weighs what is learnt of contexts.
func (p *Shared) Dimension() int { return p.settings.Features.Dimension }

// Information is the sum of the arms' Gram matrices, its noise's negative eigenvalues
// cut off.
func (p *Shared) Information(_ mechanisms.Descriptor, claim *statistics.Set) (statistics.Information, error) {
	d := p.settings.Features.Dimension
	cells := d * (d + 1) / 2
	gram := claim.Block(gramBlock)
	if len(gram) != len(p.settings.Arms)*cells {
		return statistics.Information{}, statistics.ErrShape
	}
	entries := make([]float64, d*d)
	for i := range d {
		for j := range i + 1 {
			sum := 0.0
			for a := range p.settings.Arms {
				sum += math.Ldexp(float64(gram[a*cells+i*(i+1)/2+j]), -2*int(p.bits))
			}
			if j < i {
				sum /= rootTwo
			}
			entries[i*d+j], entries[j*d+i] = sum, sum
		}
	}
	v, err := statistics.Gram(d, entries)
	if err != nil {
		return v, err
	}
	return v.Repair(0, 0)
}

// Check refuses numbers further from those of the most records than noise goes.
func (p *Shared) Check(_ mechanisms.Descriptor, s *statistics.Set) error {
	counts := s.Block("count")
	for _, n := range counts {
		if n < 0 {
			return posse.OutOfRange("count", fmt.Sprint(n), "at least 0", "report what the window counted")
		}
	}
	if len(s.Block(gramBlock)) != p.layout[0].Cells() {
		return statistics.ErrShape
	}
	return nil
}

// regrowth is by how much releases grow before a model is planned on anew.
const regrowth = 1.2

// Plan solves each arm's regression where enough was released since the plan before.
func (p *Shared) Plan(before mechanisms.Descriptor, m mechanisms.Model, _ int) (mechanisms.Descriptor, error) {
	d := mechanisms.Descriptor{Version: m.Version, Layout: p.layout, Epoch: before.Epoch + 1}
	released := uint64(0)
	for _, part := range m.Parts {
		released += part.Releases
	}
	if before.Plan == nil {
		d.Plan = solution{}.encode()
		return d, nil
	}
	was, err := decodeSolution(before.Plan, len(p.settings.Arms), p.settings.Features.Dimension)
	if err != nil {
		return d, err
	}
	if float64(released) < regrowth*float64(max(1, was.releases)) && was.releases > 0 || released == 0 {
		return before, nil
	}
	next, err := p.solve(m, released)
	if errors.Is(err, errIndefinite) {
		return before, nil
	}
	if err != nil {
		return d, err
	}
	if d.Plan = next.encode(); bytes.Equal(d.Plan, before.Plan) {
		return before, nil
	}
	return d, nil
}

var errIndefinite = errors.New("linear: noise made a matrix indefinite")

// solve computes every arm's θ̂, factor and β.
func (p *Shared) solve(m mechanisms.Model, released uint64) (solution, error) {
	arms, err := p.decode(m)
	if err != nil {
		return solution{}, err
	}
	out := solution{releases: released}
	for _, s := range arms {
		v, shift, ok := p.regular(s)
		if !ok {
			return solution{}, errIndefinite
		}
		theta := make([]float64, len(s.vector))
		v.solve(theta, s.vector)
		out.arms = append(out.arms, armSolution{theta: theta, factor: v, beta: p.width(s, v, shift)})
	}
	return out, nil
}

// regular returns the factor of V and Υ (λ_0 for tuned).
func (p *Shared) regular(s sums) (factor triangle, shift float64, ok bool) {
	d := s.gram.d
	tau := math.Sqrt(s.noise2)
	factor = newTriangle(d)
	if p.bonus == "tuned" {
		shift = math.Max(1, math.Sqrt(2*float64(d))*tau)
		v := clipEigenvalues(s.gram, shift)
		return factor, shift, factor.factorise(v.matrix())
	}
	switch {
	case tau == 0:
		shift = 0.5 // λ = 1
	case p.bonus == "theory":
		shift = tau * (1 + math.Sqrt(math.Log(1/p.alpha())) + math.Sqrt(float64(d)))
	default:
		shift = math.Max(0.5, OperatorNorm(d, tau, p.alpha()))
	}
	copy(factor.cell, s.gram.cell)
	for i := range d {
		factor.row(i)[i] += 2 * shift
	}
	return factor, shift, factor.factorise(factor)
}

// width is κ·β in units of B.
func (p *Shared) width(s sums, factor triangle, shift float64) float64 {
	d := float64(s.gram.d)
	l := math.Log(1 / p.alpha())
	n := 0.0
	for i := range s.gram.d {
		n += s.gram.row(i)[i]
	}
	n = math.Max(1, n) // Σ‖x‖² ≤ the number of records
	bias := 0.0
	if m := p.settings.Moment; p.settings.Range == nil {
		bias = robust.BiasConstant(m.Order) * m.Bound * math.Pow(p.bound, 1-m.Order) * math.Sqrt(float64(p.settings.Horizon)) / p.bound
	}
	size := p.settings.ParameterBound / p.bound
	if p.bonus == "theory" {
		return math.Sqrt(2*shift)*size + p.spread*math.Sqrt(d*math.Log(1+n/(2*d*shift))+l) + bias
	}
	volume := math.Max(0, factor.logDet()-d*math.Log(shift))
	return p.kappa * (p.spread*math.Sqrt(2*l+volume) + size*math.Sqrt(3*shift) +
		math.Sqrt(s.noiseB2)*(math.Sqrt(d)+math.Sqrt(2*l))/math.Sqrt(shift) + bias)
}

// Summary says how much was released; the estimates are vectors, and no option has one
// mean.
func (p *Shared) Summary(m mechanisms.Model, d mechanisms.Descriptor) (mechanisms.Summary, error) {
	s := mechanisms.Summary{Epoch: d.Epoch, Ended: d.Ended, Bonus: p.bonus}
	if p.bonus == "tuned" {
		s.Bonus = fmt.Sprintf("tuned κ %g (no guarantee)", p.kappa)
	}
	for _, part := range m.Parts {
		s.Released += part.Releases
	}
	for _, name := range p.settings.Arms {
		s.Options = append(s.Options, mechanisms.Option{Name: name, Alive: true})
	}
	return s, nil
}

// Open reads the plan of a descriptor of this experiment.
func (p *Shared) Open(d mechanisms.Descriptor) (mechanisms.Window, error) {
	s, err := decodeSolution(d.Plan, len(p.settings.Arms), p.settings.Features.Dimension)
	if err != nil {
		return nil, err
	}
	return window{p: p, shared: s, boldness: boldOwn}, nil
}

// window is a node's half between two reports.
type window struct {
	p        *Shared
	shared   solution
	boldness float64 // κo
}

// Choose takes the arm of the largest index, of those that the node's own numbers
// leave open where it has any.
func (w window) Choose(slot uint64, c mechanisms.Context, _ noise.Source) (mechanisms.Action, float64, error) {
	f, ok := c.(mechanisms.Features)
	if !ok {
		return nil, 0, mechanisms.ErrMismatch("context", fmt.Sprintf("%T", c), "features")
	}
	d := w.p.settings.Features.Dimension
	buffer := make([]float64, 2*d)
	x, z := buffer[:d], buffer[d:]
	if err := features(x, *w.p.settings.Features, 1, f.X); err != nil {
		return nil, 0, err
	}
	k := len(w.p.settings.Arms)
	if len(w.shared.arms) == 0 {
		return mechanisms.Arm(slot % uint64(k)), 1, nil
	}
	var left []bool
	if w.shared.own != nil {
		left = open(w.shared.own, x, w.p.spread, w.boldness)
	}
	best, at := math.Inf(-1), 0
	for a, s := range w.shared.arms {
		if left != nil && !left[a] {
			continue
		}
		if index := dot(x, s.theta) + float64(s.beta*math.Sqrt(s.factor.forward(z, x))); index > best {
			best, at = index, a
		}
	}
	return mechanisms.Arm(at), 1, nil
}

// Slots is zero: which arm is due depends on contexts, and nothing is public.
func (w window) Slots(uint64, uint64) (*statistics.Set, error) { return w.p.layout.Empty(), nil }

// Record clips the reward to ±B and multiplies it with the features.
func (w window) Record(dst []statistics.Increment, c mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) ([]statistics.Increment, error) {
	context, ok := c.(mechanisms.Features)
	if !ok {
		return dst, mechanisms.ErrMismatch("context", fmt.Sprintf("%T", c), "features")
	}
	arm, ok := a.(mechanisms.Arm)
	if !ok {
		return dst, mechanisms.ErrMismatch("action", fmt.Sprintf("%T", a), "an arm")
	}
	reward, ok := f.(mechanisms.Reward)
	if !ok {
		return dst, mechanisms.ErrMismatch("feedback", fmt.Sprintf("%T", f), "a reward")
	}
	if arm < 0 || int(arm) >= len(w.p.settings.Arms) {
		return dst, posse.OutOfRange("arm", fmt.Sprint(int(arm)), fmt.Sprintf("[0, %d]", len(w.p.settings.Arms)-1), "send the decision's own id")
	}
	x := make([]float64, w.p.settings.Features.Dimension)
	if err := features(x, *w.p.settings.Features, 1, context.X); err != nil {
		return dst, err
	}
	y := reward.X
	if r := w.p.settings.Range; r != nil {
		var err error
		if y, err = r.Clipped(y, w.p.settings.Clip); err != nil {
			return dst, err
		}
	} else if math.IsNaN(y) || math.IsInf(y, 0) {
		return dst, mechanisms.ErrRewardNotFinite()
	}
	y = math.Max(-1, math.Min(1, y/w.p.bound))
	dst = record(dst, x, y, int(arm), w.p.bits, w.p.local)
	if w.p.local {
		dst = append(dst, statistics.Increment{Block: 2, Cell: int(arm), Value: 1})
	}
	return dst, nil
}

// solution is what a descriptor says to its own policy.
type solution struct {
	releases uint64
	arms     []armSolution
	own      []ownArm // in a node's own descriptor under partial pooling
}

type armSolution struct {
	theta  []float64
	factor triangle
	beta   float64
}

var errPlan = errors.New("the plan of the linear policy is malformed")

func (s solution) encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, s.releases)
	put := func(x float64) { out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x)) }
	for _, a := range s.arms {
		put(a.beta)
		for _, x := range a.theta {
			put(x)
		}
		for _, x := range a.factor.cell {
			put(x)
		}
	}
	for _, a := range s.own {
		for _, x := range a.numbers() {
			put(x)
		}
	}
	return out
}

// decodeSolution reads a plan for k arms and d features; it comes from the network.
func decodeSolution(data []byte, k, d int) (solution, error) {
	each, own := 1+d+d*(d+1)/2, ownNumbers(d)
	if len(data) != 8 && len(data) != 8+8*k*each && len(data) != 8+8*k*(each+own) {
		return solution{}, errPlan
	}
	s := solution{releases: binary.LittleEndian.Uint64(data)}
	if data = data[8:]; len(data) == 0 {
		return s, nil
	}
	values := make([]float64, len(data)/8)
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		if math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
			return solution{}, errPlan
		}
	}
	for rest := values[k*each:]; len(rest) > 0; rest = rest[own:] {
		arm, ok := ownFrom(rest[:own], d)
		if !ok {
			return solution{}, errPlan
		}
		s.own = append(s.own, arm)
	}
	for a := range k {
		v := values[a*each : (a+1)*each]
		arm := armSolution{beta: v[0], theta: v[1 : 1+d], factor: triangle{d, v[1+d:]}}
		for i := range d {
			if !(arm.factor.row(i)[i] > 0) {
				return solution{}, errPlan
			}
		}
		s.arms = append(s.arms, arm)
	}
	return s, nil
}
