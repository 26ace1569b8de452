package auction

import (
	"math"
	"runtime"
	"slices"
	"sync"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Settle picks winners and prices them. Offers may come in any order; one that is
// invalid or asks more than the reserve is left out with its reason and never stops
// the round. The error is about the rule alone and names the field.
//
// With f(S) = ln det(A + Σ_S ΔV) − ln det A in nats and E the eligible offers, the
// target is Coverage·f(E) or f(E) + ln Threshold, at least 0, rounded down to units
// and lowered by one unit and one more for each offer that adds anything, so that
// rounding never makes E itself fall short.
//
// It computes about n + 15·Σ_k (s − k) gains for n offers and s winners, of d
// logarithms for arms and d³/3 flops for Gram matrices.
// Source: spec/incentives.md 1.2 to 1.5.
func Settle(rule Rule, offers []incentives.Offer) (Outcome, error) {
	m, excluded, err := rule.open(offers)
	if err != nil {
		return Outcome{}, err
	}
	out := nothingBought(excluded)
	if len(m.offers) == 0 {
		return out, nil
	}
	run := m.cover
	var picks []int
	prices := pricing{reserve: int64(rule.Reserve), room: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for run.left > 0 {
		pick, ok := run.next()
		if !ok {
			break
		}
		prices.start(run.fork(), pick.index)
		picks = append(picks, pick.index)
		run.take(pick)
	}
	work := run.state.did
	for k, p := range prices.wait() {
		winner := m.offers[picks[k]]
		out.Winners = append(out.Winners, winner.Node)
		out.Payments[winner.Node] = incentives.Credits(p.micro)
		if p.rival >= 0 {
			out.SetBy[winner.Node] = m.offers[p.rival].Node
		}
		if p.pivotal {
			out.Pivotal = append(out.Pivotal, winner.Node)
		}
		out.SocialCost += winner.Bid
		out.TotalPaid += incentives.Credits(p.micro)
		out.ReserveCost += rule.Reserve
		work.Gains, work.Bounds = work.Gains+p.work.Gains, work.Bounds+p.work.Bounds
	}
	slices.Sort(out.Pivotal)
	out.Infeasible = run.left > 0
	out.measure(m.pool.information(picks), m.total)
	out.Work = work
	return out, nil
}

// pricing computes critical prices side by side: the runs without different winners
// have nothing to do with each other. No more forks exist than there are processors.
type pricing struct {
	reserve int64
	room    chan struct{}
	running sync.WaitGroup
	prices  []*price
}

// start prices a winner from its fork.
func (p *pricing) start(fork *cover, winner int) {
	out := new(price)
	p.prices = append(p.prices, out)
	p.room <- struct{}{}
	p.running.Go(func() {
		*out = fork.criticalPrice(winner, p.reserve)
		out.work = fork.state.did
		<-p.room
	})
}

// wait returns all prices, in the order in which they were started.
func (p *pricing) wait() []*price {
	p.running.Wait()
	return p.prices
}

// market is an opened auction: the eligible offers by id, and a run at its start.
type market struct {
	offers []incentives.Offer
	pool   *pool
	cover  *cover
	total  float64 // f(E) in nats
}

// open checks the rule and sets the target.
func (rule Rule) open(offers []incentives.Offer) (*market, map[string]Reason, error) {
	problems := rule.problems(len(offers))
	prior, err := rule.priorFor(offers)
	if err != nil {
		problems = append(problems, posse.As(err))
	}
	if len(problems) > 0 {
		return nil, nil, posse.Join(problems)
	}
	m := &market{}
	var excluded map[string]Reason
	m.offers, excluded = rule.eligible(prior, offers)
	if len(m.offers) == 0 {
		return m, excluded, nil
	}
	adds, bids, everyone := make([]statistics.Information, len(m.offers)), make([]int64, len(m.offers)), make([]int, len(m.offers))
	for i, offer := range m.offers {
		adds[i], bids[i], everyone[i] = offer.Information, int64(offer.Bid), i
	}
	m.pool = newPool(prior, adds)
	m.total = m.pool.information(everyone)
	var positive int
	m.cover, positive = newCover(m.pool, bids)
	m.cover.left = rule.target(m.total, positive)
	return m, excluded, nil
}

// target returns R₀ in units: ⌊Q·2^32⌋ − 1 − positive, at least 0.
func (rule Rule) target(total float64, positive int) int64 {
	q := rule.Coverage * total
	if rule.Threshold != 0 {
		q = total + math.Log(rule.Threshold)
	}
	return max(0, int64(math.Floor(q/Unit))-1-int64(positive))
}

// nothingBought is the outcome of a round that has nothing to know and buys nobody.
func nothingBought(excluded map[string]Reason) Outcome {
	return Outcome{
		Payments: map[string]incentives.Credits{}, SetBy: map[string]string{}, Excluded: excluded,
		InformationShare: 1, DeterminantRatio: 1, ShareUnits: 1 << 32,
	}
}

// measure sets what was reached: won and total in nats.
func (out *Outcome) measure(won, total float64) {
	if total <= 0 {
		return
	}
	out.InformationShare = min(1, max(0, won/total))
	out.DeterminantRatio = math.Exp(min(0, won-total))
	out.ShareUnits = int64(math.Floor(out.InformationShare / Unit))
}
