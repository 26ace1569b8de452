package experiment

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/posse-dev/posse/dp"
)

// Warning is something that a valid file may be wrong about.
type Warning struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Pivotal reports whether the warning is that all of equal nodes are pivotal.
func (w Warning) Pivotal() bool {
	return w.Field == "incentives.coverage" || w.Field == "incentives.threshold"
}

// Deployment is what the one who asks knows about where an experiment will run; 0
// is unknown, and what depends on it is then not warned about.
type Deployment struct {
	Nodes int   // enrolled nodes
	Users int64 // users of all nodes together
}

// The least κ for which partial pooling was found to hold: with a moment, whose radius
// is wide, and with a range. Source: private-learning 5.9; TestPoolingTakesTheBetterOfBoth
// of simnet/fast.
var (
	lowestPooledKappa        = mustDecimal("0.1")
	lowestPooledKappaOfRange = mustDecimal("0.25")
)

// Warnings returns what a valid experiment should be told, in the order of the
// file. Source: experiment-file 6, privacy 6.
func (e *Experiment) Warnings(where Deployment) []Warning {
	var out []Warning
	warn := func(field, format string, arguments ...any) {
		out = append(out, Warning{field, fmt.Sprintf(format, arguments...)})
	}
	user := e.Privacy.Unit == dp.User
	if e.Pooling == PartialPooling {
		least := lowestPooledKappa
		if e.Reward.Range != nil {
			least = lowestPooledKappaOfRange
		}
		if e.Policy.Kappa.Sign() > 0 && e.Policy.Kappa.Cmp(least) < 0 {
			warn("node.pooling", "with kappa below %s a node takes noise for a difference: partial was seen to lose 5 %% of what there is to gain where nodes are alike", least)
		}
		if user {
			warn("node.pooling", "with unit user nodes report for longer than with shared, and users reach their limit sooner")
		}
	}
	if e.LocalModel == RawModel {
		if user {
			warn("node.localModel", "a node's choices may read its own raw sums: its users are protected from outsiders, not from each other")
		}
		warn("node.localModel", "raw changes nothing with %s, whose choices read published versions only", e.Policy.Name)
	}
	if e.Privacy.Epsilon.Cmp(integerDecimal(10)) > 0 {
		warn("privacy.epsilon", "epsilon above 10 gives little protection")
	}
	if e.Privacy.Delta.Sign() > 0 {
		warn("privacy.delta", "delta %s is not spent: the noise of this experiment is pure, so the guarantee holds with delta 0", e.Privacy.Delta)
	}
	if where.Users > 0 && e.Privacy.Delta.Rat().Cmp(big.NewRat(1, 10).Quo(big.NewRat(1, 10), new(big.Rat).SetInt64(where.Users))) > 0 {
		warn("privacy.delta", "delta is above 1/(10 times the %d users)", where.Users)
	}
	if where.Users > 0 && !user && where.Users < e.Horizon {
		warn("privacy.unit", "with unit reward a user who comes back loses up to epsilon for each of her records")
	}
	if e.Privacy.Arrival == PublicArrival && user {
		warn("privacy.arrival", "with arrival public it is known that a user came and was answered")
	}
	if e.Quota() && where.Nodes > 0 && e.Rounds.Trigger.Decisions > 0 {
		// four releases an epoch double the deviation of its noise; beyond that, say so
		first := firstEpoch(where.Nodes, len(e.Problem.Arms))
		if e.Rounds.Trigger.Decisions < first/4 {
			warn("rounds.trigger.decisions", "a round of %d decisions is much smaller than the first epoch of %d: each of its releases adds noise of its own", e.Rounds.Trigger.Decisions, first)
		}
	}
	if e.Incentives != nil && where.Nodes > 0 && e.pivotal(where.Nodes) {
		field := "incentives.coverage"
		if e.Incentives.Threshold.Sign() > 0 {
			field = "incentives.threshold"
		}
		warn(field, "each of %d equal nodes would be pivotal and be paid the reserve%s: lower %s%s", where.Nodes, e.pivotalWhen(), field, e.mend(where.Nodes))
	}
	return out
}

// firstEpoch is the number of decisions of the first elimination epoch: a quota of
// 64 times the nodes, rounded up to a power of two, for each arm.
// Source: private-learning 5.3.
func firstEpoch(nodes, arms int) int64 {
	return 64 << bits.Len(uint(nodes-1)) * int64(arms)
}

// pivotal reports whether every one of n equal nodes is pivotal, where it is worst:
// a round's target can't be reached without it.
//
// Coverage c is worst when a round adds little to what is published: information is
// then proportional to data, and n−1 nodes hold the share (n−1)/n < c. A
// determinant ratio β is worst in the first round, where leaving a node out leaves
// about ((n−1)/n)^K of the determinant. Equal nodes are all pivotal or none is.
// Source: incentives 1.1, 1.4.
func (e *Experiment) pivotal(n int) bool {
	rest := big.NewRat(int64(n-1), int64(n))
	if e.Incentives.Coverage.Sign() > 0 {
		return rest.Cmp(e.Incentives.Coverage.Rat()) < 0
	}
	if e.Incentives.Threshold.Sign() == 0 {
		return false // nobody is paid
	}
	power := big.NewRat(1, 1)
	for range e.Problem.Arms {
		if power.Mul(power, rest); power.Cmp(e.Incentives.Threshold.Rat()) < 0 {
			return true
		}
	}
	return false
}

// pivotalWhen says when equal nodes that are pivotal somewhere are.
func (e *Experiment) pivotalWhen() string {
	if e.Incentives.Coverage.Sign() > 0 {
		return " once a round adds little to what is published"
	}
	return " from the first round on"
}

// mend is the largest target with which equal nodes are not pivotal, in words.
func (e *Experiment) mend(n int) string {
	rest := big.NewRat(int64(n-1), int64(n))
	if e.Incentives.Threshold.Sign() > 0 {
		one := new(big.Rat).Set(rest)
		for range len(e.Problem.Arms) - 1 {
			rest.Mul(rest, one)
		}
	}
	thousandths := new(big.Int).Quo(new(big.Int).Mul(rest.Num(), big.NewInt(1000)), rest.Denom())
	if thousandths.Sign() == 0 {
		return ", or ask more nodes: with these nothing mends it"
	}
	return fmt.Sprintf(" to at most 0.%03d", thousandths.Int64())
}
