package auction

// A node that wins and does not deliver is not paid, and others' payments stay as they
// are. Doing it again and again would still starve rounds of information, so it is
// left out for a while.
const (
	strikesMax   = 3  // non-deliveries
	strikesSpan  = 20 // within so many rounds
	strikesPause = 20 // are followed by so many rounds without it
)

// Struck reports whether a node is left out of a round because it won and did not
// deliver in three of twenty rounds, the last of them at most twenty rounds ago.
// failed are the numbers of the rounds that it won and did not deliver in, ascending.
// Nothing of it depends on a bid. Source: spec/incentives.md 1.8.
func Struck(failed []uint64, round uint64) bool {
	for i := strikesMax - 1; i < len(failed); i++ {
		last, first := failed[i], failed[i-strikesMax+1]
		if last < round && round-last <= strikesPause && last-first < strikesSpan {
			return true
		}
	}
	return false
}
