package wire

// The protocol ids, one handler each. The number at the end is the version; a
// party that speaks several offers them newest first.
const (
	Raft    = "/posse/raft/1"    // replicas only: Raft's own calls
	Join    = "/posse/join/1"    // peers that are not enrolled: one request
	Round   = "/posse/round/1"   // nodes: watch, clocks, offers, reports, versions that were granted
	Forward = "/posse/forward/1" // replicas: a follower passes a request to the leader
)

// Protocols returns every protocol id of this version, in a fixed order.
func Protocols() []string {
	return []string{Raft, Join, Round, Forward}
}
