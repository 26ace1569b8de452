package mechanisms

import "github.com/posse-dev/posse/mechanisms/statistics"

// Batch plays independent copies of a policy of arms, one a lane, in lockstep: the
// fast form for simulations. It is the same policy: a lane that is fed the same
// rewards chooses and counts as the [Learner] does, bit for bit. It is for policies
// whose choices take no randomness.
type Batch interface {
	// Encode returns a reward as ObserveBatch takes it, or the Learner's error.
	Encode(x float64) (int64, error)
	// ChooseBatch writes each lane's arm. act has a place for each lane.
	ChooseBatch(r Round, act []uint16)
	// ObserveBatch adds a reward to each lane's arm, which is what ChooseBatch chose.
	ObserveBatch(act []uint16, x []int64)
	// Lane is a copy of a lane's statistics.
	Lane(i int) *statistics.Set
}
