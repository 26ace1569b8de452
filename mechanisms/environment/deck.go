package environment

import "github.com/posse-dev/posse/dp/noise"

// Deck is a [Table] dealt without replacement: each row comes once, in an order
// that the source shuffles. Means and moments are those of the whole table. It
// is for one goroutine. Use [NewDeck].
type Deck struct {
	*Table
	order []int32 // the first left entries are still to be dealt
	left  int
}

// NewDeck returns a full deck of a table, which decks may share.
func NewDeck(table *Table) *Deck {
	d := &Deck{Table: table, order: make([]int32, table.Rows())}
	d.Reset()
	return d
}

// Reset puts all rows back. The order to come depends on the source alone, and
// not on what was dealt before.
func (d *Deck) Reset() {
	for i := range d.order {
		d.order[i] = int32(i)
	}
	d.left = len(d.order)
}

// Left returns the number of rows not yet dealt.
func (d *Deck) Left() int { return d.left }

// Draw deals a row. It panics on an empty deck: ask [Deck.Left] first.
func (d *Deck) Draw(into Instance, src noise.Source) Instance {
	if d.left == 0 {
		panic("environment: draw from an empty deck")
	}
	into = room(into, d.arms)
	i := int(noise.Uniform(uint64(d.left), src))
	d.left--
	d.order[i], d.order[d.left] = d.order[d.left], d.order[i]
	copy(into, d.Row(int(d.order[d.left])))
	return into
}

// Reward deals a row and returns the reward of one arm in it.
func (d *Deck) Reward(arm int, src noise.Source) float64 { return d.Draw(nil, src)[arm] }
