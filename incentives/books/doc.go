// Package books keeps accounts of money in double entry. A [Book] applies orders: an
// [Order] says what is to happen, and the book derives from its own state the
// postings that move the money, which sum to exactly 0. Call [Book.Apply] to make a
// [Transaction], [Book.Post] to replay one that somebody else recorded: it derives
// the postings again and refuses others.
//
// Amounts are whole micro-credits; nothing is divided except at closing, and there is
// no rounding account. An order is applied once per id. Whatever is refused changes
// nothing, and after every order all invariants are checked over the whole book; a
// breach is [ErrUnbalanced] and must stop a replica.
//
// The replicated state machine imports this package: it has no floats, no clock, and
// no map whose order reaches a result. [Restore] rebuilds a book from its
// transactions. Statements and exports read, and never change, a book.
// Source: spec/incentives.md 3. Next down: [github.com/posse-dev/posse/incentives].
package books
