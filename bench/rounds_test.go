package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/coordinator"
	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

const (
	roundsPublished = "published rounds a second, 64 experiments"
	bareRaft        = "a bare hashicorp/raft committing the same commands"
	experiments     = 64
	rounds          = 6 // of each experiment
	segment         = 4 << 20
	streams         = 7 // of one node at a time, beside its watch
)

const roundsFile = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: bench-%d}
problem: {kind: arms, arms: [low, medium, high]}
reward: {range: [0, 1]}
policy: {name: uniform}
privacy: {model: silo, unit: reward, epsilon: 1}
rounds: {trigger: {decisions: 90}, deadline: 1m}
incentives: {reserve: 10, budget: 1000, contribution: {minExplore: 1000, maxExplore: 1000}}
horizon: 100000
`

// replicas are a cluster in one process, over real links.
type replicas struct {
	all []*coordinator.Coordinator
	dir string
}

func cluster(b *testing.B, n int) (out replicas) {
	dir := b.TempDir()
	out.dir = dir
	var peers []coordinator.Peer
	for i := range n {
		name := fmt.Sprintf("r%d", i+1)
		r, err := coordinator.New(coordinator.Config{
			Name: name, Dir: filepath.Join(dir, name), Init: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Private: true,
			Requests: 100_000, Timing: consensus.Loopback(), SegmentBytes: segment, CheckpointEvery: time.Minute, Now: time.Now,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = r.Close() })
		out.all, peers = append(out.all, r), append(peers, r.Self())
	}
	for _, r := range out.all {
		r.Bootstrap(peers...)
		if err := r.Start(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	out.leader(b)
	return out
}

func (r replicas) leader(b *testing.B) *coordinator.Coordinator {
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		for _, c := range r.all {
			if c.Leading() {
				return c
			}
		}
	}
	b.Fatal("no leader")
	return nil
}

func apply(b *testing.B, r replicas, file string, nodes int) {
	e, err := experiment.Read("bench", []byte(file))
	if err != nil {
		b.Fatal(err)
	}
	command, err := admin.Application(e, nil, catalogue.Default(), nodes)
	if err != nil {
		b.Fatal(err)
	}
	result, err := r.leader(b).Propose(context.Background(), &possev1.Command{
		Actor: "operator", Body: &possev1.Command_ApplyExperiment{ApplyExperiment: command},
	})
	if err == nil {
		err = result.Error()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func invite(b *testing.B, r replicas, name string) coordinator.Token {
	text, err := r.leader(b).Invite(context.Background(), name, "node", 1, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		b.Fatal(err)
	}
	token, err := coordinator.ParseToken(text)
	if err != nil {
		b.Fatal(err)
	}
	return token
}

// player is a node's half of the protocol with everything made in advance: what is
// measured is the coordinator.
type player struct {
	b        *testing.B
	host     *peer.Host
	replicas []string
	leader   int
	offers   map[[2]any]*possev1.NodeRequest // experiment and round
	reports  map[[2]any]*possev1.NodeRequest
	mu       sync.Mutex
	sent     map[string]bool
	open     chan struct{} // streams to the leader: a replica takes a bounded number of a node
}

func newPlayer(b *testing.B, r replicas, name string) *player {
	token := invite(b, r, name)
	identity, err := peer.LoadOrCreate(filepath.Join(b.TempDir(), name))
	if err != nil {
		b.Fatal(err)
	}
	book := peer.NewBook()
	p := &player{b: b, offers: map[[2]any]*possev1.NodeRequest{}, reports: map[[2]any]*possev1.NodeRequest{}, sent: map[string]bool{}, open: make(chan struct{}, streams)}
	for _, replica := range token.Replicas {
		if err := book.Set(peer.Entry{ID: replica.PeerID, Role: peer.Replica, Addresses: replica.Addresses}); err != nil {
			b.Fatal(err)
		}
		p.replicas = append(p.replicas, replica.PeerID)
	}
	if p.host, err = peer.NewHost(peer.Config{Identity: identity, Book: book, Private: true}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.host.Close() })
	lead := r.leader(b).ID()
	for i, id := range p.replicas {
		if id == lead {
			p.leader = i
		}
	}
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var joined possev1.JoinResponse
		err := p.host.Request(context.Background(), p.replicas[p.leader], wire.Join, &possev1.JoinRequest{Secret: token.Secret[:], Role: "node"}, &joined, peer.Limits{})
		if err == nil {
			return p
		}
		if time.Now().After(until) {
			b.Fatal(err)
		}
	}
}

// prepare makes the offers and reports of all rounds of an experiment: one leaf each,
// under the first descriptor.
func (p *player) prepare(name string, descriptor []byte) {
	d, err := mechanisms.DecodeDescriptor(descriptor)
	if err != nil {
		p.b.Fatal(err)
	}
	digest := d.Digest()
	for round := uint64(1); round <= rounds; round++ {
		set := d.Layout.Empty()
		for i := range set.Blocks[0].Sum {
			set.Blocks[0].Sum[i], set.Blocks[1].Sum[i] = 15, int64(round)*1000+int64(i)
		}
		raw := set.Encode()
		sum := sha256.Sum256(raw)
		nonce := make([]byte, 32)
		_, _ = rand.Read(nonce)
		body, signature := p.sign("posse/1 offer", &possev1.Offer{
			Experiment: name, Round: round, BidMicro: 2_000_000, Nonce: nonce, Leaves: []*possev1.LeafClaim{{
				Leaf: round - 1, Descriptor_: digest[:], Claim: d.Layout.Claim(set).Encode(), Digest: sum[:], NanoEpsilon: 1e9,
			}},
		})
		p.offers[[2]any{name, round}] = &possev1.NodeRequest{Body: &possev1.NodeRequest_Offer{Offer: &possev1.SignedOffer{Offer: body, Signature: signature}}}
		body, signature = p.sign("posse/1 report", &possev1.Report{
			Experiment: name, Round: round, Leaves: []*possev1.Leaf{{Leaf: round - 1, Descriptor_: digest[:], Released: raw}},
		})
		p.reports[[2]any{name, round}] = &possev1.NodeRequest{Body: &possev1.NodeRequest_Report{Report: &possev1.SignedReport{Report: body, Signature: signature}}}
	}
}

func (p *player) sign(purpose string, m proto.Message) (body, signature []byte) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err == nil {
		signature, err = p.host.Identity().Sign(purpose, body)
	}
	if err != nil {
		p.b.Fatal(err)
	}
	return body, signature
}

func (p *player) call(ctx context.Context, q *possev1.NodeRequest) (*possev1.NodeResponse, error) {
	var answer possev1.NodeResponse
	err := p.host.Request(ctx, p.replicas[p.leader], wire.Round, q, &answer, peer.Limits{Request: wire.Report, Answer: wire.Report, Wait: 30 * time.Second})
	return &answer, err
}

// play watches and answers until ctx ends.
func (p *player) play(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	send := func(what string, q *possev1.NodeRequest) {
		p.mu.Lock()
		known := p.sent[what]
		p.sent[what] = true
		p.mu.Unlock()
		if known || q == nil {
			return
		}
		tasks.Go(func() {
			p.open <- struct{}{}
			defer func() { <-p.open }()
			for ctx.Err() == nil {
				if _, err := p.call(ctx, q); err == nil {
					return
				}
			}
		})
	}
	for index := uint64(0); ctx.Err() == nil; {
		answer, err := p.call(ctx, &possev1.NodeRequest{Body: &possev1.NodeRequest_Watch{Watch: &possev1.Watch{Index: index}}})
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		index = answer.GetWatch().GetIndex()
		for _, v := range answer.GetWatch().GetExperiments() {
			r := v.GetRound()
			key := [2]any{v.GetName(), r.GetId()}
			switch {
			case v.GetReady() == 0:
				send("ready "+v.GetName(), &possev1.NodeRequest{Body: &possev1.NodeRequest_Ready{Ready: &possev1.Ready{Experiment: v.GetName(), Decisions: 45 * rounds}}})
			case r.GetPhase() == possev1.RoundPhase_OFFERING && !r.GetOffered():
				send(fmt.Sprint("offer ", key), p.offers[key])
			case r.GetPhase() == possev1.RoundPhase_COLLECTING && r.GetChosen() && !r.GetDelivered():
				send(fmt.Sprint("report ", key), p.reports[key])
			}
		}
	}
}

// platform plays all rounds on a fresh cluster and returns how long that took, from
// the first word of a node to the last version, and the commands of its log.
func platform(b *testing.B) (time.Duration, [][]byte) {
	r := cluster(b, 3)
	players := []*player{newPlayer(b, r, "north"), newPlayer(b, r, "south")}
	for i := range experiments {
		apply(b, r, fmt.Sprintf(roundsFile, i), len(players))
	}
	r.leader(b).View(func(s *state.State) {
		for _, e := range s.Experiments {
			for _, p := range players {
				p.prepare(e.Name, e.Initial().Bytes)
			}
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	leader := r.leader(b)
	start := time.Now()
	for _, p := range players {
		tasks.Go(func() { p.play(ctx) })
	}
	done := false
	for until := start.Add(5 * time.Minute); !done; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			leader.View(func(s *state.State) {
				for _, e := range s.Experiments[:3] {
					b.Logf("%s: version %d, round %+v", e.Name, e.Version(), e.Round)
				}
			})
			b.Fatal("the rounds do not end")
		}
		leader.View(func(s *state.State) {
			done = true
			for _, e := range s.Experiments {
				done = done && e.Version() == rounds
			}
		})
	}
	took := time.Since(start)
	cancel()
	tasks.Wait()
	for _, c := range r.all {
		_ = c.Close()
	}
	return took, commands(b, filepath.Join(r.dir, leader.Name(), "raft"))
}

// commands reads the rounds' own commands out of a closed replica's log.
func commands(b *testing.B, dir string) (out [][]byte) {
	log, err := wal.Open(dir, wal.WithSegmentSize(segment), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	first, _ := log.FirstIndex()
	last, err := log.LastIndex()
	if err != nil {
		b.Fatal(err)
	}
	published := 0
	for i := first; i <= last; i++ {
		var entry raft.Log
		if err := log.GetLog(i, &entry); err != nil {
			b.Fatal(err)
		}
		var c possev1.Command
		if entry.Type != raft.LogCommand {
			continue
		}
		if err := proto.Unmarshal(entry.Data, &c); err != nil {
			b.Fatal(err)
		}
		switch c.GetBody().(type) {
		case *possev1.Command_Bootstrap, *possev1.Command_CreateInvite, *possev1.Command_Enrol, *possev1.Command_ApplyExperiment:
			continue // before the clock started
		case *possev1.Command_Publish:
			published++
		}
		out = append(out, entry.Data)
	}
	if published != experiments*rounds {
		b.Fatalf("%d rounds in the log, not %d", published, experiments*rounds)
	}
	return out
}

// nothing is the state machine of the bare cluster.
type nothing struct{}

func (nothing) Apply(*raft.Log) any                  { return nil }
func (nothing) ApplyBatch(logs []*raft.Log) []any    { return make([]any, len(logs)) }
func (nothing) Snapshot() (raft.FSMSnapshot, error)  { return nil, raft.ErrNothingNewToSnapshot }
func (nothing) Restore(snapshot io.ReadCloser) error { return snapshot.Close() }

// bare commits the commands on three replicas of hashicorp/raft with the same
// settings, as many in flight as there are experiments.
func bare(b *testing.B, list [][]byte) time.Duration {
	dir := b.TempDir()
	var members raft.Configuration
	var transports []*raft.NetworkTransport
	for i := range 3 {
		t, err := raft.NewTCPTransportWithConfig("127.0.0.1:0", nil, &raft.NetworkTransportConfig{MaxPool: 3, Timeout: 10 * time.Second, Logger: hclog.NewNullLogger()})
		if err != nil {
			b.Fatal(err)
		}
		defer t.Close()
		transports = append(transports, t)
		members.Servers = append(members.Servers, raft.Server{ID: raft.ServerID(fmt.Sprint(i)), Address: t.LocalAddr()})
	}
	var nodes []*raft.Raft
	for i, t := range transports {
		own := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			b.Fatal(err)
		}
		store, err := wal.Open(own, wal.WithSegmentSize(segment), wal.WithLogger(hclog.NewNullLogger()))
		if err != nil {
			b.Fatal(err)
		}
		defer store.Close()
		cache, err := raft.NewLogCache(512, store)
		if err != nil {
			b.Fatal(err)
		}
		c, timing := raft.DefaultConfig(), consensus.Loopback()
		c.LocalID, c.Logger, c.NoLegacyTelemetry = members.Servers[i].ID, hclog.NewNullLogger(), true
		c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout, c.CommitTimeout = timing.Heartbeat, timing.Election, timing.Lease, timing.Commit
		c.MaxAppendEntries, c.BatchApplyCh = 64, true
		snapshots := raft.NewDiscardSnapshotStore()
		if err := raft.BootstrapCluster(c, cache, store, snapshots, t, members); err != nil {
			b.Fatal(err)
		}
		n, err := raft.NewRaft(c, nothing{}, cache, store, snapshots, t)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = n.Shutdown().Error() }()
		nodes = append(nodes, n)
	}
	var leader *raft.Raft
	for until := time.Now().Add(30 * time.Second); leader == nil; time.Sleep(5 * time.Millisecond) {
		for _, n := range nodes {
			if n.VerifyLeader().Error() == nil {
				leader = n
			}
		}
		if time.Now().After(until) {
			b.Fatal("no leader")
		}
	}
	next := make(chan []byte, len(list))
	for _, c := range list {
		next <- c
	}
	close(next)
	return timed(func() {
		var lanes sync.WaitGroup
		for range experiments {
			lanes.Go(func() {
				for c := range next {
					if err := leader.Apply(c, time.Minute).Error(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		lanes.Wait()
	})
}

func BenchmarkRounds(b *testing.B) {
	var list [][]byte
	ours := func() time.Duration {
		took, commands := platform(b)
		list = commands
		return took
	}
	if b.N == 1 { // the first commands, for a pair in which the bare cluster goes first
		ours()
	}
	faster(b, 5, roundsPublished, bareRaft, "none", ours, func() time.Duration { return bare(b, list) })
}
