// Package web is the coordinator's dashboard: server-made pages that answer,
// in one sentence each, whether learning together was worth it, what it cost in
// privacy and who was paid for it.
//
// Start at [New]: it takes a function that returns a [View], the plain facts of
// one moment, and gives an [http.Handler]. Pages are a pure function of the view;
// the package reads no replicated state, no clock and no disk, and changes
// nothing. Everything is served from the binary: no other host, no inline style
// or script, and all but the refresh every two seconds works without JavaScript.
//
// What a coordinator must not show (a node's exact counts, unreleased
// statistics, times of single rewards, bids) has no field in a [View]. What only
// a simulation can know has one place, [Demo], which is nil in a deployment; the
// pages mark all of it.
package web
