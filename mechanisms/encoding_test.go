package mechanisms_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

func descriptor() mechanisms.Descriptor {
	return mechanisms.Descriptor{
		Version: 3, Epoch: 2, Plan: []byte("plan"), Layout: statistics.Layout{
			{Name: "n", Shape: []int{2}, Record: 1, Claim: true},
			{Name: "s", Shape: []int{2}, Scale: 4, Record: 16, L1: 16, L2Squared: 256, Noise: statistics.LaplacePerReport, Num: 16, Den: 1},
		},
	}
}

func model() mechanisms.Model {
	ended := descriptor()
	ended.Ended, ended.Plan = true, nil
	m := mechanisms.Model{Version: 9}
	for i, d := range []mechanisms.Descriptor{descriptor(), ended} {
		sum := d.Layout.Empty()
		sum.Blocks[1].Sum[i] = int64(i) - 77
		m.Parts = append(m.Parts, mechanisms.Part{Descriptor: d, Releases: uint64(i) + 1, Sum: sum})
	}
	return m
}

func TestDescriptorsAndModelsComeBackAsTheyWere(t *testing.T) {
	for _, d := range []mechanisms.Descriptor{{}, descriptor(), model().Parts[1].Descriptor} {
		got, err := mechanisms.DecodeDescriptor(d.Encode())
		require.NoError(t, err)
		assert.Equal(t, d.Encode(), got.Encode())
		assert.Equal(t, d.Digest(), got.Digest())
		assert.Equal(t, d.Plan, got.Plan)
	}
	other := descriptor()
	other.Ended = true
	assert.NotEqual(t, descriptor().Digest(), other.Digest())
	for _, m := range []mechanisms.Model{{}, {Version: 4}, model()} {
		got, err := mechanisms.DecodeModel(m.Encode())
		require.NoError(t, err)
		assert.Equal(t, m, got)
	}
}

func TestTruncatedAndFlippedBytesAreRefusedOrCanonical(t *testing.T) {
	for name, row := range map[string]struct {
		data   []byte
		decode func([]byte) ([]byte, error)
	}{
		"descriptor": {descriptor().Encode(), func(b []byte) ([]byte, error) {
			d, err := mechanisms.DecodeDescriptor(b)
			return d.Encode(), err
		}},
		"model": {model().Encode(), func(b []byte) ([]byte, error) {
			m, err := mechanisms.DecodeModel(b)
			if err != nil {
				return nil, err
			}
			return m.Encode(), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range row.data {
				_, err := row.decode(row.data[:n])
				assert.Error(t, err, "cut to %d bytes", n)
			}
			_, err := row.decode(append(bytes.Clone(row.data), 0))
			assert.Error(t, err, "trailing bytes")
			refused := 0
			for bit := range 8 * len(row.data) {
				bad := bytes.Clone(row.data)
				bad[bit/8] ^= 1 << (bit % 8)
				again, err := row.decode(bad)
				if err != nil {
					refused++
					continue
				}
				assert.Equal(t, bad, again, "bit %d", bit)
			}
			assert.NotZero(t, refused)
		})
	}
}

func TestASumOfAnotherLayoutIsNoPartOfAModel(t *testing.T) {
	m := model()
	m.Parts[0].Sum.Blocks[0].Sum = m.Parts[0].Sum.Blocks[0].Sum[:1]
	_, err := mechanisms.DecodeModel(m.Encode())
	assert.ErrorIs(t, err, statistics.ErrShape)
}

func TestErasedPoliciesNameWhatDoesNotFit(t *testing.T) {
	u, err := arms.NewUniform(arms.Problem{Arms: 2, Horizon: 10})
	require.NoError(t, err)
	p := mechanisms.Erase[mechanisms.None, mechanisms.Arm, mechanisms.Reward](u)
	round := mechanisms.Round{T: 1}
	_, _, choose := p.Choose(round, mechanisms.Features{X: []float64{0.25}}, noise.NewSeeded(1))
	for field, err := range map[string]error{
		"context":  choose,
		"action":   p.Observe(round, mechanisms.None{}, mechanisms.Pair{}, mechanisms.Reward{}),
		"feedback": p.Observe(round, mechanisms.None{}, mechanisms.Arm(0), mechanisms.Runtime{Seconds: 12345}),
	} {
		var e *posse.Error
		require.True(t, errors.As(err, &e), field)
		assert.Equal(t, field, e.Field)
		assert.NotEmpty(t, e.Allowed)
		assert.NotContains(t, err.Error(), "12345", "what a user did is in no error")
		assert.NotContains(t, err.Error(), "0.25")
	}
	assert.Error(t, p.Observe(round, nil, mechanisms.Arm(0), mechanisms.Reward{}))
	assert.True(t, p.Statistics().Zero())
}

func FuzzDecodeDescriptor(f *testing.F) {
	f.Add(descriptor().Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := mechanisms.DecodeDescriptor(data); err == nil && !bytes.Equal(d.Encode(), data) {
			t.Fatal("accepted bytes that are not canonical")
		}
	})
}

func FuzzDecodeModel(f *testing.F) {
	f.Add(model().Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := mechanisms.DecodeModel(data); err == nil && !bytes.Equal(m.Encode(), data) {
			t.Fatal("accepted bytes that are not canonical")
		}
	})
}
