package mechanisms

import (
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Round is what a choice may depend on besides its context.
type Round struct {
	T      uint64 // decisions made so far plus one
	Logged bool   // compute the propensity (it can cost more than the choice)
}

// Learner is a policy with types: C is the context, A the action, F the feedback
// of its problem. Source: policies 1.1.
type Learner[C, A, F any] interface {
	// Choose does not change the learner. The propensity is the probability of
	// the action given state and context: 1 for deterministic policies, in (0, 1]
	// where round.Logged, else 0 when it was not computed; never NaN.
	Choose(round Round, c C, src noise.Source) (action A, propensity float64, err error)
	// Observe is the only mutator. It validates first and changes nothing when it
	// returns an error.
	Observe(round Round, c C, a A, f F) error
	// Statistics is the additive part. The set is shared: callers only read it.
	Statistics() *statistics.Set
	// Local is the canonical encoding of the part that does not add up.
	Local() ([]byte, error)
}

// Policy is a [Learner] whose types are erased, so that catalogues, replay and
// tests can hold any of them.
type Policy interface {
	Choose(round Round, c Context, src noise.Source) (Action, float64, error)
	Observe(round Round, c Context, a Action, f Feedback) error
	Statistics() *statistics.Set
	Local() ([]byte, error)
}
