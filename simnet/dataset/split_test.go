package dataset

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// made returns samples of groups with the given sizes, named a, b, c, …
func made(sizes ...int) (samples []sample) {
	for g, n := range sizes {
		for i := range n {
			samples = append(samples, sample{group: string(rune('a' + g)), unit: fmt.Sprintf("%c%03d", 'a'+g, i)})
		}
	}
	return samples
}

func sizes(parts []part) (out []int) {
	for _, p := range parts {
		out = append(out, len(p.samples))
	}
	return out
}

func TestGroupsArePackedLargestFirst(t *testing.T) {
	parts, err := partition(made(3, 9, 4, 8, 3), 2)
	require.NoError(t, err)
	assert.Equal(t, []int{15, 12}, sizes(parts), "9 + 3 + 3 and 8 + 4")
	assert.Equal(t, []string{"b", "a", "e"}, parts[0].groups)
	assert.Equal(t, "b and 2 more", parts[0].name)
}

func TestTheLargestGroupIsHalvedUntilThereAreEnough(t *testing.T) {
	parts, err := partition(made(10, 7), 4)
	require.NoError(t, err)
	assert.Equal(t, []int{5, 5, 4, 3}, sizes(parts))
	assert.Equal(t, []string{"a-a", "a-b", "b-a", "b-b"}, []string{parts[0].name, parts[1].name, parts[2].name, parts[3].name})
	_, err = partition(made(1, 1), 3)
	assert.Error(t, err)
}

func TestPartitionsKeepEverySampleAndUnitTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var samples []sample
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 12), 1, 20).Draw(t, "sizes") {
			for j := range n {
				samples = append(samples, sample{group: fmt.Sprint(i), unit: fmt.Sprint(i, "/", j/2)})
			}
		}
		n := rapid.IntRange(1, 12).Draw(t, "nodes")
		shuffled := rapid.Permutation(samples).Draw(t, "order")
		parts, err := partition(samples, n)
		other, again := partition(shuffled, n)
		if (err == nil) != (again == nil) {
			t.Fatal("the order of rows decides whether it can be done")
		}
		if err != nil {
			return
		}
		seen, total := map[string]int{}, 0
		for i, p := range parts {
			if p.name != other[i].name || len(p.samples) != len(other[i].samples) {
				t.Fatal("the order of rows decides what the parts are")
			}
			for _, s := range p.samples {
				if at, ok := seen[s.unit]; ok && at != i {
					t.Fatalf("unit %s is in two parts", s.unit)
				}
				seen[s.unit] = i
				total++
			}
		}
		if len(parts) != n || total != len(samples) {
			t.Fatalf("%d parts of %d samples, want %d of %d", len(parts), total, n, len(samples))
		}
	})
}

func TestFamiliesAreLeadingParts(t *testing.T) {
	many := []string{"alarm_1000_bdeu-0.1-2"}
	for i := range 100 {
		many = append(many, fmt.Sprintf("synth-%d-26-6", i))
	}
	for _, c := range []struct {
		names      []string
		name, want string
	}{
		{[]string{"rue_1000-588", "tsplib_att48"}, "rue_1000-588", "rue_1000"},
		{[]string{"rue_1000-588", "tsplib_att48"}, "tsplib_att48", "tsplib"},
		{many, "alarm_1000_bdeu-0.1-2", "alarm"},
		{many, "synth-7-26-6", "synth"},
		{[]string{"a/b/c.cnf"}, "a/b/c.cnf", "b"},
		{[]string{"plain"}, "plain", "plain"},
	} {
		assert.Equal(t, c.want, families(c.names)(c.name))
	}
}

func TestIdentifiersAreValidAndDistinct(t *testing.T) {
	long := "x234567890123456789012345678901234567890123456789-12345678901234"
	got := identifiers([]string{"PA1522", "rue_1500-a", "SAT Race", "sat--race", "2dim", "", "äö", long, long})
	assert.Equal(t, []string{"pa1522", "rue-1500-a", "sat-race", "sat-race-2", "node-2dim", "node", "node-2", long[:49], long[:49] + "-2"}, got)
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.String()).Draw(t, "names")
		seen := map[string]bool{}
		for _, id := range identifiers(names) {
			if seen[id] || len(id) > 63 || id[0] < 'a' || id[0] > 'z' || id[len(id)-1] == '-' {
				t.Fatalf("bad id %q", id)
			}
			seen[id] = true
		}
	})
}
