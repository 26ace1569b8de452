//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The arms are alike, and noise alone must not end the experiment: `tight` keeps the chance of that below 1e-6 over this
// horizon, where the default, `tuned`, lets it happen now and then.
const deployed = `apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing}
problem: {kind: arms, arms: [low, medium, high]}
reward: {range: [0, 1]}
policy: {name: robust-elimination, params: {bonus: tight}}
privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 2}
rounds: {trigger: {decisions: 100}, deadline: 2s}
incentives: {payments: truthful, coverage: 0.7, reserve: 10, budget: 1000}
horizon: 10000000
`

// Three replicas and two nodes, each a process of the binary, and two applications that keep lists of their own of what
// was acknowledged. The leading replica and a node are killed with SIGKILL in between. Afterwards each acknowledged
// decision and reward is there exactly once, the books balance and the log is verified.
func TestDeploymentLosesNothingThatWasAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("starts five processes: run it without -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	d := newDeployment(ctx, t)
	ports := freePorts(t, 8)

	replica := func(i int, more ...string) *process {
		name := fmt.Sprintf("r%d", i+1)
		return d.start(name, append([]string{
			"coordinator", "run", "--name", name, "--dir", d.path(name), "--private",
			"--listen", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", ports[i]), "--api", fmt.Sprintf("127.0.0.1:%d", ports[3+i]), "--log-level", "info",
		}, more...)...)
	}
	first := replica(0, "--init", "--cluster", "prod")
	first.serves()
	d.leader = fmt.Sprintf("127.0.0.1:%d", ports[3])
	d.tokens = []string{d.path("r1", "admin.token"), d.path("r2", "admin.token"), d.path("r3", "admin.token")}
	replicas := []*process{first}
	for i := 1; i < 3; i++ {
		d.input = d.posse("invite", "create", "--replica", fmt.Sprintf("r%d", i+1), "-o", "json").get("token")
		replicas = append(replicas, replica(i, "--join"))
		replicas[i].serves()
	}
	d.eventually("three voters", func() bool {
		s := d.posse("status", "-o", "json")
		return len(s.list("members")) == 3 && s.number("tolerates") == 1
	})

	require.NoError(t, os.WriteFile(d.path("dosing.yaml"), []byte(deployed), 0o600))
	assert.Equal(t, true, d.posse("experiment", "apply", d.path("dosing.yaml"), "-o", "json").document["created"])
	assert.Equal(t, false, d.posse("experiment", "apply", d.path("dosing.yaml"), "-o", "json").document["changed"])
	runNode := func(i int) *process {
		name := fmt.Sprintf("n%d", i+1)
		p := d.start(name, "node", "run", "--dir", d.path(name), "--private", "--cost", "1",
			"--app", fmt.Sprintf("127.0.0.1:%d", ports[6+i]), "--log-level", "info")
		p.serves()
		return p
	}
	nodes := make([]*process, 2)
	apps := make([]*application, 2)
	for i := range nodes {
		name := fmt.Sprintf("n%d", i+1)
		d.input = d.posse("invite", "create", "--node", name, "-o", "json").get("token")
		assert.Equal(t, "prod", d.posse("node", "join", "--dir", d.path(name), "--private", "-o", "json").get("cluster"))
		nodes[i] = runNode(i)
		apps[i] = &application{ctx: ctx, node: fmt.Sprintf("127.0.0.1:%d", ports[6+i]), name: name, rewarded: map[string]bool{}}
	}

	// decisions go on through all that follows
	var traffic sync.WaitGroup
	enough := make(chan struct{})
	for _, a := range apps {
		traffic.Go(func() { a.work(enough) })
	}
	d.alarm = func() error { return errors.Join(apps[0].failed(), apps[1].failed()) }
	t.Cleanup(func() {
		for _, a := range apps {
			a.mu.Lock()
			defer a.mu.Unlock()
			t.Logf("%s: %d decisions asked for, %d rewarded, %d lost; last not answered: %s", a.name, a.next, len(a.rewarded), a.lost, a.unheard)
		}
	})
	acknowledged := func(i int) int {
		apps[i].mu.Lock()
		defer apps[i].mu.Unlock()
		return len(apps[i].rewarded)
	}
	published := func() float64 { return d.posse("experiment", "show", "dosing", "-o", "json").number("published") }
	d.eventually("rounds are published", func() bool { return published() >= 2 })

	// the leader dies without a word, and comes back
	lost := d.leading(replicas)
	replicas[lost].kill()
	d.leader = fmt.Sprintf("127.0.0.1:%d", ports[3+(lost+1)%3])
	d.tokens[0] = d.tokens[(lost+1)%3]
	d.eventually("another replica leads", func() bool {
		leader := d.posse("status", "-o", "json").get("leader")
		return leader != "" && leader != replicas[lost].name
	})
	replicas[lost] = replica(lost)
	replicas[lost].serves()

	// a node dies while its application is waiting for answers
	nodes[0].kill()
	deaf, other := acknowledged(0), acknowledged(1)
	d.eventually("the other node goes on", func() bool { return acknowledged(1) > other+20 })
	assert.LessOrEqual(t, acknowledged(0), deaf+inFlight, "nobody answers for a dead node")
	nodes[0] = runNode(0)
	before, since := published(), ""
	t.Cleanup(func() { t.Logf("n1 had %d rewards, %v rounds were published; then: %s", deaf, before, since) })
	d.eventually("rounds go on after the deaths", func() bool {
		shown := d.posse("experiment", "show", "dosing", "-o", "json")
		if len(shown.document) > 0 {
			since = fmt.Sprintf("%v, %v published, %v aborted, round %v", shown.document["state"], shown.document["published"], shown.document["aborted"], shown.document["round"])
		}
		return shown.number("published") >= before+2 && acknowledged(0) > deaf+100
	})
	close(enough)
	traffic.Wait()

	for i, a := range apps {
		require.NoError(t, a.failure)
		at := fmt.Sprintf("127.0.0.1:%d", ports[6+i])
		ids := map[string]bool{}
		for _, id := range a.decided {
			ids[id] = true
		}
		assert.Len(t, ids, len(a.decided), "%s: each decision has an id of its own", a.name)
		status := d.posse("node", "status", "--app", at, "-o", "json").item("experiments")
		assert.EqualValues(t, len(a.decided), status["decisions"], "%s: each acknowledged decision once", a.name)
		assert.EqualValues(t, len(a.rewarded), status["rewards"], "%s: each acknowledged reward once", a.name)
		for _, id := range a.decided {
			outcome, err := a.reward(id)
			require.NoError(t, err)
			require.Equal(t, "DUPLICATE", outcome, "%s: a reward that was acknowledged is known", a.name)
		}
		budget := d.posse("node", "budget", "--app", at, "-o", "json").item("experiments")
		assert.LessOrEqual(t, budget["spent"].(map[string]any)["epsilon"], 1.0)
		assert.Positive(t, budget["users"])
	}
	assert.LessOrEqual(t, apps[0].lost, inFlight, "only decisions of the last milliseconds before a death are lost")
	assert.Zero(t, apps[1].lost, "a node that did not die lost nothing")
	t.Logf("%d and %d decisions, %v rounds published", len(apps[0].decided), len(apps[1].decided), published())

	books := d.posse("books", "show", "-o", "json")
	assert.Equal(t, true, books.document["balanced"])
	sum, paid := 0.0, 0.0
	for _, a := range books.list("accounts") {
		account := a.(map[string]any)
		sum += account["amount"].(float64)
		if strings.HasPrefix(account["name"].(string), "node:") {
			paid += account["amount"].(float64)
		}
	}
	assert.Zero(t, sum)
	assert.Positive(t, paid)

	var verified answer
	d.eventually("every replica signs", func() bool {
		verified = d.posse("log", "verify", "--cluster", d.leader, "-o", "json")
		return len(verified.list("signatures")) >= 2
	})
	assert.Equal(t, true, verified.document["verified"], verified.text)
	assert.Empty(t, verified.list("problems"))
	assert.Equal(t, true, verified.document["balanced"])
	d.posse("log", "export", "--cluster", d.leader, "--out", d.path("bundle"), "-o", "json")
	again := d.posse("log", "verify", "--log", d.path("bundle"), "--keys", d.path("bundle", "keys"), "--signatures", "2", "-o", "json")
	assert.Equal(t, true, again.document["verified"], again.text)

	sealed := d.posse("audit", "payments", "--log", d.path("bundle"), "-o", "json")
	assert.Equal(t, "consistent", sealed.document["verdict"], sealed.text)
	assert.Zero(t, sealed.number("recomputed"), "a bundle has no bids unless they are asked for")
	d.posse("log", "export", "--cluster", d.leader, "--out", d.path("opened"), "--openings", "-o", "json")
	for _, from := range [][]string{{"--log", d.path("opened")}, {"--cluster", d.leader}} {
		audit := d.posse(append([]string{"audit", "payments", "-o", "json"}, from...)...)
		assert.Equal(t, "consistent", audit.document["verdict"], audit.text)
		assert.Positive(t, audit.number("recomputed"))
		assert.Positive(t, audit.number("otherBids"))
	}
	rows, total, closing := 0, 0, 0 // of the bundle: a round may have been published since the books were shown
	for i, line := range strings.Split(strings.TrimSpace(d.posse("books", "export", "--log", d.path("opened")).text), "\n") {
		fields := strings.Split(line, ",")
		require.Len(t, fields, 6)
		if i > 0 {
			amount, err := strconv.Atoi(fields[5])
			require.NoError(t, err)
			rows, total = rows+1, total+amount
			if slices.Contains(fields, "node:n1:payable") {
				closing += amount
			}
		}
	}
	assert.Positive(t, rows)
	assert.Zero(t, total, "every posting has its opposite")
	assert.Contains(t, d.posse("books", "export", "--format", "beancount", "--log", d.path("bundle")).text, "Assets:Node:N1:Payable")
	account := d.posse("books", "statement", "n1", "--log", d.path("opened"), "-o", "json")
	assert.EqualValues(t, closing, account.number("closing"), account.text)
	assert.Positive(t, closing)
	assert.EqualValues(t, 1_000_000, account.list("lines")[0].(map[string]any)["bid"])

	// stopping is clean: servers exit with 0
	for _, p := range append(nodes, replicas...) {
		assert.Zero(t, p.stop(), "%s: %s", p.name, p.stderr.String())
		assert.NotContains(t, p.stderr.String(), canaryReward)
	}
}

// canaryReward is the reward of every decision: it must never leave its node, nor be printed there.
const canaryReward = "0.41424242"

// application calls its node and keeps a list of its own of what was acknowledged.
type application struct {
	ctx        context.Context
	node, name string

	mu       sync.Mutex
	next     int
	decided  []string        // ids, each once
	rewarded map[string]bool // ids
	lost     int             // decisions that died with the node, which said so
	failure  error
	unheard  string // what came last in place of an answer
}

// inFlight is how many decisions an application makes at once; pause is between two of one of them.
const (
	inFlight = 4
	pause    = 10 * time.Millisecond
)

// work makes decisions with rewards until there are enough. Whatever is not answered is asked again: a decision under
// the same key, a reward under the same id.
func (a *application) work(enough <-chan struct{}) {
	var flight sync.WaitGroup
	for range inFlight {
		flight.Go(func() {
			for {
				select {
				case <-enough:
					return
				case <-time.After(pause):
				}
				a.mu.Lock()
				i := a.next
				a.next++
				failed := a.failure != nil
				a.mu.Unlock()
				if failed {
					return
				}
				if err := a.one(i); err != nil {
					a.mu.Lock()
					a.failure = err
					a.mu.Unlock()
				}
			}
		})
	}
	flight.Wait()
}

func (a *application) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failure
}

// one makes a decision and rewards it. A decision is durable a few milliseconds after its answer: one that died with
// its node is told to be lost, and is made anew.
func (a *application) one(i int) error {
	for try := 0; ; try++ {
		var decision struct{ DecisionID string }
		question := map[string]any{"experiment": "dosing", "user": fmt.Sprintf("%s-%d", a.name, i), "key": fmt.Sprintf("%d/%d", i, try)}
		if err := a.insist("Decide", question, &decision); err != nil {
			return err
		}
		outcome, err := a.reward(decision.DecisionID)
		if err != nil {
			return err
		}
		a.mu.Lock()
		switch outcome {
		case "ACCEPTED", "DUPLICATE": // DUPLICATE: the answer to the first one never came
			a.decided = append(a.decided, decision.DecisionID)
			a.rewarded[decision.DecisionID] = true
			a.mu.Unlock()
			return nil
		case "LOST":
			a.lost++
		default:
			err = fmt.Errorf("reward: %s", outcome)
		}
		a.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

func (a *application) reward(id string) (outcome string, err error) {
	var answer struct{ Outcome string }
	err = a.insist("Reward", map[string]any{"decisionId": id, "value": json.Number(canaryReward)}, &answer)
	return answer.Outcome, err
}

// insist calls until there is an answer: a node that is dead or has not heard of the experiment yet is no answer.
func (a *application) insist(method string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	for {
		status, text := a.call(method, body)
		switch {
		case status == http.StatusOK:
			return json.Unmarshal(text, answer)
		case status != 0 && status != http.StatusNotFound && status != http.StatusServiceUnavailable:
			return fmt.Errorf("%s: %d %s", method, status, text)
		case a.ctx.Err() != nil:
			return fmt.Errorf("%s: no answer in time: %d %s", method, status, text)
		}
		a.mu.Lock()
		a.unheard = fmt.Sprintf("%s %s: %d %s", time.Now().UTC().Format(time.TimeOnly), method, status, text)
		a.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func (a *application) call(method string, body []byte) (status int, text []byte) {
	r, err := http.NewRequestWithContext(a.ctx, http.MethodPost, "http://"+a.node+"/posse.v1.DecisionService/"+method, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer func() { _ = answer.Body.Close() }()
	if text, err = io.ReadAll(answer.Body); err != nil {
		return 0, []byte(err.Error()) // it died while it spoke: not an answer
	}
	return answer.StatusCode, text
}

// deployment is a folder, a binary and the processes that were started from it.
type deployment struct {
	t      *testing.T
	ctx    context.Context
	dir    string
	binary string
	leader string   // address of a replica's API
	tokens []string // files; the first is that of the replica asked
	input  string   // stdin of the next command
	alarm  func() error

	waiting string // for what; said when the time is over
}

func newDeployment(ctx context.Context, t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, ctx: ctx, dir: t.TempDir()}
	d.binary = filepath.Join(d.dir, "bin", "posse")
	out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", d.binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return d
}

func (d *deployment) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}

// eventually waits for what must become true before the test's time is over.
func (d *deployment) eventually(what string, holds func() bool) {
	d.t.Helper()
	d.waiting = what
	for !holds() {
		require.NoError(d.t, d.ctx.Err(), "waiting: %s", what)
		if d.alarm != nil {
			require.NoError(d.t, d.alarm(), "waiting: %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// answer is what a command printed.
type answer struct {
	t        *testing.T
	text     string
	document map[string]any
}

func (a answer) get(key string) string { text, _ := a.document[key].(string); return text }

func (a answer) number(key string) float64 { x, _ := a.document[key].(float64); return x }

func (a answer) list(key string) []any { all, _ := a.document[key].([]any); return all }

func (a answer) item(key string) map[string]any {
	a.t.Helper()
	require.NotEmpty(a.t, a.list(key), a.text)
	return a.list(key)[0].(map[string]any)
}

// posse runs one command to its end. While no replica leads it may fail; the answer is then empty.
func (d *deployment) posse(args ...string) answer {
	d.t.Helper()
	c := exec.CommandContext(d.ctx, d.binary, args...)
	var out, err bytes.Buffer
	c.Stdout, c.Stderr, c.Stdin, c.Dir = &out, &err, strings.NewReader(d.input), d.dir
	c.Env = append(os.Environ(), "POSSE_COORDINATOR="+d.leader, "POSSE_TOKEN="+d.token())
	d.input = ""
	failure := c.Run()
	a := answer{t: d.t, text: out.String() + err.String(), document: map[string]any{}}
	if d.ctx.Err() != nil { // whoever waits says for what
		return a
	}
	if failure != nil && !strings.Contains(a.text, `"unavailable"`) {
		require.NoError(d.t, failure, "posse %s: %s", strings.Join(args, " "), a.text)
	}
	if failure == nil && slices.Contains(args, "json") {
		require.NoError(d.t, json.Unmarshal(out.Bytes(), &a.document), a.text)
	}
	return a
}

func (d *deployment) token() string {
	if len(d.tokens) == 0 {
		return ""
	}
	text, err := os.ReadFile(d.tokens[0])
	require.NoError(d.t, err)
	return strings.TrimSpace(string(text))
}

// leading returns which replica leads.
func (d *deployment) leading(all []*process) int {
	d.t.Helper()
	found := -1
	d.eventually("somebody leads", func() bool {
		leader := d.posse("status", "-o", "json").get("leader")
		for i, p := range all {
			if p.name == leader {
				found = i
			}
		}
		return found >= 0
	})
	return found
}

// process is a server that was started; only it is ever stopped.
type process struct {
	d      *deployment
	name   string
	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr *lockedBuffer
	done   chan struct{}
}

// start runs a server; its stdin is the deployment's input.
func (d *deployment) start(name string, args ...string) *process {
	d.t.Helper()
	p := &process{d: d, name: name, stderr: &lockedBuffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(d.binary, append(args, "-o", "json")...)
	p.cmd.Stdin, p.cmd.Stderr, p.cmd.Dir = strings.NewReader(d.input), p.stderr, d.dir
	d.input = ""
	reader, writer, err := os.Pipe()
	require.NoError(d.t, err)
	p.cmd.Stdout, p.stdout = writer, reader
	require.NoError(d.t, p.cmd.Start())
	require.NoError(d.t, writer.Close())
	go func() {
		_ = p.cmd.Wait() // how it ended is in its state
		close(p.done)
	}()
	d.t.Cleanup(func() {
		if d.t.Failed() { // what it is doing, for the log
			_ = p.cmd.Process.Signal(syscall.SIGQUIT)
			select {
			case <-p.done:
			case <-time.After(5 * time.Second):
			}
		}
		_ = p.cmd.Process.Kill()
		<-p.done
		_ = reader.Close()
		if d.t.Failed() {
			d.t.Logf("waiting: %s; %s said:\n%s", d.waiting, p.name, p.stderr)
		}
	})
	return p
}

// serves waits until the server has said where it serves.
func (p *process) serves() {
	p.d.t.Helper()
	_ = p.stdout.(*os.File).SetReadDeadline(time.Now().Add(30 * time.Second))
	var said map[string]any
	err := json.NewDecoder(p.stdout).Decode(&said)
	require.NoError(p.d.t, err, "%s: %s", p.name, p.stderr.String())
}

func (p *process) kill() {
	require.NoError(p.d.t, p.cmd.Process.Kill())
	<-p.done
}

// stop asks the server to stop and returns its exit status.
func (p *process) stop() int {
	require.NoError(p.d.t, p.cmd.Process.Signal(os.Interrupt))
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		require.Fail(p.d.t, p.name+" did not stop")
	}
	return p.cmd.ProcessState.ExitCode()
}

// lockedBuffer is a buffer that a process writes to while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePorts returns ports that nothing listens on now.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = l.Close() }() // all at once, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
