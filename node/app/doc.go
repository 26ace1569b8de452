// Package app is the API that an organisation's own applications call: the
// DecisionService of protocols/possev1 as Connect, gRPC and plain JSON over HTTP
// on one port, so that curl works.
//
// It translates and nothing else: decisions are the [Node]'s. Errors keep their
// field, allowed range and hint, and never show a reward, a user or a context.
package app
