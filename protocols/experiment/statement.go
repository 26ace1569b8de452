package experiment

import (
	"fmt"
	"math/big"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Statement is the privacy statement of an experiment: what is promised, to whom,
// by which noise, and what is not. Its shape follows the layers of NIST SP 800-226.
// Every ε is rounded up. Make one with [Explain]; [Statement.Text] is the same in
// plain words. Source: privacy 6.
type Statement struct {
	Schema       string          `json:"schema"`
	Experiment   string          `json:"experiment"`
	Guarantee    Guarantee       `json:"guarantee"`
	Unit         UnitStatement   `json:"unit"`
	Neighbours   string          `json:"neighbours"`
	TimeHorizon  TimeHorizon     `json:"timeHorizon"`
	Trust        Trust           `json:"trust"`
	Protected    []string        `json:"protected"`
	NotProtected []string        `json:"notProtected"`
	Meaning      account.Meaning `json:"meaning"`
	SideChannels []SideChannel   `json:"sideChannels"`
	Sampling     Sampling        `json:"sampling"`
	Randomness   Randomness      `json:"randomness"`
	Assumptions  []string        `json:"assumptions"`
	Warnings     []Warning       `json:"warnings"`
}

// Guarantee is the promise over the whole horizon. Delta is what the noise spends,
// 0 here: discrete Laplace and Duchi's randomiser are pure.
type Guarantee struct {
	Definition  string      `json:"definition"` // pure-dp or local-dp
	Epsilon     Decimal     `json:"epsilon"`
	Delta       float64     `json:"delta"`
	Accountant  string      `json:"accountant"`
	PerRelease  []Release   `json:"perRelease"`
	OverHorizon OverHorizon `json:"overHorizon"`
	Adaptive    bool        `json:"adaptive"`
	Filter      string      `json:"filter"`
}

// Release is one thing that leaves a node, or one record that is randomised.
type Release struct {
	What      string `json:"what"` // report, record or offer
	Mechanism string `json:"mechanism,omitempty"`
	// Scale is the Laplace scale and Sensitivity the L1 sensitivity of one unit, both
	// in grid units: FractionBits f says that one is 2^−f of the largest record.
	Scale        float64 `json:"scale,omitempty"`
	FractionBits uint8   `json:"fractionBits,omitempty"`
	Sensitivity  float64 `json:"sensitivity,omitempty"`
	// EpsilonAlone is what this release can cost one unit, at worst.
	EpsilonAlone float64 `json:"epsilonAlone,omitempty"`
	ChargedWith  string  `json:"chargedWith,omitempty"`
}

// OverHorizon says what all releases of a node cost one unit together. Releases is
// null on a clock, where their number is not known beforehand.
type OverHorizon struct {
	Releases *int64  `json:"releases"`
	Epsilon  Decimal `json:"epsilon"`
	Delta    float64 `json:"delta"`
}

// UnitStatement is what the guarantee protects.
type UnitStatement struct {
	Kind             string `json:"kind"`
	MaxContributions *int64 `json:"maxContributions"`
	Excess           string `json:"excess,omitempty"`
	PseudonymScope   string `json:"pseudonymScope,omitempty"`
	// Returning is what a person is promised who comes back that often under one
	// pseudonym.
	Returning Returning `json:"returning"`
}

// Returning is the ε of somebody with so many records.
type Returning struct {
	Records int64   `json:"records"`
	Epsilon float64 `json:"epsilon"`
}

// returning is how many records the statement's example of a person has.
const returning = 100

// TimeHorizon is how long the promise holds.
type TimeHorizon struct {
	Kind string `json:"kind"`
}

// Trust says who sees what. HonestNeeded is null where nobody beyond the own node
// must be trusted.
type Trust struct {
	Model        string   `json:"model"`
	SeesRaw      []string `json:"seesRaw"`
	SeesNoisy    []string `json:"seesNoisy"`
	HonestNeeded *string  `json:"honestNeeded"`
}

// SideChannel is something seen besides the released numbers.
type SideChannel struct {
	Name     string `json:"name"`
	Handling string `json:"handling"`
}

// Sampling says which amplification is claimed.
type Sampling struct {
	ClaimedAmplification string `json:"claimedAmplification"`
	Why                  string `json:"why"`
}

// Randomness says where the noise comes from.
type Randomness struct {
	Source string `json:"source"`
	Seeded bool   `json:"seeded"`
}

// Explain returns the privacy statement of an experiment, computed from
// [Experiment.Noise].
func Explain(e *Experiment) Statement {
	n := e.Noise()
	s := Statement{
		Schema: "posse/privacy-statement/v1", Experiment: e.Name,
		Guarantee: Guarantee{
			Definition: "pure-dp", Epsilon: e.Privacy.Epsilon, Accountant: "parallel composition, since every record enters one release",
			PerRelease: releases(e, n), OverHorizon: OverHorizon{Epsilon: e.Privacy.Epsilon},
			Adaptive: true, Filter: "pure",
		},
		Unit:        UnitStatement{Kind: e.Privacy.Unit.String(), Returning: Returning{returning, floatUp(e.Privacy.Epsilon.Rat())}},
		Neighbours:  n.Neighbours.String(),
		TimeHorizon: TimeHorizon{Kind: "lifetime"},
		Trust: Trust{
			Model: e.Privacy.Model.String(), SeesRaw: []string{"own node"},
			SeesNoisy: []string{"coordinator", "other nodes", "log readers"},
		},
		Protected: protected(e), NotProtected: notProtected(e),
		Meaning:      meaning(e.Privacy.Epsilon),
		SideChannels: sideChannels(e),
		Sampling:     Sampling{ClaimedAmplification: "none", Why: "participants are public"},
		Randomness:   Randomness{Source: "AES-256-CTR keyed from the operating system"},
		Assumptions:  assumptions(e),
		Warnings:     append([]Warning{}, e.Warnings(Deployment{})...),
	}
	if e.Privacy.Model == dp.Local {
		s.Guarantee.Definition = "local-dp"
		s.Trust.SeesRaw = []string{"own node, until the record is randomised on arrival"}
		s.Trust.SeesNoisy = append([]string{"own node"}, s.Trust.SeesNoisy...)
	}
	if rounds := e.ExpectedRounds(); rounds > 0 {
		s.Guarantee.OverHorizon.Releases = &rounds
	}
	if e.Privacy.Unit == dp.User {
		contributions := e.Privacy.MaxContributions
		s.Guarantee.Accountant = "basic composition over a user's records"
		s.Unit.MaxContributions = &contributions
		s.Unit.Excess = "not learnt from, which is decided before the reward is known"
		s.Unit.PseudonymScope = "one node; the same person at two nodes is two units"
	} else {
		s.Unit.Returning.Epsilon = floatUp(new(big.Rat).Mul(e.Privacy.Epsilon.Rat(), big.NewRat(returning, 1)))
		s.Warnings = append(s.Warnings, Warning{"privacy.unit", "a user's loss grows with the number of her records: k records cost up to k times epsilon"})
	}
	return s
}

// releases lists what leaves a node. A unit's records may all be in one report:
// then it costs the whole ε. Otherwise they share it out.
func releases(e *Experiment, n Noise) []Release {
	contributions := new(big.Rat).SetInt64(e.Privacy.MaxContributions)
	var out []Release
	for _, b := range n.Blocks {
		record := new(big.Rat).SetInt(new(big.Int).SetUint64(b.L1))
		parameter := new(big.Rat).SetFrac(new(big.Int).SetUint64(b.Num), new(big.Int).SetUint64(b.Den))
		switch b.Noise {
		case statistics.DuchiPerRecord:
			out = append(out, Release{
				What: "record", Mechanism: b.Noise.String(),
				Sensitivity: floatUp(record), EpsilonAlone: floatUp(parameter),
			}, Release{What: "report", ChargedWith: "record"})
		default:
			unit := new(big.Rat).Mul(record, contributions)
			out = append(out, Release{
				What: "report", Mechanism: b.Noise.String(), Scale: floatUp(parameter), FractionBits: e.Privacy.FractionBits,
				Sensitivity: floatUp(unit), EpsilonAlone: floatUp(new(big.Rat).Quo(unit, parameter)),
			})
		}
	}
	return append(out, Release{What: "offer", ChargedWith: out[len(out)-1].What})
}

// meaning is what the promise says in odds.
func meaning(epsilon Decimal) account.Meaning {
	m, err := account.Explain(floatUp(epsilon.Rat()), 0)
	if err != nil {
		panic("experiment: " + err.Error()) // an ε of a file is in (0, 20]
	}
	return m
}

// protected and notProtected follow the mechanism: what quotas make public is not
// protected, and presence is only where neighbours are zero-out.
func protected(e *Experiment) []string {
	out := []string{"value of each reward"}
	if e.Neighbours() != dp.ZeroOut {
		return out
	}
	if e.Privacy.Unit == dp.User {
		return append(out, "whether a user's records were used", "whether a user came back with a reward")
	}
	return append(out, "whether a decision was rewarded")
}

func notProtected(e *Experiment) []string {
	out := []string{"that a node takes part", "how many decisions it made, and when", "the arm of each decision"}
	switch {
	case e.Privacy.Model == dp.Local:
		out = append(out, "whether a decision was rewarded")
	case e.Privacy.Arrival == PublicArrival && e.Privacy.Unit == dp.User:
		out = append(out, "that a user came and was answered")
	case e.Privacy.Arrival == PublicArrival:
		out = append(out, "whether a decision was rewarded")
	}
	if e.Incentives != nil && e.Incentives.Payments == "truthful" {
		out = append(out, "a node's bid, payment and cost")
	}
	out = append(out, "conclusions about groups")
	if e.Privacy.Model != dp.Local {
		out = append(out, "users of one node from that node's operator")
	}
	if e.Pooling == PartialPooling {
		out = append(out, "in which of the arms a node differs from the others, as far as noise lets it be seen")
	}
	if e.LocalModel == RawModel {
		out = append(out, "users of one node from each other, through its choices")
	}
	if e.Privacy.Unit == dp.User {
		out = append(out, "a person with two pseudonyms, or at two nodes")
	} else {
		out = append(out, "a person by all her records together")
	}
	return append(out, "timing of decisions seen by the application")
}

func sideChannels(e *Experiment) []SideChannel {
	count := SideChannel{"round count", fmt.Sprintf("rounds open each %d decisions, counted in public", e.Rounds.Trigger.Decisions)}
	if e.Rounds.Trigger.Every > 0 {
		count.Handling = fmt.Sprintf("rounds open every %s", e.Rounds.Trigger.Every)
	}
	return []SideChannel{count, {"report size", "the same for every leaf, and how many leaves are bought is public"}, {"response time", "not hidden"}}
}

func assumptions(e *Experiment) []string {
	out := []string{"the host of a node is not compromised"}
	if e.Incentives != nil && e.Incentives.Payments == "truthful" {
		out = append(out, "a node computes its bid, its absence and their times from public or already released values only; one that breaks this rule voids the guarantee of its own users")
	}
	return out
}
