package auction

import (
	"fmt"
	"math"
	"slices"
	"strings"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// MaxOffers is the largest number of offers of a round.
const MaxOffers = 100_000

// minPrior keeps a gain finite: 2^62 observations over a prior of 2^-62.
const minPrior = 1.0 / (1 << 62)

// Rule says what a round wants and what it may pay.
type Rule struct {
	// Prior is λI plus everything already published, positive definite. Its zero
	// value means that nothing is published and λ = 1, in the offers' kind and dimension.
	Prior statistics.Information
	// Coverage is the share of the eligible offers' joint information to buy, (0, 1].
	// Exactly one of Coverage and Threshold is given.
	Coverage float64
	// Threshold is the ratio of determinants to reach instead, (0, 1].
	Threshold float64
	// Reserve is the highest price, announced before any bid; [0, 10^12] micro-credits.
	// Offers above it are not eligible.
	Reserve incentives.Credits
}

// Reason says why an offer took no part in a round.
type Reason string

// Reasons for which a single offer is left out; none of them stops the round.
const (
	OverReserve         Reason = "OVER_RESERVE"         // the bid is above the announced reserve
	BidOutOfRange       Reason = "BID_OUT_OF_RANGE"     // the bid is outside [0, 10^12] micro-credits
	EmptyNode           Reason = "EMPTY_NODE"           // no id
	DuplicateNode       Reason = "DUPLICATE_NODE"       // several offers of one id; all are left out, since order must not matter
	InformationInvalid  Reason = "INFORMATION_INVALID"  // not finite, negative, or not positive semi-definite
	InformationMismatch Reason = "INFORMATION_MISMATCH" // of another kind or dimension than the prior
	NotDelivering       Reason = "NOT_DELIVERING"       // it won and did not deliver too often, see [Struck]
)

// Outcome is the result of a round. What the log records are its integers: Winners,
// Payments and ShareUnits.
type Outcome struct {
	Winners  []string                      // in the order in which they were picked
	Payments map[string]incentives.Credits // of the winners, in [bid, Reserve]
	SetBy    map[string]string             // winner to the rival whose offer set its price; absent where the reserve did
	Pivotal  []string                      // winners without whom the target can't be covered, by id; paid the reserve
	Excluded map[string]Reason             // offers that took no part

	InformationShare float64 // f(winners) / f(eligible), [0, 1]; 1 when there is nothing to know
	DeterminantRatio float64 // e^(f(winners) − f(eligible)), (0, 1]
	ShareUnits       int64   // InformationShare in units of 2^-32, rounded down

	SocialCost incentives.Credits // sum of the winners' bids
	TotalPaid  incentives.Credits // sum of Payments
	// ReserveCost is what the same winners would have cost at the reserve: the auction
	// saved the difference to TotalPaid.
	ReserveCost incentives.Credits
	Infeasible  bool // the target was not covered
	Work        Work // what it took
}

// Work counts what a settlement computed, for who measures it.
type Work struct {
	Gains  int64 // gains: d logarithms for arms, a Cholesky factorisation for Gram matrices
	Bounds int64 // cheap bounds of gains: a trace, for Gram matrices
}

// Check reports everything that is wrong with a rule and its offers, naming the
// fields as the calculator's input does, the first twenty of them. A live round does
// not call it: there [Settle] leaves single bad offers out.
func Check(rule Rule, offers []incentives.Offer) error {
	problems := rule.problems(len(offers))
	seen := map[string]bool{}
	prior, err := rule.priorFor(offers)
	if err != nil {
		problems = append(problems, posse.As(err))
	}
	for i, offer := range offers {
		field := fmt.Sprintf("offers[%d].", i)
		add := func(e *posse.Error, message string) {
			if message != "" {
				e.Message = message
			}
			problems = append(problems, e)
		}
		switch {
		case offer.Node == "":
			add(posse.OutOfRange(field+"node", "", "a name", ""), "an offer has no node")
		case seen[offer.Node]:
			add(posse.OutOfRange(field+"node", offer.Node, "each node once", ""), "duplicate node")
		}
		seen[offer.Node] = true
		if offer.Bid < 0 || offer.Bid > incentives.MaxCredits {
			add(posse.OutOfRange(field+"bid", "", "[0, 1000000000000] micro-credits", ""), "")
		}
		if err := offer.Information.Valid(); err != nil {
			e := *posse.As(err)
			e.Field = field + e.Field
			add(&e, e.Field+" is out of range")
			continue
		}
		if err == nil && !sameKind(prior, offer.Information) {
			add(posse.OutOfRange(field+"information", describeKind(offer.Information), describeKind(prior), "counts and Gram matrices of one dimension only"), "")
		}
	}
	return posse.Join(problems[:min(len(problems), maxProblems)])
}

// maxProblems is how many problems of one input are listed.
const maxProblems = 20

// problems checks the rule itself.
func (rule Rule) problems(offers int) []*posse.Error {
	var problems []*posse.Error
	switch {
	case rule.Coverage == 0 && rule.Threshold == 0:
		problems = append(problems, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "coverage", Allowed: "(0, 1]",
			Message: "coverage or threshold is required", Hint: "give one of them",
		})
	case rule.Coverage != 0 && rule.Threshold != 0:
		problems = append(problems, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: "threshold",
			Message: "coverage and threshold exclude each other", Hint: "give one of them",
		})
	}
	if rule.Coverage != 0 && !(rule.Coverage > 0 && rule.Coverage <= 1) {
		problems = append(problems, posse.OutOfRange("coverage", fmt.Sprint(rule.Coverage), "(0, 1]", ""))
	}
	if rule.Threshold != 0 && !(rule.Threshold > 0 && rule.Threshold <= 1) {
		problems = append(problems, posse.OutOfRange("threshold", fmt.Sprint(rule.Threshold), "(0, 1]", ""))
	}
	if rule.Reserve < 0 || rule.Reserve > incentives.MaxCredits {
		problems = append(problems, posse.OutOfRange("reserve", fmt.Sprint(int64(rule.Reserve)), "[0, 1000000000000] micro-credits", ""))
	}
	if offers > MaxOffers {
		problems = append(problems, posse.OutOfRange("offers", fmt.Sprint(offers), fmt.Sprintf("[0, %d] offers", MaxOffers), ""))
	}
	if rule.Prior.Dimension() > 0 {
		if err := rule.Prior.Valid(); err != nil {
			e := *posse.As(err)
			e.Field = "prior." + e.Field
			e.Message = e.Field + " is out of range"
			problems = append(problems, &e)
		} else if !positiveDefinite(rule.Prior) {
			problems = append(problems, posse.OutOfRange("prior", "not positive definite", "positive definite, diagonal of at least 2^-62", "add λ to its diagonal"))
		}
	}
	return problems
}

// priorFor returns the prior in use: the rule's own, or the identity in the kind and
// dimension that all valid offers share. Without either it has dimension 0.
func (rule Rule) priorFor(offers []incentives.Offer) (statistics.Information, error) {
	if rule.Prior.Dimension() > 0 {
		return rule.Prior, nil
	}
	var kind statistics.Information
	for _, offer := range offers {
		if offer.Information.Valid() != nil {
			continue
		}
		if kind.Dimension() > 0 && !sameKind(kind, offer.Information) {
			return statistics.Information{}, posse.OutOfRange("prior", "none, with offers of several kinds", "a prior", "give the prior, or offers of one kind and dimension")
		}
		kind = offer.Information
	}
	if kind.Dimension() == 0 {
		return kind, nil
	}
	ones := slices.Repeat([]float64{1}, kind.Dimension())
	if kind.Diagonal() {
		return statistics.Counts(ones...), nil
	}
	return statistics.Counts(ones...).Dense(), nil
}

// eligible splits the offers into those that take part, sorted by id, and reasons
// for the rest. The result does not depend on the order of the offers.
func (rule Rule) eligible(prior statistics.Information, offers []incentives.Offer) ([]incentives.Offer, map[string]Reason) {
	times := map[string]int{}
	for _, offer := range offers {
		times[offer.Node]++
	}
	excluded := map[string]Reason{}
	var kept []incentives.Offer
	for _, offer := range offers {
		reason := Reason("")
		switch {
		case offer.Node == "":
			reason = EmptyNode
		case times[offer.Node] > 1:
			reason = DuplicateNode
		case offer.Bid < 0 || offer.Bid > incentives.MaxCredits:
			reason = BidOutOfRange
		case offer.Information.Valid() != nil:
			reason = InformationInvalid
		case !sameKind(prior, offer.Information):
			reason = InformationMismatch
		case offer.Bid > rule.Reserve:
			reason = OverReserve
		}
		if reason != "" {
			excluded[offer.Node] = reason
			continue
		}
		repaired, err := offer.Information.Repair(0, 0) // eigenvalues just below 0
		if err != nil {
			excluded[offer.Node] = InformationInvalid
			continue
		}
		offer.Information = repaired
		kept = append(kept, offer)
	}
	slices.SortFunc(kept, func(a, b incentives.Offer) int { return strings.Compare(a.Node, b.Node) })
	return kept, excluded
}

// positiveDefinite reports whether v has a finite log determinant and no diagonal
// entry so small that a gain over it would overflow.
func positiveDefinite(v statistics.Information) bool {
	for i := range v.Dimension() {
		if v.At(i, i) < minPrior {
			return false
		}
	}
	logDet, err := v.LogDet()
	return err == nil && !math.IsInf(logDet, 0)
}

func sameKind(a, b statistics.Information) bool {
	return a.Dimension() == b.Dimension() && a.Diagonal() == b.Diagonal()
}

func describeKind(v statistics.Information) string {
	if v.Diagonal() {
		return fmt.Sprintf("counts of %d arms", v.Dimension())
	}
	return fmt.Sprintf("a Gram matrix of dimension %d", v.Dimension())
}
