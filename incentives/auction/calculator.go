package auction

import (
	"fmt"
	"strconv"
	"strings"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Input is the document that `posse auction settle` reads.
type Input struct {
	Prior     *PriorInput  `json:"prior"`
	Coverage  *float64     `json:"coverage"`
	Threshold *float64     `json:"threshold"`
	Reserve   *Money       `json:"reserve"`
	Offers    []OfferInput `json:"offers"`
}

// PriorInput is λI plus what is already published.
type PriorInput struct {
	Lambda *float64    `json:"lambda"`
	Counts []float64   `json:"counts"`
	Gram   [][]float64 `json:"gram"`
}

// OfferInput is one offer, with either counts or a Gram matrix.
type OfferInput struct {
	Node   string      `json:"node"`
	Bid    *Money      `json:"bid"`
	Counts []float64   `json:"counts"`
	Gram   [][]float64 `json:"gram"`
}

// Money is a whole number of micro-credits in JSON.
type Money int64

// UnmarshalJSON accepts a JSON number without a fraction or exponent ("4.0" is whole).
// Its error never repeats the number.
func (m *Money) UnmarshalJSON(text []byte) error {
	whole, fraction, _ := strings.Cut(string(text), ".")
	if value, err := strconv.ParseInt(whole, 10, 64); err == nil && strings.Trim(fraction, "0") == "" {
		*m = Money(value)
		return nil
	}
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: "bid or reserve", Allowed: "a whole number of micro-credits",
		Message: "an amount is not a whole number of micro-credits", Hint: "1 credit is 1000000",
	}
}

// Result is the document that `posse auction settle` writes.
type Result struct {
	Winners          []string                      `json:"winners"`
	Payments         map[string]incentives.Credits `json:"payments"`
	Pivotal          []string                      `json:"pivotal"`
	Excluded         map[string]Reason             `json:"excluded"`
	DeterminantRatio float64                       `json:"determinantRatio"`
	InformationShare float64                       `json:"informationShare"`
	SocialCost       incentives.Credits            `json:"socialCost"`
	TotalPaid        incentives.Credits            `json:"totalPaid"`
	ReserveCost      incentives.Credits            `json:"reserveCost"` // of the same winners
	Infeasible       bool                          `json:"infeasible"`
	Mend             *float64                      `json:"mend,omitempty"`        // coverage or threshold with which half are pivotal, where more are
	Explanation      string                        `json:"explanation,omitempty"` // with --explain
}

// Auction returns the rule and the offers that the document describes. Everything
// wrong is an error that names its field: the calculator leaves no offer out but those
// over the reserve.
func (in Input) Auction() (Rule, []incentives.Offer, error) {
	rule, offers, problems := in.auction()
	if len(problems) == 0 {
		return rule, offers, Check(rule, offers)
	}
	return Rule{}, nil, posse.Join(problems[:min(len(problems), maxProblems)])
}

// Calculate settles the document's auction; explain is a node's name or empty.
func Calculate(in Input, explain string) (Result, error) {
	rule, offers, err := in.Auction()
	if err != nil {
		return Result{}, err
	}
	out, err := Settle(rule, offers)
	if err != nil {
		return Result{}, err
	}
	result := Result{
		Winners: append([]string{}, out.Winners...), Payments: out.Payments, Pivotal: append([]string{}, out.Pivotal...), Excluded: out.Excluded,
		DeterminantRatio: out.DeterminantRatio, InformationShare: out.InformationShare,
		SocialCost: out.SocialCost, TotalPaid: out.TotalPaid, ReserveCost: out.ReserveCost, Infeasible: out.Infeasible,
	}
	if 2*len(out.Pivotal) > len(out.Winners) {
		depends, err := Depends(rule, offers)
		if err != nil {
			return Result{}, err
		}
		if depends.Mostly() {
			mend := depends.Mend()
			result.Mend = &mend
		}
	}
	if explain != "" {
		result.Explanation, err = Explain(rule, offers, out, explain)
	}
	return result, err
}

// auction turns the document into a rule and offers. What it checks is the shape;
// ranges are [Check]'s.
func (in Input) auction() (Rule, []incentives.Offer, []*posse.Error) {
	var problems []*posse.Error
	missing := func(field, hint string) {
		problems = append(problems, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: field, Message: field + " is required", Hint: hint,
		})
	}
	zero := func(field string) {
		problems = append(problems, posse.OutOfRange(field, "0", "(0, 1]", ""))
	}
	var rule Rule
	if in.Reserve == nil {
		missing("reserve", "the highest price, in micro-credits")
	} else {
		rule.Reserve = incentives.Credits(*in.Reserve)
	}
	if in.Coverage != nil {
		if rule.Coverage = *in.Coverage; rule.Coverage == 0 {
			zero("coverage")
		}
	}
	if in.Threshold != nil {
		if rule.Threshold = *in.Threshold; rule.Threshold == 0 {
			zero("threshold")
		}
	}
	offers := make([]incentives.Offer, len(in.Offers))
	for i, offer := range in.Offers {
		field := fmt.Sprintf("offers[%d].", i)
		offers[i].Node = offer.Node
		if offer.Bid == nil {
			missing(field+"bid", "in micro-credits")
		} else {
			offers[i].Bid = incentives.Credits(*offer.Bid)
		}
		v, given, err := information(field, offer.Counts, offer.Gram)
		if err != nil {
			problems = append(problems, err)
		} else if !given {
			missing(field+"counts", "give counts or gram")
		}
		offers[i].Information = v
	}
	prior, err := in.prior(offers)
	if err != nil {
		problems = append(problems, err)
	}
	rule.Prior = prior
	return rule, offers, problems
}

// prior returns λI plus what is published, in the kind of what is published or, where
// nothing is, of the first offer.
func (in Input) prior(offers []incentives.Offer) (statistics.Information, *posse.Error) {
	none := statistics.Information{}
	if in.Prior == nil || in.Prior.Lambda == nil {
		return none, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "prior.lambda", Message: "prior.lambda is required", Hint: `write "prior": {"lambda": 1}`,
		}
	}
	lambda := *in.Prior.Lambda
	published, given, err := information("prior.", in.Prior.Counts, in.Prior.Gram)
	if err != nil {
		return none, err
	}
	if lambda < 0 || lambda > statistics.MaxInformationEntry || lambda == 0 && !given {
		return none, posse.OutOfRange("prior.lambda", fmt.Sprint(lambda), "(0, 2^62]", "")
	}
	if !given {
		if len(offers) == 0 || offers[0].Information.Dimension() == 0 {
			return none, nil // nothing to settle, or reported already
		}
		published = offers[0].Information
	}
	ridge := make([]float64, published.Dimension())
	for i := range ridge {
		ridge[i] = lambda
	}
	prior := statistics.Counts(ridge...)
	if !published.Diagonal() {
		prior = prior.Dense()
	}
	if !given {
		return prior, nil
	}
	sum, addError := prior.Add(published)
	if addError != nil {
		return none, posse.As(addError)
	}
	return sum, nil
}

// information reads counts or a Gram matrix, whichever is given.
func information(field string, counts []float64, gram [][]float64) (statistics.Information, bool, *posse.Error) {
	switch {
	case counts != nil && gram != nil:
		return statistics.Information{}, true, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: field + "gram", Message: field + "counts and " + field + "gram exclude each other", Hint: "give one of them",
		}
	case counts != nil:
		return statistics.Counts(counts...), true, nil
	case gram == nil:
		return statistics.Information{}, false, nil
	}
	var entries []float64
	for i, row := range gram {
		if len(row) != len(gram) {
			return statistics.Information{}, true, posse.OutOfRange(fmt.Sprintf("%sgram[%d]", field, i), fmt.Sprintf("%d entries", len(row)), fmt.Sprintf("%d, as many as there are rows", len(gram)), "")
		}
		entries = append(entries, row...)
	}
	v, err := statistics.Gram(len(gram), entries)
	if err != nil {
		e := *posse.As(err)
		e.Field = field + e.Field
		e.Message = e.Field + " is out of range"
		return statistics.Information{}, true, &e
	}
	return v, true, nil
}
