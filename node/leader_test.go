package node

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// leader speaks a leader's side of /posse/round/1 for one node and one experiment,
// as the test tells it to: a coordinator's word without its state machine, which a
// node's tests may not import.
type leader struct {
	t      *testing.T
	host   *peer.Host
	signer checkpoint.Signer
	shared mechanisms.Shared
	name   string

	mu      sync.Mutex
	index   uint64
	changed chan struct{}
	empty   bool // no experiment exists yet
	view    *possev1.NodeExperiment
	refuse  func(*possev1.NodeRequest) error // before anything is recorded
	mute    func(*possev1.NodeRequest) bool  // no answer ever comes, and nothing is recorded
	lose    func(*possev1.NodeRequest) error // after
	asked   map[string]int                   // requests by kind
	offers  map[uint64][][]byte              // round → every SignedOffer that came, also twice
	reports map[uint64][][]byte
	ready   uint64

	descriptors map[[32]byte]mechanisms.Descriptor
	now         mechanisms.Descriptor
	model       mechanisms.Model
	tree        checkpoint.Tree
	bundles     map[uint64]*possev1.ModelBundle
}

const origin = "example.org/posse/test"

const yaml = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: solver}
problem: {kind: arms, arms: [a, b, c, d]}
reward: {range: [0, 1]}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 2}
horizon: 100000
`

func newLeader(t *testing.T, file string, quota uint64) *leader {
	t.Helper()
	e, err := experiment.Read("solver.yaml", []byte(file))
	require.NoError(t, err)
	shared, err := catalogue.Default().Shared(e.Policy.Name, e.Settings())
	require.NoError(t, err)
	first, err := shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	require.NoError(t, err)
	identity, err := peer.LoadOrCreate(filepath.Join(t.TempDir(), "leader"))
	require.NoError(t, err)
	signer, err := checkpoint.NewSigner("leader-"+identity.ID()[40:], ed25519.NewKeyFromSeed(sum(identity.ID())))
	require.NoError(t, err)
	host, err := peer.NewHost(peer.Config{
		Identity: identity, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Book: peer.NewBook(), Private: true, Requests: 10_000,
	})
	require.NoError(t, err)
	l := &leader{
		t: t, host: host, signer: signer, shared: shared, name: e.Name, changed: make(chan struct{}), asked: map[string]int{},
		offers: map[uint64][][]byte{}, reports: map[uint64][][]byte{}, bundles: map[uint64]*possev1.ModelBundle{},
		descriptors: map[[32]byte]mechanisms.Descriptor{first.Digest(): first}, now: first,
		view: &possev1.NodeExperiment{Name: e.Name, File: e.Canonical(), Quota: quota, InitialDescriptor: first.Encode()},
	}
	t.Cleanup(l.stop)
	peer.Serve(host, wire.Round, peer.Node, peer.Limits{Request: wire.Report, Answer: wire.Report}, l.answer)
	return l
}

func sum(text string) []byte { h := sha256.Sum256([]byte(text)); return h[:] }

func (l *leader) stop() {
	l.mu.Lock()
	host := l.host
	l.host = nil
	l.mu.Unlock()
	if host != nil { // its handlers want the lock
		require.NoError(l.t, host.Close())
	}
}

func (l *leader) replica() Replica {
	return Replica{Name: "leader", PeerID: l.host.ID(), Addresses: l.host.Addresses(), Verifier: l.signer.Key()}
}

// change changes what the leader shows and wakes whoever waits.
func (l *leader) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	l.index++
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *leader) answer(ctx context.Context, from string, q *possev1.NodeRequest) (*possev1.NodeResponse, error) {
	l.mu.Lock()
	kind := strings.TrimPrefix(fmt.Sprintf("%T", q.GetBody()), "*possev1.NodeRequest_")
	l.asked[kind]++
	if l.refuse != nil {
		if err := l.refuse(q); err != nil {
			l.mu.Unlock()
			return nil, err
		}
	}
	mute := l.mute != nil && l.mute(q)
	l.mu.Unlock()
	if mute {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if w := q.GetWatch(); w != nil {
		return l.watch(ctx, w.GetIndex()), nil
	}
	answer, err := l.record(q)
	l.change(func() {
		if err == nil && l.lose != nil {
			err = l.lose(q)
		}
	})
	return answer, err
}

func (l *leader) watch(ctx context.Context, index uint64) *possev1.NodeResponse {
	deadline := time.After(2 * time.Second)
	for {
		l.mu.Lock()
		w := &possev1.WatchResult{Index: l.index + 1, Experiments: []*possev1.NodeExperiment{proto.Clone(l.view).(*possev1.NodeExperiment)}}
		if l.empty { // nothing has changed yet
			w = &possev1.WatchResult{}
		}
		changed := l.changed
		l.mu.Unlock()
		if w.Index > index || index == 0 {
			return &possev1.NodeResponse{Body: &possev1.NodeResponse_Watch{Watch: w}}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return &possev1.NodeResponse{Body: &possev1.NodeResponse_Watch{Watch: w}}
		case <-deadline:
			return &possev1.NodeResponse{Body: &possev1.NodeResponse_Watch{Watch: w}}
		}
	}
}

func (l *leader) record(q *possev1.NodeRequest) (*possev1.NodeResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch b := q.GetBody().(type) {
	case *possev1.NodeRequest_Ready:
		l.ready = max(l.ready, b.Ready.GetDecisions())
		l.view.Ready = l.ready
	case *possev1.NodeRequest_Offer:
		var o possev1.Offer
		if err := proto.Unmarshal(b.Offer.GetOffer(), &o); err != nil {
			return nil, err
		}
		raw, _ := proto.MarshalOptions{Deterministic: true}.Marshal(b.Offer)
		l.offers[o.GetRound()] = append(l.offers[o.GetRound()], raw)
		if r := l.view.GetRound(); r.GetId() != o.GetRound() || r.GetPhase() != possev1.RoundPhase_OFFERING {
			return nil, closed()
		}
		l.view.Round.Offered = true
	case *possev1.NodeRequest_Report:
		var r possev1.Report
		if err := proto.Unmarshal(b.Report.GetReport(), &r); err != nil {
			return nil, err
		}
		raw, _ := proto.MarshalOptions{Deterministic: true}.Marshal(b.Report)
		l.reports[r.GetRound()] = append(l.reports[r.GetRound()], raw)
		if v := l.view.GetRound(); v.GetId() != r.GetRound() || v.GetPhase() != possev1.RoundPhase_COLLECTING {
			return nil, closed()
		}
		l.view.Round.Delivered = true
	case *possev1.NodeRequest_Fetch:
		bundle := l.bundles[b.Fetch.GetVersion()]
		if bundle == nil {
			return nil, &posse.Error{Code: posse.NotFound, Reason: "VERSION_UNSUPPORTED", Field: "version", Message: "no such version"}
		}
		bundle = proto.Clone(bundle).(*possev1.ModelBundle)
		if n := b.Fetch.GetCheckpointSize(); n > 0 && bundle.Consistency == nil {
			hashes, err := l.tree.Consistency(n, l.tree.Size())
			if err != nil {
				return nil, err
			}
			bundle.Consistency = hashes
		}
		return &possev1.NodeResponse{Body: &possev1.NodeResponse_Model{Model: bundle}}, nil
	}
	return &possev1.NodeResponse{Body: &possev1.NodeResponse_Accepted{Accepted: &possev1.Accepted{}}}, nil
}

func closed() error {
	return &posse.Error{Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "round", Message: "the round is closed"}
}

func unavailable(leader string) error {
	return &posse.Error{Code: posse.Unavailable, Reason: "NO_LEADER", Field: "leader", Value: leader, Message: "this replica does not lead"}
}

func (l *leader) openRound(id uint64) {
	l.change(func() { l.view.Round = &possev1.NodeRound{Id: id, Phase: possev1.RoundPhase_OFFERING} })
}

// until waits for something that the leader knows.
func (l *leader) until(what string, f func() bool) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return f()
	}, 20*time.Second, 2*time.Millisecond, what)
}

func (l *leader) count(kind string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[kind]
}

// offer waits for a round's offer.
func (l *leader) offer(id uint64) *possev1.Offer {
	l.t.Helper()
	l.until("an offer", func() bool { return l.view.GetRound().GetId() == id && l.view.GetRound().GetOffered() })
	l.mu.Lock()
	defer l.mu.Unlock()
	var signed possev1.SignedOffer
	var o possev1.Offer
	require.NoError(l.t, proto.Unmarshal(l.offers[id][0], &signed))
	require.NoError(l.t, proto.Unmarshal(signed.GetOffer(), &o))
	return &o
}

// settle ends the offering: the node is chosen or not.
func (l *leader) settle(chosen bool) {
	l.change(func() { l.view.Round.Phase, l.view.Round.Chosen = possev1.RoundPhase_COLLECTING, chosen })
}

// report waits for a round's report.
func (l *leader) report(id uint64) *possev1.Report {
	l.t.Helper()
	l.until("a report", func() bool { return l.view.GetRound().GetDelivered() })
	l.mu.Lock()
	defer l.mu.Unlock()
	var signed possev1.SignedReport
	var r possev1.Report
	require.NoError(l.t, proto.Unmarshal(l.reports[id][0], &signed))
	require.NoError(l.t, proto.Unmarshal(signed.GetReport(), &r))
	return &r
}

// publish adds a report to the model, logs the version and grants it. change may
// spoil the bundle.
func (l *leader) publish(r *possev1.Report, spoil ...func(*possev1.ModelBundle)) {
	l.change(func() {
		for _, leaf := range r.GetLeaves() {
			d, ok := l.descriptors[[32]byte(leaf.GetDescriptor_())]
			require.True(l.t, ok, "a descriptor that was published")
			set, err := statistics.Decode(leaf.GetReleased())
			require.NoError(l.t, err)
			at := slices.IndexFunc(l.model.Parts, func(p mechanisms.Part) bool { return p.Descriptor.Digest() == d.Digest() })
			if at < 0 {
				l.model.Parts = append(l.model.Parts, mechanisms.Part{Descriptor: d, Sum: d.Layout.Empty()})
				at = len(l.model.Parts) - 1
			}
			l.model.Parts[at].Releases++
			require.NoError(l.t, l.model.Parts[at].Sum.Merge(set))
			l.view.Bought = append(l.view.Bought, leaf.GetLeaf())
		}
		l.model.Version++
		next, err := l.shared.Plan(l.now, l.model, 1)
		require.NoError(l.t, err)
		l.now = next
		l.descriptors[next.Digest()] = next
		l.bundles[l.model.Version] = l.bundle("publish", l.model, next)
		for _, f := range spoil {
			f(l.bundles[l.model.Version])
		}
		if l.view.Round != nil {
			l.view.Round.Phase = possev1.RoundPhase_PUBLISHED
		}
		l.view.Granted = l.model.Version
	})
}

// bundle logs a version and proves it.
func (l *leader) bundle(kind string, m mechanisms.Model, d mechanisms.Descriptor) *possev1.ModelBundle {
	model, descriptor := m.Encode(), d.Encode()
	view, err := json.Marshal(map[string]any{"body": map[string]any{
		"experiment": l.name, "version": m.Version,
		"model": fmt.Sprintf("%x", sha256.Sum256(model)), "descriptor": fmt.Sprintf("%x", sha256.Sum256(descriptor)),
	}})
	require.NoError(l.t, err)
	at := l.tree.Size()
	leaf := checkpoint.Leaf{Sequence: at, Kind: kind, View: view}.Encode()
	l.tree.Append(checkpoint.Hash(leaf))
	b := &possev1.ModelBundle{Version: m.Version, Model: model, Descriptor_: descriptor, LeafIndex: at, Leaf: leaf}
	l.prove(b)
	return b
}

// prove signs the log as it is and proves the bundle's leaf in it.
func (l *leader) prove(b *possev1.ModelBundle) {
	size := l.tree.Size()
	root, err := l.tree.Root(size)
	require.NoError(l.t, err)
	b.Inclusion, err = l.tree.Inclusion(b.GetLeafIndex(), size)
	require.NoError(l.t, err)
	b.Checkpoint, err = checkpoint.Sign(checkpoint.Head{Origin: origin, Size: size, Root: root}, l.signer)
	require.NoError(l.t, err)
}

// enrol makes dir a node of the leaders.
func enrol(t *testing.T, dir string, leaders ...*leader) {
	t.Helper()
	identity, err := peer.LoadOrCreate(dir)
	require.NoError(t, err)
	c := Cluster{Name: "north", Cluster: "test", Origin: origin}
	for _, l := range leaders {
		require.NoError(t, l.host.Book().Set(peer.Entry{ID: identity.ID(), Role: peer.Node}))
		c.Replicas = append(c.Replicas, l.replica())
	}
	require.NoError(t, WriteCluster(dir, c))
}

// nodeDir is an enrolled node's directory.
func nodeDir(t *testing.T, leaders ...*leader) string {
	dir := filepath.Join(t.TempDir(), "node")
	enrol(t, dir, leaders...)
	return dir
}

func testConfig(dir string, change ...func(*Config)) Config {
	c := Config{
		Dir: dir, Private: true, Now: time.Now, Retry: 5 * time.Millisecond, Cost: 2_000_000,
		Guard: guard.Limits{User: dp.Spend{NanoEpsilon: 2 * dp.NanoPerEpsilon}, Experiment: dp.Spend{NanoEpsilon: dp.NanoPerEpsilon}},
	}
	if os.Getenv("POSSE_TEST_LOG") != "" {
		c.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// run starts a node on a directory and stops it with the test.
func run(t *testing.T, dir string, change ...func(*Config)) *Node {
	t.Helper()
	n, err := New(testConfig(dir, change...))
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	n.Start(context.Background())
	return n
}

// joined waits until the node takes part in the experiment.
func joined(t *testing.T, n *Node, name string) {
	t.Helper()
	wait(t, n, "the experiment", func() bool { _, ok := n.Status(name); return ok })
}

func wait(t *testing.T, n *Node, what string, f func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := n.Changed()
		if f() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNow(t, "waited for "+what)
		}
	}
}
