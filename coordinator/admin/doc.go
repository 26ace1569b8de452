// Package admin is the operator's side of a replica: the Connect service
// AdminService, on loopback, with a token.
//
// [New] returns the handler; [Guard] lets a request through that carries the token
// and comes from this machine, and nothing that another site's page sent. Any replica
// serves it: what changes something is a command, committed here or at the leader,
// and every command is a leaf of the log. Experiment files are read here
// ([Application]), since the state machine knows only their integers.
package admin
