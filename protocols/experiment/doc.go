// Package experiment reads experiment files: what they may say, what is refused
// and how, the defaults, and the privacy statement that follows from one.
//
// Call [Read] first: it takes the bytes of a YAML or JSON file and returns an
// [Experiment] with every default filled in, or all problems of the file at once
// as one [posse.Error] with field, line and allowed range. Numbers are read from
// their decimal text and stay exact ([Decimal]). [Fields] is the one table of what
// may be written; reading, messages and [Template] all come from it.
//
// An experiment has one stable form ([Experiment.Canonical]), one digest, one
// noise ([Experiment.Noise]) and a statement derived from that noise ([Explain]).
// [Reapply] says what a running experiment may change.
//
// The package reads no disk and no clock. Source: experiment-file 1 to 6,
// privacy 6. The mathematics behind a field is in
// [github.com/posse-dev/posse/mechanisms] and below.
package experiment
