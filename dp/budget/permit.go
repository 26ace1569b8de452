package budget

import (
	"sync/atomic"

	"github.com/posse-dev/posse/dp"
)

// Permit is the right to make one release. Only a charge makes one. Copies share
// their use: whichever comes first has it. The zero value is refused. Safe for
// concurrent use.
type Permit struct {
	state *permitState
}

type permitState struct {
	spend dp.Spend
	used  atomic.Bool
}

func newPermit(spend dp.Spend) Permit { return Permit{&permitState{spend: spend}} }

// Use takes the permit. The second call, and any on a zero permit, returns an error
// behind which is [ErrPermit].
func (p Permit) Use() error {
	if p.state == nil {
		return badPermit("the zero permit")
	}
	if !p.state.used.CompareAndSwap(false, true) {
		return badPermit("a used permit")
	}
	return nil
}

// UseFor is Use for a release that costs cost: a permit of a smaller charge is
// refused and stays unused. cost is compared component by component with what
// was charged.
func (p Permit) UseFor(cost dp.Spend) error {
	if p.state == nil {
		return badPermit("the zero permit")
	}
	if cost.Exceeds(p.state.spend) {
		return badPermit("a permit for " + p.state.spend.String() + ", the release costs " + cost.String())
	}
	return p.Use()
}

// Spend returns what was charged for the permit; nothing for the zero value.
func (p Permit) Spend() dp.Spend {
	if p.state == nil {
		return dp.Spend{}
	}
	return p.state.spend
}

// Used reports whether the permit is of no more use.
func (p Permit) Used() bool { return p.state == nil || p.state.used.Load() }
