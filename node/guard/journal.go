package guard

import (
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/node/store"
)

var errDamaged = errors.New("the guard's record is damaged")

// key is experiment, 0, rest: a place of one experiment in a bucket of all.
func key(experiment string, rest ...byte) []byte {
	out := make([]byte, 0, len(experiment)+1+len(rest))
	return append(append(append(out, experiment...), 0), rest...)
}

// spendWrite is what a user has spent, kept even of a batch that a crash cut.
func spendWrite(experiment string, user [16]byte, own, total dp.Spend) store.Write {
	return store.Write{
		Bucket: bucketSpends, Key: key(experiment, user[:]...),
		Value: appendSpend(appendSpend(make([]byte, 0, spendsBytes), own), total), Charge: true,
	}
}

const (
	spendsBytes = 2 * 24
	leafBytes   = 8 + 1 // and the refusal in words
)

// The states of a leaf. Released and refused ones are never opened again.
const (
	leafOpen = iota
	leafReleased
	leafRefused
)

func leafWrite(experiment string, leaf, records uint64, state byte, refusal string) store.Write {
	value := append(binary.LittleEndian.AppendUint64(make([]byte, 0, leafBytes+len(refusal)), records), state)
	return store.Write{
		Bucket: bucketLeaves, Key: key(experiment, binary.BigEndian.AppendUint64(nil, leaf)...), Value: append(value, refusal...),
	}
}

func appendSpend(out []byte, s dp.Spend) []byte {
	out = binary.LittleEndian.AppendUint64(out, s.NanoEpsilon)
	out = binary.LittleEndian.AppendUint64(out, s.PicoRho)
	return binary.LittleEndian.AppendUint64(out, s.AttoDelta)
}

// decodeSpends reads a user's spend in one experiment and in all. Both are kept: a
// total in ρ can't be had back from a sum in ε.
func decodeSpends(v []byte) (own, total dp.Spend, err error) {
	if len(v) != spendsBytes {
		return own, total, errDamaged
	}
	read := func(v []byte) dp.Spend {
		return dp.Spend{
			NanoEpsilon: binary.LittleEndian.Uint64(v), PicoRho: binary.LittleEndian.Uint64(v[8:]),
			AttoDelta: binary.LittleEndian.Uint64(v[16:]),
		}
	}
	return read(v), read(v[24:]), nil
}

// cut takes the experiment and the zero byte off a key.
func cut(key []byte, experiment string) (rest []byte, mine bool) {
	n := len(experiment)
	if len(key) < n+1 || string(key[:n]) != experiment || key[n] != 0 {
		return nil, false
	}
	return key[n+1:], true
}
