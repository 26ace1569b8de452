// Package dataset reads logged data from files and makes worlds of it: the arms,
// the nodes with their shares of traffic, and for each node a world of
// mechanisms/environment that draws from its rows.
//
// Call [Load] with a folder (or a file) and a [Format]. The readers stream, take
// gzip and zstd by the suffixes .gz and .zst, and name file, line, row and column in every error; a
// row that can't be used is refused and counted, and when more than one in a
// thousand is, nothing is loaded. An error describes a bad value and never shows
// it. The formats are ASlib scenarios, the Open Bandit Dataset, the warfarin
// cohort, the logs of Vowpal Wabbit, and CSV, Parquet and JSONL of one's own (see the
// comment of each format).
//
// This is the one place of simnet that does input; what it returns is pure. The
// data sets themselves are not part of the project: their licences and sources
// are in the documentation.
package dataset
