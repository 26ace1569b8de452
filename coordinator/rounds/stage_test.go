package rounds_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/coordinator/rounds"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

const file = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing}
problem: {kind: arms, arms: [low, high]}
reward: {range: [0, 1]}
policy: {name: uniform}
privacy: {model: silo, unit: reward, epsilon: 1, delta: 0}
rounds: {trigger: {decisions: 60}, deadline: 5s}
incentives: {payments: truthful, coverage: 0.85, reserve: 10, budget: 1000, contribution: {minExplore: 2, maxExplore: 2}, schedule: {kind: fair-equal, redrawEvery: 1s}}
horizon: 600
`

// stage is a state machine, a leader, and nodes that answer by hand. A proposal is
// committed when the stage says so.
type stage struct {
	t         require.TestingT
	m         *state.Machine
	index     uint64
	now       int64
	leader    *rounds.Leader
	secrets   byte
	proposals []rounds.Propose // not committed yet
	tickets   map[uint64]string
	ticket    uint64
	lines     []string // what happened
	inflate   [2]int64 // what nodes add to the numbers of the claim, and of the rest
	overspend uint64   // what a record is said to cost above its ε
	commits   []string // kinds of the commands of rounds, in order
}

func newStage(t require.TestingT, nodes ...string) *stage { return newStageOf(t, file, nodes...) }

// close closes the experiment, as an operator does.
func (s *stage) close() {
	r := s.apply(&possev1.Command{Body: &possev1.Command_CloseExperiment{CloseExperiment: &possev1.CloseExperiment{Name: "dosing"}}})
	require.NoError(s.t, r.Error())
}

func newStageOf(t require.TestingT, file string, nodes ...string) *stage {
	s := &stage{t: t, m: state.New(), now: 1_000_000, tickets: map[uint64]string{}}
	s.apply(&possev1.Command{Body: &possev1.Command_Bootstrap{Bootstrap: &possev1.Bootstrap{Cluster: "main", Origin: "origin"}}})
	for i, n := range nodes {
		hash := sha256.Sum256([]byte(n))
		s.apply(&possev1.Command{Body: &possev1.Command_CreateInvite{CreateInvite: &possev1.CreateInvite{
			SecretHash: hash[:], Name: n, Role: "node", Weight: uint64(10 * (i + 1)), ExpiresMs: s.now + 3_600_000,
		}}})
		s.apply(&possev1.Command{Body: &possev1.Command_Enrol{Enrol: &possev1.Enrol{SecretHash: hash[:], PeerId: "peer-" + n}}})
	}
	e, err := experiment.Read("test", []byte(file))
	require.NoError(t, err)
	a, err := admin.Application(e, nil, catalogue.Default(), len(nodes))
	require.NoError(t, err)
	s.apply(&possev1.Command{Body: &possev1.Command_ApplyExperiment{ApplyExperiment: a}})
	s.elect()
	return s
}

func (s *stage) apply(c *possev1.Command) state.Result {
	s.index++
	c.NowMs = s.now
	raw, err := proto.Marshal(c)
	require.NoError(s.t, err)
	r := s.m.Apply(s.index, raw)
	require.NoError(s.t, r.Halt())
	return r
}

// elect puts a leader without any memory in the old one's place.
func (s *stage) elect() {
	s.leader = rounds.New(rounds.Config{
		Catalogue: catalogue.Default(), Elected: s.now,
		Verify: func(id, context string, _, signature []byte) error {
			if string(signature) != id+context {
				return &posse.Error{Code: posse.PermissionDenied, Reason: "SIGNATURE_INVALID", Field: "signature", Message: "signature is not that of " + id}
			}
			return nil
		},
		Secret: func() ([32]byte, error) {
			s.secrets++
			return sha256.Sum256([]byte{s.secrets}), nil
		},
	})
	s.proposals = nil
}

func (s *stage) step(e rounds.Event) {
	var effects []rounds.Effect
	s.m.View(func(v *state.State) { effects = s.leader.Step(s.now, v, e) })
	for _, effect := range effects {
		switch effect := effect.(type) {
		case rounds.Propose:
			s.proposals = append(s.proposals, effect)
		case rounds.Answer:
			said := "recorded"
			switch {
			case effect.Err != nil:
				said = "refused: " + posse.As(effect.Err).Reason
			case effect.Duplicate:
				said = "recorded before"
			}
			s.say("  %s: %s", s.tickets[effect.Ticket], said)
		}
	}
}

func (s *stage) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// commit commits the oldest proposal; it reports whether there was one.
func (s *stage) commit() bool {
	if len(s.proposals) == 0 {
		return false
	}
	p := s.proposals[0]
	s.proposals = s.proposals[1:]
	r := s.apply(p.Command)
	s.commits = append(s.commits, r.Kind)
	s.say("  > %s", s.describe(p.Command, r))
	s.step(rounds.Committed{Proposal: p.Proposal, Result: r})
	return true
}

func (s *stage) settleDown() {
	for s.commit() {
	}
}

// describe is a committed command on a line.
func (s *stage) describe(c *possev1.Command, r state.Result) string {
	text := r.Kind
	switch b := c.GetBody().(type) {
	case *possev1.Command_OpenRound:
		text += fmt.Sprintf(" %d", b.OpenRound.GetRound())
	case *possev1.Command_RecordOffers:
		for _, o := range b.RecordOffers.GetOffers() {
			text += " " + o.GetNode()
		}
	case *possev1.Command_Settle:
		for _, w := range b.Settle.GetWinners() {
			text += fmt.Sprintf(" %s for %d", w.GetNode(), w.GetMicro())
		}
		for _, x := range b.Settle.GetExcluded() {
			text += fmt.Sprintf(", without %s (%s)", x.GetNode(), x.GetReason())
		}
	case *possev1.Command_RecordReports:
		for _, o := range b.RecordReports.GetReports() {
			text += " " + o.GetNode()
		}
	case *possev1.Command_AbortRound:
		text += " for " + b.AbortRound.GetReason()
	case *possev1.Command_DrawGrants:
		s.m.View(func(v *state.State) {
			e := v.Experiment("dosing")
			text += fmt.Sprintf(" %d of version %d, still waiting %v", b.DrawGrants.GetDraw(), e.Version(), v.Waiting(e))
		})
	case *possev1.Command_Publish:
		s.m.View(func(v *state.State) {
			e := v.Experiment("dosing")
			last := e.Rounds[len(e.Rounds)-1]
			text += fmt.Sprintf(" version %d, paid %v, granted %v", e.Version(), last.Delivered, last.Granted)
		})
	}
	if r.Err != nil {
		text += " refused: " + r.Err.Reason
	}
	return text
}

func (s *stage) descriptor() (d mechanisms.Descriptor) {
	s.m.View(func(v *state.State) {
		var err error
		d, err = mechanisms.DecodeDescriptor(v.Experiment("dosing").Initial().Bytes)
		require.NoError(s.t, err)
	})
	return d
}

// release is a leaf's statistics, the same each time.
func (s *stage) release(node string, leaf uint64) *statistics.Set {
	d := s.descriptor()
	set := d.Layout.Empty()
	for i := range set.Blocks {
		n := int64(len(node)) + int64(leaf) + s.inflate[i]
		set.Blocks[i].Sum[0], set.Blocks[i].Sum[1] = 10+n, 12+n
	}
	return set
}

func (s *stage) ask(what string, make func(ticket uint64) rounds.Event) {
	s.ticket++
	s.tickets[s.ticket] = what
	s.step(make(s.ticket))
}

func (s *stage) offer(node string, round uint64, bid int64, leaves ...uint64) {
	d := s.descriptor()
	digest := d.Digest()
	o := &possev1.Offer{Experiment: "dosing", Round: round, BidMicro: bid, Nonce: make([]byte, 32)}
	copy(o.Nonce, node)
	for _, leaf := range leaves {
		set := s.release(node, leaf)
		sum := sha256.Sum256(set.Encode())
		o.Leaves = append(o.Leaves, &possev1.LeafClaim{
			Leaf: leaf, Descriptor_: digest[:], Claim: d.Layout.Claim(set).Encode(), Digest: sum[:], NanoEpsilon: 1e9 + s.overspend,
		})
	}
	raw, err := proto.Marshal(o)
	require.NoError(s.t, err)
	s.ask(node+"'s offer", func(ticket uint64) rounds.Event {
		return rounds.OfferCame{Node: node, Ticket: ticket, Signed: &possev1.SignedOffer{Offer: raw, Signature: []byte("peer-" + node + peer.OfferContext)}}
	})
}

func (s *stage) report(node string, round uint64, leaves ...uint64) {
	digest := s.descriptor().Digest()
	r := &possev1.Report{Experiment: "dosing", Round: round}
	for _, leaf := range leaves {
		r.Leaves = append(r.Leaves, &possev1.Leaf{Leaf: leaf, Descriptor_: digest[:], Released: s.release(node, leaf).Encode()})
	}
	raw, err := proto.Marshal(r)
	require.NoError(s.t, err)
	s.ask(node+"'s report", func(ticket uint64) rounds.Event {
		return rounds.ReportCame{Node: node, Ticket: ticket, Signed: &possev1.SignedReport{Report: raw, Signature: []byte("peer-" + node + peer.ReportContext)}}
	})
}

// play runs one line of a story.
func (s *stage) play(line string) error {
	s.say("%s", line)
	words := strings.Fields(line)
	var node string
	var round uint64
	var bid int64
	var leaves []uint64
	if len(words) > 1 {
		node = words[1]
	}
	for _, w := range words[min(2, len(words)):] {
		var v uint64
		switch {
		case strings.HasPrefix(w, "round="):
			_, _ = fmt.Sscanf(w, "round=%d", &round)
		case strings.HasPrefix(w, "bid="):
			_, _ = fmt.Sscanf(w, "bid=%d", &bid)
		case strings.HasPrefix(w, "leaf="):
			if _, err := fmt.Sscanf(w, "leaf=%d", &v); err != nil {
				return err
			}
			leaves = append(leaves, v)
		}
	}
	switch words[0] {
	case "ready":
		var n uint64
		if _, err := fmt.Sscanf(words[2], "%d", &n); err != nil {
			return err
		}
		s.step(rounds.ReadyCame{Node: node, Experiment: "dosing", Decisions: n})
	case "offer":
		s.offer(node, round, bid, leaves...)
	case "decline":
		s.offer(node, round, 0)
	case "report":
		s.report(node, round, leaves...)
	case "wait":
		var ms int64
		if _, err := fmt.Sscanf(words[1], "%d", &ms); err != nil {
			return err
		}
		s.now += ms
		s.step(rounds.Tick{})
	case "leader-dies": // what it proposed last is never committed
		s.elect()
		s.step(rounds.Tick{})
	default:
		return errors.New("no such line: " + line)
	}
	s.settleDown()
	return nil
}

// payables are what the nodes have earned, by name.
func (s *stage) payables() (out []string) {
	s.m.View(func(v *state.State) {
		for _, b := range v.Book().Balances() {
			if strings.HasPrefix(string(b.Account), "node:") {
				out = append(out, fmt.Sprintf("%s %d", b.Account, b.Amount))
			}
		}
		require.NoError(s.t, v.Book().Check())
	})
	slices.Sort(out)
	return out
}
