package rounds

import (
	"cmp"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// Config is what a leader is made with.
type Config struct {
	// Catalogue holds the policies. Required.
	Catalogue catalogue.Catalogue
	// Verify checks a node's signature over a message for one purpose, peer.Verify in
	// a deployment. Required.
	Verify func(peerID, context string, message, signature []byte) error
	// Secret returns 32 bytes that nobody can guess, for the seed of a round. Required.
	Secret func() ([32]byte, error)
	// Elected is when this replica began to lead, Unix milliseconds.
	Elected int64
}

// seenMs is for how long a node counts as connected after its last sign of life: some
// watches, of which each takes 3 s at most.
const seenMs = 15_000

// graceMs is how long a new leader waits for nodes to find it before it takes the
// silent ones for absent.
const graceMs = 3_000

// backoffMs is how long an experiment rests after a refused proposal, which would be
// refused again at once.
const backoffMs = 500

// refusalsMax is after how many refusals of what was computed anew a round is given
// up: one may be bad luck, such as a node that enrolled in between.
const refusalsMax = 3

// Leader is the leader's half of all rounds. Make one at each election with [New];
// not safe for concurrent use.
type Leader struct {
	config   Config
	problems map[string]*problem // by experiment
	desks    map[string]*desk    // by experiment
	seen     map[string]int64    // node → Unix milliseconds
	flights  map[uint64]*flight  // by proposal
	next     uint64              // number of the next proposal
}

// desk is what a leader remembers of one experiment.
type desk struct {
	name     string
	ready    map[string]uint64 // node → decisions in whole windows
	moved    int64             // when ready last grew
	declined map[string]uint64 // node → round in which it has nothing to offer
	offers   []queued
	reports  []queued
	secret   [32]byte // behind hash, once it is set
	hash     [32]byte
	flying   bool  // a proposal is in flight
	refusals int   // of a settlement or a version, in a row
	rest     int64 // nothing is proposed before
}

// queued is an offer or report that waits for its commit.
type queued struct {
	node   string
	round  uint64
	ticket uint64
	offer  *possev1.SignedOffer
	report *possev1.SignedReport
}

// flight is a proposal in flight.
type flight struct {
	desk *desk
	kind string
	sent []queued // in the order of the command's items
}

// New returns a leader that remembers nothing.
func New(config Config) *Leader {
	return &Leader{
		config: config, problems: map[string]*problem{}, desks: map[string]*desk{}, seen: map[string]int64{},
		flights: map[uint64]*flight{}, next: 1,
	}
}

// turn is one step: the time, the state, and the effects so far.
type turn struct {
	*Leader
	now   int64
	state *state.State
	out   []Effect
}

// Step takes one event at a time now, in Unix milliseconds, and says what to do. The
// state is only read, and not kept.
func (l *Leader) Step(now int64, s *state.State, e Event) []Effect {
	t := &turn{Leader: l, now: now, state: s}
	switch e := e.(type) {
	case Seen:
		t.seen[e.Node] = now
		return nil
	case ReadyCame:
		t.seen[e.Node] = now
		if d := t.desk(e.Experiment); d != nil && e.Decisions > d.ready[e.Node] {
			d.ready[e.Node], d.moved = e.Decisions, now
		}
		t.advance(e.Experiment)
	case OfferCame:
		t.seen[e.Node] = now
		t.offerCame(e)
	case ReportCame:
		t.seen[e.Node] = now
		t.reportCame(e)
	case Committed:
		t.committed(e)
	case Tick, Changed:
		for _, experiment := range s.Experiments {
			t.advance(experiment.Name)
		}
	}
	return t.out
}

// Ready returns what this leader knows of a node's public clock.
func (l *Leader) Ready(experiment, node string) uint64 {
	if d := l.desks[experiment]; d != nil {
		return d.ready[node]
	}
	return 0
}

// desk returns the memory of an experiment, nil when there is no such experiment.
func (t *turn) desk(name string) *desk {
	if t.state.Experiment(name) == nil {
		return nil
	}
	d := t.desks[name]
	if d == nil {
		d = &desk{name: name, ready: map[string]uint64{}, declined: map[string]uint64{}, moved: t.now}
		t.desks[name] = d
	}
	return d
}

// advance proposes the experiment's next step, if it is time.
func (t *turn) advance(name string) {
	d, e := t.desk(name), t.state.Experiment(name)
	if d == nil || d.flying {
		return
	}
	t.sweep(e, d)
	if t.now < d.rest {
		return
	}
	if e.Closed { // nobody is left behind: what was published goes on being granted
		t.redraw(e, d)
		return
	}
	switch r := e.Round; {
	case r == nil:
		d.refusals = 0
		t.open(e, d)
	case r.SeedCommit != d.hash:
		t.commitSeed(e, d)
	case d.refusals >= refusalsMax:
		t.abort(e, d, "quorum")
	case r.Phase == state.Offering:
		t.offering(e, d)
	case r.Phase == state.Collecting:
		t.collecting(e, d)
	}
}

// propose sends a command off; until it is [Committed] nothing else of the
// experiment is proposed.
func (t *turn) propose(d *desk, kind string, c *possev1.Command, sent ...queued) {
	c.Actor = "leader"
	d.flying = true
	t.flights[t.next] = &flight{d, kind, sent}
	t.out = append(t.out, Propose{t.next, c})
	t.next++
}

func (t *turn) answer(ticket uint64, duplicate bool, err error) {
	t.out = append(t.out, Answer{ticket, duplicate, err})
}

// committed takes in what became of a proposal and goes on.
func (t *turn) committed(e Committed) {
	f := t.flights[e.Proposal]
	if f == nil {
		return
	}
	delete(t.flights, e.Proposal)
	f.desk.flying = false
	refused := e.Err
	if refused == nil {
		refused = e.Result.Error()
	}
	for i, q := range f.sent {
		switch {
		case refused != nil:
			t.answer(q.ticket, false, refused)
		case i < len(e.Result.Items):
			item := e.Result.Items[i]
			var err error
			if item.Err != nil {
				err = item.Err
			}
			t.answer(q.ticket, item.Duplicate, err)
		}
	}
	if refused != nil {
		f.desk.rest = t.now + backoffMs
	}
	if f.kind == "settle" || f.kind == "publish" {
		if f.desk.refusals++; refused == nil || e.Err != nil {
			f.desk.refusals = 0
		}
	}
	t.advance(f.desk.name)
}

// seed makes a secret of this leader's own and returns its commitment.
func (t *turn) seed(d *desk) ([]byte, error) {
	secret, err := t.config.Secret()
	if err != nil {
		return nil, err
	}
	d.secret, d.hash = secret, commitment(secret)
	return d.hash[:], nil
}

// commitSeed replaces a seed whose secret died with another leader.
func (t *turn) commitSeed(e *state.Experiment, d *desk) {
	hash, err := t.seed(d)
	if err != nil {
		d.rest = t.now + backoffMs
		return
	}
	t.propose(d, "seed", &possev1.Command{Body: &possev1.Command_CommitSeed{CommitSeed: &possev1.CommitSeed{
		Experiment: e.Name, Round: e.Round.ID, SeedCommit: hash,
	}}})
}

func (t *turn) abort(e *state.Experiment, d *desk, reason string) {
	t.propose(d, "abort", &possev1.Command{Body: &possev1.Command_AbortRound{AbortRound: &possev1.AbortRound{
		Experiment: e.Name, Round: e.Round.ID, Reason: reason,
	}}})
}

// sweep answers what waits for a round or a phase that is over.
func (t *turn) sweep(e *state.Experiment, d *desk) {
	open := func(phase state.Phase) func(queued) bool {
		return func(q queued) bool {
			if e.Round != nil && e.Round.ID == q.round && e.Round.Phase == phase && !e.Closed {
				return false
			}
			t.answer(q.ticket, false, closed(e, q.round))
			return true
		}
	}
	d.offers = slices.DeleteFunc(d.offers, open(state.Offering))
	d.reports = slices.DeleteFunc(d.reports, open(state.Collecting))
}

// closed is the answer to what comes for a round that does not take it.
func closed(e *state.Experiment, round uint64) error {
	reason, message := "ROUND_CLOSED", "the round does not take this now"
	if e.Closed {
		reason, message = "EXPERIMENT_CLOSED", "the experiment is closed"
	}
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: reason, Field: "round", Value: uintText(round),
		Message: message, Hint: "look at the state of the experiment again",
	}
}

// batchMax bounds the bytes of what one command records; what is left waits for the
// next. A single report fits always: its frame is shorter than a command may be.
const batchMax = wire.CommandMax / 4

// batchOf takes as many as fit into one command, in the order that they came, and
// returns them by node.
func batchOf(queue []queued) (batch, rest []queued) {
	n, size := 0, 0
	for _, q := range queue {
		if size += q.size(); n > 0 && size > batchMax {
			break
		}
		n++
	}
	batch, rest = slices.Clone(queue[:n]), slices.Clone(queue[n:])
	slices.SortStableFunc(batch, func(a, b queued) int { return cmp.Compare(a.node, b.node) })
	return batch, rest
}

func (q queued) size() int {
	return len(q.offer.GetOffer()) + len(q.report.GetReport())
}
