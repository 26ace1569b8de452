package mechanisms

import (
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Shared is a policy that many nodes learn together. Every method is a pure
// function of public values: the experiment's settings, fixed at construction,
// and what was published. Nodes, coordinator, replay and simulation all use the
// same one, and none of them looks inside.
type Shared interface {
	// Layout is what every descriptor of this experiment has: a node compares it
	// with the one that it is sent, so that a leader can't weaken the noise.
	Layout() statistics.Layout
	// Plan returns the descriptor for the windows that start on version m.Version,
	// given the one in force before (the zero value at version 0, the empty model)
	// and the number of enrolled nodes. The leader runs it at publish; the log
	// carries its bytes. It returns before itself where nothing changes, so that a
	// model has a part for each plan and not for each version.
	Plan(before Descriptor, m Model, nodes int) (Descriptor, error)
	// Open returns the node's half of a window under d, which [Shared.Plan] made.
	Open(d Descriptor) (Window, error)
	// Check refuses statistics that no honest window under d gives, a whole release
	// or its claim blocks: negative counts, sums of more than their records. A layout
	// bounds each number alone; only the policy knows how they bound each other.
	// Rewards may come windows after their decision, and an honest node must pass.
	Check(d Descriptor, s *statistics.Set) error
	// Information is what the auction weighs: the claim blocks of a released set,
	// or the sum of several under one descriptor.
	Information(d Descriptor, claim *statistics.Set) (statistics.Information, error)
	// Dimension is the dimension of every Information of this policy.
	Dimension() int
	// Summary is what a person sees of version m, whose next windows run under d.
	Summary(m Model, d Descriptor) (Summary, error)
}

// Window is one node's decisions between two reports, all under one descriptor.
// It keeps no state: the caller counts slots and adds up records.
type Window interface {
	// Choose answers the decision at a slot. Slots count the node's decisions in
	// this experiment from 0 and are public. It reads the descriptor alone, so a
	// choice can't depend on another user's outcome.
	Choose(slot uint64, c Context, src noise.Source) (Action, float64, error)
	// Slots is the public part of the statistics of slots [first, first+n): what is
	// known before any feedback, such as how often each arm was due. Blocks that
	// depend on records are zero.
	Slots(first, n uint64) (*statistics.Set, error)
	// Record appends what one record adds to dst, in ascending order of block and
	// cell: bounded by the layout before anything else sees it. It returns [ErrForeign] when the action is not part of
	// this window (a late record of an arm that was dropped since), and a
	// [posse.Error] for feedback that is not valid.
	Record(dst []statistics.Increment, c Context, a Action, f Feedback) ([]statistics.Increment, error)
}

// Pooled is a [Shared] under which nodes may differ (node.pooling: partial): a node
// follows the shared model as long as its own noisy statistics can't tell otherwise,
// and itself once they can. Source: private-learning 5.9 and 6.6.
type Pooled interface {
	Shared
	// Own is the descriptor of the node's own next window: d, which was planned on the
	// published model m, with the plan that the node's own releases leave open. own is
	// the model of all of them, bought or not. Its layout, bound and noise are d's, and
	// a report made under it is one under d; where it has ended the node need not
	// report any more. Everything that it reads was released before, so that it costs
	// nothing and its choices are as public as d. It is d before the first own release,
	// and as long as nobody else's is in m: one node has nobody to differ from.
	Own(d Descriptor, m, own Model) (Descriptor, Standing, error)
}

// Standing is what a node's own numbers say of the shared model: how it sees whether
// federation still helps it. Options are numbered as in the experiment.
type Standing struct {
	Playing  []int // what the node chooses among
	RuledOut []int // by the node's own numbers
	Leaning  bool  // it plays less than the shared model leaves in play
	Own      bool  // its own numbers rule out all that the shared model leaves in play
	Done     bool  // one option is left by both: it need not report any more
	// Gap is by how much the node's own best option is better than the best of the
	// shared model's by the node's own noisy means, and GapRadius its radius.
	Gap, GapRadius float64
}

// Summary is a version in words and numbers.
type Summary struct {
	Epoch    uint32
	Ended    bool
	Answer   string // the name of what the version prefers, empty while several are alive
	Bonus    string // which radius is used, as reports must say: "tuned κ 0.1 (no guarantee)"
	Options  []Option
	Released uint64 // releases in the model
}

// Option is one thing that can be chosen, with its estimate in the experiment's
// unit. Radius is the half-width of Bonus, 0 when nothing is known yet.
type Option struct {
	Name         string
	Alive        bool
	Known        bool
	Mean, Radius float64
	Count        uint64 // public or noised count of its records
}
