package arms

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// rewardLaw draws a reward of an arm from one word; constant ones make ties.
type rewardLaw func(arm int, word uint64) float64

func rewardLaws() map[string]rewardLaw {
	coin := func(means ...float64) rewardLaw {
		return func(a int, w uint64) float64 {
			if float64(w>>11)*0x1p-53 < means[a] {
				return 1
			}
			return 0
		}
	}
	return map[string]rewardLaw{
		"spread":   coin(0.1, 0.5, 0.9, 0.3),
		"equal":    coin(0.5, 0.5, 0.5, 0.5),
		"constant": func(int, uint64) float64 { return 0.25 },
		"ends":     func(a int, _ uint64) float64 { return float64(a / 3) },
		"real":     func(a int, w uint64) float64 { return float64(w>>11) * 0x1p-53 * float64(a+1) / 4 },
	}
}

// differs plays lanes of the batch beside Learners and returns the first step at
// which they differ, 0 where they never do. twist changes a lane's reward.
func differs(t *testing.T, draw rewardLaw, steps uint64, twist func(b *UCB1Batch, lane int, x *int64)) uint64 {
	t.Helper()
	const lanes = 7
	p := Problem{Arms: 4, Horizon: steps}
	b, err := NewUCB1Batch(p, lanes)
	require.NoError(t, err)
	var learners [lanes]*UCB1
	for i := range learners {
		learners[i], err = NewUCB1(p)
		require.NoError(t, err)
	}
	src := noise.NewPhilox([2]uint64{3, 4})
	act, x := make([]uint16, lanes), make([]int64, lanes)
	for step := uint64(1); step <= steps; step++ {
		r := mechanisms.Round{T: step}
		b.ChooseBatch(r, act)
		for i, l := range learners {
			want, _, err := l.Choose(r, mechanisms.None{}, nil)
			require.NoError(t, err)
			if int(act[i]) != int(want) {
				return step
			}
			reward := draw(int(want), src.Uint64())
			require.NoError(t, l.Observe(r, mechanisms.None{}, want, mechanisms.Reward{X: reward}))
			x[i], err = b.Encode(reward)
			require.NoError(t, err)
			if twist != nil {
				twist(b, i, &x[i])
			}
		}
		b.ObserveBatch(act, x)
	}
	for i, l := range learners {
		if string(l.Statistics().Encode()) != string(b.Lane(i).Encode()) {
			return steps + 1
		}
	}
	return 0
}

func TestTheBatchIsTheLearnerToTheBit(t *testing.T) {
	for name, draw := range rewardLaws() {
		t.Run(name, func(t *testing.T) {
			assert.Zero(t, differs(t, draw, 20_000, nil), "beyond both tables: 16,384 steps, and 4,096 pulls of an arm")
		})
	}
}

// Planted: a neighbour's reward, and a cache that is not refreshed.
func TestADifferentBatchIsSeen(t *testing.T) {
	draw := rewardLaws()["spread"]
	assert.NotZero(t, differs(t, draw, 2000, func(_ *UCB1Batch, lane int, x *int64) {
		if lane == 3 {
			*x = 1<<fractionBits - *x
		}
	}))
	assert.NotZero(t, differs(t, draw, 2000, func(b *UCB1Batch, lane int, _ *int64) {
		b.lanes[lane].rival, b.lanes[lane].scale = 0, 0
	}))
}

func TestBatchesRefuseWhatLearnersRefuse(t *testing.T) {
	b, err := NewUCB1Batch(Problem{Arms: 2, Horizon: 10}, 1)
	require.NoError(t, err)
	_, err = b.Encode(1.5)
	assert.ErrorContains(t, err, "outside reward.range")
	_, err = NewUCB1Batch(Problem{Arms: 2, Horizon: 10, Moment: &mechanisms.Moment{Order: 2, Bound: 1}}, 1)
	assert.Error(t, err)
}
