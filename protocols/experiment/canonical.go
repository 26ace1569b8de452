package experiment

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/posse-dev/posse/incentives"
)

// Canonical returns the experiment as one JSON text that says everything: fields
// in the order of the format, every default filled in, except those that follow
// the number of nodes. [Read] reads it back to an equal experiment. Equal
// experiments have equal bytes.
func (e *Experiment) Canonical() []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(e.document()); err != nil {
		panic("experiment: canonical form: " + err.Error()) // no channel, function or NaN in it
	}
	return out.Bytes()
}

// Digest is the SHA-256 of [Experiment.Canonical].
func (e *Experiment) Digest() [sha256.Size]byte { return sha256.Sum256(e.Canonical()) }

// Equal reports whether the two describe the same experiment in every field.
func (e *Experiment) Equal(other *Experiment) bool {
	return bytes.Equal(e.Canonical(), other.Canonical())
}

// The document types are the file's shape; their keys are those of [Fields].
type (
	document struct {
		APIVersion string              `json:"apiVersion"`
		Kind       string              `json:"kind"`
		Metadata   metadataDocument    `json:"metadata"`
		Horizon    int64               `json:"horizon"`
		Node       nodeDocument        `json:"node"`
		Problem    problemDocument     `json:"problem"`
		Reward     rewardDocument      `json:"reward"`
		Policy     policyDocument      `json:"policy"`
		Privacy    privacyDocument     `json:"privacy"`
		Rounds     roundsDocument      `json:"rounds"`
		Incentives *incentivesDocument `json:"incentives,omitempty"`
	}
	metadataDocument struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}
	nodeDocument struct {
		Pooling    Pooling    `json:"pooling"`
		LocalModel LocalModel `json:"localModel"`
	}
	problemDocument struct {
		Kind string   `json:"kind"`
		Arms []string `json:"arms"`
	}
	rewardDocument struct {
		Range    []Decimal       `json:"range,omitempty"`
		Clip     *bool           `json:"clip,omitempty"`
		Moment   *momentDocument `json:"moment,omitempty"`
		Deadline string          `json:"deadline"`
	}
	momentDocument struct {
		Order Decimal `json:"order"`
		Bound Decimal `json:"bound"`
	}
	policyDocument struct {
		Name      string          `json:"name"`
		Params    *paramsDocument `json:"params,omitempty"`
		Guarantee string          `json:"guarantee"`
	}
	paramsDocument struct {
		Bonus string   `json:"bonus"`
		Kappa *Decimal `json:"kappa,omitempty"`
	}
	privacyDocument struct {
		Model            string  `json:"model"`
		Unit             string  `json:"unit"`
		Epsilon          Decimal `json:"epsilon"`
		Delta            Decimal `json:"delta"`
		MaxContributions int64   `json:"maxContributions,omitempty"`
		Arrival          Arrival `json:"arrival"`
		Mechanism        string  `json:"mechanism,omitempty"`
		FractionBits     uint8   `json:"fractionBits"`
	}
	roundsDocument struct {
		Trigger         triggerDocument `json:"trigger"`
		Deadline        string          `json:"deadline"`
		MinContributors int64           `json:"minContributors"`
		MaxRecords      int64           `json:"maxRecords"`
	}
	triggerDocument struct {
		Decisions int64  `json:"decisions,omitempty"`
		Every     string `json:"every,omitempty"`
	}
	incentivesDocument struct {
		Payments     string                `json:"payments"`
		Coverage     *Decimal              `json:"coverage,omitempty"`
		Threshold    *Decimal              `json:"threshold,omitempty"`
		Reserve      *Decimal              `json:"reserve,omitempty"`
		Budget       *Decimal              `json:"budget,omitempty"`
		Bids         string                `json:"bids,omitempty"`
		Contribution *contributionDocument `json:"contribution,omitempty"`
		Schedule     scheduleDocument      `json:"schedule"`
	}
	contributionDocument struct {
		MinExplore int64 `json:"minExplore"`
		MaxExplore int64 `json:"maxExplore"`
	}
	scheduleDocument struct {
		Kind             string   `json:"kind"`
		Equality         *Decimal `json:"equality,omitempty"`
		GrantsPerVersion int64    `json:"grantsPerVersion,omitempty"`
		Floor            *Decimal `json:"floor,omitempty"`
		RedrawEvery      string   `json:"redrawEvery,omitempty"`
	}
)

func (e *Experiment) document() document {
	d := document{
		APIVersion: "posse/v1", Kind: "Experiment",
		Metadata: metadataDocument{e.Name, e.Description},
		Horizon:  e.Horizon,
		Node:     nodeDocument{e.Pooling, e.LocalModel},
		Problem:  problemDocument{e.Problem.Kind, e.Problem.Arms},
		Reward:   rewardDocument{Deadline: e.Reward.Deadline.String()},
		Policy:   policyDocument{Name: e.Policy.Name, Guarantee: "none"},
		Privacy: privacyDocument{
			Model: e.Privacy.Model.String(), Unit: e.Privacy.Unit.String(),
			Epsilon: e.Privacy.Epsilon, Delta: e.Privacy.Delta, Arrival: e.Privacy.Arrival,
			Mechanism: e.Privacy.Mechanism, FractionBits: e.Privacy.FractionBits,
		},
		Rounds: roundsDocument{
			Trigger:         triggerDocument{Decisions: e.Rounds.Trigger.Decisions},
			Deadline:        e.Rounds.Deadline.String(),
			MinContributors: e.Rounds.MinContributors, MaxRecords: e.Rounds.MaxRecords,
		},
	}
	if r := e.Reward.Range; r != nil {
		d.Reward.Range, d.Reward.Clip = []Decimal{r.Low, r.High}, &e.Reward.Clip
	}
	if m := e.Reward.Moment; m != nil {
		d.Reward.Moment = &momentDocument{m.Order, m.Bound}
	}
	if e.Privacy.Model == 0 { // a scenario's; its other fields don't count
		d.Privacy.Model, d.Privacy.Unit = "none", "none"
	}
	if e.Policy.Guarantee {
		d.Policy.Guarantee = "required"
	}
	if e.Policy.Bonus != "" {
		d.Policy.Params = &paramsDocument{Bonus: e.Policy.Bonus, Kappa: unlessZero(e.Policy.Kappa)}
	}
	if e.Privacy.Unit.String() == "user" {
		d.Privacy.MaxContributions = e.Privacy.MaxContributions
	}
	if e.Rounds.Trigger.Every > 0 {
		d.Rounds.Trigger.Every = e.Rounds.Trigger.Every.String()
	}
	if e.Incentives != nil {
		d.Incentives = e.Incentives.document()
	}
	return d
}

func (i *Incentives) document() *incentivesDocument {
	d := &incentivesDocument{
		Payments: i.Payments, Coverage: unlessZero(i.Coverage), Threshold: unlessZero(i.Threshold),
		Reserve: unlessZero(creditsDecimal(i.Reserve)), Budget: unlessZero(creditsDecimal(i.Budget)), Bids: i.Bids,
		Schedule: scheduleDocument{
			Kind: i.Schedule.Kind, Equality: unlessZero(i.Schedule.Equality),
			GrantsPerVersion: i.Schedule.GrantsPerVersion, Floor: i.Schedule.Floor,
		},
	}
	if i.MaxExplore > 0 {
		d.Contribution = &contributionDocument{i.MinExplore, i.MaxExplore}
	}
	if i.Schedule.RedrawEvery > 0 {
		d.Schedule.RedrawEvery = i.Schedule.RedrawEvery.String()
	}
	return d
}

func unlessZero(d Decimal) *Decimal {
	if d.text == "" {
		return nil
	}
	return &d
}

// creditsDecimal writes an amount as files do, in credits.
func creditsDecimal(c incentives.Credits) Decimal {
	return mustDecimal(fmt.Sprintf("%de-6", int64(c)))
}
