package state

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/protocols/possev1"
)

func TestARoundPublishesWhatWasBoughtAndPaysForIt(t *testing.T) {
	w := newWorld(t)
	w.begin("north", "south", "west")
	d0 := descriptorOf(0, false)
	w.must(w.opening(1))
	assert.EqualValues(t, 970_000_000, w.m.state.book.Balance(books.Budget("dosing")), "three times the reserve is held")
	w.must(offering(1, offerOf("north", 1, 2_000_000, d0, 0), offerOf("south", 1, 3_000_000, d0, 0, 1)))
	w.must(offering(1, offerOf("west", 1, 11_000_000, d0, 0)))
	w.must(settlement(1, &possev1.Payment{Node: "south", Micro: 4_000_000}, &possev1.Payment{Node: "north", Micro: 2_500_000}))
	w.must(reporting(1, reportOf("south", 1, d0, 0, 1), reportOf("north", 1, d0, 0)))
	r := w.must(publication(1, false))

	e := w.experiment()
	require.Nil(t, e.Round)
	v := e.Newest()
	assert.EqualValues(t, 1, v.Number)
	require.Len(t, v.Parts, 1)
	want := releaseOf("north", 0)
	require.NoError(t, want.Merge(releaseOf("south", 0)))
	require.NoError(t, want.Merge(releaseOf("south", 1)))
	assert.Equal(t, want, v.Parts[0].Sum, "the machine adds the reports itself")
	assert.EqualValues(t, 3, v.Parts[0].Releases)
	for name, paid := range map[string]incentives.Credits{"south": 4_000_000, "north": 2_500_000, "west": 0} {
		assert.Equal(t, paid, w.m.state.book.Balance(books.Payable(name)), name)
		assert.EqualValues(t, 1, e.Member(name).Granted, "%s: everybody gets the versions of exploration", name)
	}
	assert.EqualValues(t, 1_000_000_000-6_500_000, w.m.state.book.Balance(books.Budget("dosing")))
	require.Len(t, e.Member("west").Leaves, 1)
	assert.Zero(t, e.Member("west").Leaves[0].Bought, "what was not bought stays on offer")
	assert.EqualValues(t, v.Leaf, r.Sequence)
	assert.Contains(t, string(r.Leaf), `"model":"`)

	// The bytes whose digest is in the log are those of the model that nodes read.
	decoded, err := mechanisms.DecodeModel(v.Model())
	require.NoError(t, err)
	assert.Equal(t, v.Model(), decoded.Encode())
	assert.Equal(t, sha256.Sum256(decoded.Encode()), v.Digest)
}

func TestALosersLeafIsBoughtLaterAndOnlyOnce(t *testing.T) {
	w := newWorld(t)
	w.begin("north", "south")
	d0, d1 := descriptorOf(0, false), descriptorOf(1, false)
	w.must(w.opening(1))
	w.must(offering(1, offerOf("north", 1, 1, d0, 0), offerOf("south", 1, 9, d0, 0)))
	w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5}))
	w.must(reporting(1, reportOf("north", 1, d0, 0)))
	w.must(publication(1, false))
	before := w.experiment().Newest().Model()

	w.must(w.opening(2))
	again := w.do(offering(2, offerOf("north", 2, 1, d0, 0)))
	require.NotNil(t, again.Items[0].Err)
	assert.Equal(t, "CONFLICT", again.Items[0].Err.Reason, "a bought leaf is not bought again")
	w.must(offering(2, offerOf("south", 2, 1, d0, 0), offerOf("north", 2, 1, d1, 7)))
	w.must(settlement(2, &possev1.Payment{Node: "south", Micro: 5}, &possev1.Payment{Node: "north", Micro: 5}))
	w.must(reporting(2, reportOf("south", 2, d0, 0), reportOf("north", 2, d1, 7)))
	w.must(publication(2, true, quotas(1, "north", "south")...))
	e := w.experiment()
	v := e.Newest()
	require.Len(t, v.Parts, 2, "each descriptor has a part of its own")
	assert.EqualValues(t, 2, v.Parts[0].Releases)
	assert.True(t, e.Ended)
	if old := e.VersionOf(1); assert.NotNil(t, old, "the version that one node is left with is kept") {
		assert.Equal(t, before, old.Model(), "a published version never changes")
	}
	require.Len(t, w.m.state.Waiting(e), 1, "one of two was granted")

	early := w.do(redraw(1))
	assert.Error(t, early.Error(), "the public clock has not struck")
	for draw := uint64(1); len(w.m.state.Waiting(e)) > 0; draw++ {
		require.Less(t, draw, uint64(200))
		w.now += 60
		w.must(redraw(draw))
	}
	assert.Len(t, e.Versions, 1, "nobody needs the older version")
	w.now += 60
	assert.Error(t, w.do(w.opening(3)).Error(), "learning has ended")
}

func TestRepeatsCountOnceAndContradictionsAreKept(t *testing.T) {
	w := newWorld(t)
	w.begin("north", "south")
	d0 := descriptorOf(0, false)
	w.must(w.opening(1))
	w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	before := w.content(t)

	r := w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	assert.True(t, r.Items[0].Duplicate)
	assert.Nil(t, r.Leaf)
	assert.Equal(t, before, w.content(t))

	r = w.do(offering(1, offerOf("north", 1, 2, d0, 0), offerOf("south", 1, 1, d0, 0)))
	assert.Equal(t, "CONFLICT", r.Items[0].Err.Reason)
	assert.Nil(t, r.Items[1].Err, "a bad offer does not take a good one with it")
	assert.Contains(t, string(r.Leaf), `"conflicts":[{"node":"north"`)
	assert.EqualValues(t, 1, w.experiment().Member("north").Conflicts)
	r = w.do(offering(1, offerOf("north", 1, 3, d0, 0)))
	assert.Equal(t, "CONFLICT", r.Items[0].Err.Reason)
	assert.Nil(t, r.Leaf, "the evidence is kept once")

	w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5}))
	r = w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	assert.True(t, r.Items[0].Duplicate, "an offer that is sent again after the settlement was heard")
	late := w.do(reporting(1, reportOf("south", 1, d0, 0)))
	assert.Equal(t, "ROUND_CLOSED", late.Items[0].Err.Reason, "its offer was not bought")
	w.must(reporting(1, reportOf("north", 1, d0, 0)))
	assert.True(t, w.must(reporting(1, reportOf("north", 1, d0, 0))).Items[0].Duplicate)
	w.must(publication(1, false))
	assert.True(t, w.must(reporting(1, reportOf("north", 1, d0, 0))).Items[0].Duplicate)
	late = w.do(reporting(1, reportOf("south", 1, d0, 0)))
	assert.Equal(t, "ROUND_CLOSED", late.Items[0].Err.Reason)
	assert.EqualValues(t, 5, w.m.state.book.Balance(books.Payable("north")))
}

func TestAnOfferHoldsAsManyLeavesAsANodeOffersAndNoMore(t *testing.T) {
	w := newWorld(t)
	w.begin("north")
	w.must(w.opening(1))
	leaves := make([]uint64, possev1.LeavesMax+1)
	for i := range leaves {
		leaves[i] = uint64(i)
	}
	d0 := descriptorOf(0, false)
	r := w.do(offering(1, offerOf("north", 1, 1, d0, leaves...)))
	require.NotNil(t, r.Items[0].Err)
	assert.Equal(t, "leaves", r.Items[0].Err.Field)
	assert.Equal(t, "[1, 256]", r.Items[0].Err.Allowed)
	assert.Empty(t, w.experiment().Member("north").Leaves)
	w.must(offering(1, offerOf("north", 1, 1, d0, leaves[1:]...)))
	assert.Len(t, w.experiment().Member("north").Leaves, possev1.LeavesMax)
}

func TestReportsMustBeWhatWasOffered(t *testing.T) {
	d0 := descriptorOf(0, false)
	other := func(change func(*possev1.Report)) *possev1.NodeReport {
		signed := reportOf("north", 1, d0, 0, 1)
		var r possev1.Report
		if err := proto.Unmarshal(signed.Signed.Report, &r); err != nil {
			panic(err)
		}
		change(&r)
		signed.Signed.Report, _ = proto.Marshal(&r)
		return signed
	}
	for name, report := range map[string]*possev1.NodeReport{
		"a leaf fewer":             reportOf("north", 1, d0, 0),
		"a leaf more":              reportOf("north", 1, d0, 0, 1, 2),
		"other leaves":             reportOf("north", 1, d0, 0, 2),
		"another round's":          reportOf("north", 2, d0, 0, 1),
		"another descriptor":       reportOf("north", 1, descriptorOf(9, false), 0, 1),
		"other bytes":              other(func(r *possev1.Report) { r.Leaves[1].Released = releaseOf("south", 1).Encode() }),
		"no report":                {Node: "north", Signed: &possev1.SignedReport{Report: []byte{0xff}}},
		"a node that has no offer": reportOf("south", 1, d0, 0, 1),
		"nobody":                   reportOf("nobody", 1, d0, 0, 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.begin("north", "south")
			w.must(w.opening(1))
			w.must(offering(1, offerOf("north", 1, 1, d0, 0, 1)))
			w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5}))
			before := w.content(t)
			r := w.do(reporting(1, report))
			require.Len(t, r.Items, 1)
			assert.NotNil(t, r.Items[0].Err)
			assert.Equal(t, before, w.content(t))
			w.must(reporting(1, reportOf("north", 1, d0, 0, 1)))
		})
	}
}

func TestAClaimThatIsNotDeliveredIsRefused(t *testing.T) {
	w := newWorld(t)
	w.begin("north")
	d0 := descriptorOf(0, false)
	signed := offerOf("north", 1, 1, d0, 0)
	var o possev1.Offer
	require.NoError(t, proto.Unmarshal(signed.Signed.Offer, &o))
	inflated := releaseOf("north", 0)
	inflated.Blocks[0].Sum[0] += 1000
	o.Leaves[0].Claim = claimOf(inflated)
	signed.Signed.Offer, _ = proto.Marshal(&o)
	w.must(w.opening(1))
	w.must(offering(1, signed))
	w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5}))
	r := w.do(reporting(1, reportOf("north", 1, d0, 0)))
	require.NotNil(t, r.Items[0].Err)
	assert.Contains(t, r.Items[0].Err.Value, "differs from the claim")
}

func TestTheLogShowsNoBidUnlessBidsArePublic(t *testing.T) {
	for _, public := range []bool{false, true} {
		w := newWorld(t)
		w.bootstrap()
		w.enrol("north")
		rules := ruleset()
		rules.BidsPublic = public
		w.must(application("dosing", rules, "file"))
		w.must(w.opening(1))
		offer := offerOf("north", 1, 7_654_321, descriptorOf(0, false), 0)
		leaf := string(w.must(offering(1, offer)).Leaf)
		assert.Equal(t, public, strings.Contains(leaf, `"signed"`))
		nonce := [32]byte(bytes32("nonce north 1"))
		commit := BidCommitment(7_654_321, nonce)
		text, _ := hexOf(commit).MarshalText()
		assert.Contains(t, leaf, string(text))
		text, _ = hexOf(nonce).MarshalText()
		assert.NotContains(t, leaf, string(text), "the nonce would open the bid")
		assert.NotEqual(t, commit, BidCommitment(7_654_322, nonce))
		for _, raw := range w.log[:3] {
			assert.NotContains(t, leaf, string(raw))
		}
	}
}

func TestABudgetThatPaysNoRoundEndsTheRounds(t *testing.T) {
	w := newWorld(t)
	w.bootstrap()
	w.enrol("north", "south")
	rules := ruleset()
	rules.BudgetMicro = 2_500_000
	w.must(application("dosing", rules, "file"))
	w.must(w.opening(1))
	assert.EqualValues(t, 1_250_000, w.experiment().Round.Reserve, "what there is, divided by the nodes")
	d0 := descriptorOf(0, false)
	w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	over := w.do(settlement(1, &possev1.Payment{Node: "north", Micro: 1_250_001}))
	assert.Error(t, over.Error(), "above the announced reserve")
	w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 1_250_000}))
	w.must(reporting(1, reportOf("north", 1, d0, 0)))
	w.must(publication(1, false))
	assert.Equal(t, "exhausted", w.must(w.opening(2)).Value)
	assert.Equal(t, "exhausted", w.experiment().State())
	assert.Equal(t, "EXPERIMENT_EXHAUSTED", w.do(w.opening(2)).Err.Reason)
	rules.BudgetMicro = 20_000_000
	w.must(application("dosing", rules, "more money"))
	w.must(w.opening(2))
}

func TestAnAbortedRoundPaysNobodyAndReturnsTheMoney(t *testing.T) {
	w := newWorld(t)
	w.begin("north")
	d0 := descriptorOf(0, false)
	w.must(w.opening(1))
	w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5}))
	early := w.do(publication(1, false))
	assert.Error(t, early.Error(), "nothing was delivered")
	w.must(abortion(1, "deadline"))
	assert.EqualValues(t, 1_000_000_000, w.m.state.book.Balance(books.Budget("dosing")))
	leaves := w.experiment().Member("north").Leaves
	require.Len(t, leaves, 1)
	assert.Zero(t, leaves[0].Bought)
	assert.EqualValues(t, 500_000_000, leaves[0].Spend.NanoEpsilon, "what was released stays spent")
	w.must(w.opening(2))
	w.must(offering(2, offerOf("north", 2, 1, d0, 0)))
}

func TestANewLeadersSeedReplacesTheLostOne(t *testing.T) {
	w := newWorld(t)
	w.begin("north")
	d0 := descriptorOf(0, false)
	w.must(w.opening(1))
	w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	h := sha256.Sum256(bytes32("another"))
	w.must(&possev1.Command{Body: &possev1.Command_CommitSeed{CommitSeed: &possev1.CommitSeed{Experiment: "dosing", Round: 1, SeedCommit: h[:]}}})
	w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5}))
	w.must(reporting(1, reportOf("north", 1, d0, 0)))
	assert.Error(t, w.do(publication(1, false)).Error(), "the dead leader's seed")
	c := publication(1, false)
	c.GetPublish().Seed = bytes32("another")
	w.must(c)
}

func TestClosingReturnsWhatIsLeftAndEndsEverything(t *testing.T) {
	w := newWorld(t)
	w.begin("north")
	w.must(w.opening(1))
	w.must(&possev1.Command{Body: &possev1.Command_CloseExperiment{CloseExperiment: &possev1.CloseExperiment{Name: "dosing"}}})
	assert.Zero(t, w.m.state.book.Balance(books.Budget("dosing")))
	assert.Zero(t, w.m.state.book.Balance(books.Sponsor("operator")))
	assert.Equal(t, "EXPERIMENT_CLOSED", w.do(w.opening(2)).Err.Reason)
	assert.Equal(t, "EXPERIMENT_CLOSED", w.do(application("dosing", ruleset(), "again")).Err.Reason)
}

func TestNoPaymentsMoveNoMoney(t *testing.T) {
	w := newWorld(t)
	w.bootstrap()
	w.enrol("north")
	rules := ruleset()
	rules.Payments, rules.ReserveMicro, rules.BudgetMicro, rules.Schedule, rules.RedrawEveryMs = "none", 0, 0, "everyone", 0
	w.must(application("dosing", rules, "file"))
	d0 := descriptorOf(0, false)
	w.must(w.opening(1))
	w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	assert.Error(t, w.do(settlement(1, &possev1.Payment{Node: "north", Micro: 5})).Error())
	w.must(settlement(1, &possev1.Payment{Node: "north"}))
	w.must(reporting(1, reportOf("north", 1, d0, 0)))
	w.must(publication(1, false))
	assert.Empty(t, w.m.state.book.Transactions())
}
