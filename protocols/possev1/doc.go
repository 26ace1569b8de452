// Package possev1 is every message that two parties of Posse exchange: types, and
// the one bound ([LeavesMax]) that both ends hold a message to. The .proto files
// beside it are the source; `make generate` makes the rest.
//
//   - decision.proto: an application and its own node
//   - round.proto: a node and the leader
//   - join.proto: an invited stranger and a replica
//   - command.proto: what the Raft log carries
//   - admin.proto: an operator and a replica
//
// Statistics, descriptors and models travel as the canonical bytes of
// mechanisms/statistics and mechanisms: no message knows which problem is learnt.
package possev1
