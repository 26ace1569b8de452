package bench

import (
	"bufio"
	"crypto/rand"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/posse-dev/posse/dp/noise"
)

const (
	laplaceBytes  = "discrete Laplace, scale 2^20, a variate"
	gaussianBytes = "discrete Gaussian, σ 2^20, a variate"
	laplaceBig    = "discrete Laplace, scale 2^20, beside the paper's"
	gaussianBig   = "discrete Gaussian, σ 2^20, beside the paper's"
)

// BenchmarkNoiseWords: against no more than the randomness, from the same stream.
func BenchmarkNoiseWords(b *testing.B) {
	for _, n := range []struct {
		name string
		law  noise.Law
	}{{laplaceBytes, scaled(b)}, {gaussianBytes, wide(b)}} {
		b.Run(n.name, func(b *testing.B) {
			slower(b, n.name, "16 bytes of the same stream, in two calls", "at most 10", fill(n.law), func() time.Duration {
				return timed(func() {
					for range samples {
						keep += noise.Secure{}.Uint64() ^ noise.Secure{}.Uint64()
					}
				})
			})
		})
	}
}

// keep is written so that draws are not optimised away.
var keep uint64

// BenchmarkNoiseReference: against the published algorithms, written down plainly
// with math/big over buffered system randomness.
func BenchmarkNoiseReference(b *testing.B) {
	scale := new(big.Int).Lsh(big.NewInt(1), 20)
	for _, n := range []struct {
		name string
		law  noise.Law
		draw func(published) *big.Int
	}{
		{laplaceBig, scaled(b), func(p published) *big.Int { return p.laplace(scale) }},
		{gaussianBig, wide(b), func(p published) *big.Int { return p.gaussian(scale) }},
	} {
		b.Run(n.name, func(b *testing.B) {
			p := published{bufio.NewReaderSize(rand.Reader, 1<<16)}
			faster(b, pairs, n.name, "Canonne, Kamath, Steinke 2020 in math/big", "none", fill(n.law), func() time.Duration {
				return timed(func() {
					for range samples {
						n.draw(p)
					}
				})
			})
		})
	}
}

func scaled(b *testing.B) noise.Law {
	law, err := noise.NewDiscreteLaplace(1<<20, 1)
	if err != nil {
		b.Fatal(err)
	}
	return law
}

func wide(b *testing.B) noise.Law {
	law, err := noise.NewDiscreteGaussian(1<<40, 1)
	if err != nil {
		b.Fatal(err)
	}
	return law
}

// published is the paper's pseudo-code over a stream of bytes.
type published struct{ in io.Reader }

func (p published) uniform(n *big.Int) *big.Int {
	x, err := rand.Int(p.in, n)
	if err != nil {
		panic(err)
	}
	return x
}

// accept returns true with chance exp(−num/den) (Algorithm 1).
func (p published) accept(num, den *big.Int) bool {
	num = new(big.Int).Set(num)
	for num.Cmp(den) > 0 {
		if !p.accept(big.NewInt(1), big.NewInt(1)) {
			return false
		}
		num.Sub(num, den)
	}
	for k := int64(1); ; k++ {
		if p.uniform(new(big.Int).Mul(den, big.NewInt(k))).Cmp(num) >= 0 {
			return k%2 == 1
		}
	}
}

// laplace is Algorithm 2 for a whole scale.
func (p published) laplace(scale *big.Int) *big.Int {
	one := big.NewInt(1)
	for {
		u := p.uniform(scale)
		if !p.accept(u, scale) {
			continue
		}
		v := new(big.Int)
		for p.accept(one, one) {
			v.Add(v, one)
		}
		x := v.Add(v.Mul(v, scale), u)
		negative := p.uniform(big.NewInt(2)).Sign() == 0
		if negative && x.Sign() == 0 {
			continue
		}
		if negative {
			x.Neg(x)
		}
		return x
	}
}

// gaussian is Algorithm 3 for a whole σ.
func (p published) gaussian(sigma *big.Int) *big.Int {
	t := new(big.Int).Add(sigma, big.NewInt(1))
	square := new(big.Int).Mul(sigma, sigma)
	den := new(big.Int).Mul(new(big.Int).Lsh(square, 1), new(big.Int).Mul(t, t))
	for {
		y := p.laplace(t)
		gap := new(big.Int).Sub(new(big.Int).Mul(new(big.Int).Abs(y), t), square)
		if p.accept(gap.Mul(gap, gap), den) {
			return y
		}
	}
}
