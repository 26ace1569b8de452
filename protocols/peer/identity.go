package peer

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/posse-dev/posse"
)

// identityFile is the name of the key file in a process's own directory.
const identityFile = "identity.key"

// Identity is a process's key and the peer id that follows from it. The zero value
// is not valid; use [LoadOrCreate].
type Identity struct {
	key crypto.PrivKey
	id  peer.ID
}

// LoadOrCreate reads the identity in dir, or makes one there. See
// [LoadOrCreateKey] for the modes and the refusals.
func LoadOrCreate(dir string) (Identity, error) {
	raw, err := LoadOrCreateKey(dir, identityFile)
	if err != nil {
		return Identity{}, err
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(raw)
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	return Identity{key: key, id: id}, nil
}

// ID returns the peer id as text, "12D3KooW…".
func (i Identity) ID() string { return i.id.String() }

// String returns the peer id, so that a key is never printed by accident.
func (i Identity) String() string { return i.ID() }

// What nodes sign, and for what: the contexts of [Identity.Sign]. A signature of one
// is never one of the other.
const (
	OfferContext  = "posse/1 offer"
	ReportContext = "posse/1 report"
)

// Sign signs message for one purpose. A signature made for one context verifies
// for no other, and is none of the transport's.
func (i Identity) Sign(context string, message []byte) ([]byte, error) {
	signature, err := i.key.Sign(signed(context, message))
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", context, err)
	}
	return signature, nil
}

// Verify checks a signature of [Identity.Sign] by the peer with this id.
func Verify(id, context string, message, signature []byte) error {
	key, err := PublicKey(id)
	if err != nil {
		return err
	}
	if !ed25519.Verify(key, signed(context, message), signature) {
		return &posse.Error{
			Code: posse.PermissionDenied, Reason: "SIGNATURE_INVALID", Field: "signature",
			Message: "signature is not that of " + id,
		}
	}
	return nil
}

// PublicKey returns the Ed25519 key that a peer id holds.
func PublicKey(id string) (ed25519.PublicKey, error) {
	decoded, err := decodeID(id)
	if err != nil {
		return nil, err
	}
	key, err := decoded.ExtractPublicKey()
	if err != nil {
		return nil, invalidID(id, err)
	}
	raw, err := key.Raw()
	if err != nil || key.Type() != crypto.Ed25519 {
		return nil, invalidID(id, err)
	}
	return raw, nil
}

// signed is what is signed: the context with its length, so that no two pairs of
// context and message give the same bytes.
func signed(context string, message []byte) []byte {
	b := append([]byte("posse/1 signature\n"), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[len(b)-4:], uint32(len(context)))
	return append(append(b, context...), message...)
}

func decodeID(id string) (peer.ID, error) {
	decoded, err := peer.Decode(id)
	if err != nil {
		return "", invalidID(id, err)
	}
	return decoded, nil
}

func invalidID(id string, cause error) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Field: "peer id", Value: fmt.Sprintf("%.80q", id),
		Allowed: "the id of an Ed25519 key, 12D3KooW…", Message: "peer id is invalid", Cause: cause,
	}
}
