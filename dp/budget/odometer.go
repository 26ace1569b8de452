package budget

import (
	"math"
	"strconv"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Odometer bounds the loss of pure spends so far, at all times at once and with no
// limit set before: with probability 1 − δ the loss never exceeds what it showed.
//
//	V/2 + √((V + a)·ln((V + a)/(a·δ²))),  V = Σε²
//
// a > 0 is fixed at the start; near V = a the bound is tightest. The bound is that
// of a mixture of normal martingales (Whitehouse et al. 2023, Theorem 7 with this
// boundary), and is never shown above the plain sum of ε. Safe for concurrent use;
// the zero value is not valid.
type Odometer struct {
	delta, a float64

	mu  sync.Mutex
	sum dp.Spend // Σε
	v   dp.Spend // Σε²/2 as ρ, rounded up: V = 2ρ
}

// NewOdometer returns an odometer at zero. delta in (0, 1) is the chance that the
// loss ever exceeds what is shown; typical is the ε of a usual spend and count how
// many are expected: a = typical²·count/4.
func NewOdometer(delta float64, typical dp.Spend, count uint64) (*Odometer, error) {
	if !(delta > 0 && delta < 1) {
		return nil, posse.OutOfRange("delta", strconv.FormatFloat(delta, 'g', -1, 64), "(0, 1)", "")
	}
	if typical.NanoEpsilon == 0 || typical.PicoRho != 0 || typical.AttoDelta != 0 {
		return nil, posse.OutOfRange("typical", typical.String(), "a pure ε above 0", "")
	}
	if count == 0 {
		return nil, posse.OutOfRange("count", "0", "[1, 2^64)", "")
	}
	e := typical.Epsilon()
	return &Odometer{delta: delta, a: e * e * float64(count) / 4}, nil
}

// Add counts a spend of pure ε that happened.
func (o *Odometer) Add(spend dp.Spend) error {
	if spend.NanoEpsilon == 0 || spend.PicoRho != 0 || spend.AttoDelta != 0 {
		return posse.OutOfRange("spend", spend.String(), "a pure ε above 0", "")
	}
	rho, err := spend.ZCDP()
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sum, o.v = addSaturated(o.sum, spend), addSaturated(o.v, rho)
	return nil
}

// Epsilon returns the ε that holds so far, with the δ of the odometer, rounded up.
func (o *Odometer) Epsilon() float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sum.Zero() {
		return 0
	}
	v := 2 * o.v.Rho()
	bound := v/2 + math.Sqrt((v+o.a)*(math.Log((v+o.a)/o.a)-2*math.Log(o.delta)))
	return math.Min(o.sum.Epsilon(), bound*(1+1e-12))
}

// Delta returns the odometer's δ.
func (o *Odometer) Delta() float64 { return o.delta }
