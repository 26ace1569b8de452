package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	cosign "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// NoteMax bounds a signed note, in bytes.
const NoteMax = 64 << 10

// Head says what a log held at one moment.
type Head struct {
	Origin string // "<domain>/posse/<cluster id>", kept for ever
	Size   uint64 // number of leaves
	Root   []byte // 32 bytes
}

// Body returns the text that is signed: origin, size and base64 of the root, a line
// each.
func (h Head) Body() []byte {
	return log.Checkpoint{Origin: h.Origin, Size: h.Size, Hash: h.Root}.Marshal()
}

// ErrHead is behind the error for a text that is not a head of the expected log.
var ErrHead = errors.New("not a checkpoint of this log")

// ParseBody reads a body, in its one spelling and with nothing behind it.
func ParseBody(body []byte) (Head, error) {
	var c log.Checkpoint
	rest, err := c.Unmarshal(body)
	if err != nil {
		return Head{}, fmt.Errorf("%w: %w", ErrHead, err)
	}
	h := Head{Origin: c.Origin, Size: c.Size, Root: c.Hash}
	if len(rest) > 0 || len(h.Root) != HashSize || !bytes.Equal(h.Body(), body) {
		return Head{}, fmt.Errorf("%w: it has another form", ErrHead)
	}
	if h.Size == 0 && !bytes.Equal(h.Root, EmptyRoot()) {
		return Head{}, fmt.Errorf("%w: an empty log has one root only", ErrHead)
	}
	return h, nil
}

// algEd25519 is the algorithm byte of note keys (golang.org/x/mod/sumdb/note).
const algEd25519 = 1

// Signer signs heads under a name. The zero value is not valid; use [NewSigner].
type Signer struct {
	inner *cosign.Signer
	key   string
}

// NewSigner returns the signer of a key. The name is the replica's, as in the
// verifier key that everybody knows: no space and no "+".
func NewSigner(name string, key ed25519.PrivateKey) (Signer, error) {
	public, err := VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return Signer{}, err
	}
	// The library reads a signer from the text of a note key: the name, the hash that
	// the verifier key of the same algorithm has, and the seed.
	hash := strings.Split(public, "+")[1]
	secret := "PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, key.Seed()...))
	inner, err := cosign.NewSignerForCosignatureV1(secret)
	if err != nil {
		return Signer{}, fmt.Errorf("checkpoint signer %q: %w", name, err)
	}
	return Signer{inner: inner, key: public}, nil
}

// Key returns the verifier key.
func (s Signer) Key() string { return s.key }

// VerifierKey returns the text by which others know a signer: name, hash and
// public key, as golang.org/x/mod/sumdb/note writes it.
func VerifierKey(name string, key ed25519.PublicKey) (string, error) {
	text, err := note.NewEd25519VerifierKey(name, key)
	if err != nil {
		return "", fmt.Errorf("checkpoint key %q: %w", name, err)
	}
	if _, err := cosign.NewVerifierForCosignatureV1(text); err != nil {
		return "", fmt.Errorf("checkpoint key %q: %w", name, err)
	}
	return text, nil
}

// Sign returns the head as a signed note, with a timestamped signature of each
// signer (C2SP cosignature/v1).
func Sign(h Head, signers ...Signer) ([]byte, error) {
	if _, err := ParseBody(h.Body()); err != nil {
		return nil, err
	}
	all := make([]note.Signer, len(signers))
	for i, s := range signers {
		all[i] = s.inner
	}
	signed, err := note.Sign(&note.Note{Text: string(h.Body())}, all...)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint of size %d: %w", h.Size, err)
	}
	return signed, nil
}

// Signature is a verified one.
type Signature struct {
	Name string
	Time time.Time // when the signer says that it signed, to the second
}

// ErrSignatures is behind the error for a note that too few of the known keys
// signed.
var ErrSignatures = errors.New("too few valid signatures")

// Open verifies a signed note: that it is a head of the log with this origin, and
// that at least threshold of the verifier keys signed it, threshold ≥ 1. Signatures
// by other keys are passed over; a wrong one of a known key is an error.
func Open(signed []byte, origin string, keys []string, threshold int) (Head, []Signature, error) {
	if len(signed) > NoteMax {
		return Head{}, nil, fmt.Errorf("%w: %d bytes, allowed [0, %d]", ErrHead, len(signed), NoteMax)
	}
	if threshold < 1 {
		return Head{}, nil, fmt.Errorf("%w: a threshold of %d, allowed at least 1", ErrSignatures, threshold)
	}
	verifiers := make([]note.Verifier, len(keys))
	for i, key := range keys {
		v, err := cosign.NewVerifierForCosignatureV1(key)
		if err != nil {
			return Head{}, nil, fmt.Errorf("checkpoint key %d: %w", i, err)
		}
		verifiers[i] = v
	}
	n, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return Head{}, nil, fmt.Errorf("%w: %w", ErrSignatures, err)
	}
	h, err := ParseBody([]byte(n.Text))
	if err != nil {
		return Head{}, nil, err
	}
	if h.Origin != origin {
		return Head{}, nil, fmt.Errorf("%w: its origin is %q, not %q", ErrHead, h.Origin, origin)
	}
	signatures := make([]Signature, 0, len(n.Sigs)) // the library drops a second one by the same key
	for _, s := range n.Sigs {
		at, err := cosign.CoSigV1Timestamp(s)
		if err != nil {
			return Head{}, nil, fmt.Errorf("%w: %w", ErrSignatures, err)
		}
		signatures = append(signatures, Signature{Name: s.Name, Time: at.UTC()})
	}
	if len(signatures) < threshold {
		return Head{}, nil, fmt.Errorf("%w: %d of %d needed", ErrSignatures, len(signatures), threshold)
	}
	return h, signatures, nil
}

// Merge makes one note of several over the same head, with the signatures of all,
// in the order given. It verifies nothing but that the texts are equal.
func Merge(notes ...[]byte) ([]byte, error) {
	if len(notes) == 0 {
		return nil, fmt.Errorf("%w: no note", ErrHead)
	}
	var text string
	var lines []string
	for i, n := range notes {
		t, signatures, ok := strings.Cut(string(n), "\n\n")
		if !ok || i > 0 && t != text {
			return nil, fmt.Errorf("%w: note %d is over another text", ErrHead, i)
		}
		text = t
		lines = append(lines, strings.TrimSuffix(signatures, "\n"))
	}
	return []byte(text + "\n\n" + strings.Join(lines, "\n") + "\n"), nil
}
