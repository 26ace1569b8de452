package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/experiment"
)

// replay is what the leaves so far add up to.
type replay struct {
	index       uint64
	kind        string
	time        int64             // Unix milliseconds
	nodes       map[string]string // name → peer id
	revoked     map[string]bool
	experiments map[string]*experimentLog
	order       []string
	book        *books.Book
	notes       [][]byte
	rounds      Rounds
	balanced    bool
	problems    []Problem
	openings    map[openingKey]Opening
	payments    *paymentAudit // nil unless payments are audited
}

// experimentLog is one experiment as the log tells it.
type experimentLog struct {
	file        []byte
	revision    uint64
	budget      incentives.Credits // of the files so far
	descriptors map[digest][]byte
	model       mechanisms.Model
	rounds      uint64
	open        *roundLog
	seed        [32]byte
	quotas      []quotaBody
	leaves      map[leafKey]*leafLog
	worst       map[string]dp.Spend // by node, of one record
	nodes       []string
	worth       map[string]int64    // contributions so far, 2^-32 nat
	failures    map[string][]uint64 // by node: rounds that it won and did not deliver in
}

type leafKey struct {
	node string
	leaf uint64
}

type leafLog struct {
	claim  claimBody
	bought uint64
}

// roundLog is the open round.
type roundLog struct {
	openBody
	version uint64
	offers  []offerBody
	settled bool
	winners []paymentBody
	pivotal []string
	left    []string // out of the auction
	share   uint64
	reports map[string][]release
	nodes   []string // that reported, in order
}

func (r *replay) problem(index uint64, kind, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{Index: index, Kind: kind, Message: fmt.Sprintf(format, args...)})
	}
}

func (r *replay) fail(format string, args ...any) { r.problem(r.index, r.kind, format, args...) }

// leaf replays one leaf.
func (r *replay) leaf(l checkpoint.Leaf) {
	var v leafView
	if err := json.Unmarshal(l.View, &v); err != nil {
		r.fail("the leaf's view can't be read: %v", err)
		return
	}
	r.time = v.Time
	switch l.Kind {
	case "enrol":
		if b, ok := body[enrolBody](r, v); ok && b.Role == "node" {
			r.nodes[b.Name] = b.PeerID
		}
	case "apply_experiment":
		if b, ok := body[experimentBody](r, v); ok {
			r.apply(b)
		}
	case "open_round":
		if b, ok := body[openBody](r, v); ok && b.Round > 0 {
			r.openRound(b)
		}
	case "commit_seed":
		if b, ok := body[roundBody](r, v); ok {
			if _, o := r.round(b.Experiment, b.Round); o != nil {
				o.SeedCommit = b.SeedCommit
			}
		}
	case "record_offers":
		if b, ok := body[offersBody](r, v); ok {
			r.offers(b)
		}
	case "settle":
		if b, ok := body[settleBody](r, v); ok {
			r.settle(b)
		}
	case "record_reports":
		if b, ok := body[reportsBody](r, v); ok {
			r.reports(b)
		}
	case "publish":
		if b, ok := body[publishBody](r, v); ok {
			r.publish(b)
		}
	case "abort_round":
		if b, ok := body[roundBody](r, v); ok {
			r.abort(b.Experiment, b.Round, b.Reason)
		}
	case "close_experiment":
		if b, ok := body[closeBody](r, v); ok {
			r.close(b)
		}
	case "draw_grants":
		if b, ok := body[drawBody](r, v); ok {
			r.draw(b)
		}
	case "withdraw":
		if b, ok := body[withdrawBody](r, v); ok {
			r.booked(books.Order{ID: "withdraw/" + fmt.Sprint(r.index), Kind: books.Withdraw, Party: b.Node, Amount: incentives.Credits(b.Amount)})
		}
	case "cosign_checkpoint":
		if b, ok := body[checkpointBody](r, v); ok {
			for _, n := range b.Notes {
				r.notes = append(r.notes, []byte(n.Note))
			}
		}
	case "revoke_node":
		if b, ok := body[nameBody](r, v); ok {
			r.revoked[b.Name] = true
		}
	case "bootstrap", "create_invite", "revoke_invite", "check_state":
	default:
		r.fail("a leaf of a kind that this version does not know: read it with a newer one")
	}
	if err := r.book.Check(); err != nil {
		r.balanced = false
		r.fail("the books do not balance: %v", err)
	}
}

func body[B any](r *replay, v leafView) (b B, ok bool) {
	if err := json.Unmarshal(v.Body, &b); err != nil {
		r.fail("the leaf's body can't be read: %v", err)
		return b, false
	}
	return b, true
}

// booked carries an order out; one that the books refuse should not be in the log.
func (r *replay) booked(o books.Order) {
	o.Time = r.time
	if _, err := r.book.Apply(o); err != nil {
		r.fail("a booking that the rules forbid: %v", err)
	}
}

func id(kind, experiment string, round uint64) string {
	return kind + "/" + experiment + "/" + strconv.FormatUint(round, 10)
}

func (r *replay) apply(b experimentBody) {
	e := r.experiments[b.Name]
	if e == nil {
		e = &experimentLog{descriptors: map[digest][]byte{}, leaves: map[leafKey]*leafLog{}, worst: map[string]dp.Spend{}, worth: map[string]int64{}, failures: map[string][]uint64{}}
		r.experiments[b.Name] = e
		r.order = append(r.order, b.Name)
		r.describe(e, b.Descriptor, b.DescriptorBytes)
	}
	if e.revision++; b.Revision != e.revision {
		r.fail("revision %d of %s follows revision %d", b.Revision, b.Name, e.revision-1)
	}
	e.file = b.File
	r.funded(e, b)
	if b.Funded > 0 {
		r.booked(books.Order{
			ID: fmt.Sprintf("fund/%s/%d", b.Name, r.index), Kind: books.Fund, Experiment: b.Name, Party: b.Sponsor,
			Amount: incentives.Credits(b.Funded),
		})
	}
}

// funded holds what a sponsor paid in to what the file adds to the budget.
func (r *replay) funded(e *experimentLog, b experimentBody) {
	file, err := experiment.Read(b.Name, b.File)
	if err != nil {
		r.fail("the experiment's file can't be read: %v", err)
		return
	}
	budget := incentives.Credits(0)
	if file.Incentives != nil {
		budget = file.Incentives.Budget
	}
	if more := budget - e.budget; incentives.Credits(b.Funded) != max(0, more) {
		r.fail("%d was paid in, and the file adds %d to the budget", b.Funded, int64(max(0, more)))
	}
	e.budget = max(e.budget, budget)
}

func (r *replay) openRound(b openBody) {
	e := r.experiments[b.Experiment]
	switch {
	case e == nil:
		r.fail("a round of an experiment that was never applied")
		return
	case e.open != nil:
		r.fail("round %d opens while round %d is open", b.Round, e.open.Round)
	case b.Round != e.rounds+1:
		r.fail("round %d follows round %d", b.Round, e.rounds)
	}
	r.reserve(e, b)
	if b.Paid {
		r.booked(books.Order{
			ID: id("open", b.Experiment, b.Round), Kind: books.OpenRound, Experiment: b.Experiment, Round: b.Round,
			Amount: incentives.Credits(b.Reserve), Nodes: b.Nodes,
		})
	}
	e.rounds = b.Round
	e.open = &roundLog{openBody: b, version: e.model.Version, reports: map[string][]release{}}
}

// round returns the open round that a leaf speaks of.
func (r *replay) round(experiment string, round uint64) (*experimentLog, *roundLog) {
	e := r.experiments[experiment]
	if e == nil || e.open == nil || e.open.Round != round {
		r.fail("round %d of %s is not open", round, experiment)
		return nil, nil
	}
	return e, e.open
}

func (r *replay) abort(experiment string, round uint64, reason string) {
	e, o := r.round(experiment, round)
	if e == nil {
		return
	}
	if reason == "deadline" {
		e.failed(o)
	}
	if o.Paid {
		r.booked(books.Order{ID: id("abort", experiment, round), Kind: books.AbortRound, Experiment: experiment, Round: round})
	}
	e.open = nil
	r.rounds.Aborted++
}

func (r *replay) close(b closeBody) {
	e := r.experiments[b.Name]
	if e == nil {
		r.fail("an experiment is closed that was never applied")
		return
	}
	paid := e.open != nil && e.open.Paid
	if e.open != nil {
		r.abort(b.Name, e.open.Round, "operator")
	}
	if paid || r.book.Balance(books.Budget(b.Name)) != 0 {
		r.booked(books.Order{ID: "close/" + b.Name, Kind: books.Close, Experiment: b.Name})
	}
}

// failed notes who won a round that is over and did not deliver.
func (e *experimentLog) failed(o *roundLog) {
	for _, w := range o.winners {
		if !slices.Contains(o.nodes, w.Node) {
			e.failures[w.Node] = append(e.failures[w.Node], o.Round)
		}
	}
}

// granted checks a draw against the committed seed. Nodes may get a version in
// addition (overdue, or enrolled since), never instead.
func (r *replay) granted(seed [32]byte, quotas []quotaBody, granted []string) {
	ids, units := make([]string, len(quotas)), make([]uint64, len(quotas))
	for i, q := range quotas {
		ids[i], units[i] = q.Node, q.Units
	}
	drawn, err := schedule.Draw(seed, ids, units)
	if err != nil {
		r.fail("the chances of a draw are not valid: %v", err)
		return
	}
	for _, node := range drawn {
		if !slices.Contains(granted, node) {
			r.fail("%s was drawn and not granted the version", node)
		}
	}
	for _, node := range granted {
		if slices.Contains(ids, node) && !slices.Contains(drawn, node) && len(granted) <= len(drawn) {
			r.fail("%s was granted the version and not drawn", node)
		}
	}
}

func (r *replay) draw(b drawBody) {
	e := r.experiments[b.Experiment]
	if e == nil || e.model.Version != b.Version {
		r.fail("a draw for a version that is not the newest")
		return
	}
	if len(e.quotas) > 0 {
		r.granted(schedule.RedrawSeed(e.seed, b.Draw), e.quotas, b.Granted)
	}
}
