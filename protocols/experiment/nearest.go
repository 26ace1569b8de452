package experiment

import (
	"slices"
	"strings"
)

// nearestField returns the field that someone probably meant by an unknown path,
// or "". The last word counts alone too, so that epsilon on the top level finds
// privacy.epsilon.
func nearestField(path string, fields map[string]Field) string {
	var paths []string
	for p := range fields {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	last := func(p string) string { return p[strings.LastIndexByte(p, '.')+1:] }
	best, bestDistance := "", allowedDistance(path)+1
	for _, p := range paths {
		d := distance(path, p)
		if leaf := distance(last(path), last(p)); leaf <= allowedDistance(last(path)) {
			d = min(d, leaf+1)
		}
		if d < bestDistance {
			best, bestDistance = p, d
		}
	}
	return best
}

// nearest returns the word that someone probably meant, or "".
func nearest(text string, words []string) string {
	best, bestDistance := "", allowedDistance(text)+1
	for _, w := range words {
		if d := distance(strings.ToLower(text), w); d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best
}

// allowedDistance is how far a suggestion may be: a third of the text, so that a
// short word does not become any other.
func allowedDistance(text string) int { return (len([]rune(text)) + 2) / 3 }

// distance is the number of characters to insert, delete or replace (Levenshtein).
// Texts longer than any field are no field's misspelling.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 100 {
		return len(x)
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(y)]
}
