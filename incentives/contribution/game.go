package contribution

import (
	"fmt"
	"math"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// MaxPlayers is the largest number of nodes of a game.
const MaxPlayers = 100_000

// Game is what coalitions are worth. Value gets the players of a coalition in
// [0, Players), each once and in any order, and must return the same finite worth for
// the same set, and 0 for the empty one.
type Game struct {
	Players int
	Value   func(members []int) float64
	// Submodular promises that more never hurts and that what a player adds shrinks as
	// others join, so that it always adds between 0 and its worth alone. Error bounds
	// of [Sample] need that.
	Submodular bool
}

// InformationGame returns the game of v(S) = ln det(A + Σ_S reports) − ln det A in
// nats. A is positive definite; reports are valid (repaired where they are noisy) and
// of A's kind and dimension. The error names the field.
func InformationGame(prior statistics.Information, reports []statistics.Information) (Game, error) {
	base, err := prior.LogDet()
	if err != nil {
		e := *posse.As(err)
		e.Field = "prior." + e.Field
		return Game{}, &e
	}
	for i, v := range reports {
		field := fmt.Sprintf("reports[%d]", i)
		if err := v.Valid(); err != nil {
			e := *posse.As(err)
			e.Field = field + "." + e.Field
			return Game{}, &e
		}
		if v.Dimension() != prior.Dimension() || v.Diagonal() != prior.Diagonal() {
			return Game{}, posse.OutOfRange(field, fmt.Sprintf("dimension %d", v.Dimension()), fmt.Sprintf("the prior's kind and dimension %d", prior.Dimension()), "")
		}
	}
	if len(reports) > MaxPlayers {
		return Game{}, posse.OutOfRange("reports", fmt.Sprint(len(reports)), fmt.Sprintf("[0, %d]", MaxPlayers), "")
	}
	value := func(members []int) float64 {
		if len(members) == 0 {
			return 0
		}
		sum := prior
		for _, i := range members {
			if next, err := sum.Add(reports[i]); err == nil { // beyond 2^62: worth no more
				sum = next
			}
		}
		worth, err := sum.LogDet()
		if err != nil {
			return 0 // a checked prior plus valid reports stays positive definite, up to rounding
		}
		return worth - base
	}
	return Game{Players: len(reports), Value: value, Submodular: true}, nil
}

// check refuses a game that can't be played.
func (g Game) check(most int, hint string) error {
	if g.Players < 0 || g.Players > most {
		return posse.OutOfRange("players", fmt.Sprint(g.Players), fmt.Sprintf("[0, %d]", most), hint)
	}
	return nil
}

// all returns the grand coalition.
func (g Game) all() []int {
	out := make([]int, g.Players)
	for i := range out {
		out[i] = i
	}
	return out
}

// LeaveOneOut returns v(N) − v(N∖i) for every player: n + 1 evaluations. It is no fair
// division: what two players know both is credited to neither.
func LeaveOneOut(g Game) ([]float64, error) {
	if err := g.check(MaxPlayers, ""); err != nil {
		return nil, err
	}
	out, whole := make([]float64, g.Players), g.Value(g.all())
	for i := range out {
		without := append(g.all()[:i:i], g.all()[i+1:]...)
		out[i] = whole - g.Value(without)
		if math.IsNaN(out[i]) || math.IsInf(out[i], 0) {
			return nil, notFinite(i)
		}
	}
	return out, nil
}

func notFinite(i int) error {
	return posse.OutOfRange(fmt.Sprintf("players[%d]", i), "not a finite worth", "finite worths of all coalitions", "")
}
