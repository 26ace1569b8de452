package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/incentives/contribution"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/experiment"
)

// What floats of another processor may change: of a contribution in nats, relative to
// the round's largest and at least 1; of a chance in 2^-32, two units and a billionth.
const (
	worthTolerance  = 1e-9
	chanceTolerance = 2 + 4.3
)

// commitment is what stands for a bid in the log.
func commitment(bid int64, nonce []byte) digest {
	text := binary.BigEndian.AppendUint64([]byte("posse/1 bid\x00"), uint64(bid))
	return sha256.Sum256(append(text, nonce...))
}

// active are the enrolled nodes that are not revoked, by name.
func (r *replay) active() (names []string) {
	for name := range r.nodes {
		if !r.revoked[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// reserve recomputes the price that a round announced before any bid, from the file
// and the books.
func (r *replay) reserve(e *experimentLog, b openBody) {
	file, err := experiment.Read(b.Experiment, e.file)
	if err != nil {
		r.fail("the experiment's file can't be read: %v", err)
		return
	}
	n := len(r.active())
	if b.Nodes != n {
		r.fail("the escrow is for %d nodes, and %d are enrolled", b.Nodes, n)
	}
	paid := file.Incentives != nil && file.Incentives.Payments == "truthful"
	if paid != b.Paid {
		r.fail("the file says that rounds are paid: %v, the round says %v", paid, b.Paid)
	}
	if !paid {
		return
	}
	want := incentives.AnnouncedReserve(file.Incentives.Reserve, r.book.Balance(books.Budget(b.Experiment)), n)
	if incentives.Credits(b.Reserve) != want {
		r.fail("the announced reserve is %d and follows to be %d", b.Reserve, int64(want))
	}
}

// contributions plays the round's information game again, over the eligible offers
// and what was published before the round, and adds the recorded values up.
func (r *replay) contributions(e *experimentLog, o *roundLog, b publishBody) {
	defer func() {
		for _, c := range b.Contributions {
			e.worth[c.Node] += c.Units
		}
	}()
	file, err := experiment.Read(o.Experiment, e.file)
	if err != nil {
		return // said when the round opened
	}
	shared, err := catalogue.Default().Shared(file.Policy.Name, file.Settings())
	if err != nil {
		r.fail("the experiment's policy is not known here: %v", err)
		return
	}
	prior, err := published(shared, e.model)
	if err != nil {
		r.fail("what was published can't be weighed: %v", err)
		return
	}
	var nodes []string
	var worth []statistics.Information
	for _, offer := range o.offers {
		v, err := r.worth(shared, e, offer)
		if err == nil && !slices.Contains(o.left, offer.Node) {
			nodes, worth = append(nodes, offer.Node), append(worth, v)
		}
	}
	if len(nodes) == 0 || !prior.Diagonal() && len(nodes) > contribution.MaxExactPlayers {
		return // beyond what is exact nothing is recorded
	}
	values, err := contribution.Shapley(prior, worth)
	if err != nil {
		r.fail("the contributions can't be recomputed: %v", err)
		return
	}
	largest := slices.Max(append([]float64{1}, values...))
	for i, node := range nodes {
		want, got := values[i], 0.0
		won := slices.ContainsFunc(o.winners, func(p paymentBody) bool { return p.Node == node })
		if won && !slices.Contains(o.nodes, node) {
			want = 0 // bought and not delivered
		}
		for _, c := range b.Contributions {
			if c.Node == node {
				got = contribution.Nats(c.Units)
			}
		}
		if off := got - want; off > worthTolerance*largest || off < -worthTolerance*largest {
			r.fail("the contribution of %s is %g nats and follows to be %g", node, got, want)
		}
	}
}

// chances holds the recorded chances to the contributions so far, and the draw to the
// chances. Without chances everybody got the version, which must be due.
func (r *replay) chances(e *experimentLog, b publishBody) {
	active := r.active()
	file, err := experiment.Read(b.Experiment, e.file)
	if err != nil {
		return
	}
	if len(b.Quotas) == 0 {
		plan := file.Incentives
		if plan != nil && plan.Schedule.Kind != "everyone" && b.Version > uint64(plan.MaxExplore) {
			r.fail("everybody got version %d, after exploration had to end", b.Version)
		}
		if !slices.Equal(b.Granted, active) {
			r.fail("%v were granted a version that is everybody's", b.Granted)
		}
		return
	}
	r.granted(e.seed, b.Quotas, b.Granted)
	if file.Incentives == nil {
		r.fail("chances in an experiment without a schedule")
		return
	}
	psi := make([]float64, len(active))
	for i, node := range active {
		psi[i] = contribution.Nats(e.worth[node])
	}
	k, floor := file.Incentives.Schedule.ForNodes(max(1, len(active)))
	least, _ := floor.Float64()
	want, err := schedule.FairEqual(psi, schedule.Params{Equality: file.Incentives.Schedule.Equality.Float64(), Grants: k, Floor: least})
	if err != nil || len(want) != len(b.Quotas) {
		r.fail("there are %d chances for %d nodes", len(b.Quotas), len(active))
		return
	}
	for i, q := range b.Quotas {
		if off := float64(q.Units) - want[i]*float64(schedule.One); q.Node != active[i] || off > chanceTolerance || off < -chanceTolerance {
			r.fail("the chance of %s is %d in 2^32 and follows to be %.0f", q.Node, q.Units, want[i]*float64(schedule.One))
		}
	}
}
