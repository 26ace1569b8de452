package rounds

import (
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/node/store"
)

var errOffer = errors.New("the stored offer is damaged")

// Write stores the offer before it is sent.
func (o Offer) Write(experiment string) store.Write {
	out := binary.LittleEndian.AppendUint64(nil, o.Round)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(o.Leaves)))
	for _, leaf := range o.Leaves {
		out = binary.LittleEndian.AppendUint64(out, leaf)
	}
	return store.Write{Bucket: bucketOffers, Key: []byte(experiment), Value: append(out, o.Signed...)}
}

func decodeOffer(v []byte) (Offer, error) {
	if len(v) < 12 {
		return Offer{}, errOffer
	}
	o := Offer{Round: binary.LittleEndian.Uint64(v)}
	n := int(binary.LittleEndian.Uint32(v[8:]))
	if v = v[12:]; n > MaxLeaves || 8*n > len(v) {
		return Offer{}, errOffer
	}
	for i := range n {
		o.Leaves = append(o.Leaves, binary.LittleEndian.Uint64(v[8*i:]))
	}
	o.Signed = append([]byte(nil), v[8*n:]...)
	return o, nil
}

// Forgotten deletes a leaf's bytes.
func Forgotten(experiment string, leaf uint64) store.Write {
	return store.Write{Bucket: bucketReleased, Key: leafKey(experiment, leaf)}
}
