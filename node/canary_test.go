package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/node/app"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/possev1"
)

// A reward, a user and a key that would be known again anywhere. They go through
// every answer that the node has; nothing that it says, logs or sends holds them,
// and its disk holds none in clear.
func TestNothingOfAUserShowsInErrorsLogsMessagesAndFiles(t *testing.T) {
	const canary, person, key = 41.4242, "canary-person", "canary-key"
	var log lines
	var full atomic.Bool
	l := newLeader(t, strings.Replace(yaml, "[0, 1]", "[0, 100]", 1), 4)
	var sent [][]byte
	l.lose = func(q *possev1.NodeRequest) error {
		raw, err := proto.Marshal(q)
		sent = append(sent, raw)
		return err
	}
	dir := nodeDir(t, l)
	n := run(t, dir, logged(&log), func(c *Config) {
		c.disk = store.Options{Around: func(_ uint64, commit func() error) error {
			if full.Load() {
				return syscall.ENOSPC
			}
			return commit()
		}}
	})
	joined(t, n, "solver")
	s := httptest.NewServer(app.Handler(n.Service(), ""))
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var said strings.Builder
	post := func(method, format string, args ...any) (int, string) {
		r, err := http.Post(s.URL+"/posse.v1.DecisionService/"+method, "application/json", strings.NewReader(fmt.Sprintf(format, args...)))
		require.NoError(t, err)
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		fmt.Fprintln(&said, string(text), r.Header)
		return r.StatusCode, string(text)
	}
	decide := func(i int) string {
		a, err := n.Decide(context.Background(), Question{Experiment: "solver", User: fmt.Sprint(person, i), Key: fmt.Sprint(key, i)})
		require.NoError(t, err)
		return a.ID
	}
	outcomes := map[string]bool{}
	reward := func(id string, value any) {
		_, text := post("Reward", `{"decisionId":%q,"value":%v}`, id, value)
		for _, word := range []string{"ACCEPTED", "DUPLICATE", "CONFLICT", "UNKNOWN", "CLOSED", "REWARD_", "resource_exhausted", "out"} {
			if strings.Contains(text, word) {
				outcomes[word] = true
			}
		}
	}
	id := decide(0)
	reward(id, -canary)
	reward(id, canary*1e3)
	reward(id, `"NaN"`)
	reward(id, `"41.4242 dollars"`)
	reward(id, canary)
	reward(id, canary)
	reward(id, canary+1)
	reward("41.4242", canary)
	post("Reward", `{"decisionId":%q,"feedback":{"runtime":{"seconds":%v}}}`, decide(1), canary)
	post("Decide", `{"experiment":"solver","user":"%s","context":{"features":{"x":[%v]}}}`, person, canary)
	post("Decide", `{"experiment":"solver","user":"%s","key":"%s0"}`, person, key)
	post("Decide", `{"experiment":"solver","user":"%s"}`, strings.Repeat(person, 50))
	post("Budget", `{}`)
	for i := range 12 { // leaves fill, users run out, releases are made and refused
		reward(decide(100+i), canary)
	}
	l.openRound(1)
	l.offer(1)
	l.settle(true)
	l.report(1)

	for name, disk := range onDisk(t, dir) {
		assert.NotContains(t, string(disk), person, name)
		assert.NotContains(t, string(disk), key, name)
		assert.NotContains(t, string(disk), string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(canary))), name)
		assert.NotContains(t, string(disk), string(binary.BigEndian.AppendUint64(nil, math.Float64bits(canary))), name)
	}

	pending := decide(50)
	l.change(func() { l.view.Closed = true })
	wait(t, n, "the end", func() bool { return isClosed(n) })
	reward(pending, canary)
	full.Store(true)
	reward(id, canary)
	n.store.Put([]store.Write{{Bucket: "b", Key: []byte("k"), Value: []byte("v")}})
	reward(id, canary)

	for _, word := range []string{"ACCEPTED", "DUPLICATE", "CONFLICT", "UNKNOWN", "CLOSED", "resource_exhausted", "out"} {
		assert.True(t, outcomes[word], "the canary went through %s", word)
	}
	for where, text := range map[string]string{"answers": said.String(), "log": log.String()} {
		for _, secret := range []string{"41.4", "42.4", person, key} {
			assert.NotContains(t, text, secret, where)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, raw := range sent {
		assert.NotContains(t, string(raw), person)
		assert.NotContains(t, string(raw), string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(canary))))
	}
	_ = n.Close()
}
