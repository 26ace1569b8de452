package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// tailReport is what `posse tail -o json` prints. Numbers that do not exist are null.
type tailReport struct {
	N        int          `json:"n"`     // numbers that are not 0
	Zeros    int          `json:"zeros"` // and those that are
	Hill     tailHill     `json:"hill"`
	Moment   tailEstimate `json:"moment"`
	Pickands tailEstimate `json:"pickands"`
	Stable   bool         `json:"stable"`
	Advice   *float64     `json:"advice"` // the largest moment order that can be relied on
}

type tailHill struct {
	Index float64  `json:"index"`
	K     int      `json:"k"`
	Low   float64  `json:"low"`
	High  *float64 `json:"high"`
}

type tailEstimate struct {
	Gamma *float64 `json:"gamma"`
	SD    *float64 `json:"sd"`
}

func (p *program) tailCommand() *cobra.Command {
	var file string
	var k int
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Say which moments of heavy-tailed numbers can be relied on",
		Long: `The input is one number a line, at least 50 that are not 0. The k largest magnitudes are looked at: how fast the tail falls
(Hill's index with a 95 % interval, the moment estimator and, to be seen only, Pickands'), whether that changes with k, and
the largest order of a moment, in (1, 2], that can be declared as reward.moment.order. A large sample can still mislead:
no test tells a heavy tail from one that ends beyond what was seen.

The numbers stay here: nothing is private about the result, so don't pass it on as if it were.`,
		Example: `  posse tail -f times.txt
  posse tail -k 100 -f times.txt -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("k") && k < 2 {
				return posse.OutOfRange("-k", strconv.Itoa(k), "at least 2 and fewer than there are numbers", "leave it out for 2√n")
			}
			x, err := p.observations(cmd.Context(), file)
			if err != nil {
				return err
			}
			t, err := compute(cmd.Context(), func() (robust.Tail, error) { return robust.EstimateTail(x, k) })
			if err != nil {
				return inFile(err, file)
			}
			out := tailReport{
				N: t.N, Zeros: t.Zeros, Hill: tailHill{t.Hill, t.K, t.Low, finite(t.High)}, Moment: tailEstimate{finite(t.Gamma), finite(t.SD)},
				Pickands: tailEstimate{finite(t.Pickands), finite(t.PickandsSD)}, Stable: t.Stable,
			}
			if t.Advice > 0 {
				out.Advice = &t.Advice
			}
			return p.print(out, func() string { return p.tailText(out) })
		},
	}
	cmd.Flags().IntVarP(&k, "k", "k", 0, "how many of the largest to look at; by default 2√n, at most a quarter")
	cmd.Flags().StringVarP(&file, "file", "f", "-", "file with one number a line, - for stdin")
	return cmd
}

// tailText is the report for people: the advice first.
func (p *program) tailText(t tailReport) string {
	advice := "no moment above order 1 can be relied on: declare reward.range instead"
	if t.Advice != nil {
		advice = fmt.Sprintf("rely on moments up to order %s, as reward.moment.order", number(math.Floor(*t.Advice*100)/100))
	}
	if !t.Stable {
		advice += "\nthe index changes with k: look at other k, or at more data, before relying on it"
	}
	kind := "heavy tail"
	if t.Moment.Gamma != nil && *t.Moment.Gamma < 0 {
		kind = "light tail"
	}
	return advice + "\n" + p.cells([]string{"ESTIMATOR", "VALUE", "SPREAD", "MEANING"}, []string{"VALUE"}, [][]string{
		{"hill", shown(&t.Hill.Index, ""), fmt.Sprintf("%s to %s", shown(&t.Hill.Low, ""), shown(t.Hill.High, "∞")), fmt.Sprintf("tail index from the %d largest of %d, with 95 %%", t.Hill.K, t.N)},
		{"moment", shown(t.Moment.Gamma, "none"), shown(t.Moment.SD, "-"), "γ, its deviation: " + kind},
		{"pickands", shown(t.Pickands.Gamma, "none"), shown(t.Pickands.SD, "-"), "γ, to be seen only"},
	})
}
