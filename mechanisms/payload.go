package mechanisms

import (
	"errors"
	"fmt"

	"github.com/posse-dev/posse"
)

// Context is what is known before a decision. The set of contexts is closed:
// the wire carries exactly these.
type Context interface{ context() }

// Action is what a decision answers.
type Action interface{ action() }

// Feedback is what comes back for a decision.
type Feedback interface{ feedback() }

// None is the context of a problem that has none.
type None struct{}

// Features is a context of d numbers.
type Features struct{ X []float64 }

// Arm is the action that pulls one of K arms, counted from 0.
type Arm int

// Pair is the action that shows two arms to be compared.
type Pair struct{ First, Second int }

// Table is the action that answers a whole episode: the byte at h·S + s is the action
// for state s in step h, both counted from 0.
type Table string

// Trajectory is what comes back for a [Table]: the H+1 states of an episode from the
// first on, and the action and the reward of each of its H steps.
type Trajectory struct {
	States  []int
	Actions []int
	Rewards []float64
}

// Reward is a real reward in the experiment's own unit.
type Reward struct{ X float64 }

// Duel is the answer to a [Pair].
type Duel struct{ FirstWon bool }

// Runtime is a run time in seconds, or the limit at which it was stopped.
type Runtime struct {
	Seconds  float64
	Censored bool
}

func (None) context()     {}
func (Features) context() {}

func (Arm) action()   {}
func (Pair) action()  {}
func (Table) action() {}

func (Reward) feedback()     {}
func (Duel) feedback()       {}
func (Runtime) feedback()    {}
func (Trajectory) feedback() {}

// ErrMismatch is the error for a context, action or feedback of another problem:
// got and want are names such as "features" or "a reward", never values.
func ErrMismatch(field, got, want string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "MALFORMED", Field: field, Value: got, Allowed: want,
		Message: fmt.Sprintf("%s does not fit this problem", field),
		Hint:    "send what problem.kind of the experiment asks for",
	}
}

// ErrForeign is returned by [Window.Record] for a record whose action has no
// cell in the window. It is not an error of the caller: the record is counted
// and left out.
var ErrForeign = errors.New("the action is not part of this window")
