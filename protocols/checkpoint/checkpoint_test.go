package checkpoint_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/protocols/checkpoint"
)

const origin = "example.org/posse/7f3a"

// numbered is a log of n leaves "posse leaf i\n".
func numbered(n int) *checkpoint.Tree {
	t := new(checkpoint.Tree)
	for i := range n {
		t.Append(checkpoint.Hash(fmt.Appendf(nil, "posse leaf %d\n", i)))
	}
	return t
}

func head(t require.TestingT, tree *checkpoint.Tree, size uint64) checkpoint.Head {
	root, err := tree.Root(size)
	require.NoError(t, err)
	return checkpoint.Head{Origin: origin, Size: size, Root: root}
}

func signer(t require.TestingT, name string, seed byte) checkpoint.Signer {
	s, err := checkpoint.NewSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	require.NoError(t, err)
	return s
}

func TestRootsAreThoseOfTheSpecification(t *testing.T) {
	tree := numbered(1000)
	for size, want := range map[uint64][2]string{ // distributed.md 8
		0: {"e3b0c442", "b855"}, 1: {"8dff8f1e", "7f16"}, 2: {"ced2b7f6", "c6d2"}, 3: {"94cd8d34", "b997"},
		7: {"76d13c66", "3958"}, 256: {"984b6069", "abb8"}, 1000: {"56a957b2", "90d7"},
	} {
		root := hex.EncodeToString(head(t, tree, size).Root)
		assert.Truef(t, strings.HasPrefix(root, want[0]) && strings.HasSuffix(root, want[1]), "size %d: %s", size, root)
	}
}

func TestRootsAreThoseOfCertificateTransparency(t *testing.T) {
	tree := new(checkpoint.Tree)
	roots := []string{ // the published vectors of RFC 6962 implementations
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	for i, leaf := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		b, err := hex.DecodeString(leaf)
		require.NoError(t, err)
		tree.Append(checkpoint.Hash(b))
		assert.Equal(t, roots[i], hex.EncodeToString(head(t, tree, uint64(i)+1).Root))
	}
}

func TestRangeAndTreeAgree(t *testing.T) {
	tree, r := numbered(300), new(checkpoint.Range)
	for i := range uint64(300) {
		hash, err := tree.Node(0, i)
		require.NoError(t, err)
		require.NoError(t, r.Append(hash))
		root, err := r.Root()
		require.NoError(t, err)
		require.Equal(t, head(t, tree, i+1).Root, root)
		require.Len(t, r.Hashes(), bits.OnesCount64(i+1))
		if i%7 == 0 { // it goes on from what is kept of it
			r, err = checkpoint.NewRange(r.Size(), r.Hashes())
			require.NoError(t, err)
		}
	}
}

func TestEveryProofHoldsAndNoChangedOneDoes(t *testing.T) {
	const largest = 200
	tree, r := numbered(largest), rand.New(rand.NewPCG(8, 1)) // fixed: which bit of a hash is changed
	for size := uint64(1); size <= largest; size++ {
		h := head(t, tree, size)
		for i := range size {
			leaf, err := tree.Node(0, i)
			require.NoError(t, err)
			p, err := tree.Inclusion(i, size)
			require.NoError(t, err)
			require.NoError(t, checkpoint.VerifyInclusion(h, i, leaf, p))
			require.LessOrEqual(t, len(p), bits.Len64(size-1))
			changed(p, r, size <= 12, func(at string) {
				require.ErrorIs(t, checkpoint.VerifyInclusion(h, i, leaf, p), checkpoint.ErrProof, "leaf %d of %d, %s", i, size, at)
			})
			other, err := tree.Node(0, (i+1)%largest)
			require.NoError(t, err)
			require.Error(t, checkpoint.VerifyInclusion(h, i, other, p))

			first := head(t, tree, i)
			p, err = tree.Consistency(i, size)
			require.NoError(t, err)
			require.NoError(t, checkpoint.VerifyConsistency(first, h, p))
			require.LessOrEqual(t, len(p), bits.Len64(size-1)+1)
			changed(p, r, size <= 12, func(at string) {
				require.ErrorIs(t, checkpoint.VerifyConsistency(first, h, p), checkpoint.ErrProof, "%d to %d, %s", i, size, at)
			})
		}
	}
}

// changed calls refused with one bit of the proof changed: each bit in turn, or one
// of each hash.
func changed(p [][]byte, r *rand.Rand, all bool, refused func(at string)) {
	for i, hash := range p {
		for bit := range 8 * len(hash) {
			if !all {
				bit = r.IntN(8 * len(hash))
			}
			hash[bit/8] ^= 1 << (bit % 8)
			refused(fmt.Sprintf("hash %d, bit %d", i, bit))
			hash[bit/8] ^= 1 << (bit % 8)
			if !all {
				break
			}
		}
	}
}

func TestFollowerSeesForksAndRollbacks(t *testing.T) {
	tree, fork := numbered(20), numbered(9)
	fork.Append(checkpoint.Hash([]byte("another leaf 9")))
	for range 10 {
		fork.Append(checkpoint.Hash([]byte("whatever")))
	}
	last := head(t, tree, 10)
	proof := func(on *checkpoint.Tree, from, to uint64) [][]byte {
		p, err := on.Consistency(from, to)
		require.NoError(t, err)
		return p
	}
	assert.NoError(t, checkpoint.Follow(last, head(t, tree, 20), proof(tree, 10, 20)))
	assert.NoError(t, checkpoint.Follow(last, last, nil))
	assert.ErrorIs(t, checkpoint.Follow(last, head(t, fork, 10), nil), checkpoint.ErrFork)
	assert.ErrorIs(t, checkpoint.Follow(last, head(t, tree, 9), nil), checkpoint.ErrRollback)
	assert.ErrorIs(t, checkpoint.Follow(last, head(t, fork, 20), proof(fork, 10, 20)), checkpoint.ErrProof)
	assert.ErrorIs(t, checkpoint.Follow(last, head(t, tree, 20), proof(tree, 9, 20)), checkpoint.ErrProof)
	assert.ErrorIs(t, checkpoint.Follow(last, head(t, tree, 20), nil), checkpoint.ErrProof)
	elsewhere := head(t, tree, 20)
	elsewhere.Origin = "example.com/posse/7f3a"
	assert.ErrorIs(t, checkpoint.Follow(last, elsewhere, proof(tree, 10, 20)), checkpoint.ErrHead)
}

func TestNoteIsOpenedByTheKeysThatSignedIt(t *testing.T) {
	h := head(t, numbered(7), 7)
	one, two, three := signer(t, "replica-1", 1), signer(t, "replica-2", 2), signer(t, "replica-3", 3)
	keys := []string{one.Key(), two.Key(), three.Key()}
	signed, err := checkpoint.Sign(h, one, two)
	require.NoError(t, err)
	got, signatures, err := checkpoint.Open(signed, origin, keys, 2)
	require.NoError(t, err)
	assert.Equal(t, h, got)
	require.Len(t, signatures, 2)
	assert.Equal(t, "replica-1", signatures[0].Name)
	assert.False(t, signatures[0].Time.IsZero())

	_, _, err = checkpoint.Open(signed, origin, keys, 3)
	assert.ErrorIs(t, err, checkpoint.ErrSignatures, "two of three")
	_, _, err = checkpoint.Open(signed, origin, []string{three.Key()}, 1)
	assert.ErrorIs(t, err, checkpoint.ErrSignatures, "by others")
	_, _, err = checkpoint.Open(signed, "example.com/posse/7f3a", keys, 1)
	assert.ErrorIs(t, err, checkpoint.ErrHead, "of another log")
	_, _, err = checkpoint.Open(signed, origin, keys, 0)
	assert.ErrorIs(t, err, checkpoint.ErrSignatures, "nobody is asked for")
	impostor := signer(t, "replica-1", 9)
	forged, err := checkpoint.Sign(h, impostor)
	require.NoError(t, err)
	_, _, err = checkpoint.Open(forged, origin, keys, 1)
	assert.ErrorIs(t, err, checkpoint.ErrSignatures, "the right name and another key")

	for i := range signed {
		damaged := bytes.Clone(signed)
		damaged[i] ^= 1
		_, _, err := checkpoint.Open(damaged, origin, keys, 2)
		require.Error(t, err, "byte %d", i)
	}
}

func TestNotesOfSeveralReplicasMerge(t *testing.T) {
	h := head(t, numbered(7), 7)
	one, two := signer(t, "replica-1", 1), signer(t, "replica-2", 2)
	a, err := checkpoint.Sign(h, one)
	require.NoError(t, err)
	b, err := checkpoint.Sign(h, two)
	require.NoError(t, err)
	both, err := checkpoint.Merge(a, b)
	require.NoError(t, err)
	_, signatures, err := checkpoint.Open(both, origin, []string{one.Key(), two.Key()}, 2)
	require.NoError(t, err)
	assert.Len(t, signatures, 2)

	twice, err := checkpoint.Merge(a, a)
	require.NoError(t, err)
	_, _, err = checkpoint.Open(twice, origin, []string{one.Key(), two.Key()}, 2)
	assert.ErrorIs(t, err, checkpoint.ErrSignatures, "one replica counts once")

	other, err := checkpoint.Sign(head(t, numbered(7), 6), two)
	require.NoError(t, err)
	_, err = checkpoint.Merge(a, other)
	assert.ErrorIs(t, err, checkpoint.ErrHead)
}

func TestBodiesHaveOneSpelling(t *testing.T) {
	sound := string(head(t, numbered(7), 7).Body())
	_, err := checkpoint.ParseBody([]byte(sound))
	require.NoError(t, err)
	root := strings.Split(sound, "\n")[2]
	for name, body := range map[string]string{
		"a line more":        sound + "extension\n",
		"size with zeros":    strings.Replace(sound, "\n7\n", "\n07\n", 1),
		"size with a sign":   strings.Replace(sound, "\n7\n", "\n+7\n", 1),
		"no origin":          "\n7\n" + root + "\n",
		"short root":         origin + "\n7\nAAAA\n",
		"cut":                sound[:len(sound)-1],
		"empty log's root":   origin + "\n0\n" + root + "\n",
		"carriage return":    strings.Replace(sound, "\n7\n", "\r\n7\n", 1) + "\n",
		"negative":           strings.Replace(sound, "\n7\n", "\n-7\n", 1),
		"base64 line breaks": origin + "\n7\n" + root[:4] + "\n" + root[4:] + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checkpoint.ParseBody([]byte(body))
			assert.ErrorIs(t, err, checkpoint.ErrHead)
		})
	}
}

func TestLeavesComeBackAndHaveOneEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := checkpoint.Leaf{
			Sequence: rapid.Uint64().Draw(t, "sequence"), Kind: rapid.String().Draw(t, "kind"),
			View: rapid.SliceOf(rapid.Byte()).Draw(t, "view"), Result: rapid.String().Draw(t, "result"),
		}
		b := l.Encode()
		got, err := checkpoint.DecodeLeaf(b)
		require.NoError(t, err)
		require.Equal(t, b, got.Encode())
		require.Equal(t, l.Sequence, got.Sequence)
		require.Equal(t, l.Kind, got.Kind)
		require.True(t, bytes.Equal(l.View, got.View))
		require.Equal(t, l.Result, got.Result)
		for i := range b {
			_, err := checkpoint.DecodeLeaf(b[:i])
			require.ErrorIs(t, err, checkpoint.ErrLeaf)
		}
		_, err = checkpoint.DecodeLeaf(append(b, 0))
		require.ErrorIs(t, err, checkpoint.ErrLeaf)
	})
}

func FuzzDecodeLeaf(f *testing.F) {
	f.Add(checkpoint.Leaf{Sequence: 3, Kind: "publish", View: []byte("{}"), Result: "version 4"}.Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := checkpoint.DecodeLeaf(b)
		if err == nil && !bytes.Equal(l.Encode(), b) {
			t.Fatalf("%x has another encoding, %x", b, l.Encode())
		}
	})
}

func FuzzParseBody(f *testing.F) {
	f.Add(head(f, numbered(3), 3).Body())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := checkpoint.ParseBody(b)
		if err == nil && !bytes.Equal(h.Body(), b) {
			t.Fatalf("%q has another spelling, %q", b, h.Body())
		}
	})
}

// The example of format.md: three leaves, their head, and the proof for one.
func Example() {
	tree := new(checkpoint.Tree)
	var leaves [][]byte
	for i, kind := range []string{"applyExperiment", "openRound", "settle"} {
		leaf := checkpoint.Leaf{Sequence: uint64(i), Kind: kind, View: []byte("{}")}.Encode()
		leaves = append(leaves, leaf)
		tree.Append(checkpoint.Hash(leaf))
	}
	root, _ := tree.Root(3)
	h := checkpoint.Head{Origin: "example.org/posse/7f3a", Size: 3, Root: root}
	fmt.Print(string(h.Body()))
	fmt.Printf("leaf 1: %x\n", leaves[1])

	proof, _ := tree.Inclusion(1, 3)
	fmt.Println("in the log:", checkpoint.VerifyInclusion(h, 1, checkpoint.Hash(leaves[1]), proof) == nil)
	// Output:
	// example.org/posse/7f3a
	// 3
	// eYe9fAFa6oTzwk8evgtP0lbPMnSl3DRqQF0dvnAU9eg=
	// leaf 1: 0100000000000000090000006f70656e526f756e64020000007b7d00000000
	// in the log: true
}

func TestExampleOfTheFormatDocumentIsTrue(t *testing.T) {
	text, err := os.ReadFile("format.md")
	require.NoError(t, err)
	tree := new(checkpoint.Tree)
	for i, kind := range []string{"applyExperiment", "openRound", "settle"} {
		leaf := checkpoint.Leaf{Sequence: uint64(i), Kind: kind, View: []byte("{}")}.Encode()
		tree.Append(checkpoint.Hash(leaf))
		if i == 1 {
			assert.Contains(t, string(text), "\n"+hex.EncodeToString(leaf)+"\n")
		}
	}
	assert.Contains(t, string(text), "```\n"+string(head(t, tree, 3).Body())+"\n— replica-1 ")
}
