package fast

import (
	"context"
	"errors"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// Learner is a policy that the engine drives: K arms, real rewards.
type Learner = mechanisms.Learner[mechanisms.None, mechanisms.Arm, mechanisms.Reward]

var errNoArm = errors.New("a policy chose an arm that does not exist")

// tile is how many steps are drawn at once for all lanes and policies.
const tile = 16

// lanes plays consecutive runs, one a lane, for each policy, in tiles of steps: the
// draws are made once and used by every policy.
type lanes struct {
	env     rewards
	record  []int64 // times of points; the last is the horizon
	first   uint64  // run of lane 0
	players []player
	words   [][tile]uint64 // by lane
	reward  *noise.Philox
	choice  *noise.Philox
	order   [][]int32 // by lane: the rows as they are dealt; nil: they are drawn
}

// deal puts the rows of a table into each run's own order.
func (l *lanes) deal() {
	if l.env.table == nil {
		return
	}
	horizon := int(l.record[len(l.record)-1])
	for lane := range l.words {
		l.reward.Place(at(l.first+uint64(lane), 0, 0, forTraffic))
		order := make([]int32, l.env.table.Rows())
		for i := range order {
			order[i] = int32(i)
		}
		for i := range horizon {
			j := i + int(noise.Uniform(uint64(len(order)-i), l.reward))
			order[i], order[j] = order[j], order[i]
		}
		l.order = append(l.order, order[:horizon])
	}
}

// drawn is the reward of an arm at a step, where no threshold says it.
func (l *lanes) drawn(lane int, step int64, arm int) float64 {
	if l.order != nil {
		return l.env.table.Row(int(l.order[lane][step])).Reward(arm)
	}
	l.reward.Place(at(l.first+uint64(lane), 0, uint64(step), forReward))
	return l.env.world.Reward(arm, l.reward)
}

// player is one policy in every lane: Learners, or their batch form.
type player struct {
	learners []Learner
	batch    mechanisms.Batch
	regret   []int64 // by lane
	act      []uint16
	x        []int64
	ends     [2]int64 // rewards 0 and 1 as the batch takes them
}

// play runs the chunk. points receives a policy's and a lane's regret at each point
// of the record; steps counts what was done.
func (l *lanes) play(ctx context.Context, points func(policy, point int, regret int64), steps func(n int64)) error {
	t := int64(0) // steps done
	for point, until := range l.record {
		for t < until {
			n := min(tile, until-t)
			l.draw(t, n)
			for i := range l.players {
				if err := l.tile(&l.players[i], t, n); err != nil {
					return err
				}
			}
			t += n
			steps(n * int64(len(l.players)*len(l.words)))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		for i := range l.players {
			for _, r := range l.players[i].regret {
				points(i, point, r)
			}
		}
	}
	return nil
}

// tile plays n steps of one policy in all lanes.
func (l *lanes) tile(p *player, t, n int64) error {
	if p.batch != nil {
		return l.lockstep(p, t, n)
	}
	for lane, learner := range p.learners {
		if err := l.advance(learner, lane, &p.regret[lane], t, n); err != nil {
			return err
		}
	}
	return nil
}

// lockstep plays n steps of a policy's batch form.
func (l *lanes) lockstep(p *player, t, n int64) error {
	gaps, thresholds := l.env.gaps, l.env.thresholds
	for i := range n {
		p.batch.ChooseBatch(mechanisms.Round{T: uint64(t + i + 1)}, p.act)
		if thresholds == nil {
			for lane, arm := range p.act {
				x, err := p.batch.Encode(l.drawn(lane, t+i, int(arm)))
				if err != nil {
					return err
				}
				p.x[lane] = x
				p.regret[lane] += gaps[arm]
			}
		} else {
			x, regret := p.x[:len(p.act)], p.regret[:len(p.act)]
			for lane, arm := range p.act {
				y := p.ends[0]
				if l.words[lane][i]>>11 < thresholds[arm] {
					y = p.ends[1]
				}
				x[lane] = y
				regret[lane] += gaps[arm]
			}
		}
		p.batch.ObserveBatch(p.act, p.x)
	}
	return nil
}

func (l *lanes) draw(t, n int64) {
	if l.env.thresholds == nil {
		return // placed at each step: one reward may take several words
	}
	for lane := range l.words {
		fill(l.words[lane][:n], l.reward, l.first+uint64(lane), t)
	}
}

// advance plays n steps of one lane of one policy.
func (l *lanes) advance(player Learner, lane int, regret *int64, t, n int64) error {
	run := l.first + uint64(lane)
	words, sum := &l.words[lane], int64(0)
	for i := range n {
		round := mechanisms.Round{T: uint64(t + i + 1)}
		l.choice.Place(at(run, 0, uint64(t+i), forChoice))
		arm, _, err := player.Choose(round, mechanisms.None{}, l.choice)
		if err != nil {
			return err
		}
		if uint(arm) >= uint(len(l.env.gaps)) {
			return errNoArm
		}
		x := 0.0
		if l.env.thresholds == nil {
			x = l.drawn(lane, t+i, int(arm))
		} else if words[i]>>11 < l.env.thresholds[arm] {
			x = 1
		}
		sum += l.env.gaps[arm]
		if err := player.Observe(round, mechanisms.None{}, arm, mechanisms.Reward{X: x}); err != nil {
			return err
		}
	}
	*regret += sum
	return nil
}
