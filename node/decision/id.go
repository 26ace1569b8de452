package decision

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// Keys are a node's secrets for decision ids and pseudonyms: 32 random bytes each,
// kept with its store.
type Keys struct{ ID, User []byte }

// encoding is Crockford's alphabet in lower case without padding: ids survive
// being typed and never look like words.
var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes a decision's id: its sequence number in 48 bits and 80 bits of a
// keyed hash of it, so that an id this node never gave is told from one that it
// has forgotten. Sequence numbers count all decisions of the node.
func (k Keys) NewID(sequence uint64) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], sequence<<16)
	copy(b[6:], k.mac(sequence))
	return encoding.EncodeToString(b[:])
}

// Sequence reads an id back; ok is false for an id that this node never gave.
func (k Keys) Sequence(id string) (sequence uint64, ok bool) {
	id = strings.ToLower(id)
	b, err := encoding.DecodeString(id)
	if err != nil || len(b) != 16 || encoding.EncodeToString(b) != id { // the last letter has spare bits
		return 0, false
	}
	sequence = binary.BigEndian.Uint64(b[:8]) >> 16
	return sequence, hmac.Equal(b[6:], k.mac(sequence))
}

func (k Keys) mac(sequence uint64) []byte {
	h := hmac.New(sha256.New, k.ID)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], sequence)
	h.Write(b[:])
	return h.Sum(nil)[:10]
}

// Pseudonym turns an application's user into 16 bytes that mean nothing outside
// this node: what the guard counts by.
func (k Keys) Pseudonym(user string) [16]byte {
	h := hmac.New(sha256.New, k.User)
	h.Write([]byte(user))
	var out [16]byte
	copy(out[:], h.Sum(nil))
	return out
}
