package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/possev1"
)

// world is a machine with the commands that a leader would write.
type world struct {
	t     require.TestingT
	m     *Machine
	index uint64
	now   int64
	log   [][]byte
	last  Result
}

func newWorld(t require.TestingT) *world { return &world{t: t, m: New(), now: 1_000} }

func bytes32(what string) []byte {
	h := sha256.Sum256([]byte(what))
	return h[:]
}

// do applies a command one millisecond later.
func (w *world) do(c *possev1.Command) Result {
	w.now++
	w.index++
	if c.NowMs == 0 {
		c.NowMs = w.now
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	require.NoError(w.t, err)
	w.log = append(w.log, raw)
	w.last = w.m.Apply(w.index, raw)
	return w.last
}

func (w *world) must(c *possev1.Command) Result {
	r := w.do(c)
	require.NoError(w.t, r.Error())
	for _, i := range r.Items {
		require.Nil(w.t, i.Err, "%s", i.Node)
	}
	return r
}

var layout = statistics.Layout{
	{Name: "count", Shape: []int{2}, Record: 1, Claim: true},
	{Name: "sum", Shape: []int{2}, Scale: 4, Record: 16, L1: 16, L2Squared: 256, Noise: statistics.LaplacePerReport, Num: 16, Den: 1},
}

func descriptorOf(version uint64, ended bool) []byte {
	return mechanisms.Descriptor{Version: version, Epoch: 1, Ended: ended, Layout: layout, Plan: []byte("plan")}.Encode()
}

func ruleset() *possev1.ExperimentRules {
	return &possev1.ExperimentRules{
		RoundDecisions: 100, DeadlineMs: 5000, MinContributors: 1, MaxRecords: 1000, Payments: "truthful",
		ReserveMicro: 10_000_000, BudgetMicro: 1_000_000_000, Schedule: "fair-equal", ExploreVersions: 1,
		RedrawEveryMs: 50, Horizon: 1000, Unit: "user", LimitNanoEpsilon: 1_000_000_000,
	}
}

func (w *world) bootstrap() {
	w.must(&possev1.Command{Actor: "operator", Body: &possev1.Command_Bootstrap{Bootstrap: &possev1.Bootstrap{
		Cluster: "main", Origin: "example.org/posse/main",
		Replicas: []*possev1.ReplicaAddress{{Name: "r1", PeerId: "peer-r1", Verifier: "key1"}, {Name: "r2", PeerId: "peer-r2", Verifier: "key2"}},
	}}})
}

func (w *world) invite(name string, weight uint64) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_CreateInvite{CreateInvite: &possev1.CreateInvite{
		SecretHash: bytes32("secret " + name), Name: name, Role: "node", Weight: weight, ExpiresMs: w.now + 3_600_000,
	}}}
}

func enrolment(name, peer string) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_Enrol{Enrol: &possev1.Enrol{SecretHash: bytes32("secret " + name), PeerId: peer}}}
}

func (w *world) enrol(names ...string) {
	for i, name := range names {
		w.must(w.invite(name, uint64(10*(i+1))))
		w.must(enrolment(name, "peer-"+name))
	}
}

func application(name string, rules *possev1.ExperimentRules, file string) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_ApplyExperiment{ApplyExperiment: &possev1.ApplyExperiment{
		Name: name, File: []byte(file), Rules: rules, Descriptor_: descriptorOf(0, false),
	}}}
}

func (w *world) begin(names ...string) {
	w.bootstrap()
	w.enrol(names...)
	w.must(application("dosing", ruleset(), "file 1"))
}

func (w *world) opening(round uint64) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_OpenRound{OpenRound: &possev1.OpenRound{
		Experiment: "dosing", Round: round, OfferByMs: w.now + 2000, ReportByMs: w.now + 5000,
		SeedCommit: commitment(round),
	}}}
}

func secret(round uint64) []byte { return bytes32(fmt.Sprintf("seed %d", round)) }

func commitment(round uint64) []byte {
	h := sha256.Sum256(secret(round))
	return h[:]
}

// releaseOf is a leaf's statistics: made up, the same each time.
func releaseOf(node string, leaf uint64) *statistics.Set {
	s := layout.Empty()
	n := int64(binary.LittleEndian.Uint16(bytes32(fmt.Sprintf("%s %d", node, leaf))))
	s.Blocks[0].Sum[0], s.Blocks[0].Sum[1] = n%50, 50-n%50
	s.Blocks[1].Sum[0], s.Blocks[1].Sum[1] = n-1000, -n
	return s
}

func claimOf(s *statistics.Set) []byte {
	return (&statistics.Set{Blocks: s.Blocks[:1]}).Encode()
}

func offerOf(node string, round uint64, bid int64, descriptor []byte, leaves ...uint64) *possev1.NodeOffer {
	o := &possev1.Offer{Experiment: "dosing", Round: round, BidMicro: bid, Nonce: bytes32(fmt.Sprintf("nonce %s %d", node, round))}
	d := sha256.Sum256(descriptor)
	for _, leaf := range leaves {
		s := releaseOf(node, leaf)
		sum := sha256.Sum256(s.Encode())
		o.Leaves = append(o.Leaves, &possev1.LeafClaim{
			Leaf: leaf, Descriptor_: d[:], Claim: claimOf(s), Digest: sum[:], NanoEpsilon: 500_000_000,
		})
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(o)
	if err != nil {
		panic(err)
	}
	return &possev1.NodeOffer{Node: node, Signed: &possev1.SignedOffer{Offer: raw, Signature: []byte("signature")}}
}

func offering(round uint64, offers ...*possev1.NodeOffer) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_RecordOffers{RecordOffers: &possev1.RecordOffers{Experiment: "dosing", Round: round, Offers: offers}}}
}

func settlement(round uint64, winners ...*possev1.Payment) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_Settle{Settle: &possev1.Settle{
		Experiment: "dosing", Round: round, Winners: winners, InformationShare: 1 << 31, Inputs: bytes32("inputs"),
	}}}
}

func reportOf(node string, round uint64, descriptor []byte, leaves ...uint64) *possev1.NodeReport {
	r := &possev1.Report{Experiment: "dosing", Round: round}
	d := sha256.Sum256(descriptor)
	for _, leaf := range leaves {
		r.Leaves = append(r.Leaves, &possev1.Leaf{Leaf: leaf, Descriptor_: d[:], Released: releaseOf(node, leaf).Encode()})
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		panic(err)
	}
	return &possev1.NodeReport{Node: node, Signed: &possev1.SignedReport{Report: raw, Signature: []byte("signature")}}
}

func reporting(round uint64, reports ...*possev1.NodeReport) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_RecordReports{RecordReports: &possev1.RecordReports{Experiment: "dosing", Round: round, Reports: reports}}}
}

func publication(round uint64, ended bool, quotas ...*possev1.GrantQuota) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_Publish{Publish: &possev1.Publish{
		Experiment: "dosing", Round: round, Seed: secret(round), Descriptor_: descriptorOf(round, ended), Ended: ended, Quotas: quotas,
	}}}
}

func abortion(round uint64, reason string) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_AbortRound{AbortRound: &possev1.AbortRound{Experiment: "dosing", Round: round, Reason: reason}}}
}

func redraw(draw uint64) *possev1.Command {
	return &possev1.Command{Body: &possev1.Command_DrawGrants{DrawGrants: &possev1.DrawGrants{Experiment: "dosing", Draw: draw}}}
}

// quotas gives each node the same chance of k grants.
func quotas(k uint64, nodes ...string) []*possev1.GrantQuota {
	var out []*possev1.GrantQuota
	left := k << 32
	for i, n := range nodes {
		units := left / uint64(len(nodes)-i)
		left -= units
		out = append(out, &possev1.GrantQuota{Node: n, Units: units})
	}
	return out
}

// experiment reads the experiment "dosing".
func (w *world) experiment() (e *Experiment) {
	w.m.View(func(s *State) { e = s.Experiment("dosing") })
	return e
}

// content is the state without the two counters that a refused command moves.
func (w *world) content(t *testing.T) []byte {
	t.Helper()
	var out []byte
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	applied, commands := w.m.state.Applied, w.m.state.Commands
	w.m.state.Applied, w.m.state.Commands = 0, 0
	out = w.m.state.encode()
	w.m.state.Applied, w.m.state.Commands = applied, commands
	return out
}
