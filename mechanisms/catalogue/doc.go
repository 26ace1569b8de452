// Package catalogue is the table from a policy's name in an experiment file to
// its constructors. It is a value, not a registry: a node, a coordinator or a
// test is given the table that it is to use, and a table with one more row is how
// a new problem enters without a change anywhere else.
package catalogue
