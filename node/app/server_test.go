package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/app"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/possev1/possev1connect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers is a node of which the test sets what it answers, and sees what it was asked.
type answers struct {
	err      error
	context  mechanisms.Context
	feedback mechanisms.Feedback
	user     string
}

func (a *answers) Decide(_ context.Context, _, user, _ string, c mechanisms.Context) (*possev1.DecideResponse, error) {
	a.context, a.user = c, user
	return &possev1.DecideResponse{DecisionId: "id", Arm: "b", Propensity: 0.5, Teaches: true}, a.err
}

func (a *answers) Reward(_ context.Context, _ string, f mechanisms.Feedback) (possev1.RewardOutcome, string, error) {
	a.feedback = f
	return possev1.RewardOutcome_LATE, "too late", a.err
}

func (a *answers) Budget(context.Context, string) (*possev1.BudgetResponse, error) {
	return &possev1.BudgetResponse{Node: "north"}, a.err
}

func serve(t *testing.T, n app.Node, token string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = app.Server(app.Handler(n, token))
	s.Start()
	t.Cleanup(func() {
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// post is what curl does.
func post(t *testing.T, s *httptest.Server, method, body string, change ...func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL+"/posse.v1.DecisionService/"+method, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for _, f := range change {
		f(r)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text), answer.Header
}

func TestCurlGetsDecisionsAndHandsInRewards(t *testing.T) {
	n := &answers{}
	s := serve(t, n, "")
	code, text, _ := post(t, s, "Decide", `{"experiment":"x","user":"u","context":{"features":{"x":[1,2.5]}}}`)
	assert.Equal(t, 200, code)
	assert.JSONEq(t, `{"decisionId":"id","arm":"b","propensity":0.5,"teaches":true}`, text)
	assert.Equal(t, mechanisms.Features{X: []float64{1, 2.5}}, n.context)
	for body, want := range map[string]mechanisms.Feedback{
		`{"decisionId":"id","value":0}`:                                            mechanisms.Reward{X: 0},
		`{"decisionId":"id","feedback":{"reward":-1.5}}`:                           mechanisms.Reward{X: -1.5},
		`{"decisionId":"id","feedback":{"firstWon":true}}`:                         mechanisms.Duel{FirstWon: true},
		`{"decisionId":"id","feedback":{"runtime":{"seconds":3,"censored":true}}}`: mechanisms.Runtime{Seconds: 3, Censored: true},
		`{"decisionId":"id","value":"Infinity"}`:                                   mechanisms.Reward{X: math.Inf(1)},
	} {
		code, text, _ := post(t, s, "Reward", body)
		assert.Equal(t, 200, code, text)
		assert.JSONEq(t, `{"outcome":"LATE","message":"too late"}`, text, "an outcome is an answer")
		assert.Equal(t, want, n.feedback)
	}
	code, text, _ = post(t, s, "Budget", `{}`)
	assert.Equal(t, 200, code)
	assert.JSONEq(t, `{"node":"north"}`, text)
}

func TestErrorsKeepTheirFactsAndNothingElse(t *testing.T) {
	n := &answers{err: &posse.Error{
		Code: posse.ResourceExhausted, Reason: "DISK_FULL", Field: "dir", Allowed: "[0, 1] ≤ x\n", Message: "the disk is full", Hint: "free some",
	}}
	s := serve(t, n, "")
	for _, method := range []string{"Decide", "Reward", "Budget"} {
		code, text, header := post(t, s, method, map[string]string{"Decide": `{"experiment":"x"}`, "Reward": `{"decisionId":"id","value":1}`, "Budget": `{}`}[method])
		assert.Equal(t, http.StatusTooManyRequests, code)
		assert.Contains(t, text, "the disk is full")
		assert.Equal(t, [4]string{"DISK_FULL", "dir", "[0, 1]  x", "free some"},
			[4]string{header.Get("Posse-Reason"), header.Get("Posse-Field"), header.Get("Posse-Allowed"), header.Get("Posse-Hint")})
	}
	n.err = errors.New("a text of the inside: 41.4242")
	code, text, _ := post(t, s, "Reward", `{"decisionId":"id","value":1}`)
	assert.Equal(t, 500, code)
	assert.NotContains(t, text, "41.4")
	for code, want := range map[posse.Code]connect.Code{
		posse.InvalidArgument: connect.CodeInvalidArgument, posse.FailedPrecondition: connect.CodeFailedPrecondition,
		posse.AlreadyExists: connect.CodeAlreadyExists, posse.NotFound: connect.CodeNotFound, posse.PermissionDenied: connect.CodePermissionDenied,
		posse.ResourceExhausted: connect.CodeResourceExhausted, posse.Unavailable: connect.CodeUnavailable, posse.DataLoss: connect.CodeDataLoss,
		posse.Internal: connect.CodeInternal, "nonsense": connect.CodeInternal,
	} {
		assert.Equal(t, want, connect.CodeOf(app.Error(&posse.Error{Code: code, Message: "x"})))
	}
}

// A reward that can't be read is still a reward.
func TestRequestsThatCannotBeReadAreRefusedWithoutBeingShown(t *testing.T) {
	n := &answers{}
	s := serve(t, n, "")
	for name, c := range map[string]struct{ method, body, want string }{
		"a number with letters":  {"Reward", `{"decisionId":"id","value":"41.4242x"}`, "decisionId, value, feedback"},
		"a number that is a map": {"Reward", `{"decisionId":"id","value":{"a":41.4242}}`, "line 1:"},
		"a number out of range":  {"Reward", `{"decisionId":"id","value":41.4242e999}`, "MALFORMED"},
		"a text cut short":       {"Reward", `{"decisionId":"id","value":41.4242`, "MALFORMED"},
		"a misspelt field":       {"Reward", `{"decisionId":"id","vlaue":41.4242}`, "decisionId, value, feedback"},
		"a misspelt user":        {"Decide", `{"experiment":"x","usr":"41.4242"}`, "experiment, user, key, context"},
		"twice":                  {"Reward", `{"decisionId":"id","value":1,"value":41.4242}`, "MALFORMED"},
		"both kinds":             {"Reward", `{"decisionId":"id","value":41.4242,"feedback":{"reward":41.4242}}`, "exclude each other"},
		"neither":                {"Reward", `{"decisionId":"id"}`, "value: required"},
		"a reward for nothing":   {"Reward", `{"value":41.4242}`, "decisionId: required"},
		"no experiment":          {"Decide", `{"user":"41.4242"}`, "experiment: required"},
		"an empty feedback":      {"Reward", `{"decisionId":"id","feedback":{}}`, "required"},
		"not JSON":               {"Reward", `41.4242`, "MALFORMED"},
		"nothing":                {"Reward", ``, "{}"},
		"a context of texts":     {"Decide", `{"context":{"features":{"x":["41.4242q"]}}}`, "MALFORMED"},
		"too long":               {"Decide", `{"user":"` + strings.Repeat("41.4242", 10_000) + `"}`, "65536"},
	} {
		t.Run(name, func(t *testing.T) {
			*n = answers{}
			code, text, header := post(t, s, c.method, c.body)
			assert.Contains(t, []int{400, 429}, code, text)
			assert.Contains(t, text, c.want)
			assert.NotContains(t, text+fmt.Sprint(header), "41.4")
			assert.Equal(t, answers{}, *n, "the node was not asked")
		})
	}
	// the same in the other encoding
	code, text, _ := post(t, s, "Reward", "\x11\x41\x42", func(r *http.Request) { r.Header.Set("Content-Type", "application/proto") })
	assert.Equal(t, 400, code, text)
}

func TestOnlyWhoMayIsAnswered(t *testing.T) {
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	bearer := func(h string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", h) }
	}
	open, closed := serve(t, &answers{}, ""), serve(t, &answers{}, "s3cret")
	for name, c := range map[string]struct {
		server *httptest.Server
		change func(*http.Request)
		want   int
	}{
		"loopback, no token set":        {open, host("127.0.0.1:80"), 200},
		"IPv6 loopback":                 {open, host("[::1]:80"), 200},
		"localhost":                     {open, host("localhost"), 200},
		"a name that rebinds":           {open, host("evil.example"), 403},
		"a name that begins like one":   {open, host("localhost.evil.example:80"), 403},
		"another address":               {open, host("192.0.2.1"), 403},
		"the token":                     {closed, bearer("Bearer s3cret"), 200},
		"the token, under another name": {closed, func(r *http.Request) { bearer("Bearer s3cret")(r); r.Host = "node.example" }, 200},
		"no token":                      {closed, host("127.0.0.1"), 401},
		"another token":                 {closed, bearer("Bearer s3cres"), 401},
		"a part of it":                  {closed, bearer("Bearer s3cre"), 401},
		"another scheme":                {closed, bearer("Basic s3cret"), 401},
	} {
		t.Run(name, func(t *testing.T) {
			code, text, header := post(t, c.server, "Decide", `{"experiment":"x"}`, c.change)
			assert.Equal(t, c.want, code, text)
			assert.Equal(t, "application/json", header.Get("Content-Type"))
			assert.True(t, json.Valid([]byte(text)), text)
			assert.NotContains(t, text, "s3cre")
		})
	}
	r, err := http.Get(open.URL + "/healthz")
	require.NoError(t, err)
	r.Body.Close()
	assert.Equal(t, http.StatusNoContent, r.StatusCode)
}

func TestConnectAndGRPCClientsWorkToo(t *testing.T) {
	s := serve(t, &answers{}, "")
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	h2 := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	defer h2.CloseIdleConnections()
	for name, c := range map[string]possev1connect.DecisionServiceClient{
		"connect, proto": possev1connect.NewDecisionServiceClient(http.DefaultClient, s.URL),
		"connect, json":  possev1connect.NewDecisionServiceClient(http.DefaultClient, s.URL, connect.WithProtoJSON()),
		"gRPC":           possev1connect.NewDecisionServiceClient(h2, s.URL, connect.WithGRPC()),
	} {
		a, err := c.Decide(context.Background(), connect.NewRequest(&possev1.DecideRequest{Experiment: "x"}))
		require.NoError(t, err, name)
		assert.Equal(t, "b", a.Msg.GetArm(), name)
	}
}

func ExampleHandler() {
	s := httptest.NewServer(app.Handler(&answers{}, ""))
	defer s.Close()
	r, err := http.Post(s.URL+"/posse.v1.DecisionService/Decide", "application/json", strings.NewReader(`{"experiment":"x","user":"u"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Body.Close()
	fmt.Println(r.Status)
	http.DefaultClient.CloseIdleConnections()
	// Output: 200 OK
}
