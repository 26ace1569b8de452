package coordinator

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// A replica that starts goes through its log from the beginning, where the cluster
// was one replica. Were the others put out then, and the process killed, it would
// never find them again.
func TestAnOldEntryOfTheLogPutsNobodyOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r1")
	c, err := New(Config{Name: "r1", Cluster: "prod", Dir: dir, Init: true, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Private: true, Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	other, err := peer.LoadOrCreate(filepath.Join(t.TempDir(), "r2"))
	require.NoError(t, err)
	self, leader := c.Self(), Peer{Name: "r2", PeerID: other.ID(), Verifier: c.Self().Verifier, Addresses: []string{"/ip4/127.0.0.1/tcp/4001"}}
	require.NoError(t, c.writeMembers([]Peer{self, leader}))
	require.NoError(t, c.readMembers())
	kept, err := os.ReadFile(filepath.Join(dir, membersFile))
	require.NoError(t, err)

	first := &possev1.Command{Actor: "operator", Body: &possev1.Command_Bootstrap{Bootstrap: &possev1.Bootstrap{
		Cluster: "prod", Origin: "prod.example", Replicas: []*possev1.ReplicaAddress{
			{Name: self.Name, PeerId: self.PeerID, Verifier: self.Verifier, Addresses: self.Addresses},
		},
	}}}
	raw, err := proto.Marshal(first)
	require.NoError(t, err)
	results := applier{c}.ApplyBatch([][]byte{raw}, []uint64{1})
	require.Len(t, results, 1)
	require.Len(t, c.enrolled, 1, "the command was applied")
	assert.Equal(t, leader.Addresses, c.book.Addresses(leader.PeerID))
	after, err := os.ReadFile(filepath.Join(dir, membersFile))
	require.NoError(t, err)
	assert.Equal(t, kept, after)

	members, err := c.replaceMembers() // as when all that is committed is applied
	require.NoError(t, err)
	assert.Len(t, members, 1)
	assert.Empty(t, c.book.Addresses(leader.PeerID))
}
