package coordinator

import (
	"bytes"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/posse-dev/posse"
)

// Token is what an operator hands to an organisation or to a new replica: a secret
// that enrols once, and where to knock. It is a password until it is used.
type Token struct {
	Cluster  string
	Secret   [32]byte
	Replicas []Peer // peer ids and addresses; who knows them is not told more
}

// tokenPrefix begins every token and names its version.
const tokenPrefix = "posse1"

// tokenMax bounds a token, in characters.
const tokenMax = 8192

func tokenEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// String returns the token's text: "posse1" and, in base 32, the version, the
// cluster, the secret, each replica's peer id and addresses, and a CRC-32 of it all.
// Source: distributed 5.3.
func (t Token) String() string {
	out := []byte{1}
	put := func(s string) {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	put(t.Cluster)
	out = append(out, t.Secret[:]...)
	out = binary.AppendUvarint(out, uint64(len(t.Replicas)))
	for _, r := range t.Replicas {
		put(r.PeerID)
		out = binary.AppendUvarint(out, uint64(len(r.Addresses)))
		for _, a := range r.Addresses {
			put(a)
		}
	}
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	return tokenPrefix + tokenEncoding().EncodeToString(out)
}

// ParseToken reads a token. The error never repeats it.
func ParseToken(text string) (Token, error) {
	bad := func(why string) (Token, error) {
		return Token{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "MALFORMED", Field: "invite", Value: why,
			Allowed: "the whole token, posse1…", Message: "the invite cannot be read", Hint: "copy the whole token that the operator sent",
		}
	}
	encoded, ok := strings.CutPrefix(strings.TrimSpace(strings.ToLower(text)), tokenPrefix)
	if !ok {
		return bad("it does not begin with posse1")
	}
	if len(encoded) > tokenMax {
		return bad("it is too long")
	}
	raw, err := tokenEncoding().DecodeString(encoded)
	if err != nil || len(raw) < 1+32+4 {
		return bad("it is cut or mistyped")
	}
	body, sum := raw[:len(raw)-4], raw[len(raw)-4:]
	if binary.BigEndian.Uint32(sum) != crc32.ChecksumIEEE(body) {
		return bad("it is cut or mistyped")
	}
	if body[0] != 1 {
		return bad("it is of another version")
	}
	r := tokenReader{rest: body[1:]}
	t := Token{Cluster: r.text()}
	copy(t.Secret[:], r.take(32))
	for range r.count(16) {
		p := Peer{PeerID: r.text()}
		for range r.count(16) {
			p.Addresses = append(p.Addresses, r.text())
		}
		t.Replicas = append(t.Replicas, p)
	}
	if r.failed || len(r.rest) > 0 || len(t.Replicas) == 0 {
		return bad("it is cut or mistyped")
	}
	return t, nil
}

// tokenReader reads a token's parts and remembers the first failure.
type tokenReader struct {
	rest   []byte
	failed bool
}

func (r *tokenReader) count(limit uint64) uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > limit {
		r.failed = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *tokenReader) take(n uint64) []byte {
	if r.failed || n > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return bytes.Clone(b)
}

func (r *tokenReader) text() string { return string(r.take(r.count(512))) }
