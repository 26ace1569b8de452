package noise

import (
	"math/big"
	"testing"
)

func BenchmarkSecureSixteenBytes(b *testing.B) {
	var src Secure
	buf := make([]uint64, 256)
	for i := 0; i < b.N; i += 128 {
		src.fill(buf)
	}
}

func BenchmarkLaplace(b *testing.B) {
	for name, s := range map[string][2]uint64{"1": {1, 1}, "2^20": {1 << 20, 1}, "2^40": {1 << 40, 1}, "1e9/123456789·2^16": {1e9 << 16, 123456789}} {
		l, err := NewDiscreteLaplace(s[0], s[1])
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			dst := make([]int64, 1000)
			for i := 0; i < b.N; i += len(dst) {
				l.Fill(dst, Secure{})
			}
		})
	}
}

func BenchmarkGaussian(b *testing.B) {
	for name, s := range map[string]*big.Rat{"1": big.NewRat(1, 1), "18": big.NewRat(18, 1), "1e6": big.NewRat(1e6, 1), "2^86": new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 86)), "half": big.NewRat(1, 2)} {
		g, err := NewDiscreteGaussianRat(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			dst := make([]int64, 1000)
			for i := 0; i < b.N; i += len(dst) {
				g.Fill(dst, Secure{})
			}
		})
	}
}

func BenchmarkSampleOne(b *testing.B) {
	l, _ := NewDiscreteLaplace(100, 1)
	for b.Loop() {
		l.Sample(Secure{})
	}
}
