package guard

import (
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/node/store"
)

var errDamaged = errors.New("the guard's record is damaged")

func spendKey(experiment string, user [16]byte) []byte {
	return append(append([]byte(experiment), 0), user[:]...)
}

func leafWrite(experiment string, leaf uint64, s budget.ReleaseState) store.Write {
	value := binary.LittleEndian.AppendUint64(nil, s.Records)
	closed := byte(0)
	if s.Closed {
		closed = 1
	}
	return store.Write{
		Bucket: bucketLeaves, Key: binary.BigEndian.AppendUint64(append([]byte(experiment), 0), leaf),
		Value: append(value, closed),
	}
}

func encodeSpend(s dp.Spend) []byte {
	out := binary.LittleEndian.AppendUint64(nil, s.NanoEpsilon)
	out = binary.LittleEndian.AppendUint64(out, s.PicoRho)
	return binary.LittleEndian.AppendUint64(out, s.AttoDelta)
}

func decodeSpend(v []byte) (dp.Spend, error) {
	if len(v) != 24 {
		return dp.Spend{}, errDamaged
	}
	return dp.Spend{
		NanoEpsilon: binary.LittleEndian.Uint64(v), PicoRho: binary.LittleEndian.Uint64(v[8:]),
		AttoDelta: binary.LittleEndian.Uint64(v[16:]),
	}, nil
}

// cut takes the experiment and the zero byte off a key.
func cut(key []byte, experiment string) (rest []byte, mine bool) {
	n := len(experiment)
	if len(key) < n+1 || string(key[:n]) != experiment || key[n] != 0 {
		return nil, false
	}
	return key[n+1:], true
}
