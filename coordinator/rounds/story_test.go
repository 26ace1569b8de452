package rounds_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator/rounds"
	"github.com/posse-dev/posse/coordinator/state"
)

var update = flag.Bool("update", false, "write what happens now into the stories")

// A story is what nodes do, with what follows indented below each line: commands
// that are committed (>) and answers. A change of one is a change of the protocol.
func TestStories(t *testing.T) {
	stories, err := filepath.Glob("../testdata/*.txt")
	require.NoError(t, err)
	require.Greater(t, len(stories), 6)
	for _, name := range stories {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			s := newStage(t, "north", "south", "west")
			for line := range strings.Lines(string(text)) {
				line = strings.TrimRight(line, "\n")
				switch {
				case strings.HasPrefix(line, "#"):
					s.say("%s", line)
				case line != "" && !strings.HasPrefix(line, " "):
					require.NoError(t, s.play(line))
				}
			}
			got := strings.Join(append(s.lines, ""), "\n")
			if *update {
				require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
			}
			assert.Equal(t, string(text), got)
		})
	}
}

// nodesAct lets every node do what its view of the state asks for, as nodes do for
// whichever leader there is.
func (s *stage) nodesAct(nodes []string, target uint64) {
	for _, n := range nodes {
		var phase state.Phase
		var round, windows uint64
		offered, won, delivered := false, false, false
		var leaves []uint64
		s.m.View(func(v *state.State) {
			e := v.Experiment("dosing")
			windows = e.Opened + 1
			m := e.Member(n)
			bought := map[uint64]bool{}
			for _, l := range m.Leaves {
				bought[l.Number] = l.Bought > 0
			}
			if e.Round == nil {
				return
			}
			round, phase = e.Round.ID, e.Round.Phase
			if o := e.Round.Offer(n); o != nil {
				offered = true
				for _, c := range o.Leaves {
					leaves = append(leaves, c.Leaf)
				}
			} else {
				for leaf := range round {
					if !bought[leaf] {
						leaves = append(leaves, leaf)
					}
				}
			}
			_, won = e.Round.Won(n)
			delivered = e.Round.Report(n) != nil
		})
		switch {
		case phase == state.Offering && !offered:
			s.offer(n, round, 1_000_000*int64(len(n)), leaves...)
		case phase == state.Collecting && won && !delivered:
			s.report(n, round, leaves...)
		case phase == 0 && windows <= target:
			s.step(rounds.ReadyCame{Node: n, Experiment: "dosing", Decisions: windows * 20})
		}
	}
}

// run plays rounds until a version is reached; die is asked before each proposal is
// committed (false) and after (true) whether the leader dies there.
func run(t *testing.T, target uint64, die func(step int, kind string, after bool) bool) *stage {
	nodes := []string{"north", "south", "west"}
	s := newStage(t, nodes...)
	version := func() (v uint64) {
		s.m.View(func(st *state.State) { v = st.Experiment("dosing").Version() })
		return v
	}
	step := 0
	for turns := 0; version() < target; turns++ {
		require.Less(t, turns, 1000, "the rounds do not end: %s", strings.Join(s.lines, "\n"))
		s.nodesAct(nodes, target)
		for len(s.proposals) > 0 {
			p := s.proposals[0]
			kind := fmt.Sprintf("%T", p.Command.GetBody())
			switch {
			case die(step, kind, false): // proposed, and never committed
				s.elect()
			case die(step, kind, true): // committed, and the leader never learns
				s.apply(p.Command)
				s.elect()
			default:
				s.commit()
			}
			step++
			s.nodesAct(nodes, target)
		}
		s.now += 20
		s.step(rounds.Tick{})
	}
	return s
}

// The leader dies before and after every command of three rounds. Whatever happens,
// the same leaves are sold once, the same model comes out, and the books balance.
func TestALeaderMayDieInAnyStep(t *testing.T) {
	whole := run(t, 3, func(int, string, bool) bool { return false })
	steps := len(whole.commits)
	require.Greater(t, steps, 12)
	type outcome struct {
		model [32]byte
		paid  []string
	}
	read := func(s *stage) (o outcome) {
		s.m.View(func(st *state.State) {
			e := st.Experiment("dosing")
			o.model = e.Newest().Digest
			require.Len(t, e.Rounds, 3)
			for _, r := range e.Rounds {
				assert.Equal(t, state.Published, r.Phase)
			}
		})
		o.paid = s.payables()
		return o
	}
	want := read(whole)
	for at := range steps {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d after %v", at, after), func(t *testing.T) {
				died := false
				s := run(t, 3, func(step int, _ string, a bool) bool {
					if step == at && a == after && !died {
						died = true
						return true
					}
					return false
				})
				assert.True(t, died)
				assert.Equal(t, want, read(s))
			})
		}
	}
}

// Leaders that die again and again, at every other step, still come to an end.
func TestLeadersMayDieAgainAndAgain(t *testing.T) {
	for every := 2; every < 6; every++ {
		s := run(t, 2, func(step int, _ string, after bool) bool { return step%every == 0 && after == (step%2 == 0) })
		s.payables()
	}
}

func TestWhatDoesNotFitIntoACommandWaitsForTheNext(t *testing.T) {
	s := newStage(t, "north", "south", "west")
	for i, n := range []string{"north", "south", "west"} {
		s.step(rounds.ReadyCame{Node: n, Experiment: "dosing", Decisions: uint64(10 * (i + 1))})
	}
	open := s.proposals
	s.proposals = nil
	require.Len(t, open, 1)
	for range 3 {
		s.offer("north", 1, 1, 0)
	}
	assert.Empty(t, s.proposals, "one command at a time")
	for _, line := range s.lines {
		assert.Contains(t, line, "ROUND_CLOSED", "the round is not open before its command is committed")
	}
	s.proposals = open
	s.commit()
	s.offer("north", 1, 1_000_000, 0)
	s.offer("south", 1, 1_000_000, 0)
	s.offer("west", 1, 1_000_000, 0)
	require.Len(t, s.proposals, 1)
	s.settleDown()
	assert.Contains(t, strings.Join(s.lines, "\n"), "> record_offers south west", "what came meanwhile goes together")
}

// A node that claims more than any window holds would take all the money, and the
// model with it.
func TestAnOfferOrReportThatNoWindowCanHoldIsRefused(t *testing.T) {
	s := newStage(t, "north", "south", "west")
	s.inflate[0] = 1 << 50
	require.NoError(t, s.play("ready west 60"))
	require.NoError(t, s.play("offer west round=1 bid=0 leaf=0"))
	assert.Equal(t, "  west's offer: refused: MALFORMED", s.lines[len(s.lines)-1])
	s.inflate[0] = -100 // fewer than no records: the others' would count for less
	require.NoError(t, s.play("offer west round=1 bid=0 leaf=0"))
	assert.Equal(t, "  west's offer: refused: MALFORMED", s.lines[len(s.lines)-1])
	s.inflate[0], s.overspend = 0, 1 // a user's loss on the privacy page would be untrue
	require.NoError(t, s.play("offer west round=1 bid=0 leaf=0"))
	assert.Equal(t, "  west's offer: refused: MALFORMED", s.lines[len(s.lines)-1])
	s.overspend = 0
	s.inflate = [2]int64{0, 1 << 50} // and the offer's digest says so
	require.NoError(t, s.play("offer west round=1 bid=0 leaf=0"))
	require.NoError(t, s.play("decline north round=1"))
	require.NoError(t, s.play("decline south round=1"))
	require.NoError(t, s.play("report west round=1 leaf=0"))
	assert.Equal(t, "  west's report: refused: MALFORMED", s.lines[len(s.lines)-1])
}
