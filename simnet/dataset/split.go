package dataset

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// sample is a row in use: either the rewards of all arms, or a logged decision.
type sample struct {
	group   string // what makes nodes: a family, a block, a segment
	unit    string // what is never divided between nodes: an instance, a user
	rewards []float64
	record  environment.Record
}

// divider is the column that By divides rows by, if it names one.
func (o Options) divider() string { return o.By.Column + o.By.Hash }

// divided gives a sample what the column that divides rows says of it.
func (o Options) divided(s *sample, value string, at place) *posse.Error {
	if isMissing(value) {
		return at.bad("MALFORMED", o.divider(), "the value that divides rows into nodes is missing", "", "a name or number", "")
	}
	if value = strings.Clone(value); o.By.Hash != "" {
		s.unit = value
	} else {
		s.group = value
	}
	return nil
}

// part is the samples of one node, with the groups that they come from.
type part struct {
	name    string
	groups  []string
	samples []sample
}

// partition makes n parts of the samples: groups are packed where there are more
// than n, and the largest are halved where there are fewer. The result depends on
// the samples' names and not on their order in the file, save for the order of
// rows in a part.
func partition(samples []sample, n int) ([]part, error) {
	groups := grouped(samples)
	switch {
	case len(groups) > n:
		return pack(groups, n), nil
	case len(groups) < n:
		return halve(groups, n)
	}
	return groups, nil
}

// grouped returns a part for every group, the largest first, ties by name.
func grouped(samples []sample) []part {
	at := map[string]int{}
	var groups []part
	for _, s := range samples {
		i, ok := at[s.group]
		if !ok {
			i = len(groups)
			at[s.group] = i
			groups = append(groups, part{name: s.group, groups: []string{s.group}})
		}
		groups[i].samples = append(groups[i].samples, s)
	}
	sortParts(groups)
	return groups
}

func sortParts(parts []part) {
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(len(b.samples), len(a.samples)), strings.Compare(a.name, b.name))
	})
}

// pack puts groups, the largest first, each into the least full of n parts, of
// those with equally few the first. A part has the name of its largest group.
func pack(groups []part, n int) []part {
	parts := make([]part, n)
	for _, g := range groups {
		least := 0
		for i := range parts {
			if len(parts[i].samples) < len(parts[least].samples) {
				least = i
			}
		}
		p := &parts[least]
		p.groups, p.samples = append(p.groups, g.name), append(p.samples, g.samples...)
	}
	for i := range parts {
		parts[i].name = parts[i].groups[0]
		if more := len(parts[i].groups) - 1; more > 0 {
			parts[i].name += fmt.Sprintf(" and %d more", more)
		}
	}
	sortParts(parts)
	return parts
}

// halve divides the largest part in two until there are n. The units of a part,
// in the order of their names, go to its halves in turn, so that the halves
// are alike.
func halve(parts []part, n int) ([]part, error) {
	for len(parts) < n {
		i := slices.IndexFunc(parts, func(p part) bool { return len(units(p.samples)) > 1 })
		if i < 0 {
			return nil, posse.OutOfRange("nodes", fmt.Sprint(n), fmt.Sprintf("[1, %d]", len(parts)), "there are no more rows to divide")
		}
		whole := parts[i]
		halves := [2]part{{name: whole.name + "-a", groups: whole.groups}, {name: whole.name + "-b", groups: whole.groups}}
		order := units(whole.samples)
		for _, s := range whole.samples {
			rank, _ := slices.BinarySearch(order, s.unit)
			h := &halves[rank%2]
			h.samples = append(h.samples, s)
		}
		parts = append(slices.Delete(parts, i, i+1), halves[0], halves[1])
		sortParts(parts)
	}
	return parts, nil
}

// units returns the distinct units of samples, sorted.
func units(samples []sample) []string {
	names := make([]string, len(samples))
	for i, s := range samples {
		names[i] = s.unit
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// deal gives every sample a group out of n by the hash of its unit: the units in
// the order of their SHA-256 go to the groups in turn, so that sizes are as equal
// as the units allow and no group is empty while there are units.
func deal(samples []sample, n int) error {
	names := units(samples)
	if len(names) < n {
		return posse.OutOfRange("nodes", fmt.Sprint(n), fmt.Sprintf("[1, %d]", len(names)), "there are no more rows to divide")
	}
	type hashed struct {
		sum  [sha256.Size]byte
		name string
	}
	order := make([]hashed, len(names))
	for i, name := range names {
		order[i] = hashed{sha256.Sum256([]byte(name)), name}
	}
	slices.SortFunc(order, func(a, b hashed) int { return slices.Compare(a.sum[:], b.sum[:]) })
	group := make(map[string]string, len(order))
	for i, h := range order {
		group[h.name] = fmt.Sprintf("node-%d", i%n+1)
	}
	for i := range samples {
		samples[i].group = group[samples[i].unit]
	}
	return nil
}

// identifiers makes distinct ids of names, [a-z]([a-z0-9-]{0,61}[a-z0-9])?: lower
// case, anything else a dash; what would be the same gets a number.
func identifiers(names []string) []string {
	taken := map[string]bool{}
	ids := make([]string, len(names))
	for i, name := range names {
		var b strings.Builder
		for _, c := range []byte(strings.ToLower(name)) {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				b.WriteByte(c)
			} else if s := b.String(); s != "" && s[len(s)-1] != '-' {
				b.WriteByte('-')
			}
		}
		id := strings.TrimRight(b.String(), "-")
		if id == "" || id[0] < 'a' {
			id = strings.TrimRight("node-"+id, "-")
		}
		if len(id) > 50 { // leaves room for a number
			id = strings.TrimRight(id[:50], "-")
		}
		unique := id
		for k := 2; taken[unique]; k++ {
			unique = fmt.Sprintf("%s-%d", id, k)
		}
		taken[unique], ids[i] = true, unique
	}
	return ids
}
