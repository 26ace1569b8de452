package account

import (
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

// BenchmarkThousandEvents against BenchmarkThousandTransforms of the same length.
func BenchmarkThousandEvents(b *testing.B) {
	events := make([]Event, 1000)
	for i := range events {
		events[i] = Event{Mechanism: Gaussian, Sigma: 20 + float64(i)/20}
	}
	for b.Loop() {
		if _, err := NewPLD(events, 1e-6); err != nil {
			b.Fatal(err)
		}
	}
}

// The length is that of the last grid above.
func BenchmarkThousandTransforms(b *testing.B) {
	const length = 1 << 16
	fft := fourier.NewFFT(length)
	seq := make([]float64, length)
	for i := range seq {
		seq[i] = float64(i % 7)
	}
	coefficients := make([]complex128, length/2+1)
	for b.Loop() {
		for range 1000 {
			fft.Coefficients(coefficients, seq)
		}
	}
}
