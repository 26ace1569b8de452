package account

import (
	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Guarantee is an (ε, δ) that holds for neighbours of one relation, and the theorem
// that it comes from. Both numbers are upper bounds.
type Guarantee struct {
	Epsilon  float64
	Delta    float64
	Relation dp.Relation
	Theorem  string
}

// Basic returns the sum of guarantees, Σε and Σδ, rounded up. It holds for any
// mechanisms, chosen in any way. Guarantees of two relations are an error.
// Source: Dwork, Kenthapadi, McSherry, Mironov, Naor 2006.
func Basic(parts ...Guarantee) (Guarantee, error) {
	if len(parts) == 0 {
		return Guarantee{}, posse.OutOfRange("guarantees", "none", "at least one", "")
	}
	sum := Guarantee{Relation: parts[0].Relation, Theorem: "basic composition"}
	for _, p := range parts {
		if p.Relation != sum.Relation || !p.Relation.Valid() {
			return Guarantee{}, posse.OutOfRange("neighbours", p.Relation.String(), sum.Relation.String(),
				"guarantees of two relations are never added: convert one first")
		}
		if !(p.Epsilon >= 0) || !(p.Delta >= 0 && p.Delta <= 1) {
			return Guarantee{}, posse.OutOfRange("guarantees", float(p.Epsilon)+", "+float(p.Delta), "ε ≥ 0, δ in [0, 1]", "")
		}
		sum.Epsilon += p.Epsilon
		sum.Delta += p.Delta
	}
	grow := 1 + float64(len(parts))*0x1p-52
	if len(parts) > 1 {
		sum.Epsilon *= grow
		sum.Delta = min(1, sum.Delta*grow)
	}
	return sum, nil
}
