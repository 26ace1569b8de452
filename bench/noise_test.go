package bench

import (
	"testing"
	"time"

	google "github.com/google/differential-privacy/go/v3/noise"

	"github.com/posse-dev/posse/dp/noise"
)

const (
	laplaceSmall  = "discrete Laplace, scale 10, batched"
	laplaceLarge  = "discrete Laplace, scale 2^20, batched"
	gaussianSmall = "discrete Gaussian, σ 10, batched"
	gaussianLarge = "discrete Gaussian, σ 2^20, batched"
	googleNoise   = "differential-privacy/go v3.0.0"
	noiseGoal     = "at least 25, floor 5"
	samples       = 20_000
)

func BenchmarkNoise(b *testing.B) {
	for _, n := range []struct {
		name  string
		scale uint64
	}{{laplaceSmall, 10}, {laplaceLarge, 1 << 20}} {
		b.Run(n.name, func(b *testing.B) {
			law, err := noise.NewDiscreteLaplace(n.scale, 1)
			if err != nil {
				b.Fatal(err)
			}
			theirs := google.Laplace()
			faster(b, pairs, n.name, googleNoise, noiseGoal, fill(law), func() time.Duration {
				return timed(func() {
					for range samples {
						if _, err := theirs.AddNoiseInt64(0, 1, int64(n.scale), 1, 0); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		})
	}
	for _, n := range []struct {
		name  string
		sigma uint64
	}{{gaussianSmall, 10}, {gaussianLarge, 1 << 20}} {
		b.Run(n.name, func(b *testing.B) {
			law, err := noise.NewDiscreteGaussian(n.sigma*n.sigma, 1)
			if err != nil {
				b.Fatal(err)
			}
			theirs, sensitivity := google.Gaussian(), sensitivityFor(float64(n.sigma))
			faster(b, pairs, n.name, googleNoise, noiseGoal, fill(law), func() time.Duration {
				return timed(func() {
					for range samples {
						if _, err := theirs.AddNoiseInt64(0, 1, sensitivity, 1, 1e-5); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		})
	}
}

// fill draws the samples in batches of 1,000, with secure randomness as theirs.
func fill(law noise.Law) func() time.Duration {
	batch := make([]int64, 1000)
	return func() time.Duration {
		return timed(func() {
			for range samples / len(batch) {
				law.Fill(batch, noise.Secure{})
			}
		})
	}
}

// sensitivityFor is the sensitivity at which the library's σ is nearest to the given
// one: it takes a promise and not a law.
func sensitivityFor(sigma float64) int64 {
	return max(1, int64(sigma/google.SigmaForGaussian(1, 1, 1, 1e-5)+0.5))
}
