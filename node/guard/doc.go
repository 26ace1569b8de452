// Package guard is the node's own keeper of its users' budgets: it refuses what
// would overspend, whatever a coordinator asks.
//
// A [Guard] holds one limit of a user across all experiments and a share of it for
// each. [Guard.Admit] charges a record to its user when the decision is made, so
// that who may teach depends on decisions and never on a reward.
// [Guard.Permit] gives the one permit for a leaf, once every charge in it is on
// the disk. Charges are [store.Write] values in the same transaction as the
// decision; a spend that was written is never forgotten and nothing is given back.
//
// The arithmetic is [github.com/posse-dev/posse/dp/budget]'s; this package adds
// what survives a crash. Source: privacy 3.1 to 3.3; spec README 4.
package guard
