package simnet_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/coordinator/rounds"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/node/guard"
	noderounds "github.com/posse-dev/posse/node/rounds"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Only mechanisms/arms knows that there are K arms. Here three learners of other
// problems, with other contexts, actions, feedback, statistics and noise, enter as
// rows of a catalogue and walk the whole way: decide, reward, leaf, release, offer,
// settle, report, merge, plan, grant, decide, and replay. Desk, guard, store, both
// halves of a round and the state machine are the ones of a deployment.
//
// The experiment file of this version speaks of arms only, so each row stands
// under the name of the file's policy.

// world is what comes back for an action in a context.
type world func(c mechanisms.Context, a mechanisms.Action, u float64) mechanisms.Feedback

// site is one organisation: the parts of a node, put together as package node does.
type site struct {
	t        *testing.T
	name     string
	dir      string
	identity peer.Identity
	promise  guard.Promise
	shared   mechanisms.Shared
	keys     decision.Keys
	file     *experiment.Experiment

	store    *store.Store
	guard    *guard.Guard
	desk     *decision.Desk
	rounds   *noderounds.Rounds
	sequence uint64
	model    mechanisms.Model
	now      mechanisms.Descriptor
}

// start opens the site's store and restores what is in it, as after a crash.
func (s *site) start(quota uint64) {
	var err error
	s.store, err = store.Open(s.dir, store.Options{})
	require.NoError(s.t, err)
	s.guard, err = guard.New(guard.Limits{User: s.promise.Limit, Experiment: s.promise.Limit})
	require.NoError(s.t, err)
	require.NoError(s.t, s.guard.Open(s.file.Name, s.promise))
	require.NoError(s.t, s.guard.Restore(s.store, s.file.Name))
	s.desk, err = decision.New(decision.Config{
		Experiment: s.file.Name, Shared: s.shared, Deadline: s.file.Reward.Deadline, Keys: s.keys,
	}, s.now, s.model.Version, quota)
	require.NoError(s.t, err)
	require.NoError(s.t, s.desk.Restore(s.store, func(leaf uint64) bool { return s.guard.Left(s.file.Name, leaf) }))
	s.rounds = noderounds.New(s.file.Name, s.model.Version)
	require.NoError(s.t, s.rounds.Restore(s.store))
}

func (s *site) decide(now int64, user string, c mechanisms.Context) (decision.Decision, uint64) {
	s.sequence++
	pseudonym := s.keys.Pseudonym(user)
	d, writes, err := s.desk.Decide(now, s.sequence, c, func(leaf uint64) (bool, []store.Write, error) {
		return s.guard.Admit(s.file.Name, leaf, pseudonym)
	})
	require.NoError(s.t, err)
	s.store.Put(writes)
	return d, s.sequence
}

func (s *site) reward(now int64, sequence uint64, f mechanisms.Feedback) (decision.Outcome, error) {
	outcome, writes, err := s.desk.Reward(now, sequence, f, func() (budget.Permit, error) {
		return s.guard.PermitRecord(s.file.Name)
	})
	s.store.Put(writes)
	return outcome, err
}

// release lets a leaf out in the order of node/release.go.
func (s *site) release(leaf uint64) noderounds.Event {
	require.NoError(s.t, s.store.Sync())
	closed, err := s.desk.Close(leaf)
	require.NoError(s.t, err)
	number := s.guard.Next(s.file.Name)
	permit, spend, err := s.guard.Permit(s.file.Name, leaf)
	if err != nil {
		s.store.Put(s.desk.Forget(leaf))
		return noderounds.Unmade{Leaf: leaf}
	}
	noised, err := closed.Descriptor.Layout.Release(closed.Raw, permit, noise.Secure{})
	require.NoError(s.t, err)
	if closed.Descriptor.Layout.PerReport() {
		assert.False(s.t, bytes.Equal(closed.Raw.Encode(), noised.Encode()), "a report without noise")
	}
	made := noderounds.Released{
		Number: number, Descriptor: closed.Descriptor.Digest(), Spend: spend,
		Claim: closed.Descriptor.Layout.Claim(noised).Encode(), Bytes: noised.Encode(),
	}
	s.store.Put(append(append([]store.Write{made.Write(s.file.Name)}, s.guard.Released(s.file.Name, leaf)...), s.desk.Forget(leaf)...))
	require.NoError(s.t, s.store.Sync())
	return noderounds.Made{Leaf: leaf, Released: made}
}

// sign encodes a message and signs it with the node's key.
func (s *site) sign(context string, m proto.Message) (body, signature []byte) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(s.t, err)
	signature, err = s.identity.Sign(context, body)
	require.NoError(s.t, err)
	return body, signature
}

// cluster is one replica: the state machine, and the leader's half of rounds.
type cluster struct {
	t       *testing.T
	machine *state.Machine
	leader  *rounds.Leader
	log     [][]byte
	now     int64
	answers map[uint64]error
	ticket  uint64
}

func (c *cluster) apply(command *possev1.Command) state.Result {
	c.now++
	command.NowMs = c.now
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(command)
	require.NoError(c.t, err)
	c.log = append(c.log, raw)
	return c.machine.Apply(uint64(len(c.log)), raw)
}

func (c *cluster) must(command *possev1.Command) {
	require.NoError(c.t, c.apply(command).Error())
}

// step gives the leader an event and carries out what it asks for, to the end.
func (c *cluster) step(e rounds.Event) {
	var effects []rounds.Effect
	c.machine.View(func(s *state.State) { effects = c.leader.Step(c.now, s, e) })
	for _, effect := range effects {
		switch x := effect.(type) {
		case rounds.Propose:
			result := c.apply(x.Command)
			require.NoError(c.t, result.Error(), "%v", x.Command)
			c.step(rounds.Committed{Proposal: x.Proposal, Result: result})
		case rounds.Answer:
			c.answers[x.Ticket] = x.Err
		}
	}
}

// view is the experiment as a node may see it.
func (c *cluster) view(node string) (v *possev1.NodeExperiment, e *state.Experiment) {
	c.machine.View(func(s *state.State) {
		e = s.Experiments[0]
		m := e.Member(node)
		v = &possev1.NodeExperiment{Name: e.Name, Ended: e.Ended, Ready: c.leader.Ready(e.Name, node), Granted: m.Granted}
		for _, q := range s.Window(e) {
			if q.Node == node {
				v.Quota = q.Units
			}
		}
		for _, l := range m.Leaves {
			if l.Bought != 0 {
				v.Bought = append(v.Bought, l.Number)
			}
		}
		if r := e.Round; r != nil {
			_, chosen := r.Won(node)
			v.Round = &possev1.NodeRound{
				Id: r.ID, Phase: possev1.RoundPhase(r.Phase), Offered: r.Offer(node) != nil, Chosen: chosen, Delivered: r.Report(node) != nil,
			}
		}
	})
	return v, e
}

// serve lets a node see the state once and carries out what it wants.
func (c *cluster) serve(s *site) {
	v, e := c.view(s.name)
	queue := s.rounds.Step(c.now, noderounds.Seen{View: v, Full: s.desk.Full(false), Ready: s.desk.Ready()})
	for len(queue) > 0 {
		effect := queue[0]
		queue = queue[1:]
		c.ticket++
		switch x := effect.(type) {
		case noderounds.Release:
			queue = append(queue, s.rounds.Step(c.now, s.release(x.Leaf))...)
		case noderounds.Ready:
			c.step(rounds.ReadyCame{Node: s.name, Experiment: s.file.Name, Decisions: x.Decisions})
		case noderounds.MakeOffer:
			nonce := make([]byte, 32)
			_, err := rand.Read(nonce)
			require.NoError(s.t, err)
			body, signature := s.sign(peer.OfferContext, &possev1.Offer{
				Experiment: s.file.Name, Round: x.Round, BidMicro: 2_000_000, Nonce: nonce, Leaves: x.Claims,
			})
			raw, err := proto.Marshal(&possev1.SignedOffer{Offer: body, Signature: signature})
			require.NoError(s.t, err)
			offer := noderounds.Offer{Round: x.Round, Signed: raw}
			for _, claim := range x.Claims {
				offer.Leaves = append(offer.Leaves, claim.GetLeaf())
			}
			s.store.Put([]store.Write{offer.Write(s.file.Name)})
			queue = append(queue, s.rounds.Step(c.now, noderounds.Offered{Offer: offer})...)
		case noderounds.SendOffer:
			var signed possev1.SignedOffer
			require.NoError(s.t, proto.Unmarshal(x.Offer.Signed, &signed))
			c.step(rounds.OfferCame{Node: s.name, Signed: &signed, Ticket: c.ticket})
		case noderounds.SendReport:
			report := &possev1.Report{Experiment: s.file.Name, Round: x.Round}
			for _, l := range x.Leaves {
				report.Leaves = append(report.Leaves, &possev1.Leaf{Leaf: l.Number, Descriptor_: l.Descriptor[:], Released: l.Bytes})
			}
			body, signature := s.sign(peer.ReportContext, report)
			c.step(rounds.ReportCame{Node: s.name, Signed: &possev1.SignedReport{Report: body, Signature: signature}, Ticket: c.ticket})
		case noderounds.Fetch:
			version := e.VersionOf(x.Version)
			require.NotNil(s.t, version)
			var err error
			s.model, err = mechanisms.DecodeModel(version.Model())
			require.NoError(s.t, err)
			s.now, err = mechanisms.DecodeDescriptor(version.Descriptor)
			require.NoError(s.t, err)
			require.NoError(s.t, s.desk.Use(s.now, s.model.Version))
			queue = append(queue, s.rounds.Step(c.now, noderounds.Fetched(x))...)
		case noderounds.Forget:
			s.store.Put([]store.Write{noderounds.Forgotten(s.file.Name, x.Number)})
		}
	}
}

// problems are the rows: what is learnt, and the world that it is learnt from.
var problems = []struct {
	name, model string
	make        func(*testing.T, mechanisms.Settings) mechanisms.Shared
	context     func(u float64) mechanisms.Context
	world       world
	bad         []mechanisms.Feedback // refused, and the decision stays open
	rho         bool                  // the promise is one in ρ
	learnt      func(*testing.T, mechanisms.Window)
}{
	{
		name: "linear", model: "silo", make: newLinear,
		context: func(u float64) mechanisms.Context {
			return mechanisms.Features{X: []float64{0.999 * math.Cos(2*math.Pi*u), 0.999 * math.Sin(2*math.Pi*u)}}
		},
		world: func(c mechanisms.Context, a mechanisms.Action, _ float64) mechanisms.Feedback {
			return mechanisms.Reward{X: (1 + c.(mechanisms.Features).X[a.(mechanisms.Arm)]) / 2}
		},
		bad: []mechanisms.Feedback{mechanisms.Reward{X: math.NaN()}, mechanisms.Reward{X: 2}, mechanisms.Duel{}},
		learnt: func(t *testing.T, w mechanisms.Window) {
			for arm, x := range [][]float64{{0.9, -0.3}, {-0.3, 0.9}} {
				a, _, err := w.Choose(1, mechanisms.Features{X: x}, noise.Secure{})
				require.NoError(t, err)
				assert.Equal(t, mechanisms.Arm(arm), a)
			}
		},
	},
	{
		name: "duels", model: "silo", make: newDuels, rho: true,
		context: func(float64) mechanisms.Context { return mechanisms.None{} },
		world: func(_ mechanisms.Context, a mechanisms.Action, u float64) mechanisms.Feedback {
			p := a.(mechanisms.Pair) // the larger number wins nine duels of ten
			return mechanisms.Duel{FirstWon: (u < 0.9) == (p.First > p.Second)}
		},
		bad: []mechanisms.Feedback{mechanisms.Reward{X: 1}, mechanisms.Runtime{}},
		learnt: func(t *testing.T, w mechanisms.Window) {
			a, _, err := w.Choose(1, mechanisms.None{}, noise.Secure{})
			require.NoError(t, err)
			assert.Equal(t, mechanisms.Pair{First: 2, Second: 2}, a)
		},
	},
	{
		name: "censored", model: "local", make: newCensored,
		context: func(float64) mechanisms.Context { return mechanisms.None{} },
		world: func(_ mechanisms.Context, a mechanisms.Action, u float64) mechanisms.Feedback {
			if seconds := -math.Log1p(-u) * []float64{8, 9, 1}[a.(mechanisms.Arm)]; seconds < cutoff {
				return mechanisms.Runtime{Seconds: seconds}
			}
			return mechanisms.Runtime{Seconds: cutoff, Censored: true}
		},
		bad: []mechanisms.Feedback{
			mechanisms.Runtime{Seconds: -1}, mechanisms.Runtime{Seconds: 11}, mechanisms.Runtime{Seconds: 3, Censored: true}, mechanisms.Reward{},
		},
		learnt: func(t *testing.T, w mechanisms.Window) {
			a, _, err := w.Choose(4, mechanisms.None{}, noise.Secure{})
			require.NoError(t, err)
			assert.Equal(t, mechanisms.Arm(2), a)
		},
	},
}

const wallFile = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: wall}
problem: {kind: arms, arms: 3}
reward: {range: [0, 1]}
policy: {name: uniform}
privacy: {model: %s, unit: user, epsilon: 16, maxContributions: 4}
rounds: {trigger: {decisions: 200}}
incentives: {reserve: 10, budget: 1000}
horizon: 100000
`

func TestOtherProblemsWalkFromDecideToPublishAndReplay(t *testing.T) {
	for _, p := range problems {
		t.Run(p.name, func(t *testing.T) {
			file, err := experiment.Read("wall.yaml", fmt.Appendf(nil, wallFile, p.model))
			require.NoError(t, err)
			rows := append(catalogue.Catalogue{{
				Name: file.Policy.Name, Kind: p.name,
				Shared: func(s mechanisms.Settings) (mechanisms.Shared, error) { return p.make(t, s), nil },
			}}, catalogue.Default()...)
			shared, err := rows.Shared(file.Policy.Name, file.Settings())
			require.NoError(t, err)
			first, err := shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 2)
			require.NoError(t, err)

			limit := file.Privacy.Params().Limit()
			if p.rho {
				limit, err = recordRho(t, file.Settings()).Times(4)
				require.NoError(t, err)
			}
			c := newCluster(t, rows)
			c.must(&possev1.Command{Actor: "operator", Body: &possev1.Command_Bootstrap{Bootstrap: &possev1.Bootstrap{
				Cluster: "main", Origin: "example.org/posse/main",
				Replicas: []*possev1.ReplicaAddress{{Name: "r1", PeerId: "peer-r1", Verifier: "key"}},
			}}})
			var sites []*site
			for _, name := range []string{"north", "south"} {
				s := &site{
					t: t, name: name, dir: filepath.Join(t.TempDir(), "node"), file: file, shared: shared, now: first,
					promise: guard.Promise{Unit: file.Privacy.Unit, Limit: limit, Layout: shared.Layout()},
					keys:    decision.Keys{ID: []byte("id of " + name), User: []byte("user of " + name)},
				}
				s.identity, err = peer.LoadOrCreate(s.dir)
				require.NoError(t, err)
				c.enrol(s)
				sites = append(sites, s)
			}
			c.must(&possev1.Command{Body: &possev1.Command_ApplyExperiment{ApplyExperiment: &possev1.ApplyExperiment{
				Name: file.Name, File: file.Canonical(), Descriptor_: first.Encode(), Rules: &possev1.ExperimentRules{
					RoundDecisions: 200, DeadlineMs: 5000, MinContributors: 1, Payments: "truthful", ReserveMicro: 10_000_000,
					BudgetMicro: 1_000_000_000, Schedule: "fair-equal", ExploreVersions: 1000, RedrawEveryMs: 50, Horizon: 100_000,
				},
			}}})
			for _, s := range sites {
				v, _ := c.view(s.name)
				s.start(v.GetQuota())
			}

			draw := noise.NewSeeded(31)
			for visit := range 8 {
				for _, s := range sites {
					for i := range 100 {
						context := p.context(noise.Float64(draw))
						d, sequence := s.decide(c.now, fmt.Sprintf("user %d", (100*visit+i)/3), context)
						if s.now.Ended && visit > 0 {
							continue
						}
						if i == 7 {
							for _, bad := range p.bad {
								_, err := s.reward(c.now, sequence, bad)
								require.Error(t, err, "%#v", bad)
							}
						}
						outcome, err := s.reward(c.now, sequence, p.world(context, d.Action, noise.Float64(draw)))
						require.NoError(t, err)
						require.Equal(t, decision.Accepted, outcome)
					}
				}
				for range 40 { // more often than any round has steps
					for _, s := range sites {
						c.serve(s)
					}
					c.now += 200
					c.step(rounds.Tick{})
				}
				if visit == 2 { // a node that stops and starts again goes on from its disk
					s := sites[0]
					require.NoError(t, s.store.Close())
					v, _ := c.view(s.name)
					s.start(v.GetQuota())
				}
			}
			for ticket, err := range c.answers {
				assert.NoError(t, err, "answer %d", ticket)
			}
			_, e := c.view("north")
			require.True(t, e.Ended, "learning ended at version %d", e.Version())
			for _, s := range sites {
				assert.Equal(t, e.Version(), s.model.Version, "%s holds the last version", s.name)
				window, err := s.shared.Open(s.now)
				require.NoError(t, err)
				p.learnt(t, window)
				a, err := s.guard.Account(file.Name)
				require.NoError(t, err)
				assert.False(t, a.Spent.Exceeds(limit), "%s of %s", a.Spent, limit)
				assert.EqualValues(t, e.Version(), a.Released)
				require.NoError(t, s.store.Close())
			}
			c.replays(shared)
		})
	}
}

func newCluster(t *testing.T, rows catalogue.Catalogue) *cluster {
	c := &cluster{t: t, machine: state.New(), now: 1_000_000, answers: map[uint64]error{}}
	c.leader = rounds.New(rounds.Config{
		Catalogue: rows, Verify: peer.Verify, Elected: c.now,
		Secret: func() (out [32]byte, err error) { _, err = rand.Read(out[:]); return out, err },
	})
	return c
}

func (c *cluster) enrol(s *site) {
	hash := sha256.Sum256([]byte(s.name))
	c.must(&possev1.Command{Body: &possev1.Command_CreateInvite{CreateInvite: &possev1.CreateInvite{
		SecretHash: hash[:], Name: s.name, Role: "node", Weight: 1, ExpiresMs: c.now + 3_600_000,
	}}})
	c.must(&possev1.Command{Body: &possev1.Command_Enrol{Enrol: &possev1.Enrol{SecretHash: hash[:], PeerId: s.identity.ID()}}})
}

// replays applies the log to an empty machine, and asks the policy again for every
// plan that the log carries.
func (c *cluster) replays(shared mechanisms.Shared) {
	again := state.New()
	before, err := shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 2)
	require.NoError(c.t, err)
	published := 0
	for i, raw := range c.log {
		require.NoError(c.t, again.Apply(uint64(i+1), raw).Error())
		var command possev1.Command
		require.NoError(c.t, proto.Unmarshal(raw, &command))
		if command.GetPublish() == nil {
			continue
		}
		published++
		again.View(func(s *state.State) {
			v := s.Experiments[0].Newest()
			m, err := mechanisms.DecodeModel(v.Model())
			require.NoError(c.t, err)
			d, err := shared.Plan(before, m, 2)
			require.NoError(c.t, err)
			assert.Equal(c.t, v.Descriptor, d.Encode(), "the plan of version %d", v.Number)
			before = d
		})
	}
	assert.Greater(c.t, published, 3)
	assert.Equal(c.t, c.machine.Hash(), again.Hash())
}
