package guard

import (
	"bytes"
	"testing"

	"github.com/posse-dev/posse/dp"
)

// A spend is read as it was written, or not at all: a record that is cut or longer
// never reads as less.
func FuzzDecodeSpends(f *testing.F) {
	f.Add(appendSpend(appendSpend(nil, dp.Spend{NanoEpsilon: 7}), dp.Spend{PicoRho: 9, AttoDelta: 1}))
	f.Add([]byte{})
	f.Add(make([]byte, 47))
	f.Fuzz(func(t *testing.T, data []byte) {
		own, total, err := decodeSpends(data)
		if err == nil && !bytes.Equal(appendSpend(appendSpend(nil, own), total), data) {
			t.Fatalf("%x reads as %v and %v", data, own, total)
		}
		if err != nil && (own != dp.Spend{} || total != dp.Spend{}) {
			t.Fatal("half a record was read")
		}
	})
}

func FuzzCutKey(f *testing.F) {
	f.Add([]byte("x\x00abcdefghijklmnop"), "x")
	f.Add([]byte("xy\x00"), "x")
	f.Fuzz(func(t *testing.T, key []byte, experiment string) {
		rest, mine := cut(key, experiment)
		if mine && !bytes.Equal(append(append([]byte(experiment), 0), rest...), key) {
			t.Fatalf("%q is not of %q", key, experiment)
		}
	})
}
