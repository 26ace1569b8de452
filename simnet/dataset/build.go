package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// order is the moment order that is suggested for every set: the demo's.
const order = 1.5

// builder makes a [Set] of samples. Its reader fills the fields.
type builder struct {
	in            *input
	name          string
	arms          []string
	reward        Reward
	samples       []sample
	logged        bool   // samples are records, not rows of all rewards
	deck          bool   // without replacement
	rootTraffic   bool   // shares by the square root of the rows, else by the rows
	nodes         int    // unless the options say otherwise; 0 means one a group
	byHash        bool   // groups are made by the hash of the units
	anonymous     bool   // some unit is a row's number: it has no name
	label         string // nodes are called label-1, label-2, …; empty means after their groups
	thing, things string // what a group is called, in the singular and plural
	done          []string
}

// say adds a sentence about what was done.
func (b *builder) say(format string, args ...any) {
	b.done = append(b.done, fmt.Sprintf(format, args...))
}

// build stops if too many rows were refused, divides the samples and makes the
// nodes' worlds.
func (b *builder) build() (*Set, error) {
	if b.in.rows > 0 && b.in.refused > 0 {
		if err := b.in.verdict(); err != nil {
			return nil, err
		}
	}
	if len(b.samples) == 0 || len(b.arms) == 0 {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "MALFORMED", Field: "data", Value: "no rows", Allowed: "at least one row",
			Message: "there is nothing to learn from", File: b.in.path,
		}
	}
	if len(b.arms) > environment.MaxArms {
		return nil, tooLarge(b.in.path, "arms", environment.MaxArms)
	}
	if err := b.choose(); err != nil {
		return nil, err
	}
	parts, err := b.divide()
	if err != nil {
		return nil, err
	}
	set := &Set{
		Name: b.name, Format: b.in.options.Format, Arms: b.arms, Reward: b.reward, Replacement: !b.deck, Logged: b.logged,
		Rows: len(b.samples), Refused: b.in.refused, Refusal: b.in.first, SHA256: b.in.sum(),
	}
	if set.Nodes, err = b.worlds(parts); err != nil {
		return nil, err
	}
	largest := max(math.Abs(set.Reward.Low), math.Abs(set.Reward.High))
	set.Reward.Order, set.Reward.Bound = order, math.Pow(largest, order)
	set.Reward.LargestMoment = set.Moment(order)
	if b.in.refused > 0 {
		b.say("%s refused; the first: %s.", countOf(b.in.refused, "row"), b.in.first[0].Message)
	}
	set.Done = b.done
	return set, nil
}

// choose lets the options overrule the set's own ways to make nodes and to draw.
func (b *builder) choose() error {
	o := b.in.options
	b.deck = b.deck && !o.Replacement
	switch {
	case o.By.Column != "":
		b.byHash, b.nodes, b.label = false, 0, ""
		b.thing, b.things = "value of "+o.By.Column, "values of "+o.By.Column
	case o.By.Hash != "":
		b.byHash, b.label = true, ""
	case o.By.Prefix > 0:
		for i := range b.samples {
			s := &b.samples[i]
			if b.anonymous {
				return posse.OutOfRange("by.prefix", fmt.Sprint(o.By.Prefix), "data whose rows have an instance, a subject or a user", "divide by a column or a hash instead")
			}
			if s.group = s.unit; utf8.RuneCountInString(s.unit) > o.By.Prefix {
				s.group = string([]rune(s.unit)[:o.By.Prefix])
			}
		}
		b.byHash, b.nodes, b.label = false, 0, ""
		b.thing, b.things = "prefix", fmt.Sprintf("prefixes of %s", countOf(o.By.Prefix, "character"))
	}
	return nil
}

// divide makes the parts that become nodes, and says how.
func (b *builder) divide() ([]part, error) {
	n := b.in.options.Nodes
	if n == 0 {
		n = b.nodes
	}
	if b.byHash {
		if err := deal(b.samples, n); err != nil {
			return nil, b.tooMany(err)
		}
		b.say("Rows were divided into %s by a hash.", countOf(n, "node"))
		return grouped(b.samples), nil
	}
	groups := grouped(b.samples)
	if n == 0 {
		n = len(groups)
	}
	if n > maxNodes {
		return nil, tooLarge(b.in.path, "nodes", maxNodes)
	}
	parts, err := partition(b.samples, n)
	if err != nil {
		return nil, b.tooMany(err)
	}
	how := "one a node"
	switch {
	case len(groups) > n:
		how = fmt.Sprintf("packed into %s, the largest first into the least full", countOf(n, "node"))
	case len(groups) < n:
		how = fmt.Sprintf("the largest halved until there were %s", countOf(n, "node"))
	}
	traffic := "in proportion to the rows"
	if b.rootTraffic {
		traffic = "in proportion to the square root of the rows"
	}
	things := b.things
	if len(groups) == 1 {
		things = b.thing
	}
	b.say("%s %s, %s; traffic is %s.", thousands(len(groups)), things, how, traffic)
	return parts, nil
}

// tooMany says of an error about the number of nodes that it is the set's own, where
// nobody gave one.
func (b *builder) tooMany(err error) error {
	if b.in.options.Nodes > 0 {
		return err
	}
	e := *posse.As(err)
	e.Message, e.Value = "the data are too few to divide", e.Value+", the default"
	e.Hint = "give a smaller number of nodes, or more rows"
	return &e
}

// worlds makes the nodes, the largest share first.
func (b *builder) worlds(parts []part) ([]Node, error) {
	names := make([]string, len(parts))
	for i, p := range parts {
		if names[i] = p.name; b.label != "" {
			names[i] = fmt.Sprintf("%s-%d", b.label, i+1)
		}
	}
	ids := identifiers(names)
	var total float64
	weight := func(p part) float64 {
		if b.rootTraffic {
			return math.Sqrt(float64(len(p.samples)))
		}
		return float64(len(p.samples))
	}
	for _, p := range parts {
		total += weight(p)
	}
	pool, err := b.pool()
	if err != nil {
		return nil, err
	}
	nodes, borrowed := make([]Node, len(parts)), 0
	for i, p := range parts {
		node := Node{ID: ids[i], Share: weight(p) / total, Rows: len(p.samples)}
		if !b.byHash {
			node.Groups = p.groups
		}
		if b.logged {
			records, lent := lend(p, pool)
			borrowed += lent
			node.World, err = environment.NewLogged(len(b.arms), records)
		} else {
			node.World, err = b.table(p)
		}
		if err != nil {
			return nil, err
		}
		nodes[i] = node
	}
	if borrowed > 0 {
		b.say("Some arms were never shown at a node (%s of node and arm): there the rows of all nodes stand in for them.", countOf(borrowed, "pair"))
	}
	slices.SortStableFunc(nodes, func(x, y Node) int { return cmp.Compare(y.Share, x.Share) })
	return nodes, nil
}

func (b *builder) table(p part) (environment.World, error) {
	rows := make([][]float64, len(p.samples))
	for i, s := range p.samples {
		rows[i] = s.rewards
	}
	table, err := environment.NewTable(rows)
	if err != nil {
		return nil, err
	}
	if b.deck {
		return environment.NewDeck(table), nil
	}
	return table, nil
}

// pool returns the records of every arm over all nodes, and refuses an arm that
// was never shown anywhere.
func (b *builder) pool() ([][]environment.Record, error) {
	if !b.logged {
		return nil, nil
	}
	pool := make([][]environment.Record, len(b.arms))
	for _, s := range b.samples {
		pool[s.record.Arm] = append(pool[s.record.Arm], s.record)
	}
	for arm, records := range pool {
		if len(records) == 0 {
			return nil, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: fmt.Sprintf("arms[%d]", arm), Value: fmt.Sprintf("%q, never shown", b.arms[arm]),
				Allowed: "arms with at least one logged decision", Message: "an arm can't be replayed", Hint: "leave the arm out", File: b.in.path,
			}
		}
	}
	return pool, nil
}

// lend returns a part's records, with those of the pool for arms that it lacks,
// and how many arms that were.
func lend(p part, pool [][]environment.Record) (records []environment.Record, lent int) {
	shown := make([]bool, len(pool))
	for _, s := range p.samples {
		records, shown[s.record.Arm] = append(records, s.record), true
	}
	for arm, ok := range shown {
		if !ok {
			records = append(records, pool[arm]...)
			lent++
		}
	}
	return records, lent
}

// thousands writes an integer with commas.
func thousands(n int) string { return message.NewPrinter(language.English).Sprintf("%d", n) }

// thousandths writes a positive number with commas and without needless digits.
func thousandths(x float64) string {
	if x == math.Trunc(x) && x < 1e15 {
		return thousands(int(x))
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// list writes names for people, a few of them.
func list(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
