package rounds_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/node/rounds"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/possev1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(number uint64) rounds.Released {
	return rounds.Released{
		Number: number, Descriptor: [32]byte{1}, Claim: fmt.Appendf(nil, "claim %d", number),
		Bytes: fmt.Appendf(nil, "bytes %d", number), Spend: dp.Spend{NanoEpsilon: 5, PicoRho: 6, AttoDelta: 7},
	}
}

const (
	offering   = possev1.RoundPhase_OFFERING
	collecting = possev1.RoundPhase_COLLECTING
	published  = possev1.RoundPhase_PUBLISHED
)

func open(id uint64) *possev1.NodeRound { return &possev1.NodeRound{Id: id, Phase: offering} }

func seen(r *possev1.NodeRound, full ...uint64) rounds.Seen {
	return rounds.Seen{View: &possev1.NodeExperiment{Name: "x", Round: r}, Full: full}
}

// offered carries out MakeOffer.
func offered(e rounds.MakeOffer) rounds.Offered {
	o := rounds.Offer{Round: e.Round, Signed: fmt.Appendf(nil, "signed offer %d of %d leaves", e.Round, len(e.Claims))}
	for _, c := range e.Claims {
		o.Leaves = append(o.Leaves, c.GetLeaf())
	}
	return rounds.Offered{Offer: o}
}

// step wants exactly one effect of type T.
func step[T rounds.Effect](t *testing.T, r *rounds.Rounds, now int64, e rounds.Event) T {
	t.Helper()
	effects := r.Step(now, e)
	require.Len(t, effects, 1)
	require.IsType(t, *new(T), effects[0])
	return effects[0].(T)
}

// holding is a node's half that has released leaves 0 and 1 and offered them in
// round 1.
func holding(t *testing.T) *rounds.Rounds {
	r := rounds.New("x", 0)
	assert.Equal(t, []rounds.Effect{rounds.Release{Leaf: 3}, rounds.Release{Leaf: 4}}, r.Step(0, seen(open(1), 3, 4)))
	assert.Empty(t, r.Step(0, rounds.Made{Leaf: 3, Released: made(0)}))
	assert.Empty(t, r.Step(0, seen(open(1), 4)), "one is still being made")
	assert.Empty(t, r.Step(0, rounds.Made{Leaf: 4, Released: made(1)}))
	e := step[rounds.MakeOffer](t, r, 0, seen(open(1)))
	require.Len(t, e.Claims, 2)
	send := step[rounds.SendOffer](t, r, 0, offered(e))
	assert.Equal(t, []uint64{0, 1}, send.Offer.Leaves)
	return r
}

func TestWhatIsDoneWhenARoundIsSeen(t *testing.T) {
	chosen := &possev1.NodeRound{Id: 1, Phase: collecting, Chosen: true}
	report := rounds.SendReport{Round: 1, Leaves: []rounds.Released{made(0), made(1)}}
	offer := rounds.SendOffer{Offer: rounds.Offer{Round: 1, Leaves: []uint64{0, 1}, Signed: []byte("signed offer 1 of 2 leaves")}}
	for name, c := range map[string]struct {
		at   int64 // the first offer went out at 0
		view *possev1.NodeExperiment
		full []uint64
		want []rounds.Effect
	}{
		"no round yet":                          {0, &possev1.NodeExperiment{}, nil, nil},
		"the same a moment later":               {999, &possev1.NodeExperiment{Round: open(1)}, nil, nil},
		"not recorded after a second":           {1000, &possev1.NodeExperiment{Round: open(1)}, nil, []rounds.Effect{offer}},
		"recorded":                              {5000, &possev1.NodeExperiment{Round: &possev1.NodeRound{Id: 1, Phase: offering, Offered: true}}, nil, nil},
		"a leaf fills in the round":             {500, &possev1.NodeExperiment{Round: open(1)}, []uint64{5}, nil},
		"chosen":                                {1, &possev1.NodeExperiment{Round: chosen}, nil, []rounds.Effect{report}},
		"not chosen":                            {1, &possev1.NodeExperiment{Round: &possev1.NodeRound{Id: 1, Phase: collecting}}, nil, nil},
		"delivered":                             {1, &possev1.NodeExperiment{Round: &possev1.NodeRound{Id: 1, Phase: collecting, Chosen: true, Delivered: true}}, nil, nil},
		"chosen in a round without our offer":   {1, &possev1.NodeExperiment{Round: &possev1.NodeRound{Id: 2, Phase: collecting, Chosen: true}}, nil, nil},
		"chosen, and a leaf was bought already": {1, &possev1.NodeExperiment{Round: chosen, Bought: []uint64{0}}, nil, []rounds.Effect{rounds.Forget{Number: 0}}},
		"published and bought": {
			1, &possev1.NodeExperiment{Round: &possev1.NodeRound{Id: 1, Phase: published, Chosen: true, Delivered: true}, Bought: []uint64{0, 1, 9}}, nil,
			[]rounds.Effect{rounds.Forget{Number: 0}, rounds.Forget{Number: 1}},
		},
		"an older round of a replica that is behind": {5000, &possev1.NodeExperiment{Round: open(0)}, []uint64{5}, nil},
		"the next round":     {1, &possev1.NodeExperiment{Round: open(2)}, []uint64{5}, []rounds.Effect{rounds.Release{Leaf: 5}}},
		"a granted version":  {1, &possev1.NodeExperiment{Granted: 3}, nil, []rounds.Effect{rounds.Fetch{Version: 3}}},
		"the clock went on":  {1, &possev1.NodeExperiment{Ready: 7}, nil, []rounds.Effect{rounds.Ready{Decisions: 10}}},
		"the leader knows":   {1, &possev1.NodeExperiment{Ready: 10}, nil, nil},
		"a closed one":       {1, &possev1.NodeExperiment{Closed: true, Round: open(2)}, []uint64{5}, nil},
		"learning has ended": {1, &possev1.NodeExperiment{Ended: true, Round: open(2), Granted: 4}, []uint64{5}, []rounds.Effect{rounds.Fetch{Version: 4}}},
	} {
		t.Run(name, func(t *testing.T) {
			ready := uint64(0)
			if c.view.GetReady() > 0 {
				ready = 10
			}
			assert.Equal(t, c.want, holding(t).Step(c.at, rounds.Seen{View: c.view, Full: c.full, Ready: ready}))
		})
	}
}

func TestNothingOnOfferIsSaidAtOnce(t *testing.T) {
	r := rounds.New("x", 0)
	e := step[rounds.MakeOffer](t, r, 0, seen(open(1)))
	assert.Empty(t, e.Claims)
	step[rounds.SendOffer](t, r, 0, offered(e))
	assert.Empty(t, r.Step(1, seen(&possev1.NodeRound{Id: 1, Phase: collecting, Chosen: true})), "an empty offer has no report")
}

func TestARefusedLeafDoesNotHoldTheOthersUp(t *testing.T) {
	r := rounds.New("x", 0)
	require.Len(t, r.Step(0, seen(open(1), 0, 1)), 2)
	r.Step(0, rounds.Unmade{Leaf: 0})
	r.Step(0, rounds.Made{Leaf: 1, Released: made(0)})
	assert.Len(t, step[rounds.MakeOffer](t, r, 0, seen(open(1))).Claims, 1)
}

// Under a clock a leaf is always open and never empty: it must not keep the offer
// from being made.
func TestLeavesAreGatheredOnceARound(t *testing.T) {
	r := rounds.New("x", 0)
	require.Len(t, r.Step(0, seen(open(1), 0)), 1)
	r.Step(0, rounds.Made{Leaf: 0, Released: made(0)})
	step[rounds.MakeOffer](t, r, 0, seen(open(1), 1))
}

func TestALostMessageIsSentAgainAtOnce(t *testing.T) {
	r := holding(t)
	assert.Empty(t, r.Step(1, seen(open(1))))
	r.Step(2, rounds.Lost{})
	step[rounds.SendOffer](t, r, 3, seen(open(1)))
}

func TestAnUnsoldReleaseIsOfferedAgainAsItWas(t *testing.T) {
	r := holding(t)
	r.Step(1, seen(&possev1.NodeRound{Id: 1, Phase: published, Offered: true}))
	e := step[rounds.MakeOffer](t, r, 2, seen(open(2)))
	require.Len(t, e.Claims, 2)
	assert.Equal(t, []byte("claim 0"), e.Claims[0].GetClaim())
	assert.Equal(t, uint64(5), e.Claims[0].GetNanoEpsilon())
}

func TestWhatWasBoughtLongAgoIsForgottenOnTheLeadersWord(t *testing.T) {
	r := holding(t)
	assert.Equal(t, []rounds.Effect{rounds.Forget{Number: 0}}, r.Step(1, rounds.Sold{Number: 0}))
	assert.Empty(t, r.Step(1, rounds.Sold{Number: 0}))
	assert.Len(t, step[rounds.MakeOffer](t, r, 2, seen(open(2))).Claims, 1)
	assert.Equal(t, 1, r.OnOffer())
}

func TestAnOfferIsNeverMoreThanAReportCarries(t *testing.T) {
	for name, c := range map[string]struct{ leaves, size, want int }{
		"many small ones": {600, 100, rounds.MaxLeaves},
		"a few large":     {10, 1 << 20, 3},
		"one too large":   {2, 5 << 20, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := rounds.New("x", 0)
			for i := range c.leaves {
				m := made(uint64(i))
				m.Bytes = make([]byte, c.size)
				r.Step(0, rounds.Made{Leaf: uint64(i), Released: m})
			}
			claims := step[rounds.MakeOffer](t, r, 0, seen(open(1))).Claims
			assert.Len(t, claims, c.want)
			assert.Equal(t, uint64(0), claims[0].GetLeaf(), "the oldest first")
		})
	}
}

func TestAFetchedVersionIsNotAskedForAgain(t *testing.T) {
	r := rounds.New("x", 2)
	granted := func(v uint64) rounds.Seen { return rounds.Seen{View: &possev1.NodeExperiment{Granted: v}} }
	assert.Empty(t, r.Step(0, granted(2)))
	assert.Empty(t, r.Step(0, granted(1)), "a version before the one held")
	step[rounds.Fetch](t, r, 0, granted(5))
	r.Step(0, rounds.Fetched{Version: 5})
	assert.Equal(t, uint64(5), r.Held())
	assert.Empty(t, r.Step(2000, granted(5)))
	step[rounds.Fetch](t, r, 2001, granted(6))
}

func TestDamagedBytesAreRefused(t *testing.T) {
	for name, w := range map[string]store.Write{
		"a release that is too short":   {Bucket: "released", Key: append([]byte("x\x00"), make([]byte, 8)...), Value: make([]byte, 59)},
		"a claim longer than the bytes": {Bucket: "released", Key: append([]byte("x\x00"), make([]byte, 8)...), Value: append(make([]byte, 56), 1, 0, 0, 0)},
		"an offer that is too short":    {Bucket: "offers", Key: []byte("x"), Value: make([]byte, 11)},
		"more leaves than fit":          {Bucket: "offers", Key: []byte("x"), Value: append(make([]byte, 8), 2, 0, 0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.TempDir(), store.Options{})
			require.NoError(t, err)
			defer s.Close()
			s.Put([]store.Write{w})
			require.NoError(t, s.Sync())
			assert.Error(t, rounds.New("x", 0).Restore(s))
			assert.NoError(t, rounds.New("y", 0).Restore(s), "another experiment's are not looked at")
		})
	}
}

func TestAnOfferThatThisNodeNeverMadeIsDoubted(t *testing.T) {
	for _, phase := range []possev1.RoundPhase{offering, collecting, published, possev1.RoundPhase_ABORTED} {
		at := func(id uint64) rounds.Seen {
			return seen(&possev1.NodeRound{Id: id, Phase: phase, Offered: true, Chosen: true}, 7)
		}
		assert.Equal(t, []rounds.Effect{rounds.Doubt{Round: 1}}, rounds.New("x", 0).Step(0, at(1)), "%s, no offer yet", phase)
		r := holding(t) // it offered in round 1
		assert.NotContains(t, r.Step(10_000, at(1)), rounds.Doubt{Round: 1}, "%s, its own offer", phase)
		assert.Equal(t, []rounds.Effect{rounds.Doubt{Round: 2}}, r.Step(20_000, at(2)), "%s, the round after its offer", phase)
	}
}
