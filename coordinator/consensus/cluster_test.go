package consensus_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/protocols/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// list is a machine that remembers its commands in order.
type list struct {
	mu       sync.Mutex
	commands []string
	indexes  []uint64
}

func (l *list) ApplyBatch(commands [][]byte, indexes []uint64) []any {
	l.mu.Lock()
	defer l.mu.Unlock()
	results := make([]any, len(commands))
	for i, c := range commands {
		l.commands = append(l.commands, string(c))
		l.indexes = append(l.indexes, indexes[i])
		results[i] = len(l.commands)
	}
	return results
}

func (l *list) Snapshot() (func(io.Writer) error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := append([]string(nil), l.commands...)
	return func(w io.Writer) error { return json.NewEncoder(w).Encode(kept) }, nil
}

func (l *list) Restore(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var commands []string
	if err := json.Unmarshal(b, &commands); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commands = commands
	return nil
}

func (l *list) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.commands...)
}

// replica is one member of a cluster in this process, over real loopback sockets.
type replica struct {
	*consensus.Consensus
	host    *peer.Host
	machine *list
	config  consensus.Config
}

// cluster starts n replicas that know each other and begin a cluster.
func cluster(t *testing.T, n int, change func(*consensus.Config)) []*replica {
	t.Helper()
	var members []string
	replicas := make([]*replica, n)
	for i := range replicas {
		replicas[i] = newReplica(t)
		members = append(members, replicas[i].host.ID())
	}
	introduce(t, replicas...)
	for _, r := range replicas {
		r.config.Bootstrap = members
		if change != nil {
			change(&r.config)
		}
		r.start(t)
	}
	return replicas
}

// newReplica makes a replica that is not started.
func newReplica(t *testing.T) *replica {
	t.Helper()
	dir := t.TempDir()
	id, err := peer.LoadOrCreate(filepath.Join(dir, "keys"))
	require.NoError(t, err)
	h, err := peer.NewHost(peer.Config{
		Identity: id, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Book: peer.NewBook(), Private: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return &replica{host: h, config: consensus.Config{
		Dir: filepath.Join(dir, "raft"), Host: h, Timing: consensus.Loopback(), SegmentBytes: 1 << 20, Logger: logger(),
	}}
}

// logger shows what raft says when POSSE_TEST_LOG is set.
func logger() *slog.Logger {
	if os.Getenv("POSSE_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

func (r *replica) start(t *testing.T) {
	t.Helper()
	r.machine = &list{}
	r.config.FSM = r.machine
	c, err := consensus.Open(t.Context(), r.config)
	require.NoError(t, err)
	r.Consensus = c
	t.Cleanup(func() { require.NoError(t, c.Close()) })
}

// introduce enters everybody in everybody's book.
func introduce(t *testing.T, replicas ...*replica) {
	t.Helper()
	for _, r := range replicas {
		for _, other := range replicas {
			if other != r {
				require.NoError(t, r.host.Book().Set(peer.Entry{
					ID: other.host.ID(), Role: peer.Replica, Addresses: other.host.Addresses(),
				}))
			}
		}
	}
}

// leader waits for one of the replicas to lead.
func leader(t *testing.T, replicas []*replica) *replica {
	t.Helper()
	var found *replica
	require.Eventually(t, func() bool {
		for _, r := range replicas {
			if r.IsLeader() && r.VerifyLeader(t.Context()) == nil {
				found = r
				return true
			}
		}
		return false
	}, 20*time.Second, 10*time.Millisecond, "no leader")
	return found
}

func without(replicas []*replica, gone *replica) []*replica {
	var rest []*replica
	for _, r := range replicas {
		if r != gone {
			rest = append(rest, r)
		}
	}
	return rest
}

// insist proposes until the outcome is known, as a client does: the machine sees a
// command more than once when an outcome was unknown.
func insist(ctx context.Context, replicas []*replica, command string) error {
	for {
		for _, r := range replicas {
			if _, _, err := r.Propose(ctx, []byte(command)); err == nil {
				return nil
			} else if !errors.Is(err, consensus.ErrNotLeader) && !errors.Is(err, consensus.ErrUnknownOutcome) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", command, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// deduplicated keeps the first of equal commands.
func deduplicated(commands []string) []string {
	seen := map[string]bool{}
	var kept []string
	for _, c := range commands {
		if !seen[c] {
			seen[c] = true
			kept = append(kept, c)
		}
	}
	return kept
}

func numbered(n int) string {
	return string(binary.BigEndian.AppendUint32([]byte("command "), uint32(n)))
}
