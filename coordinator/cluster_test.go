package coordinator_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/coordinator"
	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

const experimentFile = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing}
problem: {kind: arms, arms: [low, medium, high]}
reward: {range: [0, 1]}
policy: {name: uniform}
privacy: {model: silo, unit: reward, epsilon: 1, delta: 0}
rounds: {trigger: {decisions: 90}, deadline: 5s}
incentives: {payments: truthful, coverage: 0.7, reserve: 10, budget: 1000, contribution: {minExplore: 2, maxExplore: 2}, schedule: {kind: fair-equal, redrawEvery: 200ms}}
horizon: 100000
`

// cluster is some replicas in one process, over real links.
type cluster struct {
	t        *testing.T
	dir      string
	replicas []*coordinator.Coordinator
}

func replicaConfig(dir, name string) coordinator.Config {
	return coordinator.Config{
		Name: name, Dir: filepath.Join(dir, name), Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Private: true, Requests: 10_000,
		Timing: consensus.Loopback(), SegmentBytes: 1 << 20, CheckpointEvery: 500 * time.Millisecond, Now: time.Now,
	}
}

func newCluster(t *testing.T, n int) *cluster {
	dir := t.TempDir()
	c := &cluster{t: t, dir: dir}
	var peers []coordinator.Peer
	for i := range n {
		config := replicaConfig(dir, fmt.Sprintf("r%d", i+1))
		config.Init = true
		r, err := coordinator.New(config)
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.Close() })
		c.replicas = append(c.replicas, r)
		peers = append(peers, r.Self())
	}
	for _, r := range c.replicas {
		r.Bootstrap(peers...)
		require.NoError(t, r.Start(t.Context()))
	}
	c.leader()
	return c
}

// leader waits for one that serves.
func (c *cluster) leader() (leader *coordinator.Coordinator) {
	require.Eventually(c.t, func() bool {
		for _, r := range c.replicas {
			if r.Leading() {
				leader = r
			}
		}
		return leader != nil
	}, 20*time.Second, 5*time.Millisecond, "no leader")
	return leader
}

func (c *cluster) propose(command *possev1.Command) state.Result {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	r, err := c.replicas[len(c.replicas)-1].Propose(ctx, command)
	require.NoError(c.t, err)
	require.NoError(c.t, r.Error())
	return r
}

func (c *cluster) apply(file string, nodes int) {
	e, err := experiment.Read("test", []byte(file))
	require.NoError(c.t, err)
	a, err := admin.Application(e, nil, catalogue.Default(), nodes)
	require.NoError(c.t, err)
	c.propose(&possev1.Command{Actor: "operator", Body: &possev1.Command_ApplyExperiment{ApplyExperiment: a}})
}

// node is an organisation's half of the protocol, without an application: windows
// of made-up records.
type node struct {
	t        *testing.T
	host     *peer.Host
	replicas []string
	at       int
	origin   string
	keys     []string
	lazy     bool  // wins and does not deliver
	inflate  int64 // offers its statistics times this
	invent   bool  // its records were never made

	mu       sync.Mutex
	held     uint64
	now      mechanisms.Descriptor
	released map[uint64]*statistics.Set
	under    map[uint64]mechanisms.Descriptor
	offers   map[uint64]*possev1.NodeRequest
	offered  map[uint64][]uint64
	next     uint64
	head     checkpoint.Head
}

func (c *cluster) enrol(name string, weight uint64) *node {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	text, err := c.leader().Invite(ctx, name, "node", weight, time.Now().Add(time.Hour).UnixMilli())
	require.NoError(c.t, err)
	token, err := coordinator.ParseToken(text)
	require.NoError(c.t, err)
	identity, err := peer.LoadOrCreate(filepath.Join(c.t.TempDir(), name))
	require.NoError(c.t, err)
	book := peer.NewBook()
	n := &node{
		t: c.t, released: map[uint64]*statistics.Set{}, under: map[uint64]mechanisms.Descriptor{},
		offers: map[uint64]*possev1.NodeRequest{}, offered: map[uint64][]uint64{},
	}
	for _, r := range token.Replicas {
		require.NoError(c.t, book.Set(peer.Entry{ID: r.PeerID, Role: peer.Replica, Addresses: r.Addresses}))
		n.replicas = append(n.replicas, r.PeerID)
	}
	n.host, err = peer.NewHost(peer.Config{Identity: identity, Book: book, Private: true})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = n.host.Close() })
	var joined possev1.JoinResponse
	require.Eventually(c.t, func() bool { // a replica lets strangers knock once it has applied the invite
		return n.host.Request(ctx, n.replicas[len(n.replicas)-1], wire.Join, &possev1.JoinRequest{Secret: token.Secret[:], Role: "node"}, &joined, peer.Limits{}) == nil
	}, 10*time.Second, 20*time.Millisecond)
	require.Equal(c.t, name, joined.GetName())
	n.origin, n.keys = joined.GetOrigin(), joined.GetVerifiers()
	return n
}

// call asks whoever leads, and looks for another when it does not answer.
func (n *node) call(ctx context.Context, q *possev1.NodeRequest) (*possev1.NodeResponse, error) {
	var answer possev1.NodeResponse
	err := n.host.Request(ctx, n.replicas[n.at], wire.Round, q, &answer, peer.Limits{Request: wire.Report, Answer: wire.Report, Wait: 12 * time.Second})
	return &answer, err
}

// run takes part until ctx ends.
func (n *node) run(ctx context.Context, bid int64) {
	index, last := uint64(0), time.Now()
	for ctx.Err() == nil {
		answer, err := n.call(ctx, &possev1.NodeRequest{Body: &possev1.NodeRequest_Watch{Watch: &possev1.Watch{Index: index}}})
		if err != nil {
			n.at, index = (n.at+1)%len(n.replicas), 0
			time.Sleep(10 * time.Millisecond)
			continue
		}
		index = answer.GetWatch().GetIndex()
		for _, v := range answer.GetWatch().GetExperiments() {
			n.step(ctx, v, bid)
		}
		if time.Since(last) > time.Minute {
			return
		}
		last = time.Now()
	}
}

func (n *node) step(ctx context.Context, v *possev1.NodeExperiment, bid int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now.Layout == nil {
		d, err := mechanisms.DecodeDescriptor(v.GetInitialDescriptor())
		require.NoError(n.t, err)
		n.now = d
	}
	for _, leaf := range v.GetBought() {
		delete(n.released, leaf)
	}
	if v.GetGranted() > n.held {
		n.fetch(ctx, v)
	}
	round := v.GetRound()
	id := round.GetId()
	switch {
	case round.GetPhase() == possev1.RoundPhase_OFFERING && !round.GetOffered():
		if n.offers[id] == nil {
			n.makeOffer(v, bid)
		}
		_, _ = n.call(ctx, n.offers[id]) // what fails is seen in the next watch
	case n.lazy && round.GetPhase() == possev1.RoundPhase_COLLECTING:
	case round.GetPhase() == possev1.RoundPhase_COLLECTING && round.GetChosen() && !round.GetDelivered():
		r := &possev1.Report{Experiment: v.GetName(), Round: id}
		for _, leaf := range n.offered[id] {
			d := n.under[leaf].Digest()
			r.Leaves = append(r.Leaves, &possev1.Leaf{Leaf: leaf, Descriptor_: d[:], Released: n.released[leaf].Encode()})
		}
		raw, err := proto.Marshal(r)
		require.NoError(n.t, err)
		signature, err := n.host.Identity().Sign(peer.ReportContext, raw)
		require.NoError(n.t, err)
		_, _ = n.call(ctx, &possev1.NodeRequest{Body: &possev1.NodeRequest_Report{Report: &possev1.SignedReport{Report: raw, Signature: signature}}})
	case round == nil || round.GetPhase() == possev1.RoundPhase_PUBLISHED || round.GetPhase() == possev1.RoundPhase_ABORTED || v.GetReady() == 0:
		_, _ = n.call(ctx, &possev1.NodeRequest{Body: &possev1.NodeRequest_Ready{
			Ready: &possev1.Ready{Experiment: v.GetName(), Decisions: v.GetQuota() * (id + 1)},
		}})
	}
}

func (n *node) makeOffer(v *possev1.NodeExperiment, bid int64) {
	s := n.now.Layout.Empty()
	for i := range s.Blocks[0].Sum {
		s.Blocks[0].Sum[i] = int64(v.GetQuota()) / 3
	}
	if n.invent { // every reward of the last arm is the best there is
		rewards := s.Blocks[len(s.Blocks)-1].Sum
		rewards[len(rewards)-1] = n.now.Layout[len(s.Blocks)-1].Record * int64(v.GetQuota()) / 3
	}
	n.released[n.next], n.under[n.next] = s, n.now
	n.next++
	o := &possev1.Offer{Experiment: v.GetName(), Round: v.GetRound().GetId(), BidMicro: bid, Nonce: make([]byte, 32)}
	_, _ = rand.Read(o.Nonce)
	for leaf := range n.next {
		s := n.released[leaf]
		if s == nil {
			continue
		}
		d, sum := n.under[leaf].Digest(), sha256.Sum256(s.Encode())
		if n.inflate > 0 {
			s = s.Clone()
			for i := range s.Blocks[0].Sum {
				s.Blocks[0].Sum[i] *= n.inflate
			}
		}
		o.Leaves = append(o.Leaves, &possev1.LeafClaim{
			Leaf: leaf, Descriptor_: d[:], Claim: n.under[leaf].Layout.Claim(s).Encode(), Digest: sum[:], NanoEpsilon: 1e9,
		})
		n.offered[o.Round] = append(n.offered[o.Round], leaf)
	}
	raw, err := proto.Marshal(o)
	require.NoError(n.t, err)
	signature, err := n.host.Identity().Sign(peer.OfferContext, raw)
	require.NoError(n.t, err)
	n.offers[o.Round] = &possev1.NodeRequest{Body: &possev1.NodeRequest_Offer{Offer: &possev1.SignedOffer{Offer: raw, Signature: signature}}}
}

// fetch gets a version and checks it as a node does.
func (n *node) fetch(ctx context.Context, v *possev1.NodeExperiment) {
	answer, err := n.call(ctx, &possev1.NodeRequest{Body: &possev1.NodeRequest_Fetch{
		Fetch: &possev1.Fetch{Experiment: v.GetName(), Version: v.GetGranted(), CheckpointSize: n.head.Size},
	}})
	if err != nil {
		return
	}
	b := answer.GetModel()
	head, signatures, err := checkpoint.Open(b.GetCheckpoint(), n.origin, n.keys, len(n.keys)/2+1)
	require.NoError(n.t, err)
	require.NotEmpty(n.t, signatures)
	if n.head.Size > 0 {
		require.NoError(n.t, checkpoint.Follow(n.head, head, b.GetConsistency()))
	}
	require.NoError(n.t, checkpoint.VerifyInclusion(head, b.GetLeafIndex(), checkpoint.Hash(b.GetLeaf()), b.GetInclusion()))
	model := sha256.Sum256(b.GetModel())
	require.True(n.t, bytes.Contains(b.GetLeaf(), fmt.Appendf(nil, "%x", model)))
	m, err := mechanisms.DecodeModel(b.GetModel())
	require.NoError(n.t, err)
	require.Equal(n.t, v.GetGranted(), m.Version)
	n.now, err = mechanisms.DecodeDescriptor(b.GetDescriptor_())
	require.NoError(n.t, err)
	n.held, n.head = m.Version, head
}

func (n *node) holds() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held
}
