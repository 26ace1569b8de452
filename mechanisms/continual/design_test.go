package continual

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The table of private-learning 3, to its four decimals.
func TestVariancesReproduceTheStatedTable(t *testing.T) {
	for _, row := range []struct {
		horizon                                                uint64
		treeMax, treeMean, honakerMax, honakerMean, max_, mean float64
	}{
		{7, 9, 5.1429, 6.7143, 3.8367, 2.8040, 2.3898},
		{16, 20, 10.3125, 13.8571, 7.0899, 3.7787, 3.2285},
		{63, 36, 18.2857, 22.7730, 11.5672, 5.6826, 4.9493},
		{100, 42, 22.3300, 26.5685, 13.9403, 6.4077, 5.6200},
		{1000, 90, 49.3800, 53.0237, 28.7010, 10.6602, 9.6239},
		{1023, 100, 50.0489, 58.0286, 29.0427, 10.7076, 9.6689},
		{1024, 110, 55.0107, 63.8315, 31.9211, 10.7096, 9.6708},
		{10000, 182, 90.4582, 102.2460, 50.8514, 15.9841, 14.7119},
		{100000, 272, 138.5551, 149.6568, 76.1058, 22.3819, 20.8761},
	} {
		mean, most := must(NewTree(row.horizon, 2)).spread(false)
		assert.InDelta(t, row.treeMax, most, 5e-5, "tree, %d", row.horizon)
		assert.InDelta(t, row.treeMean, mean, 5.1e-5, "tree, %d", row.horizon)
		mean, most = must(NewSquareRoot(row.horizon)).spread(false)
		assert.InDelta(t, row.max_, most, 5.1e-5, "√, %d", row.horizon)
		assert.InDelta(t, row.mean, mean, 5.1e-5, "√, %d", row.horizon)
		mean, most = 0, 0
		for i := uint64(1); i <= row.horizon; i++ {
			v := HonakerVariance(row.horizon, i)
			mean, most = mean+v/float64(row.horizon), math.Max(most, v)
		}
		assert.InDelta(t, row.honakerMax, most, 5.1e-5, "Honaker, %d", row.horizon)
		assert.InDelta(t, row.honakerMean, mean, 5.1e-5, "Honaker, %d", row.horizon)
		mean, most = must(NewFresh(row.horizon)).spread(false)
		assert.Equal(t, float64(row.horizon), most)
		assert.InDelta(t, float64(row.horizon+1)/2, mean, 1e-9)
	}
}

// The table of private-learning 3.1 for pure ε: mean and largest variance.
func TestPureTreesReproduceTheStatedTable(t *testing.T) {
	for _, row := range []struct {
		horizon, arity               uint64
		binary, binaryMax, best, max float64
	}{
		{32, 33, 91.1, 180, 16.5, 32}, {100, 11, 156.3, 294, 36.4, 72}, {1000, 11, 493.8, 900, 121.8, 243}, {10000, 22, 1266.4, 2548, 276.4, 549},
	} {
		mean, most := must(NewTree(row.horizon, 2)).spread(true)
		assert.InDelta(t, row.binary, mean, 0.051)
		assert.Equal(t, row.binaryMax, most)
		c := must(Choose(row.horizon, true, dp.Silo))
		assert.Equal(t, row.arity, c.Design.Arity, "%d", row.horizon)
		assert.InDelta(t, row.best, c.Mean, 0.051, "%d", row.horizon)
		assert.Equal(t, row.max, c.Max, "%d", row.horizon)
	}
}

// No arity is better than the chosen one, and closed forms equal sums.
func TestTheChosenArityIsTheBest(t *testing.T) {
	for _, horizon := range []uint64{1, 2, 3, 5, 16, 47, 48, 49, 63, 100, 343, 700} {
		c := must(Choose(horizon, true, dp.Silo))
		for b := uint64(2); b <= horizon+1; b++ {
			d := must(NewTree(horizon, b))
			mean, most, sum, largest := 0.0, 0.0, 0.0, 0.0
			mean, most = d.spread(true)
			for i := uint64(1); i <= horizon; i++ {
				sum += d.Variance(i, true)
				largest = math.Max(largest, d.Variance(i, true))
			}
			require.InDelta(t, sum/float64(horizon), mean, 1e-9, "T %d, b %d", horizon, b)
			require.Equal(t, largest, most, "T %d, b %d", horizon, b)
			require.GreaterOrEqual(t, mean, c.Mean-1e-9, "T %d, b %d", horizon, b)
		}
		if horizon <= 48 {
			assert.Equal(t, Fresh, c.Design.Mechanism, "%d", horizon)
		}
	}
}

// BLT against the table of its errors over the square root's.
func TestBuffersComeNearTheSquareRoot(t *testing.T) {
	for _, row := range []struct {
		horizon uint64
		buffers int
		ratio   float64
	}{{1024, 4, 1.0123}, {1024, 6, 1.0022}, {1024, 8, 1.0007}, {1024, 10, 1.0003}, {16384, 6, 1.0053}, {16384, 8, 1.0013}} {
		if testing.Short() && row.horizon > 2000 {
			continue
		}
		d := must(NewBLT(row.horizon, row.buffers))
		_, most := d.spread(false)
		_, root := must(NewSquareRoot(row.horizon)).spread(false)
		assert.LessOrEqual(t, most/root, row.ratio+1e-4, "T %d, d %d", row.horizon, row.buffers)
		assert.Greater(t, most/root, 1+1e-5*float64(10-row.buffers), "nothing is below the square root with so few buffers")
		assert.Equal(t, row.buffers, len(d.theta))
	}
}

func TestChoicesSayWhy(t *testing.T) {
	for _, row := range []struct {
		horizon uint64
		pure    bool
		model   dp.Model
		want    Mechanism
		why     string
	}{
		{1000, false, dp.Silo, SquareRoot, "binary tree 49.38"},
		{1000, false, dp.Distributed, BLT, "8 buffers a cell instead of 1000"},
		{16, false, dp.Central, SquareRoot, "16 leaves"},
		{1000, true, dp.Central, Tree, "arity 11"},
		{20, true, dp.Silo, Fresh, "fresh noise"},
		{1, false, dp.Silo, SquareRoot, "1 leaves"},
	} {
		c := must(Choose(row.horizon, row.pure, row.model))
		assert.Equal(t, row.want, c.Design.Mechanism)
		assert.Contains(t, c.Why, row.why)
		for _, other := range c.Considered {
			if c.Design.Mechanism != BLT {
				assert.GreaterOrEqual(t, other.Mean, c.Mean)
			}
		}
	}
	one := must(NewSquareRoot(1))
	assert.Equal(t, 1.0, one.Variance(1, false), "one leaf is one Gaussian")
}

// A prefix is a subset, and holes cost what C⁻¹ says: checked against a product of
// matrices.
func TestSubsetsHaveTheVarianceOfTheMatrix(t *testing.T) {
	const horizon = 30
	leaves := []uint64{1, 2, 5, 6, 7, 13, 20, 30}
	for _, d := range []Design{must(NewFresh(horizon)), must(NewTree(horizon, 2)), must(NewTree(horizon, 5)), must(NewSquareRoot(horizon)), must(NewBLT(horizon, 4))} {
		name := fmt.Sprint(d.Mechanism, d.Arity)
		inverse, norm := matrix(d)
		variance := func(of []uint64) float64 {
			total := 0.0
			for s := range horizon {
				a := 0.0
				for _, t := range of {
					a += inverse[t-1][s]
				}
				total += a * a
			}
			return norm * total
		}
		var all []uint64
		for i := uint64(1); i <= horizon; i++ {
			all = append(all, i)
			got, err := d.SubsetVariance(all, false)
			require.NoError(t, err)
			assert.InDelta(t, d.Variance(i, false), got, 1e-6, "%s, prefix %d", name, i)
			assert.InEpsilon(t, variance(all), got, 1e-5, "%s, prefix %d", name, i)
		}
		got, err := d.SubsetVariance(leaves, false)
		require.NoError(t, err)
		assert.InEpsilon(t, variance(leaves), got, 1e-5, name)
		for _, bad := range [][]uint64{{0}, {2, 2}, {3, 1}, {31}} {
			_, err := d.SubsetVariance(bad, false)
			assert.Error(t, err)
		}
	}
}

// matrix is C⁻¹ row by row, from streams whose noise is a unit vector each, and the
// square of C's largest column.
func matrix(d Design) (inverse [][]float64, norm float64) {
	n := int(d.Horizon)
	inverse = make([][]float64, n)
	for i := range inverse {
		inverse[i] = make([]float64, n)
	}
	const unit = 1 << 30
	for s := range n {
		stream := must(NewStream(d, &pulse{at: s, size: unit}, 1))
		y := []int64{0}
		for i := range n {
			if err := stream.Next(y, nil); err != nil {
				panic(err)
			}
			inverse[i][s] = float64(y[0]) / unit
		}
	}
	// C by forward substitution of unit vectors through C⁻¹
	for s := range n {
		c, square := make([]float64, n), 0.0
		for i := s; i < n; i++ {
			if i == s {
				c[i] = 1
			}
			for k := s; k < i; k++ {
				c[i] -= inverse[i][k] * c[k]
			}
			square += c[i] * c[i]
		}
		norm = math.Max(norm, square)
	}
	return inverse, norm
}

func TestDesignsOutsideTheirRangeAreRefused(t *testing.T) {
	for name, f := range map[string]func() error{
		"no leaves":   func() error { _, err := NewSquareRoot(0); return err },
		"too many":    func() error { _, err := NewFresh(MaxHorizon + 1); return err },
		"arity":       func() error { _, err := NewTree(10, 1); return err },
		"no buffers":  func() error { _, err := NewBLT(10, 0); return err },
		"too wide":    func() error { _, err := NewBLT(10, 17); return err },
		"chosen none": func() error { _, err := Choose(0, true, dp.Silo); return err },
	} {
		assert.Error(t, f(), name)
	}
}
