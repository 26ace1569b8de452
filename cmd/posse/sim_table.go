package main

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse/simnet/fast"
)

// tableTimes are the times that the table shows: those of the record that are powers
// of ten from 100 on, at most the last three, and the horizon.
func tableTimes(r fast.PolicyResult) []int {
	var out []int
	for i, point := range r.Curve {
		power := point.T
		for power%10 == 0 && power > 0 {
			power /= 10
		}
		if i == len(r.Curve)-1 || power == 1 && point.T >= 100 {
			out = append(out, i)
		}
	}
	return out[max(0, len(out)-3):]
}

func (p *program) simTable(r simulated) string {
	if r.Policies[0].Point != nil {
		return p.sweepTable(r)
	}
	headers, right := []string{"POLICY"}, []string(nil)
	several := slices.ContainsFunc(r.Policies, func(o fast.PolicyResult) bool { return o.Learning != r.Policies[0].Learning })
	if several {
		headers = append(headers, "LEARNING")
	}
	times := tableTimes(r.Policies[0])
	for _, i := range times {
		h := fmt.Sprintf("t=%s", grouped(r.Policies[0].Curve[i].T))
		headers, right = append(headers, h), append(right, h)
	}
	rewarded := r.Policies[0].MeanReward != nil
	if rewarded {
		headers, right = append(headers, "MEAN REWARD"), append(right, "MEAN REWARD")
	}
	var rows [][]string
	for _, one := range r.Policies {
		row := []string{one.Name}
		if several {
			row = append(row, string(one.Learning))
		}
		for _, i := range times {
			e := one.Curve[i]
			row = append(row, banded(e.Estimate, 1, r.Runs))
		}
		if rewarded {
			row = append(row, banded(*one.MeanReward, 4, r.Runs))
		}
		rows = append(rows, row)
	}
	what := fmt.Sprintf("mean regret ± 95 %% half-width over %s runs", grouped(int64(r.Runs)))
	if r.Runs == 1 {
		what = "regret of one run, which has no band"
	}
	return p.cells(headers, right, rows) + fmt.Sprintf("%s, seed %d\ndigest %s\n", what, r.Seed, r.Digest)
}

// sweepTable has a row a point, policy and way of learning.
func (p *program) sweepTable(r simulated) string {
	var headers []string
	for _, x := range r.Policies[0].Point {
		headers = append(headers, x.Field)
	}
	headers = append(headers, "POLICY", "LEARNING", "REGRET")
	right := []string{"REGRET"}
	rewarded := slices.ContainsFunc(r.Policies, func(o fast.PolicyResult) bool { return o.MeanReward != nil })
	if rewarded {
		headers, right = append(headers, "MEAN REWARD"), append(right, "MEAN REWARD")
	}
	var rows [][]string
	for _, one := range r.Policies {
		var row []string
		for _, x := range one.Point {
			row = append(row, x.Value)
		}
		row = append(row, one.Name, string(one.Learning), banded(one.Regret, 1, r.Runs))
		if one.MeanReward != nil {
			row = append(row, banded(*one.MeanReward, 4, r.Runs))
		} else if rewarded {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return p.cells(headers, right, rows) + fmt.Sprintf("mean ± 95 %% half-width over %s runs at the horizon, seed %d\ndigest %s\n", grouped(int64(r.Runs)), r.Seed, r.Digest)
}

// banded writes a mean and the half-width of its band, which one run does not have.
func banded(e fast.Estimate, digits int, runs uint64) string {
	if runs == 1 {
		return fmt.Sprintf("%.*f", digits, e.Mean)
	}
	return fmt.Sprintf("%.*f ± %.*f", digits, e.Mean, digits, e.High-e.Mean)
}

// grouped writes a number with spaces between thousands.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}
