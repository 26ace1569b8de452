package rounds_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/node/rounds"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/possev1"
)

// history is a node and its leader: a leader that is often behind, forgets what it
// was sent, and dies, and a node that does too.
type history struct {
	t     *rapid.T
	node  *rounds.Rounds
	store *store.Store
	now   int64

	full     []uint64 // leaves that wait
	leaves   uint64
	released uint64 // numbers given

	round    possev1.NodeRound
	recorded map[uint64]string // round → the offer that the leader has
	sold     map[uint64]bool
	shown    map[uint64]bool // sold, and the node has seen it

	offers  map[uint64]string   // round → every offer that was ever sent for it
	inOffer map[uint64][]uint64 // its leaves
	reports map[uint64]string
}

// show lets the node see the leader's state, or an older one.
func (h *history) show(view *possev1.NodeExperiment) {
	for _, n := range view.GetBought() {
		h.shown[n] = true
	}
	queue := h.node.Step(h.now, rounds.Seen{View: view, Full: slices.Clone(h.full)})
	for len(queue) > 0 {
		if rapid.IntRange(0, 19).Draw(h.t, "dies") == 0 {
			h.restart()
			return
		}
		e := queue[0]
		queue = append(queue[1:], h.do(e)...)
	}
}

func (h *history) do(e rounds.Effect) []rounds.Effect {
	switch e := e.(type) {
	case rounds.Release:
		at := slices.Index(h.full, e.Leaf)
		require.GreaterOrEqual(h.t, at, 0, "only what waits is released")
		h.full = slices.Delete(h.full, at, at+1)
		if rapid.IntRange(0, 4).Draw(h.t, "refused") == 0 {
			return h.node.Step(h.now, rounds.Unmade(e))
		}
		m := made(h.released)
		h.released++
		h.store.Put([]store.Write{m.Write("x")})
		return h.node.Step(h.now, rounds.Made{Leaf: e.Leaf, Released: m})
	case rounds.MakeOffer:
		require.NotContains(h.t, h.offers, e.Round, "no second offer is made for a round in which one was sent")
		o := offered(e).Offer
		o.Signed = fmt.Appendf(o.Signed, " %v nonce %d", o.Leaves, rapid.Uint64().Draw(h.t, "nonce"))
		if rapid.IntRange(0, 9).Draw(h.t, "the disk") == 0 {
			return nil // not stored, so not sent
		}
		h.store.Put([]store.Write{o.Write("x")})
		return h.node.Step(h.now, rounds.Offered{Offer: o})
	case rounds.SendOffer:
		if before, ok := h.offers[e.Offer.Round]; ok {
			require.Equal(h.t, before, string(e.Offer.Signed), "two offers for one round")
		}
		for _, n := range e.Offer.Leaves {
			if _, again := h.offers[e.Offer.Round]; !again {
				require.False(h.t, h.shown[n], "a bought release is on offer")
			}
		}
		h.offers[e.Offer.Round], h.inOffer[e.Offer.Round] = string(e.Offer.Signed), e.Offer.Leaves
		if h.round.Id == e.Offer.Round && h.round.Phase == offering && h.arrives() {
			h.round.Offered = true
			h.recorded[e.Offer.Round] = string(e.Offer.Signed)
		}
	case rounds.SendReport:
		var numbers []uint64
		for _, l := range e.Leaves {
			require.Equal(h.t, made(l.Number), l, "the bytes that were made, and no others")
			numbers = append(numbers, l.Number)
		}
		require.Equal(h.t, h.inOffer[e.Round], numbers, "what was offered in this round, all of it")
		require.Equal(h.t, h.recorded[e.Round], h.offers[e.Round])
		if before, ok := h.reports[e.Round]; ok {
			require.Equal(h.t, before, fmt.Sprint(numbers))
		}
		h.reports[e.Round] = fmt.Sprint(numbers)
		if h.round.Id == e.Round && h.round.Phase == collecting && h.arrives() {
			h.round.Delivered = true
		}
	case rounds.Forget:
		require.True(h.t, h.sold[e.Number], "only what was bought is forgotten")
		h.store.Put([]store.Write{rounds.Forgotten("x", e.Number)})
	}
	return nil
}

// arrives reports whether a message got to the leader; if not, the node may learn it.
func (h *history) arrives() bool {
	if rapid.IntRange(0, 3).Draw(h.t, "lost") > 0 {
		return true
	}
	if rapid.Bool().Draw(h.t, "and known to be") {
		h.node.Step(h.now, rounds.Lost{})
	}
	return false
}

func (h *history) restart() {
	require.NoError(h.t, h.store.Sync())
	h.node = rounds.New("x", 0)
	require.NoError(h.t, h.node.Restore(h.store))
}

// turn lets the leader go on with its round.
func (h *history) turn() {
	switch h.round.Phase {
	case offering:
		h.round.Phase = collecting
		h.round.Chosen = h.round.Offered && len(h.inOffer[h.round.Id]) > 0 && rapid.Bool().Draw(h.t, "buys")
	case collecting:
		h.round.Phase = published
		if h.round.Delivered {
			for _, n := range h.inOffer[h.round.Id] {
				require.False(h.t, h.sold[n], "sold twice")
				h.sold[n] = true
			}
		}
	default:
		h.round = possev1.NodeRound{Id: h.round.Id + 1, Phase: offering}
	}
}

func TestNoHistoryMakesTheNodeLie(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, err := store.Open(t.TempDir(), store.Options{})
		require.NoError(r, err)
		defer s.Close()
		h := &history{
			t: r, store: s, node: rounds.New("x", 0), recorded: map[uint64]string{}, sold: map[uint64]bool{},
			shown: map[uint64]bool{}, offers: map[uint64]string{}, inOffer: map[uint64][]uint64{}, reports: map[uint64]string{},
		}
		var views []*possev1.NodeExperiment
		for range rapid.IntRange(10, 120).Draw(r, "steps") {
			h.now += int64(rapid.IntRange(0, 1500).Draw(r, "ms"))
			switch rapid.IntRange(0, 9).Draw(r, "what") {
			case 0, 1:
				h.full = append(h.full, h.leaves)
				h.leaves++
			case 2, 3:
				h.turn()
			case 4:
				h.restart()
			case 5:
				if len(views) > 0 { // a replica that is behind: its leader takes nothing
					h.show(rapid.SampledFrom(views).Draw(r, "old view"))
				}
			default:
				round := possev1.NodeRound{
					Id: h.round.Id, Phase: h.round.Phase, Offered: h.round.Offered, Chosen: h.round.Chosen, Delivered: h.round.Delivered,
				}
				view := &possev1.NodeExperiment{Name: "x", Round: &round, Bought: slices.Sorted(maps.Keys(h.sold))}
				views = append(views, view)
				h.show(view)
			}
		}
	})
}
