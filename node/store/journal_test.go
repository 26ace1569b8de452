package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write is a batch of a charge and of another write.
func write(i int) map[place]value {
	return map[place]value{
		{"spends", "u"}:           {binary.LittleEndian.AppendUint64(nil, uint64(i)), true},
		{"b", fmt.Sprint("k", i)}: {[]byte("some value"), false},
		{"b", "gone"}:             {nil, false},
	}
}

// content is what writes make of nothing.
func content(writes []Write) map[place]string {
	got := map[place]string{}
	for _, w := range writes {
		got[place{w.Bucket, string(w.Key)}] = string(w.Value)
		if w.Value == nil {
			delete(got, place{w.Bucket, string(w.Key)})
		}
	}
	return got
}

// after is what the first n batches make of nothing.
func after(n int) map[place]string {
	got := map[place]string{}
	for i := range n {
		for p, v := range write(i + 1) {
			if v.bytes != nil {
				got[p] = string(v.bytes)
			}
		}
	}
	return got
}

// journalOf is a journal of n batches, and where each begins.
func journalOf(n int) (data []byte, at []int) {
	for i := range n {
		at = append(at, len(data))
		data = append(data, encode(write(i+1), uint64(i+1))...)
	}
	return append(data, make([]byte, 300)...), append(at, len(data)) // zeros, as they are written ahead
}

// kept is the state after a cut last batch: that before it, with or without the charge.
func kept(t *testing.T, n int, got map[place]string, where string) {
	t.Helper()
	want := after(n - 1)
	if maps.Equal(got, want) {
		return
	}
	want[place{"spends", "u"}] = string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	assert.Equal(t, want, got, where)
}

func TestAJournalSaysWhatWasWritten(t *testing.T) {
	for n := range 5 {
		data, _ := journalOf(n)
		writes, torn, err := replay(data)
		require.NoError(t, err)
		assert.False(t, torn)
		assert.Equal(t, after(n), content(writes))
	}
}

func TestAJournalCutAnywhereGivesWhatWasAcknowledgedAndNoLess(t *testing.T) {
	const n = 3
	data, at := journalOf(n)
	charged := 0
	for cut := range at[n] {
		writes, _, err := replay(data[:cut])
		require.NoError(t, err, "cut at %d", cut)
		whole := 0
		for whole < n && at[whole+1] <= cut {
			whole++
		}
		got := content(writes)
		kept(t, whole+1, got, fmt.Sprint("cut at ", cut))
		if len(got) > 0 && !maps.Equal(got, after(whole)) {
			charged++
		}
	}
	assert.Greater(t, charged, n*20, "a charge that is whole is kept, whatever else of its batch is missing")
}

// A damaged byte, or a hole, in a batch that is not the last is no crash: refused.
// In the last one it can't be told from a crash.
func TestADamagedBatchIsRefusedUnlessACrashCanHaveCutIt(t *testing.T) {
	const n = 3
	whole, at := journalOf(n)
	damage := func(data []byte, where int, what string) {
		writes, torn, err := replay(data)
		if where < at[n-1] {
			require.Error(t, err, "%s at %d", what, where)
			require.Empty(t, writes)
			return
		}
		require.NoError(t, err, "%s at %d", what, where)
		assert.True(t, torn, "%s at %d", what, where)
		kept(t, n, content(writes), fmt.Sprint(what, " at ", where))
	}
	for i := range at[n] {
		for _, bit := range []byte{1, 0x80} {
			data := bytes.Clone(whole)
			data[i] ^= bit
			damage(data, i, "flip")
		}
	}
	for i := 0; i < at[n]; i += 16 {
		data := bytes.Clone(whole)
		hole := data[i:min(i+16, at[n])]
		if clear(hole); !bytes.Equal(data, whole) {
			damage(data, i, "hole")
		}
	}
}

func TestABatchWithTheNumberOfAnotherIsRefused(t *testing.T) {
	a, b := encode(write(1), 1), encode(write(2), 2)
	_, _, err := replay(append(bytes.Clone(b), a...))
	require.ErrorIs(t, err, errCut)
	_, _, err = replay(append(append(bytes.Clone(a), a...), b...))
	require.ErrorIs(t, err, errCut)
}

func FuzzReplay(f *testing.F) {
	whole, at := journalOf(3)
	f.Add(whole)
	f.Add(whole[:at[2]+40])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		writes, torn, err := replay(data)
		if err != nil && (writes != nil || torn) {
			t.Fatal("a damaged journal gave something")
		}
		// what was read can be written and read again
		batch := map[place]value{}
		for _, w := range writes {
			batch[place{w.Bucket, string(w.Key)}] = value{w.Value, w.Charge}
		}
		again, torn, err := replay(encode(batch, 1))
		if err != nil || torn || !maps.Equal(content(again), content(writes)) {
			t.Fatalf("read %v, again %v (%v)", writes, again, err)
		}
	})
}
