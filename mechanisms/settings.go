package mechanisms

import (
	"math"
	"math/big"

	"github.com/posse-dev/posse/dp"
)

// Moment is a bound on a raw moment of the baseline-subtracted reward:
// E|X|^Order ≤ Bound, Order in (1, 2], Bound > 0 in the reward's unit to the
// power Order. Source: private-learning 0.1.
type Moment struct{ Order, Bound float64 }

// Settings is what an experiment says to its policy, in the types that policies
// use. Exactly one of Range and Moment is set.
type Settings struct {
	Kind     string   // problem.kind
	Arms     []string // names, in order
	Horizon  uint64   // decisions of all nodes together
	Range    *Range
	Clip     bool // with Range: rewards outside are clipped instead of refused
	Moment   *Moment
	Baseline float64 // public, subtracted before truncation and added back
	Bonus    string  // "theory", "tight" or "tuned"; empty means the policy's default
	Kappa    float64 // factor of "tuned"; 0 means the policy's default
	Params   Params  // the policy's other numbers
	// Features is what a context holds; nil for problems without contexts.
	Features *FeatureSpec
	// Episodes is what an episodic problem looks like; nil for others.
	Episodes *EpisodeSpec
	// ParameterBound is S, ‖θ*‖₂ ≤ S in linear problems; 0 means 1.
	ParameterBound float64
	// Pooling lets nodes differ: see [Pooled].
	Pooling bool
	// RoundDecisions is the number of decisions between rounds, for planning how
	// many releases an epoch takes; 0 when rounds follow a clock.
	RoundDecisions uint64
	Privacy        *Privacy // nil only in simulations: no noise, no bound on users
}

// EpisodeSpec is the size of an episodic problem: States·Actions is at most 65,536,
// Actions at most 256, Steps in [1, 1000]. A step's mean reward lies in [0, 1], and
// Initial is the state that every episode starts in.
type EpisodeSpec struct{ States, Actions, Steps, Initial int }

// FeatureSpec is how a linear problem's contexts look: vectors of Dimension numbers
// with a Euclidean norm of at most Bound (0 means 1). Longer ones are refused, or
// scaled down where Normalise is set. With PerArm a context is one vector an arm,
// arm by arm, instead of one a decision.
type FeatureSpec struct {
	Dimension int
	Bound     float64
	Normalise bool
	PerArm    bool
}

// Privacy is the part of an experiment's promise that fixes noise.
type Privacy struct {
	Model         dp.Model
	Unit          dp.Unit
	Relation      dp.Relation
	PublicArrival bool     // it may be known that a decision was rewarded
	Epsilon       *big.Rat // exact, over the horizon
	// Rho is the ρ of zero-concentrated privacy over the horizon, exact. Where it is
	// set, noise is Gaussian and Epsilon and Delta are what it was converted from.
	Rho              *big.Rat
	Delta            float64
	MaxContributions uint64 // records of a user that teach; 1 with unit reward
	FractionBits     uint8
}

// PerRecord returns the ε of one record: ε divided by the contributions that one
// unit may make, rounded down to whole nano-ε, the unit that budgets count in.
// Noise is made for exactly this number, so that a record costs a whole spend and
// MaxContributions of them never exceed ε: with 1/3 a record would cost
// 333,333,334 nano-ε and the third would be refused. It is 0 where ε is too small
// for so many contributions.
func (p Privacy) PerRecord() *big.Rat {
	nano := new(big.Int).Mul(p.Epsilon.Num(), new(big.Int).SetUint64(dp.NanoPerEpsilon))
	nano.Div(nano, new(big.Int).Mul(p.Epsilon.Denom(), new(big.Int).SetUint64(max(1, p.MaxContributions))))
	return new(big.Rat).SetFrac(nano, new(big.Int).SetUint64(dp.NanoPerEpsilon))
}

// RecordRho returns the ρ of one record: ρ/C² for C contributions, since C records of
// a unit may move one sum together, rounded down to whole pico-ρ.
func (p Privacy) RecordRho() dp.Spend {
	c := new(big.Int).SetUint64(max(1, p.MaxContributions))
	pico := new(big.Int).Mul(p.Rho.Num(), new(big.Int).SetUint64(dp.PicoPerRho))
	pico.Div(pico, new(big.Int).Mul(p.Rho.Denom(), c.Mul(c, c)))
	if !pico.IsUint64() {
		return dp.Spend{PicoRho: math.MaxUint64}
	}
	return dp.Spend{PicoRho: pico.Uint64()}
}
