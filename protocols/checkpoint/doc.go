// Package checkpoint is the format of the transparency log: what a leaf is, how
// leaves make a root, who signed a root, and how to check each of these.
//
// A leaf is one committed command ([Leaf]); leaves are hashed as in RFC 6962. A
// [Head] says how many there are and their root; replicas sign it as a C2SP signed
// note with cosignature/v1 ([Sign], [Open]). A [Tree] holds the nodes, and makes
// proofs that a leaf is in a head ([Tree.Inclusion]) and that a later head only
// added to an earlier one ([Tree.Consistency]). [Follow] is what anybody does who
// remembers a head and is shown another.
//
// It knows nothing of the commands and keeps nothing: an auditor uses it without
// trusting, or having, the writer's code. format.md has the bytes, an example first.
package checkpoint
