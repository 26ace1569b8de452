package bench

import (
	"math"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/continual"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/mechanisms/linear"
)

const (
	decideArms    = "a choice of UCB1 among 100 arms"
	decideLinear  = "a choice of LinUCB, 50 arms of 64 features"
	bareMatrices  = "x·θ and xᵀA⁻¹x of as many arms, gonum or a plain loop, the faster"
	treeStep      = "a step of a tree of arity 11, 64 numbers, horizon 1,000"
	rootStep      = "a step of the square root, 64 numbers, horizon 1,000"
	bltStep       = "a step of a BLT of 8 buffers, 64 numbers, horizon 1,000"
	bareSampler   = "the noise alone, drawn in the same batches"
	linearArms    = 50
	linearD       = 64
	linearChoices = 200
)

// A choice alone, with nothing learnt between.
func BenchmarkChoices(b *testing.B) {
	b.Run("arms", func(b *testing.B) {
		const k, rounds = 100, 50_000
		u, err := arms.NewUCB1(arms.Problem{Arms: k, Horizon: 1 << 20})
		if err != nil {
			b.Fatal(err)
		}
		src := noise.NewSeeded(1)
		n, sum := make([]float64, k), make([]float64, k)
		for i := range 50 * k {
			x := noise.Float64(src)
			if err := u.Observe(mechanisms.Round{T: uint64(i) + 1}, mechanisms.None{}, mechanisms.Arm(i%k), mechanisms.Reward{X: x}); err != nil {
				b.Fatal(err)
			}
			n[i%k]++
			sum[i%k] += x
		}
		var l mechanisms.Learner[mechanisms.None, mechanisms.Arm, mechanisms.Reward] = u
		kept := 0
		slower(b, decideArms, plainLoop, ucbGoal, func() time.Duration {
			return timed(func() {
				for t := range uint64(rounds) {
					a, _, _ := l.Choose(mechanisms.Round{T: 5000 + t}, mechanisms.None{}, nil)
					kept += int(a)
				}
			})
		}, func() time.Duration {
			return timed(func() {
				for t := range rounds {
					best, at := math.Inf(-1), 0
					scale := 2 * math.Log(float64(5000+t))
					for a := range n {
						if index := sum[a]/n[a] + math.Sqrt(scale/n[a]); index > best {
							best, at = index, a
						}
					}
					kept += at
				}
			})
		})
	})
	b.Run("linear", func(b *testing.B) {
		l, err := linear.NewLinUCB(linear.Problem{Arms: linearArms, Horizon: 1 << 20, Features: mechanisms.FeatureSpec{Dimension: linearD}})
		if err != nil {
			b.Fatal(err)
		}
		src := noise.NewSeeded(1)
		contexts := make([][]float64, 4*linearArms)
		for i := range contexts {
			contexts[i] = environment.Direction(nil, linearD, src)
			if err := l.Observe(mechanisms.Round{T: 1}, mechanisms.Features{X: contexts[i]}, mechanisms.Arm(i%linearArms), mechanisms.Reward{X: noise.Float64(src)}); err != nil {
				b.Fatal(err)
			}
		}
		inverse, dense, theta := make([][]float64, linearArms), make([]*mat.SymDense, linearArms), make([][]float64, linearArms)
		for a := range inverse {
			gram := mat.NewSymDense(linearD, nil)
			for i := range linearD {
				gram.SetSym(i, i, 1)
			}
			for i := a; i < len(contexts); i += linearArms {
				gram.SymRankOne(gram, 1, mat.NewVecDense(linearD, contexts[i]))
			}
			var chol mat.Cholesky
			chol.Factorize(gram)
			dense[a] = mat.NewSymDense(linearD, nil)
			if err := chol.InverseTo(dense[a]); err != nil {
				b.Fatal(err)
			}
			inverse[a], theta[a] = make([]float64, linearD*linearD), contexts[a]
			for i := range linearD {
				for j := range linearD {
					inverse[a][i*linearD+j] = dense[a].At(i, j)
				}
			}
		}
		kept := 0
		loop := func() {
			for t := range linearChoices {
				x, best, at := contexts[t%len(contexts)], math.Inf(-1), 0
				for a := range inverse {
					mean, square := 0.0, 0.0
					for i, v := range x {
						mean += v * theta[a][i]
						row, sum := inverse[a][i*linearD:(i+1)*linearD], 0.0
						for j, w := range x {
							sum += row[j] * w
						}
						square += v * sum
					}
					if index := mean + math.Sqrt(square); index > best {
						best, at = index, a
					}
				}
				kept += at
			}
		}
		gonum := func() {
			for t := range linearChoices {
				x, best, at := mat.NewVecDense(linearD, contexts[t%len(contexts)]), math.Inf(-1), 0
				for a := range dense {
					if index := mat.Dot(x, mat.NewVecDense(linearD, theta[a])) + math.Sqrt(mat.Inner(x, dense[a], x)); index > best {
						best, at = index, a
					}
				}
				kept += at
			}
		}
		slower(b, decideLinear, bareMatrices, "at most 2", func() time.Duration {
			return timed(func() {
				for t := range linearChoices {
					a, _, _ := l.Choose(mechanisms.Round{T: uint64(t) + 1}, mechanisms.Features{X: contexts[t%len(contexts)]}, nil)
					kept += int(a)
				}
			})
		}, func() time.Duration { return min(timed(loop), timed(gonum)) })
	})
}

func BenchmarkCounters(b *testing.B) {
	const horizon, cells = 1000, 64
	law, err := noise.NewDiscreteGaussian(1<<40, 1)
	if err != nil {
		b.Fatal(err)
	}
	root, err := continual.NewSquareRoot(horizon)
	if err != nil {
		b.Fatal(err)
	}
	tree, err := continual.NewTree(horizon, 11)
	if err != nil {
		b.Fatal(err)
	}
	blt, err := continual.NewBLT(horizon, continual.DefaultBuffers)
	if err != nil {
		b.Fatal(err)
	}
	for name, d := range map[string]continual.Design{treeStep: tree, rootStep: root, bltStep: blt} {
		b.Run(name, func(b *testing.B) {
			y := make([]int64, cells)
			slower(b, name, bareSampler, "none", func() time.Duration {
				s, err := continual.NewStream(d, law, cells)
				if err != nil {
					b.Fatal(err)
				}
				return timed(func() {
					for range horizon {
						if err := s.Next(y, noise.Secure{}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}, func() time.Duration {
				return timed(func() {
					for range horizon {
						law.Fill(y, noise.Secure{})
					}
				})
			})
		})
	}
}
