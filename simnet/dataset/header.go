package dataset

import "slices"

// header is the columns of a table.
type header struct {
	file  string
	names []string
}

// has says whether there is a column of the name.
func (h header) has(name string) bool { return slices.Contains(h.names, name) }

// column returns the position of the only column of the name.
func (h header) column(name string) (int, error) {
	at := place{file: h.file, line: 1}
	i := slices.Index(h.names, name)
	if i < 0 {
		return 0, missingColumn(at, name)
	}
	if slices.Index(h.names[i+1:], name) >= 0 {
		return 0, at.bad("DUPLICATE_FIELD", name, "two columns have this name", "", "different names", "")
	}
	return i, nil
}
