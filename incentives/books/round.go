package books

import (
	"fmt"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// RoundState is where a round's money is: open → settled → published, or aborted
// from either of the first two.
type RoundState string

// The states of a round. A round that never opened has none.
const (
	Open      RoundState = "open"
	Settled   RoundState = "settled"
	Published RoundState = "published"
	Aborted   RoundState = "aborted"
)

type roundKey struct {
	experiment string
	round      uint64
}

// roundRecord is what the book remembers of a round.
type roundRecord struct {
	state    RoundState
	reserve  incentives.Credits
	nodes    int
	payments []Payment
}

// Round returns the state of an experiment's round, empty if it never opened.
func (b *Book) Round(experiment string, round uint64) RoundState {
	if r := b.rounds[roundKey{experiment, round}]; r != nil {
		return r.state
	}
	return ""
}

// wrongState is the refusal of an order that does not fit the round's state.
func wrongState(o Order, state RoundState) error {
	now := string(state)
	if now == "" {
		now = "not open"
	}
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "round", Value: now,
		Message: fmt.Sprintf("can't %s round %d of %s: it is %s", o.Kind, o.Round, o.Experiment, now),
		Hint:    "a round is opened, settled and then published or aborted, in that order",
	}
}
