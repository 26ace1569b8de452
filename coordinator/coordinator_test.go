package coordinator_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator"
	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/verify"
)

func TestRoundsRunOverRealLinks(t *testing.T) {
	c := newCluster(t, 3)
	var nodes []*node
	for i := range 4 {
		nodes = append(nodes, c.enrol(fmt.Sprintf("n%d", i), uint64(10*(i+1))))
	}
	c.apply(experimentFile, 4)
	begin := time.Now()
	for i, n := range nodes {
		go n.run(t.Context(), int64(1_000_000*(i+1)))
	}
	const rounds = 12
	require.Eventually(t, func() bool { return c.version() >= rounds }, 30*time.Second, 2*time.Millisecond)
	t.Logf("%d rounds in %v", rounds, time.Since(begin))
	c.leader().View(func(s *state.State) {
		e := s.Experiment("dosing")
		assert.NoError(t, s.Book().Check())
		paid := 0
		for _, r := range e.Rounds {
			for _, w := range r.Winners {
				assert.LessOrEqual(t, w.Amount, r.Reserve)
				paid++
			}
		}
		assert.NotZero(t, paid)
	})
	require.Eventually(t, func() bool {
		for _, n := range nodes {
			if n.holds() < 2 {
				return false
			}
		}
		return true
	}, 10*time.Second, 5*time.Millisecond, "everybody gets the versions of exploration")
}

func (c *cluster) version() (v uint64) {
	c.leader().View(func(s *state.State) { v = s.Experiment("dosing").Version() })
	return v
}

// kill closes the leader without a farewell.
func (c *cluster) kill() {
	l := c.leader()
	require.NoError(c.t, l.Close())
	c.replicas = slices.DeleteFunc(c.replicas, func(r *coordinator.Coordinator) bool { return r == l })
}

func TestALeaderThatDiesInARoundCostsNothingButTime(t *testing.T) {
	c := newCluster(t, 3)
	var nodes []*node
	for i := range 3 {
		nodes = append(nodes, c.enrol(fmt.Sprintf("n%d", i), 10))
	}
	c.apply(experimentFile, 3)
	for i, n := range nodes {
		go n.run(t.Context(), int64(1_000_000*(i+1)))
	}
	require.Eventually(t, func() bool { return c.version() >= 4 }, 20*time.Second, time.Millisecond)
	c.kill()
	before := c.version()
	require.Eventually(t, func() bool { return c.version() >= before+4 }, 30*time.Second, 5*time.Millisecond)
	bundle := c.bundle()
	result := verify.Log(bundle)
	assert.Empty(t, result.Problems)
	assert.True(t, result.Verified)
	assert.Len(t, result.Signatures, 2)
	assert.Equal(t, 1, c.leader().LeaderChanges())
	c.leader().View(func(s *state.State) {
		e := s.Experiment("dosing")
		assert.NoError(t, s.Book().Check())
		seen := map[string]map[uint64]bool{}
		for _, m := range e.Members {
			seen[m.Node] = map[uint64]bool{}
			for _, l := range m.Leaves {
				assert.False(t, seen[m.Node][l.Number], "a leaf is entered once")
				seen[m.Node][l.Number] = true
			}
		}
	})
}

func TestAReplicaThatIsLeftAloneIsUpAndTheOtherIsNot(t *testing.T) {
	c := newCluster(t, 2)
	dead := c.leader()
	alone := c.replicas[slices.IndexFunc(c.replicas, func(r *coordinator.Coordinator) bool { return r != dead })]
	shows := func(leader string, up int, down ...string) func() bool {
		return func() bool {
			seen := alone.WebView().Cluster
			return seen.Leader == leader && seen.Up == up && slices.Equal(seen.Down, down)
		}
	}
	require.Eventually(t, shows(dead.Name(), 2), 20*time.Second, 10*time.Millisecond)
	require.NoError(t, dead.Close())
	require.Eventually(t, shows("", 1, dead.Name()), 20*time.Second, 10*time.Millisecond)
}

// bundle is the log as an outsider is given it.
func (c *cluster) bundle() verify.Bundle {
	l := c.leader()
	require.NoError(c.t, l.CommitCheckpoint(c.t.Context()))
	head, note, err := l.Head(c.t.Context())
	require.NoError(c.t, err)
	b := verify.Bundle{Checkpoints: [][]byte{note}, Origin: head.Origin, Threshold: 2}
	l.View(func(s *state.State) {
		for _, r := range s.Replicas {
			b.Verifiers = append(b.Verifiers, r.Verifier)
		}
	})
	for uint64(len(b.Leaves)) < head.Size {
		more, err := l.Leaves(uint64(len(b.Leaves)), 100)
		require.NoError(c.t, err)
		require.NotEmpty(c.t, more)
		b.Leaves = append(b.Leaves, more...)
	}
	b.Leaves = b.Leaves[:head.Size]
	return b
}

func TestAReplicaJoinsAndFetchesTheLogThatItMissed(t *testing.T) {
	c := newCluster(t, 1)
	n := c.enrol("north", 1)
	c.apply(experimentFile, 1)
	go n.run(t.Context(), 1)
	require.Eventually(t, func() bool { return c.version() >= 3 }, 20*time.Second, time.Millisecond)
	token, err := c.replicas[0].Invite(t.Context(), "r2", "replica", 0, time.Now().Add(time.Hour).UnixMilli())
	require.NoError(t, err)
	config := replicaConfig(t.TempDir(), "r2")
	config.Join = token
	r, err := coordinator.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, r.Start(t.Context()))
	require.Eventually(t, func() bool {
		voters := 0
		for _, m := range c.replicas[0].Status().Members {
			if m.Voter {
				voters++
			}
		}
		return voters == 2
	}, 20*time.Second, 10*time.Millisecond, "the replica gets a vote")
	c.replicas = append(c.replicas, r)
	var size uint64
	c.replicas[0].View(func(s *state.State) { size = s.Log.Size })
	require.Eventually(t, func() bool {
		leaves, err := r.Leaves(0, 10_000)
		return err == nil && uint64(len(leaves)) >= size
	}, 20*time.Second, 10*time.Millisecond, "it has the whole log")
	r.View(func(s *state.State) { assert.NotNil(t, s.Experiment("dosing")) })
}

func TestAReplicaComesBackWithAllItHad(t *testing.T) {
	dir := t.TempDir()
	config := replicaConfig(dir, "r1")
	config.Init = true
	r, err := coordinator.New(config)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context()))
	c := &cluster{t: t, replicas: []*coordinator.Coordinator{r}}
	c.leader()
	c.apply(experimentFile, 0)
	leaves, err := r.Leaves(0, 100)
	require.NoError(t, err)
	require.Len(t, leaves, 2)
	stop, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, r.Stop(stop))

	r, err = coordinator.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, r.Start(t.Context()))
	c.replicas[0] = r
	c.leader().View(func(s *state.State) { assert.NotNil(t, s.Experiment("dosing")) })
	again, err := r.Leaves(0, 2)
	require.NoError(t, err)
	assert.Equal(t, leaves, again)
}

func TestTheOperatorsDoorWantsItsToken(t *testing.T) {
	config := replicaConfig(t.TempDir(), "r1")
	config.Init, config.Admin, config.Web = true, "127.0.0.1:0", true
	r, err := coordinator.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, r.Start(t.Context()))
	c := &cluster{t: t, replicas: []*coordinator.Coordinator{r}}
	c.leader()
	token, err := admin.Token(config.Dir)
	require.NoError(t, err)
	call := func(bearer, method, body string, change func(*http.Request)) (int, string) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.AdminURL()+"/posse.v1.AdminService/"+method, strings.NewReader(body))
		require.NoError(t, err)
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Authorization", "Bearer "+bearer)
		if change != nil {
			change(q)
		}
		answer, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(text)
	}
	code, _ := call("guess", "Status", "{}", nil)
	assert.Equal(t, http.StatusUnauthorized, code)
	code, _ = call(token, "Status", "{}", func(q *http.Request) { q.Header.Set("Origin", "https://elsewhere.example") })
	assert.Equal(t, http.StatusForbidden, code, "another site's page")
	code, _ = call(token, "Status", "{}", func(q *http.Request) { q.Host = "rebound.example" })
	assert.Equal(t, http.StatusForbidden, code, "a name that points here")

	file := base64.StdEncoding.EncodeToString([]byte(experimentFile))
	code, text := call(token, "ApplyExperiment", `{"filename":"a.yaml","file":"`+file+`"}`, nil)
	assert.Equal(t, http.StatusOK, code, text)
	assert.Contains(t, text, `"created":true`)
	bad := base64.StdEncoding.EncodeToString([]byte(strings.Replace(experimentFile, "epsilon: 1", "epsilon: -1", 1)))
	code, text = call(token, "ApplyExperiment", `{"filename":"a.yaml","file":"`+bad+`"}`, nil)
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, text, "privacy.epsilon")
	code, text = call(token, "CreateInvite", `{"name":"north","weight":"3"}`, nil)
	assert.Equal(t, http.StatusOK, code, text)
	assert.Contains(t, text, "posse1")
	code, text = call(token, "Status", "{}", nil)
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, `"leader":"r1"`)
	code, text = call(token, "Books", "{}", nil)
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, `"balanced":true`)
	code, text = call(token, "Log", `{"from":"0"}`, nil)
	assert.Equal(t, http.StatusOK, code, text)
	code, text = call(token, "CloseExperiment", `{"name":"dosing"}`, nil)
	assert.Equal(t, http.StatusOK, code, text)

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	for _, page := range []string{"", "/experiments/dosing", "/nodes", "/privacy", "/books", "/rounds", "/log"} {
		address := r.AdminURL() + page
		if page == "" {
			address = r.DashboardURL()
		}
		answer, err := browser.Get(address)
		require.NoError(t, err)
		_ = answer.Body.Close()
		assert.Equal(t, http.StatusOK, answer.StatusCode, page)
	}
}
