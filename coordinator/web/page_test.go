package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// large has 100 nodes and 1,000 rounds.
func large() View {
	v := sample()
	e := &v.Experiments[0]
	member, node, demoNode := e.Members[0], v.Nodes[0], e.Demo.Nodes[0]
	e.Members, v.Nodes, e.Demo.Nodes = nil, nil, nil
	var all []string
	for i := range 100 {
		name := fmt.Sprintf("organisation-%03d", i)
		all = append(all, name)
		member.Node, node.ID, demoNode.Node = name, name, name
		member.Contribution = 0.01
		e.Members, v.Nodes, e.Demo.Nodes = append(e.Members, member), append(v.Nodes, node), append(e.Demo.Nodes, demoNode)
	}
	round, version, entry := e.Rounds[0], e.Versions[0], v.Books.Entries[1]
	round.Offered, round.Bought, round.Granted = all, all[:50], all
	e.Rounds, e.Versions = nil, nil
	for id := 1; id <= 1000; id++ {
		round.ID, version.Number, version.Round, version.Decisions, entry.Number = id, id, id, int64(id)*1000, id
		version.Estimate = -0.06 - 1/float64(id)
		version.Low, version.High = version.Estimate-0.01, version.Estimate+0.01
		e.Rounds, e.Versions, v.Books.Entries = append(e.Rounds, round), append(e.Versions, version), append(v.Books.Entries, entry)
	}
	return v
}

func TestPagesStaySmallWithManyNodesAndRounds(t *testing.T) {
	b := open(t, large())
	for _, path := range pagePaths {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write([]byte(b.page(t, path)))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		assert.Less(t, packed.Len(), 150_000, "%s is %d bytes when packed", path, packed.Len())
	}
}

func TestOldRoundsArePaged(t *testing.T) {
	b := open(t, large())
	first := b.page(t, "/rounds")
	assert.True(t, strings.Contains(first, `href="/rounds?before=983"`))
	second := b.page(t, "/rounds?before=983")
	assert.True(t, strings.Contains(second, `<th scope="row" class="num">982</th>`))
	assert.False(t, strings.Contains(second, `<th scope="row" class="num">983</th>`))
	assert.True(t, strings.Contains(b.page(t, "/rounds?show=aborted"), "No round was aborted."))
}

// counted matches what would tell how much one node's users do.
var counted = regexp.MustCompile(`(?i)decision|reward|user|bid|cost|count|context`)

func TestViewHasNoPlaceForWhatACoordinatorMustNotShow(t *testing.T) {
	for _, of := range []reflect.Type{reflect.TypeFor[Node](), reflect.TypeFor[Member](), reflect.TypeFor[Round](), reflect.TypeFor[Payment](), reflect.TypeFor[Entry]()} {
		for i := range of.NumField() {
			assert.False(t, counted.MatchString(of.Field(i).Name), "%s.%s", of.Name(), of.Field(i).Name)
		}
	}
	assert.True(t, counted.MatchString(reflect.TypeFor[DemoNode]().Field(1).Name), "the check finds the field that a demo alone has")
}

func TestCountsOfOneNodeAreShownInADemoOnly(t *testing.T) {
	demo := sample()
	demo.Experiments[0].Demo.Nodes[0].Decisions = 16_807
	assert.True(t, strings.Contains(open(t, demo).page(t, "/nodes"), "16\u202f807"))
	b := open(t, deployed())
	for _, path := range pagePaths {
		page := b.page(t, path)
		assert.False(t, strings.Contains(page, "16\u202f807"), path)
		assert.False(t, strings.Contains(page, "only in a demo"), path)
		assert.False(t, strings.Contains(page, "alone"), "%s: what each alone would do is not known in a deployment", path)
	}
}

func TestWhatIsKnownOnlyInADemoIsMarked(t *testing.T) {
	b := open(t, sample())
	for path, marks := range map[string]int{"/": 2, "/experiments/choosing-a-solver": 2, "/nodes": 1, "/privacy": 1, "/books": 0, "/rounds": 0, "/log": 0} {
		assert.Equal(t, marks, strings.Count(b.page(t, path), `class="tag"`), path)
	}
}

func TestStructureIsReadableWithoutSeeingIt(t *testing.T) {
	b := open(t, sample())
	heading := regexp.MustCompile(`<h([1-6])`)
	for _, path := range pagePaths {
		page := b.page(t, path)
		last := '0'
		for _, found := range heading.FindAllStringSubmatch(page, -1) {
			level := rune(found[1][0])
			assert.LessOrEqual(t, level, last+1, "%s skips a level of heading", path)
			last = level
		}
		for _, part := range []string{`<html lang="en">`, `<main id="main"`, `class="skip" href="#main"`, `<nav class="nav" aria-label="Pages">`, `aria-current="page"`, `role="status"`} {
			assert.Equal(t, 1, strings.Count(page, part), "%s: %s", path, part)
		}
		assert.Equal(t, strings.Count(page, "<table"), strings.Count(page, "<caption"), "%s: every table has a caption", path)
		assert.Equal(t, strings.Count(page, `class="scroll`), strings.Count(page, `role="region" aria-label="`), "%s: every scrolling box has a name", path)
		assert.Equal(t, strings.Count(page, "<figure>"), strings.Count(page, "Show as table"), "%s: every chart has its table", path)
		ids := map[string]bool{}
		for _, found := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			assert.False(t, ids[found[1]], "%s: two of id %s", path, found[1])
			ids[found[1]] = true
		}
	}
}

func TestChangedPartAloneGetsANewHash(t *testing.T) {
	hashes := func(v View) map[string]string {
		found := map[string]string{}
		for _, m := range regexp.MustCompile(`id="(live-[a-z-]+)" data-live="([0-9a-f]+)"`).FindAllStringSubmatch(open(t, v).page(t, "/"), -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	before, changed := hashes(sample()), sample()
	changed.Cluster.Leader = "r2"
	after := hashes(changed)
	require.Equal(t, len(before), len(after))
	for id, hash := range before {
		differs := id == "live-conn" || id == "live-overview-facts"
		assert.Equal(t, differs, hash != after[id], id)
	}
}

func TestTroubleIsSaidFirst(t *testing.T) {
	t.Run("no leader", func(t *testing.T) {
		v := deployed()
		v.Cluster.Leader, v.Cluster.Up, v.Cluster.Down = "", 1, []string{"r2", "r3"}
		v.Cluster.Since = noon.Add(-20 * time.Second)
		b := open(t, v)
		for _, path := range pagePaths {
			assert.True(t, strings.Contains(b.page(t, path), "No leader since 14:32:16."), path)
		}
		assert.True(t, strings.Contains(b.page(t, "/"), "Not answering: r2 and r3."))
	})
	t.Run("what prices depended on", func(t *testing.T) {
		b := open(t, sample())
		assert.Contains(t, b.page(t, "/books"), "At the reserve the same reports would have cost")
		assert.Regexp(t, `\d+ of \d+ sellers were pivotal`, b.page(t, "/books"))
		assert.Contains(t, b.page(t, "/rounds"), ">Pivotal</th>")
		free := sample()
		for i := range free.Experiments[0].Rounds {
			free.Experiments[0].Rounds[i].Reserve, free.Experiments[0].Rounds[i].Pivotal = 0, 0
		}
		b = open(t, free)
		assert.NotContains(t, b.page(t, "/rounds"), ">Pivotal</th>", "nobody is paid")
	})
	t.Run("books do not balance", func(t *testing.T) {
		v := sample()
		v.Books.Balanced, v.Books.Credit, v.Books.Since = false, v.Books.Credit+1, 204
		b := open(t, v)
		assert.True(t, strings.Contains(b.page(t, "/rounds"), "Books do not balance by 0.000001 since entry 204. The replica has stopped."))
		assert.False(t, strings.Contains(b.page(t, "/books"), "Balanced:"))
	})
	t.Run("a silent node and a lost replica", func(t *testing.T) {
		v := sample()
		v.Cluster.Up, v.Cluster.Down = 2, []string{"r3"}
		v.Nodes[2].State, v.Nodes[2].LastSeen, v.Nodes[2].Missed = NodeSilent, noon.Add(-3*time.Hour), 3
		page := open(t, v).page(t, "/")
		assert.True(t, strings.Contains(page, "Two things"))
		assert.True(t, strings.Contains(page, "silent for 3 hours; three deadlines missed. It may go on deciding."))
		assert.True(t, strings.Contains(page, "r3 does not answer. The cluster needs two."))
	})
	t.Run("nothing", func(t *testing.T) {
		assert.True(t, strings.Contains(open(t, sample()).page(t, "/"), `<p class="big">Nothing</p>`))
	})
}

func TestBudgetBurningDownIsDrawnWithItsForecast(t *testing.T) {
	v := burning()
	p := &v.Experiments[0].Privacy
	page := open(t, v).page(t, "/privacy")
	assert.True(t, strings.Contains(page, "of ρ is left, enough until about "))
	assert.True(t, strings.Contains(page, "planned until 24 February 2027"))
	assert.True(t, strings.Contains(open(t, v).page(t, "/"), "spends faster than planned"))
	p.Left = p.Left[:2]
	assert.True(t, strings.Contains(open(t, v).page(t, "/privacy"), "It is too early to say when the budget ends"))
}

func TestReaderPicksAmongExperiments(t *testing.T) {
	v := sample()
	second := running().Experiments[0]
	second.Name = "dosing & more"
	v.Experiments = append(v.Experiments, second)
	b := open(t, v)
	assert.True(t, strings.Contains(b.page(t, "/experiments"), "Two experiments."))
	assert.True(t, strings.Contains(b.page(t, "/experiments"), `href="/experiments/dosing%20&amp;%20more"`))
	assert.True(t, strings.Contains(b.page(t, "/rounds"), "45 published"))
	assert.True(t, strings.Contains(b.page(t, "/rounds?experiment=dosing+%26+more"), "17 published"))
}

func TestFiguresThatAreNoNumbersAreLeftOut(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		v := sample()
		e := &v.Experiments[0]
		for i := range e.Versions {
			e.Versions[i].Estimate, e.Versions[i].Low = bad, bad
		}
		for i := range e.Arms {
			e.Arms[i].Estimate, e.Arms[i].High = bad, bad
		}
		e.Members[0].Contribution, e.Demo.Together, e.Demo.Curve[3].RegretTogether = bad, bad, bad
		e.Rounds[2].Information = bad
		b := open(t, v)
		for _, path := range pagePaths {
			page := b.page(t, path)
			assert.False(t, regexp.MustCompile(`NaN|[+>" -]Inf[<" ]`).MatchString(page), "%s with %v", path, bad)
		}
	}
}
