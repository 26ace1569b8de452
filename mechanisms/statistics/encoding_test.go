package statistics

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEncodingsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSet(t, "s")
		got, err := Decode(s.Encode())
		require.NoError(t, err)
		assert.Equal(t, s, got)
	})
	l, rest, err := DecodeLayout(append(shape().Encode(), 1, 2, 3))
	require.NoError(t, err)
	assert.Equal(t, shape(), l)
	assert.Equal(t, []byte{1, 2, 3}, rest)
	_, err = Decode((&Set{}).Encode())
	assert.NoError(t, err)
}

// A scalar block, a block of every mechanism, and the largest numbers.
func TestLayoutsOfEveryMechanismComeBack(t *testing.T) {
	l := Layout{
		{Name: "scalar", Record: 5},
		{Name: "signs", Shape: []int{2}, Scale: 40, Record: 1 << 40, L1: 1 << 41, L2Squared: 1<<64 - 1, Noise: DuchiPerRecord, Num: 1, Den: 3},
		{Name: "gram", Shape: []int{2, 3, 4}, Record: 3, L1: 9, L2Squared: 10, Noise: GaussianPerReport, Num: 1<<64 - 1, Den: 1},
	}
	require.NoError(t, l.Validate())
	got, rest, err := DecodeLayout(l.Encode())
	require.NoError(t, err)
	assert.Empty(t, rest)
	assert.Equal(t, l, got)
	assert.True(t, l.Fits(l.Empty()))
	assert.Len(t, l.Empty().Block("scalar"), 1)
	assert.Len(t, l.Empty().Block("gram"), 24)
}

// Bytes have one meaning: whatever is accepted encodes to itself.
func TestEveryTruncationAndBitFlipIsRefusedOrCanonical(t *testing.T) {
	set := filled(1, 2, 3, -4, 5, 1<<61)
	decodeSet := func(data []byte) ([]byte, error) {
		s, err := Decode(data)
		if err != nil {
			return nil, err
		}
		return s.Encode(), nil
	}
	decodeLayout := func(data []byte) ([]byte, error) {
		l, rest, err := DecodeLayout(data)
		if err != nil {
			return nil, err
		}
		return append(l.Encode(), rest...), l.Validate()
	}
	for name, row := range map[string]struct {
		data   []byte
		decode func([]byte) ([]byte, error)
	}{"set": {set.Encode(), decodeSet}, "layout": {shape().Encode(), decodeLayout}} {
		t.Run(name, func(t *testing.T) {
			for n := range row.data {
				_, err := row.decode(row.data[:n])
				assert.Error(t, err, "cut to %d bytes", n)
			}
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
	_, err := decodeSet(append(set.Encode(), 0))
	assert.Error(t, err, "trailing bytes")
}

func TestDecodeAllocatesNoMoreThanItWasSent(t *testing.T) {
	for name, data := range map[string][]byte{
		"many blocks": {255, 255, 255, 255},
		"65 blocks":   {65, 0, 0, 0},
		"a long name": {1, 0, 0, 0, 65, 0, 0, 0},
		"many cells":  {1, 0, 0, 0, 1, 0, 0, 0, 'a', 0, 0, 0, 16, 0},
		"beyond 2^62": {1, 0, 0, 0, 1, 0, 0, 0, 'a', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64},
	} {
		_, err := Decode(data)
		assert.Error(t, err, name)
		assert.Less(t, testing.AllocsPerRun(10, func() { _, _ = Decode(data) }), 10.0, name)
	}
}

func TestValidateRefusesWhatALaterStepWouldTripOver(t *testing.T) {
	for name, change := range map[string]func(Layout) Layout{
		"no name":                      func(l Layout) Layout { l[0].Name = ""; return l },
		"a long name":                  func(l Layout) Layout { l[0].Name = string(make([]byte, 65)); return l },
		"one name twice":               func(l Layout) Layout { l[0].Name = "sum"; return l },
		"a dimension of zero":          func(l Layout) Layout { l[0].Shape = []int{0}; return l },
		"a negative dimension":         func(l Layout) Layout { l[0].Shape = []int{-3}; return l },
		"too many cells in a block":    func(l Layout) Layout { l[0].Shape = []int{1 << 11, 1 << 11}; return l },
		"too many cells together":      func(l Layout) Layout { l[0].Shape = []int{MaxCells - 5}; return l },
		"a product that wraps":         func(l Layout) Layout { l[0].Shape = []int{1 << 20, 1 << 20, 1 << 20, 1 << 4}; return l },
		"nine dimensions":              func(l Layout) Layout { l[0].Shape = []int{1, 1, 1, 1, 1, 1, 1, 1, 1}; return l },
		"a scale of 41":                func(l Layout) Layout { l[0].Scale = 41; return l },
		"a negative record":            func(l Layout) Layout { l[0].Record = -1; return l },
		"an unknown mechanism":         func(l Layout) Layout { l[1].Noise = 9; return l },
		"public with a parameter":      func(l Layout) Layout { l[0].Num, l[0].Den = 1, 1; return l },
		"noise without a parameter":    func(l Layout) Layout { l[1].Num = 0; return l },
		"noise without a denominator":  func(l Layout) Layout { l[1].Den = 0; return l },
		"charged for less than a cell": func(l Layout) Layout { l[1].L1 = 15; return l },
		"charged for nothing":          func(l Layout) Layout { l[1].L1, l[1].Record = 0, 0; return l },
		"a Gaussian charged for less":  func(l Layout) Layout { l[1].Noise, l[1].L2Squared = GaussianPerReport, 255; return l },
		"65 blocks": func(l Layout) Layout {
			for i := range 65 {
				l = append(l, BlockSpec{Name: string(rune('A' + i))})
			}
			return l
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := change(shape())
			assert.Error(t, l.Validate())
			if len(l[0].Name) <= maxName && len(l) <= maxBlocks {
				_, _, err := DecodeLayout(l.Encode())
				assert.Error(t, err)
			}
		})
	}
	require.NoError(t, shape().Validate())
}

func FuzzDecode(f *testing.F) {
	f.Add(filled(1, 2, 3).Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Decode(data); err == nil && !bytes.Equal(s.Encode(), data) {
			t.Fatal("accepted bytes that are not canonical")
		}
	})
}

func FuzzDecodeLayout(f *testing.F) {
	f.Add(shape().Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		l, rest, err := DecodeLayout(data)
		if err != nil {
			return
		}
		if !bytes.Equal(append(l.Encode(), rest...), data) {
			t.Fatal("accepted bytes that are not canonical")
		}
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		if !l.Fits(l.Empty()) {
			t.Fatal("a layout that does not fit its own empty set")
		}
		if _, err := l.RecordSpend(); err != nil {
			return
		}
	})
}
