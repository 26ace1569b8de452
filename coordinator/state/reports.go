package state

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/possev1"
)

// recordReports records a batch of the winners' signed reports, one by one.
func (t *turn) recordReports(c *possev1.RecordReports) Result {
	e, r, err := t.open(c.GetExperiment(), c.GetRound(), Collecting)
	if err != nil {
		return t.lateReports(c, err)
	}
	view := reportsView{Experiment: e.Name, Round: r.ID}
	var result Result
	for _, signed := range c.GetReports() {
		item := Item{Node: signed.GetNode()}
		report, duplicate, err := t.report(e, r, signed)
		switch {
		case err != nil:
			item.Err = posse.As(err)
			if first := r.Report(signed.GetNode()); item.Err.Reason == "CONFLICT" && first != nil && !first.Conflict {
				first.Conflict = true
				e.Member(first.Node).Conflicts++
				view.Conflicts = append(view.Conflicts, conflictView{first.Node, hexOf(first.Digest), hexOf(digest(signed.GetSigned().GetReport()))})
			}
		case duplicate:
			item.Duplicate = true
		default:
			at, _ := r.report(report.Node)
			r.Reports = slices.Insert(r.Reports, at, report)
			m := e.Member(report.Node)
			m.Delivered++
			m.Changed = t.index
			view.Reports = append(view.Reports, reportView{report.Node, signed.GetSigned().GetReport(), signed.GetSigned().GetSignature()})
		}
		result.Items = append(result.Items, item)
	}
	if len(view.Reports)+len(view.Conflicts) > 0 {
		t.view = view
	}
	return result
}

// lateReports answers reports for a round that collects none.
func (t *turn) lateReports(c *possev1.RecordReports, late error) Result {
	e := t.Experiment(c.GetExperiment())
	if e == nil {
		return refusal(late)
	}
	var result Result
	for _, signed := range c.GetReports() {
		item := Item{Node: signed.GetNode(), Err: posse.As(late)}
		got, known := e.Recorded(c.GetRound(), signed.GetNode())
		if known && got.Report == digest(signed.GetSigned().GetReport()) {
			item.Err, item.Duplicate = nil, true
		}
		result.Items = append(result.Items, item)
	}
	return result
}

// report checks one report: exactly the leaves that were offered, byte for byte
// what the offer's digests promised, with the claims that the offer was weighed by.
func (t *turn) report(e *Experiment, r *Round, signed *possev1.NodeReport) (report *Report, duplicate bool, err error) {
	n := t.Node(signed.GetNode())
	if n == nil || n.Revoked {
		return nil, false, notEnrolled()
	}
	raw := signed.GetSigned().GetReport()
	if first := r.Report(n.Name); first != nil {
		if first.Digest == digest(raw) {
			return nil, true, nil
		}
		return nil, false, conflict("report", "another report of this node is recorded in this round")
	}
	if _, won := r.Won(n.Name); !won {
		return nil, false, &posse.Error{
			Code: posse.PermissionDenied, Reason: "ROUND_CLOSED", Field: "report",
			Message: "the node's offer was not bought in this round", Hint: "offer the leaves again in the next round",
		}
	}
	var got possev1.Report
	if err := proto.Unmarshal(raw, &got); err != nil || hasUnknown(got.ProtoReflect()) {
		return nil, false, malformed("report", "no report of this version", "a Report")
	}
	if got.GetExperiment() != e.Name || got.GetRound() != r.ID {
		return nil, false, &posse.Error{
			Code: posse.InvalidArgument, Reason: "WRONG_EXPERIMENT", Field: "report",
			Message: "the report was signed for another experiment or round",
		}
	}
	offer := r.Offer(n.Name)
	if len(got.GetLeaves()) != len(offer.Leaves) {
		return nil, false, malformed("leaves", fmt.Sprintf("%d leaves", len(got.GetLeaves())), fmt.Sprintf("the %d that were offered", len(offer.Leaves)))
	}
	report = &Report{Node: n.Name, Digest: digest(raw)}
	for i, l := range got.GetLeaves() {
		claim := offer.Leaves[i]
		if l.GetLeaf() != claim.Leaf || digest(l.GetReleased()) != claim.Digest || string(l.GetDescriptor_()) != string(claim.Descriptor[:]) {
			return nil, false, malformed(fmt.Sprintf("leaves[%d]", i), "other bytes", "the release whose digest was offered")
		}
		if err := claim.matches(l.GetReleased()); err != nil {
			return nil, false, err
		}
		report.Leaves = append(report.Leaves, Release{claim.Leaf, l.GetReleased()})
	}
	return report, false, nil
}

// matches checks that a release holds each block of the claim with the same numbers:
// what was weighed is what was delivered.
func (c Claim) matches(released []byte) error {
	claim, err := statistics.Decode(c.Claim)
	if err != nil {
		return malformed("leaves.claim", "no statistics", "canonical bytes of statistics")
	}
	whole, err := statistics.Decode(released)
	if err != nil {
		return malformed("leaves.released", "no statistics", "canonical bytes of statistics")
	}
	for _, b := range claim.Blocks {
		at := slices.IndexFunc(whole.Blocks, func(w statistics.Block) bool { return w.Name == b.Name })
		if at < 0 || whole.Blocks[at].Scale != b.Scale || !slices.Equal(whole.Blocks[at].Sum, b.Sum) {
			return malformed("leaves.released", "block "+printable(b.Name)+" differs from the claim", "the numbers that were claimed")
		}
	}
	return nil
}
