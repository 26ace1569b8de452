package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/possev1/possev1connect"
)

const (
	defaultCoordinator = "127.0.0.1:7070"
	callTime           = 15 * time.Second // of one call to a running replica or node
)

// remote is the address of a running replica or node, and the token for its API.
type remote struct {
	p         *program
	name      string // of the flag that holds the address
	address   string
	tokenFile string
}

// coordinatorFlags adds the flags of commands that ask a replica.
func (p *program) coordinatorFlags(cmd *cobra.Command) *remote {
	r := &remote{p: p, name: "coordinator"}
	cmd.Flags().StringVar(&r.address, "coordinator", defaultCoordinator, "host:port of a replica's API (or POSSE_COORDINATOR)")
	cmd.Flags().StringVar(&r.tokenFile, "token-file", "", "file whose first line is that API's token (or POSSE_TOKEN holds it)")
	return r
}

// admin returns a client of the replica's API.
func (r *remote) admin(cmd *cobra.Command) (possev1connect.AdminServiceClient, error) {
	if a := r.p.env["POSSE_COORDINATOR"]; a != "" && !cmd.Flags().Changed(r.name) {
		r.address = a
	}
	client, base, err := r.open(cmd.Context())
	if err != nil {
		return nil, err
	}
	return possev1connect.NewAdminServiceClient(client, base), nil
}

// node returns a client of the node's API.
func (r *remote) node(cmd *cobra.Command) (possev1connect.DecisionServiceClient, error) {
	if a := r.p.env["POSSE_APP_LISTEN"]; a != "" && !cmd.Flags().Changed(r.name) {
		r.address = a
	}
	client, base, err := r.open(cmd.Context())
	if err != nil {
		return nil, err
	}
	return possev1connect.NewDecisionServiceClient(client, base), nil
}

// open checks the address and reads the token. Plain HTTP goes to loopback only: a
// token must not cross a network in the clear.
func (r *remote) open(ctx context.Context) (*http.Client, string, error) {
	base := r.address
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme == "http" && u.Port() == "" {
		return nil, "", &posse.Error{
			Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Field: "--" + r.name, Value: quoted(r.address),
			Allowed: "host:port, or https://host", Message: "--" + r.name + " is not an address", Hint: "give it as " + defaultCoordinator,
		}
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, "", &posse.Error{
			Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Field: "--" + r.name, Value: quoted(r.address),
			Allowed: "a loopback address, or https://", Message: "--" + r.name + " would send the token over a network in the clear",
			Hint: "run posse on the replica's host, or forward its port with ssh -L",
		}
	}
	token := ""
	switch {
	case r.tokenFile != "":
	case r.name == "app": // an operator's token is nothing to show to a node
		r.tokenFile = r.p.env["POSSE_APP_TOKEN_FILE"]
	default:
		token = r.p.env["POSSE_TOKEN"]
	}
	if r.tokenFile != "" {
		if token, err = r.p.secret(ctx, r.tokenFile); err != nil {
			return nil, "", err
		}
	}
	return &http.Client{Transport: bearer{token}, Timeout: callTime}, u.Scheme + "://" + u.Host, nil
}

// bearer sends the token with each request.
type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// called turns an error of a call into ours. What the server said is in headers, so
// that nothing has to be read out of a sentence; what never arrived says so.
func (r *remote) called(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var e *connect.Error
	if !errors.As(err, &e) {
		return err
	}
	if refusals := refusalsOf(e); len(refusals) > 0 {
		all := *refusals[0]
		if len(refusals) > 1 {
			all.Problems = refusals
		}
		return &all
	}
	out := &posse.Error{
		Code: posse.Code(e.Code().String()), Reason: e.Meta().Get("posse-reason"), Field: e.Meta().Get("posse-field"),
		Allowed: e.Meta().Get("posse-allowed"), Hint: e.Meta().Get("posse-hint"), Message: e.Message(), Cause: err,
	}
	if out.Reason != "" { // the message repeats what the headers hold
		out.Message = strings.TrimSuffix(out.Message, ": "+out.Hint)
		out.Message = strings.TrimSuffix(out.Message, ", allowed "+out.Allowed)
		return out
	}
	out.Field = "--" + r.name
	switch e.Code() {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied:
		out.Code, out.Reason, out.Field = posse.PermissionDenied, "NOT_ENROLLED", "--token-file"
		out.Message, out.Hint = "the token of "+r.address+" is missing or wrong", "give --token-file or POSSE_TOKEN; the API's operator has the file"
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeUnknown:
		out.Code, out.Reason = posse.Unavailable, "PEER_UNREACHABLE"
		out.Value, out.Message, out.Hint = r.address, "nothing answers at "+r.address, "start it, or give its address with --"+r.name
	default:
		out.Code, out.Reason = posse.Internal, "INTERNAL"
	}
	return out
}

// refusalsOf returns the facts of a replica's error, which come as details.
func refusalsOf(e *connect.Error) []*posse.Error {
	var out []*posse.Error
	for _, d := range e.Details() {
		message, err := d.Value()
		if err != nil {
			continue
		}
		if r, ok := message.(*possev1.Refusal); ok {
			out = append(out, &posse.Error{
				Code: posse.Code(r.GetCode()), Reason: r.GetReason(), Field: r.GetField(), Value: r.GetValue(), Allowed: r.GetAllowed(),
				Message: r.GetMessage(), Hint: r.GetHint(), File: r.GetFile(), Line: int(r.GetLine()), Column: int(r.GetColumn()), Cause: e,
			})
		}
	}
	return out
}
