package budget

import (
	"math"
	"strconv"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Ladder is an odometer for ρ: the running bound when spends are adaptive and no
// limit was set. It is a row of filters with limits first·2^j, j = 0, 1, …, each
// with its part δ·6/(π²(j+1)²) of δ; what it shows is the first that is not
// exceeded. All filters hold at once, since the parts of δ add up to δ. Safe for
// concurrent use; the zero value is not valid.
type Ladder struct {
	first dp.Spend
	delta float64

	mu    sync.Mutex
	spent dp.Spend
}

// NewLadder returns an odometer at zero whose first limit is first, a ρ above 0
// without ε and δ; delta in (0, 1) is for all of its life.
func NewLadder(first dp.Spend, delta float64) (*Ladder, error) {
	if first.PicoRho == 0 || first.NanoEpsilon != 0 || first.AttoDelta != 0 {
		return nil, posse.OutOfRange("first", first.String(), "a ρ above 0 only", "")
	}
	if !(delta > 0 && delta < 1) {
		return nil, posse.OutOfRange("delta", strconv.FormatFloat(delta, 'g', -1, 64), "(0, 1)", "")
	}
	return &Ladder{first: first, delta: delta}, nil
}

// Add counts a spend that happened; pure ε enters as ε²/2. A spend of nothing or
// one with a δ of its own is an error.
func (l *Ladder) Add(spend dp.Spend) error {
	if spend.Zero() || spend.AttoDelta != 0 {
		return posse.OutOfRange("spend", spend.String(), "above nothing, without a δ", "")
	}
	cost, err := spend.ZCDP()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent = addSaturated(l.spent, cost)
	return nil
}

// Bound returns the ρ of the first limit that holds and its part of δ, rounded down:
// convert the two together (account.ZCDPEpsilon). The bound is at most twice what
// was spent, or the first limit.
func (l *Ladder) Bound() (rho, delta float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit, j := l.first.PicoRho, 0.0
	for limit < l.spent.PicoRho && limit < 1<<63 {
		limit *= 2
		j++
	}
	limit = max(limit, l.spent.PicoRho) // beyond 2^63 units no limit is needed to say that it is too much
	return dp.Spend{PicoRho: limit}.Rho(), l.delta * 6 / (math.Pi * math.Pi * (j + 1) * (j + 1)) * (1 - 1e-12)
}
