// Package policytest holds the rules that every policy keeps, as tests: a policy's
// own test is one call, [Learner] for the form of one process or [Shared] for the
// form that many nodes learn together.
//
// A failure names the rule that broke and why the rule is there, since the rule
// often guards something far away: replay needs the same bytes, privacy needs that
// no record moves a sum further than is charged, unsold reports need that sums add.
//
// [CheckLearner] and [CheckShared] return the violations instead, so that the rules
// themselves can be tested with policies that break them. Everything is seeded and
// pure; what is compared in law has a false alarm below 1e-6. Source: policies 17.5.
package policytest
