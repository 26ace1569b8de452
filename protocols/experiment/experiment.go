package experiment

import (
	"time"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
)

// Experiment is one bandit problem with all its settings, defaults filled in. Make
// one with [Read]; the zero value is not valid. Two experiments are equal when
// their [Experiment.Canonical] bytes are. Treat it as immutable: it is shared.
type Experiment struct {
	Name        string // unique in a cluster for ever
	Description string // shown escaped
	Horizon     int64  // decisions of all nodes together
	Pooling     Pooling
	LocalModel  LocalModel
	Problem     Problem
	Reward      Reward
	Policy      Policy
	Privacy     Privacy
	Rounds      Rounds
	Incentives  *Incentives // nil: nobody is paid and everyone gets every version
}

// Pooling says whether nodes may differ.
type Pooling string

// The poolings: all nodes follow the shared model, or each its own noisy statistics
// where these differ clearly. Source: private-learning 5.9.
const (
	SharedPooling  Pooling = "shared"
	PartialPooling Pooling = "partial"
)

// LocalModel says what a node's choices may read of its own statistics.
type LocalModel string

// The local models: released numbers only, or the node's raw sums too.
const (
	PrivateModel LocalModel = "private"
	RawModel     LocalModel = "raw"
)

// Problem is what a decision is. Kind is "arms"; Arms are its distinct names.
type Problem struct {
	Kind string
	Arms []string
}

// Reward bounds what a reward may be. Exactly one of Range and Moment is set.
type Reward struct {
	Range    *Range
	Clip     bool // with Range: clip and count what lies outside instead of refusing it
	Moment   *Moment
	Deadline time.Duration // after the decision; a later reward is not counted
}

// Range is the closed interval that rewards lie in, in the reward's own unit.
type Range struct{ Low, High Decimal }

// Moment bounds the raw moment of a heavy-tailed reward: E|X|^Order ≤ Bound, with
// Order in (1, 2].
type Moment struct{ Order, Bound Decimal }

// Policy names how arms are chosen.
type Policy struct {
	Name string
	// Bonus is theory, tight or tuned for policies with confidence radii, else empty.
	Bonus string
	// Kappa multiplies the tight radius; 0 unless Bonus is tuned.
	Kappa Decimal
	// Guarantee refuses, when true, what has no proof.
	Guarantee bool
}

// Arrival says whether it may be known that a decision was rewarded.
type Arrival string

// The arrivals. Public compares worlds in which a reward's value is replaced,
// private ones in which it adds nothing.
const (
	PublicArrival  Arrival = "public"
	PrivateArrival Arrival = "private"
)

// Privacy is the promise and where its noise is added. A Model of 0 is none, which
// only a simulation's scenario may say: all else is then empty.
type Privacy struct {
	Model            dp.Model
	Unit             dp.Unit
	Epsilon, Delta   Decimal // over the whole horizon
	MaxContributions int64   // records of one user that are learnt from; 1 for unit reward
	Arrival          Arrival
	Mechanism        string // auto, discrete-laplace or discrete-gaussian; empty under local
	FractionBits     uint8  // f: a record is an integer of at most 2^f
}

// Params returns ε and δ as dp knows them.
func (p Privacy) Params() dp.Params {
	params, err := dp.NewParams(p.Epsilon.String(), p.Delta.String())
	if err != nil {
		panic("experiment: an experiment was not made by Read: " + err.Error())
	}
	return params
}

// Rounds says when nodes meet.
type Rounds struct {
	Trigger         Trigger
	Deadline        time.Duration // of a whole round; offers by 0.4 of it
	MinContributors int64         // with fewer the round is aborted
	MaxRecords      int64         // decisions whose records one report may hold
}

// Trigger opens a round: exactly one of its fields is more than 0.
type Trigger struct {
	Decisions int64         // each time the nodes together made so many
	Every     time.Duration // on this clock
}

// Incentives is how nodes are paid and who gets which version when.
type Incentives struct {
	Payments string // truthful or none
	// Coverage is the share of the information that a round buys, Threshold the
	// determinant ratio. One of them is more than 0 where payments are made.
	Coverage, Threshold Decimal
	Reserve, Budget     incentives.Credits // 0 where no payments are made
	Bids                string             // commitments or public; empty without payments
	// MinExplore and MaxExplore bound the versions that every node gets at first.
	// Both are 0 for schedule everyone, which never stops.
	MinExplore, MaxExplore int64
	Schedule               Schedule
}

// Schedule says who gets which version when. All but Kind are empty for everyone.
type Schedule struct {
	Kind             string  // fair-equal or everyone
	Equality         Decimal // κ
	GrantsPerVersion int64   // k; 0: by the number of nodes, see [Schedule.ForNodes]
	Floor            *Decimal
	RedrawEvery      time.Duration
}
