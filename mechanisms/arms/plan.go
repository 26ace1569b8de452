package arms

import (
	"encoding/binary"
	"errors"
	"math"
)

// plan is what a descriptor of elimination says to its own policy: the bound that
// rewards are clipped to, the quota that ends the epoch, and who is still in play.
type plan struct {
	bound     float64 // B, in the unit of the baseline-subtracted reward
	quota     uint64  // published records of each survivor that end the epoch
	survivors []int   // increasing
}

var errPlan = errors.New("the plan of the elimination policy is malformed")

func (p plan) encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, math.Float64bits(p.bound))
	out = binary.LittleEndian.AppendUint64(out, p.quota)
	for _, a := range p.survivors {
		out = binary.LittleEndian.AppendUint32(out, uint32(a))
	}
	return out
}

// decodePlan reads a plan for k arms; it comes from the network.
func decodePlan(data []byte, k int) (plan, error) {
	if len(data) < 20 || (len(data)-16)%4 != 0 || (len(data)-16)/4 > k {
		return plan{}, errPlan
	}
	p := plan{bound: math.Float64frombits(binary.LittleEndian.Uint64(data)), quota: binary.LittleEndian.Uint64(data[8:])}
	if !(p.bound > 0) || math.IsInf(p.bound, 0) || p.quota == 0 {
		return plan{}, errPlan
	}
	last := -1
	for data = data[16:]; len(data) > 0; data = data[4:] {
		a := int(binary.LittleEndian.Uint32(data))
		if a <= last || a >= k {
			return plan{}, errPlan
		}
		p.survivors, last = append(p.survivors, a), a
	}
	return p, nil
}
