package incentives

// AnnouncedReserve returns the highest price that a round may pay one node,
// announced before any bid is seen:
//
//	r = min(reserve, ⌊available / nodes⌋)
//
// reserve is the experiment's, available what its budget holds free, nodes the number
// of enrolled active nodes; negative amounts and no nodes give 0. Rounded down, so
// that r·nodes, which the round puts into escrow, never exceeds what is available and
// bounds the sum of all payments whatever the bids. Source: spec/incentives.md 1.6.
func AnnouncedReserve(reserve, available Credits, nodes int) Credits {
	if nodes < 1 {
		return 0
	}
	return max(0, min(reserve, available/Credits(nodes)))
}
