package account

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Bounds are the ε at Delta that each theorem gives for the same events; nil where
// it does not apply. Each is an upper bound and all hold for Relation.
type Bounds struct {
	Delta    float64     `json:"-"`
	Relation dp.Relation `json:"-"`
	Basic    *float64    `json:"basic"`
	Advanced *float64    `json:"advanced"`
	ZCDP     *float64    `json:"zcdp"`
	RDP      *float64    `json:"rdp"`
	PLD      *float64    `json:"pld"`
	Best     *float64    `json:"best"`
}

// normalEvents fills in defaults and refuses two relations in one list.
func normalEvents(events []Event) ([]Event, error) {
	if len(events) == 0 || len(events) > 100_000 {
		return nil, posse.OutOfRange("events", fmt.Sprint(len(events)), "[1, 1e5]", "")
	}
	list := make([]Event, len(events))
	for i, e := range events {
		n, err := e.normal(fmt.Sprintf("events[%d]", i))
		if err != nil {
			return nil, err
		}
		if n.Neighbours != list[0].Neighbours && i > 0 {
			return nil, posse.OutOfRange(fmt.Sprintf("events[%d].neighbours", i), n.Neighbours.String(), list[0].Neighbours.String(),
				"guarantees of two relations are never added")
		}
		list[i] = n
	}
	return list, nil
}

// Compose returns what the events cost together at δ. They may have been chosen
// adaptively as mechanisms, but their parameters must have been fixed in advance.
// δ in [1e-300, 1), or 0 when every event has a pure ε, and then only Basic is given.
// Errors name events[i].field.
func Compose(events []Event, delta float64) (Bounds, error) {
	if !(delta >= 1e-300 && delta < 1 || delta == 0) {
		return Bounds{}, posse.OutOfRange("delta", float(delta), "0, or [1e-300, 1)", "")
	}
	list, err := normalEvents(events)
	if err != nil {
		return Bounds{}, err
	}
	b := Bounds{Delta: delta, Relation: list[0].Neighbours}
	var sum, kl, largest, squares, rho float64 // squares: Σ(ε/largest)²
	allPure, allZCDP := true, true
	for _, e := range list {
		one, _ := e.pure()
		largest = math.Max(largest, one)
	}
	for i, e := range list {
		n := float64(e.Count)
		if one, ok := e.pure(); ok {
			sum += n * one
			kl += n * one * math.Tanh(one/2)
			squares += n * (one / largest) * (one / largest)
		} else if allPure = false; delta == 0 {
			return Bounds{}, posse.OutOfRange("delta", "0", "above 0", fmt.Sprintf("events[%d] has no pure ε", i))
		}
		if one, ok := e.rho(); ok {
			rho += n * one
		} else {
			allZCDP = false
		}
	}
	grow := 1 + float64(len(list))*4e-16 + up
	if allPure {
		b.Basic = pointer(sum * grow)
	}
	if delta > 0 {
		if allPure {
			// Kairouz, Oh, Viswanath 2015, Theorem 3.5, with all of δ for the composition
			root := largest * math.Sqrt(2*squares*math.Min(math.Log(math.E+largest*math.Sqrt(squares)/delta), -math.Log(delta)))
			b.Advanced = pointer(math.Min(sum, kl+root) * grow)
		}
		if allZCDP && rho*grow <= 200 {
			if e, err := ZCDPEpsilon(rho*grow, delta); err == nil {
				b.ZCDP = &e
			}
		}
		if e, ok := rdpEpsilon(list, delta); ok {
			b.RDP = &e
		}
		if e, ok := exact(list, delta); ok {
			b.PLD = &e
		} else if p, err := NewPLD(list, delta); err == nil {
			b.PLD = pointer(p.Epsilon())
		}
	}
	for _, e := range []*float64{b.Basic, b.Advanced, b.ZCDP, b.RDP, b.PLD} {
		if e != nil && (b.Best == nil || *e < *b.Best) {
			b.Best = pointer(*e)
		}
	}
	return b, nil
}

// exact returns the ε of lists whose loss distribution has a closed form: Gaussians
// add up to one, and one discrete Gaussian is a sum over integers.
func exact(list []Event, delta float64) (float64, bool) {
	var squares float64
	for _, e := range list {
		if e.Mechanism != Gaussian || e.Sampling < 1 {
			squares = 0
			break
		}
		r := e.Sensitivity / e.Sigma
		squares += float64(e.Count) * r * r
	}
	if squares > 0 {
		mu := math.Sqrt(squares)
		if len(list) > 1 {
			mu *= 1 + float64(len(list))*0x1p-52
		}
		e, err := GDPEpsilon(mu, delta)
		return e, err == nil
	}
	if e := list[0]; len(list) == 1 && e.Mechanism == DiscreteGaussian && e.Count == 1 && e.Sampling == 1 && e.Sigma <= 1e5 {
		at := func(epsilon float64) bool { return DiscreteGaussianDelta(e.Sigma, e.Sensitivity, epsilon) <= delta }
		rho, _ := e.rho()
		if high, err := ZCDPEpsilon(rho, delta); err == nil && at(high) {
			return leastTrueWithin(0, high, 1e-12, at), true
		}
	}
	return 0, false
}

func pointer(x float64) *float64 { return &x }
