package experiment

import (
	"fmt"
	"math"
	"strings"
)

// Text returns the statement in plain words, one sentence a field. It reads
// nothing but the statement, so that the two can't differ.
func (s Statement) Text() string {
	var out strings.Builder
	say := func(format string, arguments ...any) { fmt.Fprintf(&out, format+"\n", arguments...) }
	say("Privacy statement of experiment %s.", s.Experiment)
	say("The guarantee is %s with epsilon %s and delta %v over the whole horizon.", s.Guarantee.Definition, s.Guarantee.Epsilon, s.Guarantee.Delta)
	for _, r := range s.Guarantee.PerRelease {
		say("%s", r.text())
	}
	if n := s.Guarantee.OverHorizon.Releases; n != nil {
		say("A node makes %d releases in the horizon, which cost one unit epsilon %s at most.", *n, s.Guarantee.OverHorizon.Epsilon)
	} else {
		say("All releases of a node together cost one unit epsilon %s at most.", s.Guarantee.OverHorizon.Epsilon)
	}
	say("Losses are counted by %s.", s.Guarantee.Accountant)
	adaptive := "provided that later settings do not depend on earlier results"
	if s.Guarantee.Adaptive {
		adaptive = "even when later settings depend on earlier results"
	}
	say("A %s filter refuses what would exceed the guarantee, %s.", s.Guarantee.Filter, adaptive)
	if s.Unit.MaxContributions != nil {
		say("Protected is a user with all her records, of which %d at most are learnt from; the rest is %s.", *s.Unit.MaxContributions, s.Unit.Excess)
		say("A user who comes back %d times is promised the same, epsilon %s for all of it.", s.Unit.Returning.Records, roundedUp(s.Unit.Returning.Epsilon))
		say("A pseudonym counts at %s.", s.Unit.PseudonymScope)
	} else {
		say("Protected is one record: one decision with its reward.")
		say("A user who comes back %d times is promised epsilon %s for all of it, %s for each time.",
			s.Unit.Returning.Records, roundedUp(s.Unit.Returning.Epsilon), s.Guarantee.Epsilon)
	}
	if s.Neighbours == "remove" {
		say("Compared are worlds in which a unit adds nothing, while decisions are counted as before (remove).")
	} else {
		say("Compared are worlds in which a unit's values are others (replace).")
	}
	say("The promise holds for a %s.", s.TimeHorizon.Kind)
	say("Under model %s raw rewards are seen by: %s.", s.Trust.Model, strings.Join(s.Trust.SeesRaw, ", "))
	say("Noisy numbers are seen by: %s.", strings.Join(s.Trust.SeesNoisy, ", "))
	if s.Trust.HonestNeeded == nil {
		say("Nobody beyond the own node has to be honest.")
	} else {
		say("Honest must be: %s.", *s.Trust.HonestNeeded)
	}
	say("Protected: %s.", strings.Join(s.Protected, "; "))
	say("No epsilon covers: %s.", strings.Join(s.NotProtected, "; "))
	say("Whoever sees everything that is released can change the odds of any guess about a unit by a factor of %s at most.", roundedUp(s.Meaning.OddsFactor))
	guess, found := "whether a unit is in", "a unit"
	if s.Neighbours != "remove" {
		guess, found = "which of two values a unit has", "one of two values"
	}
	say("A guess %s, at even odds before, is right with probability %s at most.", guess, roundedUp(s.Meaning.MembershipGuessAtMost))
	say("A test with 5 %% false alarms finds %s with probability %s at most.", found, roundedUp(s.Meaning.TruePositiveAtMost))
	for _, c := range s.SideChannels {
		say("Side channel, %s: %s.", c.Name, c.Handling)
	}
	say("Amplification by sampling is claimed: %s (%s).", s.Sampling.ClaimedAmplification, s.Sampling.Why)
	seeded := "not seeded"
	if s.Randomness.Seeded {
		seeded = "seeded"
	}
	say("Noise comes from %s, %s.", s.Randomness.Source, seeded)
	for _, a := range s.Assumptions {
		say("Assumed: %s.", a)
	}
	for _, w := range s.Warnings {
		say("Warning, %s: %s.", w.Field, w.Message)
	}
	return out.String()
}

func (r Release) text() string {
	switch {
	case r.ChargedWith != "":
		return fmt.Sprintf("What the %s shows costs nothing beyond the %s.", r.What, r.ChargedWith)
	case r.Scale > 0:
		return fmt.Sprintf("Each %s takes %s noise of scale %v on a sensitivity of %v, where 2^%d is the largest record, and costs one unit epsilon %s at most.",
			r.What, r.Mechanism, r.Scale, r.Sensitivity, r.FractionBits, roundedUp(r.EpsilonAlone))
	default:
		return fmt.Sprintf("Each %s is randomised by itself (%s), at epsilon %s.", r.What, r.Mechanism, roundedUp(r.EpsilonAlone))
	}
}

// roundedUp writes a positive number with four digits, the last rounded up: what is
// printed as a bound must be one.
func roundedUp(x float64) string {
	if math.IsInf(x, 0) {
		return "infinity"
	}
	text := fmt.Sprintf("%.4g", x)
	var back float64
	if _, err := fmt.Sscan(text, &back); err == nil && back < x {
		unit := math.Pow(10, math.Floor(math.Log10(x))-3)
		text = fmt.Sprintf("%.4g", back+unit)
	}
	return text
}
