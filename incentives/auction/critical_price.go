package auction

// price is a critical price and what set it.
type price struct {
	micro   int64
	rival   int // index of the candidate that set it, −1 where the reserve did
	pivotal bool
	work    Work // that it took
}

// criticalPrice returns the largest bid in [0, reserve] with which the candidate
// still wins, all else fixed. The run, which is used up, is a fork at the candidate's
// own step with the candidate just removed from its queue; it goes on without it:
//
//	p = max over steps k of ⌊(q̂_i(T)·b_j − [id_i > id_j]) / q̂_j(T)⌋,   j the pick, T the state of step k
//
// with gains truncated at what is left. Earlier steps can't matter: there the picks
// beat the candidate's bid, hence their prices are below it. If the target can't be
// covered without the candidate it is pivotal and its price is the reserve.
//
// The price does not depend on the candidate's bid and is at least that bid.
// Source: Truth-FedBan definition 4, lemma 6; closed form derived in spec/incentives.md 1.4.
func (f *cover) criticalPrice(candidate int, reserve int64) price {
	p := price{micro: -1, rival: -1}
	for f.left > 0 {
		rival, ok := f.next()
		if !ok {
			return price{micro: reserve, rival: -1, pivotal: true}
		}
		if gain := min(f.gain(candidate), f.left); gain > 0 {
			if bid := highestWinningBid(gain, candidate, rival, reserve); bid > p.micro {
				p.micro, p.rival = bid, rival.index
			}
		}
		f.take(rival)
	}
	if p.micro >= reserve {
		p.rival = -1
	}
	return p
}
