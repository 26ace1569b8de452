package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/possev1/possev1connect"
)

// Node is what the API serves; [github.com/posse-dev/posse/node.Node] through a
// small adapter that the assembly writes.
type Node interface {
	Decide(ctx context.Context, experiment, user, key string, c mechanisms.Context) (*possev1.DecideResponse, error)
	Reward(ctx context.Context, id string, f mechanisms.Feedback) (possev1.RewardOutcome, string, error)
	Budget(ctx context.Context, user string) (*possev1.BudgetResponse, error)
}

// Limits of a request, beside those of the messages themselves.
const (
	maxRequest    = 64 << 10
	headerTime    = 2 * time.Second
	requestTime   = 30 * time.Second
	maxHeaderSize = 16 << 10
)

// Handler returns the API's HTTP handler. With a token every call must carry it as
// a bearer token; without one only loopback hosts are answered, so that a page in
// a browser can't reach the node by a name of its own.
func Handler(n Node, token string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(possev1connect.NewDecisionServiceHandler(service{n}, connect.WithReadMaxBytes(maxRequest), connect.WithCodec(codec{})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case token != "" && !bearer(r, token):
			deny(w, http.StatusUnauthorized, "unauthenticated", "a bearer token is needed: see app.tokenFile in the node's file")
		case token == "" && !loopback(r.Host):
			deny(w, http.StatusForbidden, "permission_denied", "without a token this node answers to loopback names only")
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// deny answers before Connect does, as Connect would.
func deny(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "{\"code\":%q,\"message\":%q}\n", code, message) // nobody to tell
}

// Server returns a server with the limits that a public port needs.
func Server(h http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: h, Protocols: protocols, ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: requestTime,
		MaxHeaderBytes: maxHeaderSize, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 250},
	}
}

func bearer(r *http.Request, token string) bool {
	got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(got), []byte(token)) == 1
}

func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || (ip != nil && ip.IsLoopback())
}

type service struct{ node Node }

func (s service) Decide(ctx context.Context, r *connect.Request[possev1.DecideRequest]) (*connect.Response[possev1.DecideResponse], error) {
	m := r.Msg
	if m.GetExperiment() == "" {
		return nil, Error(missing("experiment", `send {"experiment":"…"}; posse node status lists them`))
	}
	answer, err := s.node.Decide(ctx, m.GetExperiment(), m.GetUser(), m.GetKey(), contextOf(m.GetContext()))
	if err != nil {
		return nil, Error(err)
	}
	return connect.NewResponse(answer), nil
}

func (s service) Reward(ctx context.Context, r *connect.Request[possev1.RewardRequest]) (*connect.Response[possev1.RewardResponse], error) {
	if r.Msg.GetDecisionId() == "" { // not an id that this node never gave
		return nil, Error(missing("decisionId", "send the one that Decide answered with"))
	}
	f, err := feedbackOf(r.Msg)
	if err != nil {
		return nil, Error(err)
	}
	outcome, message, err := s.node.Reward(ctx, r.Msg.GetDecisionId(), f)
	if err != nil {
		return nil, Error(err)
	}
	return connect.NewResponse(&possev1.RewardResponse{Outcome: outcome, Message: message}), nil
}

func (s service) Budget(ctx context.Context, r *connect.Request[possev1.BudgetRequest]) (*connect.Response[possev1.BudgetResponse], error) {
	b, err := s.node.Budget(ctx, r.Msg.GetUser())
	if err != nil {
		return nil, Error(err)
	}
	return connect.NewResponse(b), nil
}

func contextOf(c *possev1.Context) mechanisms.Context {
	if f := c.GetFeatures(); f != nil {
		return mechanisms.Features{X: f.GetX()}
	}
	return mechanisms.None{}
}

func missing(field, hint string) error {
	return &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: field, Message: field + ": required", Hint: hint}
}

func feedbackOf(r *possev1.RewardRequest) (mechanisms.Feedback, error) {
	if r.Value != nil && r.GetFeedback() != nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: "feedback", Message: "value and feedback exclude each other",
			Hint: "send the reward once",
		}
	}
	switch f := r.GetFeedback().GetKind().(type) {
	case nil:
		if r.Value == nil {
			return nil, missing("value", `send {"decisionId":"…","value":…}; no reward at all needs no call`)
		}
		return mechanisms.Reward{X: r.GetValue()}, nil
	case *possev1.Feedback_Reward:
		return mechanisms.Reward{X: f.Reward}, nil
	case *possev1.Feedback_FirstWon:
		return mechanisms.Duel{FirstWon: f.FirstWon}, nil
	case *possev1.Feedback_Runtime:
		return mechanisms.Runtime{Seconds: f.Runtime.GetSeconds(), Censored: f.Runtime.GetCensored()}, nil
	}
	return nil, errors.New("unknown feedback") // a kind that this version does not know
}

// Error turns an error into Connect's, with the facts that a caller acts on as
// metadata: reason, field, allowed, hint. What is not a [posse.Error] is internal,
// and its text stays here.
func Error(err error) error {
	var e *posse.Error
	if !errors.As(err, &e) {
		return connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
	out := connect.NewError(codeOf(e.Code), errors.New(e.Error()))
	for name, text := range map[string]string{"reason": e.Reason, "field": e.Field, "allowed": e.Allowed, "hint": e.Hint} {
		if text != "" {
			out.Meta().Set("posse-"+name, header(text))
		}
	}
	return out
}

// header keeps what may stand in an HTTP header.
func header(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

func codeOf(c posse.Code) connect.Code {
	for _, known := range []connect.Code{
		connect.CodeInvalidArgument, connect.CodeFailedPrecondition, connect.CodeAlreadyExists, connect.CodeNotFound,
		connect.CodePermissionDenied, connect.CodeResourceExhausted, connect.CodeUnavailable, connect.CodeDataLoss,
	} {
		if known.String() == string(c) {
			return known
		}
	}
	return connect.CodeInternal
}
