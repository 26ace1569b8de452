// Package coordinator assembles one replica: consensus, the state machine, the
// leader's half of rounds, the transparency log, and the doors for nodes, other
// replicas and the operator.
//
// [New] makes a replica from its directory and listens; [Coordinator.Start] joins
// the others, or begins a cluster; [Coordinator.Run] does both and stays until it is
// told to stop. What nodes ask is answered by the leader, from the state that it has
// applied; any replica takes an operator's command and passes it on.
//
// The parts meet here and nowhere else: package consensus knows no command, package
// state no network, package rounds no clock. DESIGN.md says why each is so. Next
// down: [github.com/posse-dev/posse/coordinator/state].
package coordinator
