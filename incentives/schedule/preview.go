package schedule

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	posse "github.com/posse-dev/posse"
)

// maxPreview bounds the versions of a preview.
const maxPreview = 100_000

// Input is the document that `posse schedule preview` reads. What is left out has the
// default of [DefaultParams]; kind is fair-equal by default.
type Input struct {
	Kind             Kind               `json:"kind"`
	Contributions    map[string]float64 `json:"contributions"`
	Equality         *float64           `json:"equality"`
	GrantsPerVersion *int               `json:"grantsPerVersion"`
	Floor            *float64           `json:"floor"`
}

// Result is the document that `posse schedule preview` writes.
type Result struct {
	Probability map[string]float64 `json:"probability"` // of each version, per node
	Grants      []Grants           `json:"grants"`
}

// Grants are the nodes that one version goes to, by id.
type Grants struct {
	Version int      `json:"version"`
	Nodes   []string `json:"nodes"`
}

// Preview draws the given number of versions, [0, 100000], version v from the seed
// [RedrawSeed](seed, v). Overdue nodes are not added: the preview is of luck alone.
// The error names the field.
func Preview(in Input, versions int, seed [32]byte) (Result, error) {
	if versions < 0 || versions > maxPreview {
		return Result{}, posse.OutOfRange("versions", fmt.Sprint(versions), fmt.Sprintf("[0, %d]", maxPreview), "")
	}
	ids := slices.Sorted(maps.Keys(in.Contributions))
	contributions := make([]float64, len(ids))
	for i, id := range ids {
		contributions[i] = in.Contributions[id]
	}
	p := DefaultParams(len(ids))
	if in.Equality != nil {
		p.Equality = *in.Equality
	}
	if in.GrantsPerVersion != nil {
		p.Grants = *in.GrantsPerVersion
		p.Floor = min(p.Floor, float64(p.Grants)/float64(max(1, len(ids))))
	}
	if in.Floor != nil {
		p.Floor = *in.Floor
	}
	if in.Kind == "" {
		in.Kind = FairEqualKind
	}
	probabilities, err := Probabilities(in.Kind, contributions, p)
	if err != nil {
		return Result{}, err
	}
	if in.Kind == Everyone {
		p.Grants = len(ids)
	}
	quotas, err := Quotas(probabilities, p.Grants)
	if err != nil {
		return Result{}, err
	}
	out := Result{Probability: make(map[string]float64, len(ids)), Grants: make([]Grants, 0, versions)}
	for i, id := range ids {
		out.Probability[id] = probabilities[i]
	}
	for v := 1; v <= versions; v++ {
		nodes, err := Draw(RedrawSeed(seed, uint64(v)), ids, quotas)
		if err != nil {
			return Result{}, err
		}
		out.Grants = append(out.Grants, Grants{v, nodes})
	}
	return out, nil
}

// ParseSeed reads a seed of at most 32 bytes in hex, a shorter one as if zeros stood
// before it.
func ParseSeed(text string) ([32]byte, error) {
	var seed [32]byte
	if len(text)%2 == 1 {
		text = "0" + text
	}
	bytes, err := hex.DecodeString(text)
	if err != nil || len(bytes) == 0 || len(bytes) > len(seed) {
		return seed, posse.OutOfRange("seed", fmt.Sprintf("%d characters", len(text)), "1 to 64 hex digits", "")
	}
	copy(seed[len(seed)-len(bytes):], bytes)
	return seed, nil
}
