package arms

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

type learner = mechanisms.Learner[mechanisms.None, mechanisms.Arm, mechanisms.Reward]

// regret is the mean and standard error of the regret over runs of Bernoulli arms.
func regret(t *testing.T, make func(Problem) (learner, error), means []float64, horizon uint64, runs int, seed uint64) (mean, se float64) {
	best := 0.0
	for _, m := range means {
		best = max(best, m)
	}
	sum, squares := 0.0, 0.0
	for run := range runs {
		p, err := make(Problem{Arms: len(means), Horizon: horizon})
		require.NoError(t, err)
		src, lost := noise.NewSeeded(seed+uint64(run)), 0.0
		for i := range horizon {
			a, _, err := p.Choose(mechanisms.Round{T: i + 1}, mechanisms.None{}, src)
			require.NoError(t, err)
			x := 0.0
			if noise.Float64(src) < means[a] {
				x = 1
			}
			if err := p.Observe(mechanisms.Round{T: i + 1}, mechanisms.None{}, a, mechanisms.Reward{X: x}); err != nil {
				t.Fatal(err)
			}
			lost += best - means[a]
		}
		sum += lost
		squares += lost * lost
	}
	n := float64(runs)
	mean = sum / n
	return mean, math.Sqrt((squares/n - mean*mean) / (n - 1))
}

func ucb1(p Problem) (learner, error)             { return NewUCB1(p) }
func thompsonBeta(p Problem) (learner, error)     { return NewThompsonBeta(p) }
func thompsonGaussian(p Problem) (learner, error) { return NewThompsonGaussian(p) }
func exp3(p Problem) (learner, error)             { return NewEXP3(p) }
func commit(p Problem) (learner, error)           { return NewExploreThenCommit(p) }
func successive(p Problem) (learner, error)       { return NewSuccessiveElimination(p) }

// The rows of policies 17.3: the mean of an independent implementation over 400 runs,
// and ours over as many, within 7 combined standard errors (7 and not 5, because
// regrets are skewed; false alarm at most 1e-6). The planted twins, each policy
// against another one's row, must be seen.
func TestRegretsAgreeWithAnIndependentImplementation(t *testing.T) {
	a, c := []float64{0.9, 0.8}, []float64{0.55, 0.45, 0.45, 0.35}
	b := []float64{0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01}
	for name, row := range map[string]struct {
		make    func(Problem) (learner, error)
		means   []float64
		horizon uint64
		mean    float64
		se      float64
		twin    float64 // another policy's mean in the same column
	}{
		"ucb1, A":              {ucb1, a, 10_000, 87.4, 0.8, 54.6},
		"ucb1, C":              {ucb1, c, 5_000, 168.5, 1.2, 223.5},
		"thompson-beta, A":     {thompsonBeta, a, 10_000, 10.2, 0.4, 18.0},
		"thompson-beta, C":     {thompsonBeta, c, 5_000, 44.0, 1.2, 64.0},
		"thompson-gaussian, A": {thompsonGaussian, a, 10_000, 18.0, 0.5, 10.2},
		"thompson-gaussian, C": {thompsonGaussian, c, 5_000, 45.9, 1.5, 64.0},

		"exp3, A":                   {exp3, a, 10_000, 167.0, 2.3, 87.4},
		"explore-then-commit, B":    {commit, b, 10_000, 168.5, 11.1, 485.6},
		"exp3, C":                   {exp3, c, 5_000, 223.5, 1.9, 168.5},
		"explore-then-commit, A":    {commit, a, 10_000, 25.1, 4.8, 87.4},
		"explore-then-commit, C":    {commit, c, 5_000, 126.3, 9.8, 223.5},
		"successive-elimination, A": {successive, a, 10_000, 491.8, 1.1, 167.0},
		"successive-elimination, C": {successive, c, 5_000, 487.3, 0.9, 223.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mean, se := regret(t, row.make, row.means, row.horizon, 400, 1000)
			t.Logf("%.1f ± %.1f, stated %.1f ± %.1f", mean, se, row.mean, row.se)
			away := func(stated float64) float64 { return math.Abs(mean-stated) / math.Hypot(se, row.se) }
			assert.LessOrEqual(t, away(row.mean), 7.0)
			assert.Greater(t, away(row.twin), 7.0, "planted: another policy's row")
		})
	}
}

// Propensities by quadrature: the exact value of a small case, a sum of one, and arms
// of which one was pulled a thousand times more.
func TestWinningChancesAreExact(t *testing.T) {
	beta, err := NewThompsonBeta(Problem{Arms: 2, Horizon: 10})
	require.NoError(t, err)
	require.NoError(t, beta.Observe(mechanisms.Round{T: 1}, mechanisms.None{}, 0, mechanisms.Reward{X: 1}))
	chances := map[mechanisms.Arm]float64{}
	src := noise.NewSeeded(3)
	for range 100 {
		a, p, err := beta.Choose(mechanisms.Round{T: 2, Logged: true}, mechanisms.None{}, src)
		require.NoError(t, err)
		chances[a] = p
	}
	assert.InDelta(t, 2.0/3, chances[0], 1e-9, "Beta(2, 1) against Beta(1, 1)")
	assert.InDelta(t, 1.0/3, chances[1], 1e-9)

	beta, err = NewThompsonBeta(Problem{Arms: 4, Horizon: 10})
	require.NoError(t, err)
	gaussian, err := NewThompsonGaussian(Problem{Arms: 4, Horizon: 10})
	require.NoError(t, err)
	for a, n := range []int{1, 3, 100, 100_000} {
		for i := range n {
			x := mechanisms.Reward{X: float64(i*7%10) / 10}
			require.NoError(t, beta.Observe(mechanisms.Round{T: 1}, mechanisms.None{}, mechanisms.Arm(a), x))
			require.NoError(t, gaussian.Observe(mechanisms.Round{T: 1}, mechanisms.None{}, mechanisms.Arm(a), x))
		}
	}
	sum, sumGaussian := 0.0, 0.0
	for a := range 4 {
		betas, normals := laws(4, func(b int) Posterior { return beta.posterior(b, nil) }), laws(4, func(b int) Posterior { return gaussian.posterior(b, nil) })
		sum += Winning(a, betas, 0, 1)
		sumGaussian += Winning(a, normals, math.Inf(-1), math.Inf(1))
	}
	assert.InDelta(t, 1, sum, 1e-6)
	assert.InDelta(t, 1, sumGaussian, 1e-6)
}

func laws(k int, of func(int) Posterior) (out []Posterior) {
	for a := range k {
		out = append(out, of(a))
	}
	return out
}
