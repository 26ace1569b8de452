package budget

import (
	"strconv"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Release gathers what one release (a report) was charged, record by record, and
// gives the one [Permit] for it. All records of a release cost the same, since one
// noise covers them.
//
// For unit user each record is charged to its user ([NewUserRelease]). For unit
// reward each record is in exactly one release, so the records of a release compose
// in parallel and the block of the release is charged once ([NewRewardRelease]); a
// second release of the same records must be given the same block. Safe for
// concurrent use.
type Release struct {
	mu         sync.Mutex
	limit      *UserLimit
	experiment string
	block      *Filter

	state ReleaseState
}

// ReleaseState is what a release remembers: enough to go on after a restart.
type ReleaseState struct {
	Spend   dp.Spend // of each record; nothing while there are none
	Records uint64   // charged
	// Closed says that the permit was given out. Write it down as true only with
	// the bytes of the release: a process that died between the charge and the
	// bytes has sent nothing, and may prepare the same release once more.
	Closed bool
}

// NewUserRelease returns an empty release that charges users in experiment.
func NewUserRelease(limit *UserLimit, experiment string) (*Release, error) {
	if limit == nil {
		return nil, posse.OutOfRange("limit", "none", "a user limit", "")
	}
	if _, ok := limit.Limit(experiment); !ok {
		return nil, unknownExperiment(experiment)
	}
	return &Release{limit: limit, experiment: experiment}, nil
}

// NewRewardRelease returns an empty release whose records live in block.
func NewRewardRelease(block *Filter) (*Release, error) {
	if block == nil {
		return nil, posse.OutOfRange("block", "none", "a filter", "")
	}
	return &Release{block: block}, nil
}

// Resume sets an empty release to the state of before a restart. The users' limit
// or the block are restored on their own, from the records of their charges.
func (r *Release) Resume(state ReleaseState) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != (ReleaseState{}) {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "CONFLICT", Field: "release",
			Value: strconv.FormatUint(r.state.Records, 10) + " records", Allowed: "an empty release",
			Message: "release has been charged already",
		}
	}
	if state.Records > 0 && state.Spend.Zero() {
		return posse.OutOfRange("spend", state.Spend.String(), "above nothing", "")
	}
	r.state = state
	return nil
}

// Charge adds a record of user, which costs s, or refuses and changes nothing:
// [ErrExhausted] is behind the error when she (or the block) has not enough left,
// and the record then must not be summed. For unit reward user is not looked at.
func (r *Release) Charge(user User, s dp.Spend) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Closed {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "release", Value: "its permit was given out",
			Allowed: "an open release", Message: "release takes no more records", Hint: "charge the next one",
		}
	}
	if r.state.Records > 0 && s != r.state.Spend {
		return posse.OutOfRange("spend", s.String(), r.state.Spend.String(), "all records of a release cost the same")
	}
	switch {
	case r.limit != nil:
		if err := r.limit.Charge(r.experiment, user, s); err != nil {
			return err
		}
	case r.state.Records == 0:
		if _, err := r.block.Charge(s); err != nil { // the permit is Release's own to give
			return err
		}
	}
	r.state.Spend = s
	r.state.Records++
	return nil
}

// Permit closes the release and returns the permit for it, once. When nothing was
// charged (nobody is left who may teach) it is refused with [ErrExhausted] behind
// the error, and the release stays open.
func (r *Release) Permit() (Permit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Closed {
		return Permit{}, badPermit("a second permit for one release")
	}
	if r.state.Records == 0 {
		return Permit{}, &posse.Error{
			Code: posse.ResourceExhausted, Reason: "BUDGET_SPENT", Field: "privacy.epsilon", Value: "no record was charged",
			Allowed: "at least one", Message: "nobody in this release has budget left to teach",
			Hint: "decisions go on; new users may still teach", Cause: ErrExhausted,
		}
	}
	r.state.Closed = true
	return newPermit(r.state.Spend), nil
}

// State returns what to write down.
func (r *Release) State() ReleaseState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}
