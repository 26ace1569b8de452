package fast

import (
	"io"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

// WriteParquet writes all curves as [State.WriteCurves] does: the same rows and
// columns, with names from dictionaries. A field that a sweep varies is a double where
// all its values are numbers, else a string. The same state gives the same bytes.
func (s *State) WriteParquet(w io.Writer) error {
	names := parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	double, integer := parquet.Leaf(parquet.DoubleType), parquet.Int(64)
	group := parquet.Group{
		"policy": names, "learning": names, "t": integer, "runs": integer, "mean": double, "low": double, "high": double,
	}
	numbers := make([]bool, len(s.Sweep.Axes))
	for i, field := range s.Sweep.Axes {
		numbers[i] = !slices.ContainsFunc(s.Sweep.Points, func(at []string) bool {
			_, err := strconv.ParseFloat(at[i], 64)
			return err != nil
		})
		group[field] = names
		if numbers[i] {
			group[field] = double
		}
	}
	schema := parquet.NewSchema("curves", group)
	column := map[string]int{}
	for i, path := range schema.Columns() {
		column[path[0]] = i
	}
	out := parquet.NewGenericWriter[any](w, schema,
		parquet.KeyValueMetadata("posse.schema", "posse/sim-curves/v1"),
		parquet.KeyValueMetadata("posse.scenario", s.Scenario),
		parquet.KeyValueMetadata("posse.digest", s.Digest()),
		parquet.KeyValueMetadata("posse.unit.t", "decisions of all nodes together"),
		parquet.KeyValueMetadata("posse.unit.mean", "pseudo-regret up to t, in rewards"),
		parquet.KeyValueMetadata("posse.unit.low", "lower end of the 95 % interval of the mean over runs"),
		parquet.KeyValueMetadata("posse.unit.high", "upper end"))
	runs := int64(s.Finished())
	for _, r := range s.Results() {
		for _, p := range r.Curve {
			row := make(parquet.Row, len(column))
			put := func(name string, v any) { row[column[name]] = parquet.ValueOf(v).Level(0, 0, column[name]) }
			for i, x := range r.Point {
				if numbers[i] {
					v, err := strconv.ParseFloat(x.Value, 64)
					if err != nil {
						return err
					}
					put(x.Field, v)
				} else {
					put(x.Field, x.Value)
				}
			}
			put("policy", r.Name)
			put("learning", string(r.Learning))
			put("t", p.T)
			put("runs", runs)
			put("mean", p.Mean)
			put("low", p.Low)
			put("high", p.High)
			if _, err := out.WriteRows([]parquet.Row{row}); err != nil {
				return err
			}
		}
	}
	return out.Close()
}
