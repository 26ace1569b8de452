// Package node assembles one organisation's process: the only thing that ever
// sees its users' rewards.
//
// [New] opens a directory and [Node.Start] begins to follow the coordinator. An
// application asks [Node.Decide] and tells [Node.Reward], in process or over the
// API of [github.com/posse-dev/posse/node/app]; both go on working while no
// coordinator answers. What leaves the node leaves it through one door, release.go:
// charge, sync, noise, sync, send.
//
// The parts meet here and do not know each other: decision answers, guard charges,
// rounds decides what to send, store makes it durable. DESIGN.md follows one
// reward through all of them.
package node
