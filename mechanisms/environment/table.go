package environment

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Table is a world of recorded instances, each with the reward of every arm.
// An instance is a row drawn uniformly with replacement; a [Deck] draws without.
// Use [NewTable].
type Table struct {
	arms    int
	rewards []float64 // row by row
	means   []float64
}

// NewTable returns a world of the given rows, each with the same number of
// rewards in [−MaxReward, MaxReward], one an arm. The rows are copied. An error names the row,
// counted from 0, and never a reward.
func NewTable(rows [][]float64) (*Table, error) {
	if len(rows) == 0 {
		return nil, posse.OutOfRange("environment.rows", "no rows", "at least one row", "")
	}
	t := &Table{arms: len(rows[0]), rewards: make([]float64, 0, len(rows)*len(rows[0]))}
	if err := checkCount("environment.rows[0]", t.arms); err != nil {
		return nil, err
	}
	for i, row := range rows {
		if len(row) != t.arms {
			return nil, posse.OutOfRange(fmt.Sprintf("environment.rows[%d]", i), fmt.Sprintf("%d values", len(row)),
				fmt.Sprintf("%d values, as in the first row", t.arms), "")
		}
		for a, x := range row {
			if err := checkReward(fmt.Sprintf("environment.rows[%d][%d]", i, a), x); err != nil {
				return nil, err
			}
		}
		t.rewards = append(t.rewards, row...)
	}
	for a := range t.arms {
		t.means = append(t.means, t.average(a, func(x float64) float64 { return x }))
	}
	return t, nil
}

// average returns the mean of f over the rewards of an arm.
func (t *Table) average(arm int, f func(float64) float64) float64 {
	var sum float64
	for i := arm; i < len(t.rewards); i += t.arms {
		sum += f(t.rewards[i])
	}
	return sum / float64(t.Rows())
}

// Arms returns the number of arms.
func (t *Table) Arms() int { return t.arms }

// Rows returns the number of rows.
func (t *Table) Rows() int { return len(t.rewards) / t.arms }

// Mean returns the average reward of an arm over the rows.
func (t *Table) Mean(arm int) float64 { return t.means[arm] }

// Moment returns the average |X|^order of an arm over the rows; O(rows).
func (t *Table) Moment(arm int, order float64) float64 {
	checkOrder(order)
	return t.average(arm, func(x float64) float64 { return math.Pow(math.Abs(x), order) })
}

// Row returns the rewards of a row in [0, Rows). It shares the table's memory:
// don't write to it.
func (t *Table) Row(row int) Instance {
	return Instance(t.rewards[row*t.arms : (row+1)*t.arms : (row+1)*t.arms])
}

// Reward draws the reward of one arm in a row drawn with replacement.
func (t *Table) Reward(arm int, src noise.Source) float64 {
	return t.row(src)[arm]
}

// Draw draws a row with replacement.
func (t *Table) Draw(into Instance, src noise.Source) Instance {
	into = room(into, t.arms)
	copy(into, t.row(src))
	return into
}

// row draws a row with replacement.
func (t *Table) row(src noise.Source) Instance {
	return t.Row(int(noise.Uniform(uint64(t.Rows()), src)))
}
