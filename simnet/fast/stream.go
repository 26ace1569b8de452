package fast

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/posse-dev/posse/dp/noise"
)

// purpose says what a draw is for. Draws of two purposes never share a counter.
type purpose uint64

const (
	forReward purpose = iota
	forChoice
	forTraffic
	forNoise
	forSchedule
	forPresence
	forChurn
)

// maxRuns keeps run·256 + purpose below 2^63.
const maxRuns = 1 << 40

// key is the first 128 bits of SHA-256("posse/sim/v1", seed as 8 bytes little endian): neither
// policy nor horizon nor number of runs is in it, so that all of them meet the same
// luck.
func key(seed uint64) [2]uint64 {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("posse/sim/v1"), seed))
	return [2]uint64{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}
}

// at is the counter of a stream's first block: (block, step or round, node,
// run·256 + purpose).
func at(run uint64, node, step uint64, p purpose) [4]uint64 {
	return [4]uint64{0, step, node, run<<8 | uint64(p)}
}

// fill draws the words of steps [first, first+len(words)) of a lane's rewards: step
// t has word t mod 4 of block ⌊t/4⌋, wherever a tile begins.
func fill(words []uint64, stream *noise.Philox, run uint64, first int64) {
	c := at(run, 0, 0, forReward)
	c[0] = uint64(first) / 4
	stream.Place(c)
	for range uint64(first) % 4 {
		stream.Uint64()
	}
	stream.Fill(words)
}
