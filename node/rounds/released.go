package rounds

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Released is a leaf that has its noise: everything of it may be seen by anyone.
// Number counts a node's releases in an experiment from 0, without holes.
type Released struct {
	Number     uint64
	Descriptor [sha256.Size]byte
	Claim      []byte // canonical bytes of the claim blocks
	Bytes      []byte // canonical bytes of the whole set
	Spend      dp.Spend
}

const (
	bucketReleased = "released" // experiment, 0, number → Released
	bucketOffers   = "offers"   // experiment → round, signed offer
)

var errReleased = errors.New("a stored release is damaged")

// Write stores the release. It belongs in one transaction with the guard's.
func (r Released) Write(experiment string) store.Write {
	out := append([]byte(nil), r.Descriptor[:]...)
	for _, v := range []uint64{r.Spend.NanoEpsilon, r.Spend.PicoRho, r.Spend.AttoDelta} {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(r.Claim)))
	out = append(out, r.Claim...)
	return store.Write{Bucket: bucketReleased, Key: leafKey(experiment, r.Number), Value: append(out, r.Bytes...)}
}

func decodeReleased(number uint64, v []byte) (Released, error) {
	const head = sha256.Size + 28
	if len(v) < head {
		return Released{}, errReleased
	}
	r := Released{Number: number, Spend: dp.Spend{
		NanoEpsilon: binary.LittleEndian.Uint64(v[32:]), PicoRho: binary.LittleEndian.Uint64(v[40:]),
		AttoDelta: binary.LittleEndian.Uint64(v[48:]),
	}}
	copy(r.Descriptor[:], v)
	n := int(binary.LittleEndian.Uint32(v[56:]))
	if v = v[head:]; n > len(v) {
		return Released{}, errReleased
	}
	r.Claim = append([]byte(nil), v[:n]...)
	r.Bytes = append([]byte(nil), v[n:]...)
	return r, nil
}

func (r Released) claim() *possev1.LeafClaim {
	digest := sha256.Sum256(r.Bytes)
	return &possev1.LeafClaim{
		Leaf: r.Number, Descriptor_: r.Descriptor[:], Claim: r.Claim, Digest: digest[:],
		NanoEpsilon: r.Spend.NanoEpsilon, PicoRho: r.Spend.PicoRho, AttoDelta: r.Spend.AttoDelta,
	}
}

func leafKey(experiment string, leaf uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(experiment), 0), leaf)
}
