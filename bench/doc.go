// Package bench compares Posse with the bare libraries beneath it, as ratios.
//
// It is a module of its own, so that the project's go.mod does not carry what it
// compares with. `make bench` runs it: each row alternates ours and theirs at least
// five times on the same machine, prints the ratio of the best of each with the
// spread of the pairs, and writes docs/benchmarks.md. No time is stated and nothing
// here passes or fails: a goal beside a ratio is a goal.
package bench
