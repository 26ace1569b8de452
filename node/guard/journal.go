package guard

import (
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/node/store"
)

var errDamaged = errors.New("the guard's record is damaged")

func spendKey(experiment string, user [16]byte) []byte {
	return append(append([]byte(experiment), 0), user[:]...)
}

// The states of a leaf. Released and refused ones are never opened again.
const (
	leafOpen = iota
	leafReleased
	leafRefused
)

func leafWrite(experiment string, leaf, records uint64, state byte, refusal string) store.Write {
	value := append(binary.LittleEndian.AppendUint64(nil, records), state)
	return store.Write{
		Bucket: bucketLeaves, Key: binary.BigEndian.AppendUint64(append([]byte(experiment), 0), leaf),
		Value: append(value, refusal...),
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
	if len(v) != 48 {
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
