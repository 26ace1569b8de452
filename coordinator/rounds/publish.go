package rounds

import (
	"crypto/sha256"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/incentives/contribution"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// reportCame checks a report and queues it for the next batch, or answers at once.
func (t *turn) reportCame(e ReportCame) {
	var r possev1.Report
	if err := proto.Unmarshal(e.Signed.GetReport(), &r); err != nil {
		t.answer(e.Ticket, false, malformed("report"))
		return
	}
	d, x := t.desk(r.GetExperiment()), t.state.Experiment(r.GetExperiment())
	if d == nil {
		t.answer(e.Ticket, false, wrongExperiment())
		return
	}
	if got, known := x.Recorded(r.GetRound(), e.Node); known && got.Report == sha256.Sum256(e.Signed.GetReport()) {
		t.answer(e.Ticket, true, nil)
		return
	}
	if x.Round == nil || x.Round.ID != r.GetRound() || x.Round.Phase != state.Collecting {
		t.answer(e.Ticket, false, closed(x, r.GetRound()))
		return
	}
	if err := t.signed(e.Node, peer.ReportContext, e.Signed.GetReport(), e.Signed.GetSignature()); err != nil {
		t.answer(e.Ticket, false, err)
		return
	}
	if err := t.shapes(x, &r); err != nil {
		t.answer(e.Ticket, false, err)
		return
	}
	d.reports = append(d.reports, queued{node: e.Node, round: r.GetRound(), ticket: e.Ticket, report: e.Signed})
	t.advance(d.name)
}

// shapes holds each release to its descriptor's layout, so that it can be added.
func (t *turn) shapes(e *state.Experiment, r *possev1.Report) error {
	p, err := t.problem(e)
	if err != nil {
		return err
	}
	for _, l := range r.GetLeaves() {
		if len(l.GetDescriptor_()) != 32 {
			return malformed("leaves.descriptor")
		}
		d, err := p.descriptor(e, [32]byte(l.GetDescriptor_()))
		if err != nil {
			return err
		}
		released, err := statistics.Decode(l.GetReleased())
		if err != nil || !d.Layout.Fits(released) || !plausible(d.Layout, released, p.file.Rounds.MaxRecords) || p.shared.Check(d, released) != nil {
			return malformed("leaves.released")
		}
	}
	return nil
}

// collecting records the reports that came, or publishes when all did or the time
// is over.
func (t *turn) collecting(e *state.Experiment, d *desk) {
	if len(d.reports) > 0 {
		var batch []queued
		batch, d.reports = batchOf(d.reports)
		c := &possev1.RecordReports{Experiment: e.Name, Round: e.Round.ID}
		for _, q := range batch {
			c.Reports = append(c.Reports, &possev1.NodeReport{Node: q.node, Signed: q.report})
		}
		t.propose(d, "reports", &possev1.Command{Body: &possev1.Command_RecordReports{RecordReports: c}}, batch...)
		return
	}
	r := e.Round
	if len(r.Reports) < len(r.Winners) && t.now < r.ReportBy {
		return
	}
	if len(r.Reports) < max(1, int(e.Rules.MinContributors)) {
		t.abort(e, d, "deadline")
		return
	}
	c, err := t.publication(e, d)
	if err != nil {
		t.abort(e, d, "quorum")
		return
	}
	t.propose(d, "publish", &possev1.Command{Body: &possev1.Command_Publish{Publish: c}})
}

// publication computes what goes with a version: the plan of the next windows, what
// each eligible offer was worth, and every node's chance of the version.
func (t *turn) publication(e *state.Experiment, d *desk) (*possev1.Publish, error) {
	p, err := t.problem(e)
	if err != nil {
		return nil, err
	}
	parts, err := e.Next(e.Round)
	if err != nil {
		return nil, err
	}
	model, err := p.model(e, e.Version()+1, parts)
	if err != nil {
		return nil, err
	}
	before, err := p.descriptor(e, e.Descriptor().Digest)
	if err != nil {
		return nil, err
	}
	next, err := p.shared.Plan(before, model, len(t.state.Active()))
	if err != nil {
		return nil, err
	}
	c := &possev1.Publish{
		Experiment: e.Name, Round: e.Round.ID, Seed: d.secret[:], Descriptor_: next.Encode(), Ended: next.Ended,
	}
	if c.Contributions, err = t.contributions(e); err != nil {
		return nil, err
	}
	if !t.explores(e) {
		if c.Quotas, err = t.chances(e, p, c.Contributions); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// The test that ends exploration: its window in versions, its level, and how many
// nodes' contributions it looks at. Source: incentives 2.3.
const (
	stableLookAhead = 15
	stableLevel     = 0.7
	stableNodes     = 10
)

// explores reports whether the next version goes to everybody: always at first, and
// then until the contributions are stable, at most so long as the file says.
func (t *turn) explores(e *state.Experiment) bool {
	if e.Exploring() || !e.MayExplore() || len(e.Quotas) > 0 { // once it has ended it does not begin again
		return e.Exploring()
	}
	nodes := t.state.Active()
	nodes = nodes[:min(len(nodes), stableNodes)]
	var rows [][]float64
	for _, r := range e.Rounds {
		if r.Phase != state.Published {
			continue
		}
		row := make([]float64, len(nodes))
		for i, n := range nodes {
			for _, c := range r.Contributions {
				if c.Node == n.Name {
					row[i] = contribution.Nats(c.Units)
				}
			}
		}
		rows = append(rows, row)
	}
	s, err := contribution.Stable(rows, stableLookAhead, stableLevel)
	return err != nil || contribution.KeepExploring(e.Version(), e.Rules.ExploreVersions, e.Rules.ExploreMax, s.Stop)
}

// contributions plays the information game over all eligible offers. A winner that
// did not deliver counts 0.
func (t *turn) contributions(e *state.Experiment) ([]*possev1.Contribution, error) {
	lots, err := t.lots(e)
	if err != nil {
		return nil, err
	}
	nodes, worth := lots.eligible(e.Round)
	if len(nodes) == 0 || !lots.Rule.Prior.Diagonal() && len(nodes) > contribution.MaxExactPlayers {
		return nil, nil // beyond what is exact: nobody's chance rises
	}
	values, err := contribution.Shapley(lots.Rule.Prior, worth)
	if err != nil {
		return nil, err
	}
	var out []*possev1.Contribution
	for i, node := range nodes {
		units, err := contribution.Units(values[i])
		if err != nil {
			return nil, err
		}
		if _, won := e.Round.Won(node); won && e.Round.Report(node) == nil {
			units = 0
		}
		out = append(out, &possev1.Contribution{Node: node, Units: units})
	}
	return out, nil
}

// chances turns contributions so far, this round's included, into quotas. Sums do as
// well as means: the schedule is free of scale.
func (t *turn) chances(e *state.Experiment, p *problem, round []*possev1.Contribution) ([]*possev1.GrantQuota, error) {
	active := t.state.Active()
	psi := make([]float64, len(active))
	for i, n := range active {
		units := int64(0)
		if m := e.Member(n.Name); m != nil {
			units = m.Contribution
		}
		if at := slices.IndexFunc(round, func(c *possev1.Contribution) bool { return c.GetNode() == n.Name }); at >= 0 {
			units += round[at].GetUnits()
		}
		psi[i] = contribution.Nats(units)
	}
	if p.file.Incentives == nil {
		return nil, &posse.Error{Code: posse.Internal, Reason: "INTERNAL", Message: "an experiment without a schedule is always exploring"}
	}
	plan := p.file.Incentives.Schedule
	k, floor := plan.ForNodes(len(active))
	least, _ := floor.Float64()
	probabilities, err := schedule.FairEqual(psi, schedule.Params{Equality: plan.Equality.Float64(), Grants: k, Floor: least})
	if err != nil {
		return nil, err
	}
	units, err := schedule.Quotas(probabilities, k)
	if err != nil {
		return nil, err
	}
	out := make([]*possev1.GrantQuota, len(active))
	for i, n := range active {
		out[i] = &possev1.GrantQuota{Node: n.Name, Units: units[i]}
	}
	return out, nil
}
