package fast

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/auction"
	"github.com/posse-dev/posse/incentives/contribution"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/experiment"
)

// Market is an experiment's incentives among nodes of known costs and bids. Bidding
// its cost is a node's best. Secret seeds the draws of grants.
type Market struct {
	Rules           experiment.Incentives
	MinContributors int
	Bids            []incentives.Credits // by node
	Costs           []incentives.Credits // by node, true
	Secret          [32]byte
}

// trade is a market in use: the same auction, game, schedule and draws as a
// coordinator's, in its order.
type trade struct {
	Market
	ids       []string // by node, in the order of their names
	available incentives.Credits
	paid      incentives.Credits
	utility   []incentives.Credits // by node
	rounds    uint64
	grants    int
	floor     float64
	units     []int64     // contributions so far, by node
	rows      [][]float64 // contributions by published round, of the first stableNodes nodes
	quotas    []uint64    // nil while everybody gets every version
	seed      [32]byte
	redraws   uint64
	missed    []uint64
	exhausted bool
}

// The numbers of incentives 2.3 and 2.4 that a coordinator has too.
const (
	stableLookAhead = 15
	stableLevel     = 0.7
	stableNodes     = 10
	maxStaleness    = 60
)

func newTrade(m Market, nodes int) (*trade, error) {
	if len(m.Costs) != nodes || len(m.Bids) != nodes {
		return nil, fmt.Errorf("%d costs and %d bids for %d nodes", len(m.Costs), len(m.Bids), nodes)
	}
	t := &trade{Market: m, available: m.Rules.Budget, units: make([]int64, nodes), missed: make([]uint64, nodes)}
	if t.pays() {
		t.utility = make([]incentives.Credits, nodes)
	}
	grants, floor := m.Rules.Schedule.ForNodes(nodes)
	t.grants = grants
	t.floor, _ = floor.Float64()
	for j := range nodes {
		t.ids = append(t.ids, fmt.Sprintf("node-%05d", j))
	}
	return t, nil
}

// at is the node of an id.
func (t *trade) at(id string) int {
	j, _ := slices.BinarySearch(t.ids, id)
	return j
}

func (t *trade) pays() bool { return t.Rules.Payments != "none" }

// round settles, publishes and grants. Without enough sellers nothing is published and
// what is on offer stays there.
func (t *trade) round(l *learner) error {
	if l.now().descriptor.Ended || t.exhausted {
		return t.redraw(l)
	}
	rule := auction.Rule{Coverage: t.Rules.Coverage.Float64(), Threshold: t.Rules.Threshold.Float64()}
	if t.pays() {
		rule.Reserve = incentives.AnnouncedReserve(t.Rules.Reserve, t.available, len(l.nodes))
		if rule.Reserve < min(incentives.Credit, t.Rules.Reserve) {
			t.exhausted = true
			return t.redraw(l)
		}
	}
	t.rounds++
	var err error
	if rule.Prior, err = l.prior(); err != nil {
		return err
	}
	offers, err := t.offers(l)
	if err != nil || len(offers) == 0 {
		return err
	}
	sellers, eligible := offers, offers
	if t.pays() {
		outcome, err := auction.Settle(rule, offers)
		if err != nil {
			return err
		}
		left := func(o incentives.Offer) bool { _, out := outcome.Excluded[o.Node]; return out }
		eligible = slices.DeleteFunc(slices.Clone(offers), left)
		sellers = slices.DeleteFunc(slices.Clone(eligible), func(o incentives.Offer) bool { return !slices.Contains(outcome.Winners, o.Node) })
		if len(sellers) < max(1, t.MinContributors) {
			return nil
		}
		for id, price := range outcome.Payments {
			j := t.at(id)
			t.utility[j] += price - t.Costs[j]
		}
		t.paid += outcome.TotalPaid
		t.available -= outcome.TotalPaid
	} else if len(sellers) < max(1, t.MinContributors) {
		return nil
	}
	for _, o := range sellers {
		if err := l.buy(t.at(o.Node)); err != nil {
			return err
		}
	}
	if err := t.contribute(rule.Prior, eligible); err != nil {
		return err
	}
	return t.publish(l)
}

// offers are what the nodes have for sale, at their bids.
func (t *trade) offers(l *learner) ([]incentives.Offer, error) {
	var out []incentives.Offer
	for j := range l.nodes {
		var worth statistics.Information
		var err error
		if l.nodes[j].away {
			continue
		}
		for _, b := range l.nodes[j].offer {
			d := l.plans[b.plan].descriptor
			if worth, err = l.plus(worth, d, d.Layout.Claim(b.released)); err != nil {
				return nil, err
			}
		}
		if len(l.nodes[j].offer) > 0 && worth.Valid() == nil {
			out = append(out, incentives.Offer{Node: t.ids[j], Bid: t.Bids[j], Information: worth})
		}
	}
	return out, nil
}

// plus adds what claims are worth.
func (l *learner) plus(total statistics.Information, d mechanisms.Descriptor, claim *statistics.Set) (statistics.Information, error) {
	more, err := l.shared.Information(d, claim)
	if err != nil || total.Dimension() == 0 {
		return more, err
	}
	return total.Add(more)
}

// prior is what is known before a round: the identity plus everything published.
func (l *learner) prior() (statistics.Information, error) {
	d := l.plans[0].descriptor
	published, err := l.shared.Information(d, d.Layout.Claim(d.Layout.Empty()))
	if err != nil {
		return published, err
	}
	for _, part := range l.model.Parts {
		if published, err = l.plus(published, part.Descriptor, part.Descriptor.Layout.Claim(part.Sum)); err != nil {
			return published, err
		}
	}
	if published, err = published.Repair(0, 0); err != nil { // noise may leave a negative count
		return published, err
	}
	ones := statistics.Counts(slices.Repeat([]float64{1}, l.shared.Dimension())...)
	if !published.Diagonal() {
		ones = ones.Dense()
	}
	return published.Add(ones)
}

// contribute plays the information game over all eligible offers.
func (t *trade) contribute(prior statistics.Information, eligible []incentives.Offer) error {
	row := make([]float64, min(len(t.ids), stableNodes))
	if len(eligible) > 0 && (prior.Diagonal() || len(eligible) <= contribution.MaxExactPlayers) {
		worth := make([]statistics.Information, len(eligible))
		for i, o := range eligible {
			worth[i] = o.Information
		}
		values, err := contribution.Shapley(prior, worth)
		if err != nil {
			return err
		}
		for i, o := range eligible {
			units, err := contribution.Units(values[i])
			if err != nil {
				return err
			}
			j := t.at(o.Node)
			t.units[j] += units
			if j < len(row) {
				row[j] = contribution.Nats(units)
			}
		}
	}
	t.rows = append(t.rows, row)
	return nil
}

// explores reports whether the next version goes to everybody.
func (t *trade) explores(next uint64) bool {
	if t.Rules.Schedule.Kind == "everyone" || schedule.Exploring(next, uint64(t.Rules.MinExplore)) {
		return true
	}
	if t.quotas != nil || !schedule.Exploring(next, uint64(t.Rules.MaxExplore)) {
		return false
	}
	s, err := contribution.Stable(t.rows[:len(t.rows)-1], stableLookAhead, stableLevel)
	return err != nil || contribution.KeepExploring(next-1, uint64(t.Rules.MinExplore), uint64(t.Rules.MaxExplore), s.Stop)
}

// publish makes the next version and draws who gets it.
func (t *trade) publish(l *learner) error {
	if t.explores(l.model.Version + 1) {
		clear(t.missed)
		return l.publish(func(int) bool { return true })
	}
	psi := make([]float64, len(t.units))
	for j, u := range t.units {
		psi[j] = contribution.Nats(u)
	}
	chances, err := schedule.FairEqual(psi, schedule.Params{Equality: t.Rules.Schedule.Equality.Float64(), Grants: t.grants, Floor: t.floor})
	if err != nil {
		return err
	}
	if t.quotas, err = schedule.Quotas(chances, t.grants); err != nil {
		return err
	}
	t.seed, t.redraws = schedule.Seed(t.Secret, name, t.rounds, t.nonces()), 0
	drawn, err := schedule.Draw(t.seed, t.ids, t.quotas)
	if err != nil {
		return err
	}
	for j := range t.missed {
		t.missed[j]++
	}
	overdue, err := schedule.Overdue(t.ids, t.missed, maxStaleness)
	if err != nil {
		return err
	}
	granted := schedule.WithOverdue(drawn, overdue)
	return l.publish(func(j int) bool {
		got := slices.Contains(granted, t.ids[j])
		if got {
			t.missed[j] = 0
		}
		return got
	})
}

// nonces are what the nodes' offers of the round carry.
func (t *trade) nonces() []schedule.Nonce {
	out := make([]schedule.Nonce, len(t.ids))
	for j, id := range t.ids {
		out[j].Node = id
		binary.LittleEndian.PutUint64(out[j].Value[:], t.rounds)
	}
	return out
}

// redraw grants the last version once more, as long as a node is without it. A
// coordinator does so on a clock; here it is once a round's decisions.
func (t *trade) redraw(l *learner) error {
	last := len(l.plans) - 1
	waits := slices.ContainsFunc(l.nodes, func(n member) bool { return n.due < last })
	if !waits || t.quotas == nil {
		return nil
	}
	t.redraws++
	drawn, err := schedule.Draw(schedule.RedrawSeed(t.seed, t.redraws), t.ids, t.quotas)
	if err != nil {
		return err
	}
	for _, id := range drawn {
		l.grant(t.at(id))
	}
	return nil
}
