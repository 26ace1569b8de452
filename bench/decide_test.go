package bench

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/node"
	"github.com/posse-dev/posse/node/app"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/possev1/possev1connect"
)

const (
	decideInProcess = "Decide, in process"
	decideLoopback  = "Decide, over loopback"
	emptyHandler    = "an empty Connect handler over loopback"
	decisions       = 3000
)

// One round of this experiment has more decisions than the benchmark makes: nothing
// else happens meanwhile.
const decideFile = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: decide}
problem: {kind: arms, arms: 10}
reward: {range: [0, 1]}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 1000000}
rounds: {trigger: {decisions: 1000000000}, maxRecords: 1000000000}
incentives: {payments: none}
horizon: 100000000000
`

// empty answers a constant of the size of a decision.
type empty struct {
	possev1connect.UnimplementedDecisionServiceHandler
	answer *possev1.DecideResponse
}

func (e empty) Decide(context.Context, *connect.Request[possev1.DecideRequest]) (*connect.Response[possev1.DecideResponse], error) {
	return connect.NewResponse(e.answer), nil
}

func BenchmarkDecide(b *testing.B) {
	replicas := cluster(b, 1)
	apply(b, replicas, decideFile, 1)
	n := organisation(b, replicas)
	ask := func() (node.Answer, error) {
		return n.Decide(context.Background(), node.Question{Experiment: "decide", User: "somebody"})
	}
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := ask(); err == nil {
			break
		} else if time.Now().After(until) {
			b.Fatal(err)
		}
	}
	inProcess := func() time.Duration {
		return timed(func() {
			for range decisions {
				if _, err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	ours := client(b, app.Server(app.Handler(n.Service(), "")))
	first, err := ours.Decide(context.Background(), request())
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(possev1connect.NewDecisionServiceHandler(empty{answer: first.Msg}))
	theirs := client(b, &http.Server{Handler: mux})
	over := func(c possev1connect.DecisionServiceClient) func() time.Duration {
		return func() time.Duration {
			return timed(func() {
				for range decisions {
					if _, err := c.Decide(context.Background(), request()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	b.Run("InProcess", func(b *testing.B) {
		slower(b, decideInProcess, emptyHandler, "none", inProcess, over(theirs))
	})
	b.Run("Loopback", func(b *testing.B) {
		slower(b, decideLoopback, emptyHandler, "none", over(ours), over(theirs))
	})
}

func request() *connect.Request[possev1.DecideRequest] {
	return connect.NewRequest(&possev1.DecideRequest{Experiment: "decide", User: "somebody"})
}

// client serves on loopback and returns a client of it.
func client(b *testing.B, s *http.Server) possev1connect.DecisionServiceClient {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	transport := &http.Transport{}
	b.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = s.Close()
		<-done
	})
	return possev1connect.NewDecisionServiceClient(&http.Client{Transport: transport}, "http://"+l.Addr().String())
}

// organisation is a node that joined.
func organisation(b *testing.B, r replicas) *node.Node {
	token := invite(b, r, "north")
	in := node.Invite{Secret: token.Secret[:]}
	for _, r := range token.Replicas {
		in.Replicas = append(in.Replicas, node.Replica{Name: r.Name, PeerID: r.PeerID, Addresses: r.Addresses})
	}
	dir := filepath.Join(b.TempDir(), "north")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := node.Join(ctx, dir, in, true); err != nil {
		b.Fatal(err)
	}
	limit := dp.Spend{NanoEpsilon: dp.NanoPerEpsilon}
	n, err := node.New(node.Config{Dir: dir, Private: true, Now: time.Now, Guard: guard.Limits{User: limit, Experiment: limit}})
	if err != nil {
		b.Fatal(err)
	}
	n.Start(context.Background())
	b.Cleanup(func() { _ = n.Close() })
	return n
}
