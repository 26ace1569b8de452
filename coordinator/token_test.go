package coordinator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator"
)

func sampleToken() coordinator.Token {
	return coordinator.Token{
		Cluster: "main", Secret: [32]byte{1, 2, 3},
		Replicas: []coordinator.Peer{
			{PeerID: "12D3KooWFirst", Addresses: []string{"/ip4/10.0.0.1/udp/7071/quic-v1", "/ip4/10.0.0.1/tcp/7071"}},
			{PeerID: "12D3KooWSecond"},
		},
	}
}

func TestTokensAreReadBackAndEverySlipIsSeen(t *testing.T) {
	text := sampleToken().String()
	assert.True(t, strings.HasPrefix(text, "posse1"))
	got, err := coordinator.ParseToken("  " + text + "\n")
	require.NoError(t, err)
	assert.Equal(t, sampleToken(), got)
	for i := range text {
		_, err := coordinator.ParseToken(text[:i])
		require.Error(t, err)
		assert.NotContains(t, err.Error(), text[6:20], "a token is a password")
		slipped := []byte(text)
		slipped[i] = "ab"[(slipped[i]-'a'+1)&1]
		if string(slipped) != text {
			_, err = coordinator.ParseToken(string(slipped))
			require.Error(t, err)
			assert.Equal(t, "MALFORMED", posse.As(err).Reason)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(sampleToken().String())
	f.Add("posse1")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := coordinator.ParseToken(text)
		if err != nil {
			return
		}
		again, err := coordinator.ParseToken(token.String())
		if err != nil || again.String() != token.String() {
			t.Fatal("a token that was read is not written back")
		}
	})
}
