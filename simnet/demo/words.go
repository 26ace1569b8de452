package demo

import (
	"fmt"
	"math"
	"strings"

	"github.com/posse-dev/posse/incentives"
)

// words are the demo's last lines: what federation bought, what privacy cost, who
// was paid, and what can't be said.
func (sc *scene) words(s *Summary) []string {
	b := s.Learning.Baselines
	together, ok := b.gap(s.Learning.MeanReward)
	alone, _ := b.gap(s.aloneMean())
	plain, _ := b.gap(b.NonPrivate)
	var out []string
	many := len(s.Nodes) > 1
	switch {
	case !ok:
		out = append(out, fmt.Sprintf("On this traffic no %s is better than choosing at random.", sc.arm[0]))
	case many && together > alone:
		out = append(out, fmt.Sprintf("Learning together closed %s of the gap between choosing at random and always choosing the best %s; each alone would have closed %s.",
			closed(together), sc.arm[0], closed(alone)))
	case many:
		out = append(out, fmt.Sprintf("Learning together did not help here: %s of the gap together, %s each alone.", closed(together), closed(alone)))
	default:
		out = append(out, fmt.Sprintf("One organisation by itself closed %s of the gap between choosing at random and always choosing the best %s.", closed(together), sc.arm[0]))
	}
	if ok {
		out = append(out, fmt.Sprintf("Without privacy it would have been %s: privacy cost %s.", closed(plain), cost(points(plain)-points(together))))
	}
	if worth := math.Round((s.Learning.MeanReward - b.Uniform) * float64(s.Decisions) * sc.perReward); worth != 0 {
		did := "saved"
		if worth < 0 {
			did = "lost"
		}
		out = append(out, fmt.Sprintf("Over %s decisions that is %.0f %s %s against choosing at random.", thousands(s.Decisions), math.Abs(worth), sc.unit, did))
	}
	if s.Learning.FinalArm != nil {
		out = append(out, fmt.Sprintf("Learning ended: %s is the last of %d %s.", *s.Learning.FinalArm, sc.traffic.Arms, sc.arm[1]))
	} else {
		out = append(out, fmt.Sprintf("The %s that are left can't be told apart with this much data and privacy.", sc.arm[1]))
	}
	if s.Privacy.Unit == "user" {
		out = append(out, fmt.Sprintf("Privacy: no user of any organisation spent more than ε %.2f of %.2f; %s of users have given all they may and go on getting decisions (%s).",
			worst(s), s.Privacy.Epsilon, percent(s.Privacy.UsersAtLimit), s.Bonus))
	} else {
		out = append(out, fmt.Sprintf("Privacy: no record spent more than ε %.2f of %.2f; a person with several records is not protected as one (%s).",
			worst(s), s.Privacy.Epsilon, s.Bonus))
	}
	if s.Books.Paid > 0 {
		out = append(out, fmt.Sprintf("%s paid %.2f credits for what they taught, %d of %d payments below the reserve; the books %s.",
			paidNodes(s), float64(s.Books.Paid)/float64(incentives.Credit), s.Rounds.Payments-s.Rounds.AtReserve, s.Rounds.Payments, balance(s.Books.Balanced)))
		a := s.Payments
		audit := fmt.Sprintf("%d other bids were tried in %d rounds: none would have brought anyone more in its round.", a.OtherBids, a.Recomputed)
		if a.Verdict != "consistent" {
			audit = "The audit of the payments FAILED."
		}
		out = append(out, fmt.Sprintf("%s At the reserve the same reports would have cost %.2f credits; %d of %d sellers were pivotal.",
			audit, float64(a.ReserveCost)/float64(incentives.Credit), a.Pivotal, a.Winners))
	}
	return out
}

func worst(s *Summary) float64 {
	w := 0.0
	for _, n := range s.Nodes {
		w = math.Max(w, n.Spent.Epsilon)
	}
	return w
}

func paidNodes(s *Summary) string {
	n := 0
	for _, x := range s.Nodes {
		if x.Paid > 0 {
			n++
		}
	}
	if n == 1 {
		return "One organisation was"
	}
	return fmt.Sprintf("%d organisations were", n)
}

func balance(ok bool) string {
	if ok {
		return "balance"
	}
	return "DO NOT BALANCE"
}

func percent(x float64) string { return fmt.Sprintf("%d %%", points(x)) }

func points(x float64) int { return int(math.Round(100 * x)) }

// closed says how much of the gap was closed: on a short play it may be less than
// choosing at random would have done.
func closed(share float64) string {
	switch n := points(share); {
	case n < 0:
		return fmt.Sprintf("less than nothing (−%d %%)", -n)
	case n == 0:
		return "nothing"
	default:
		return percent(share)
	}
}

// cost says what privacy took of the gap, in per cent of it.
func cost(points int) string {
	switch {
	case points <= 0: // noise may be lucky
		return "nothing here"
	case points == 1:
		return "1 point"
	default:
		return fmt.Sprintf("%d points", points)
	}
}

// thousands writes 60000 as 60,000.
func thousands(n int) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}
