package dataset

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/posse-dev/posse"
)

// FuzzARFF: any bytes give rows of the right width, refusals that name a line, or
// an error; reading ends.
func FuzzARFF(f *testing.F) {
	made, err := os.ReadFile("testdata/races/algorithm_runs.arff")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(made))
	f.Add(goodARFF + "'a\\'b',1,\"c\",?,ok\n")
	f.Add("@ATTRIBUTE a {x,'y z'}\n@DATA\n'y z'\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := newARFF(strings.NewReader(text), "f")
		if err != nil {
			mustBeOurs(t, err)
			return
		}
		for rows := 0; ; rows++ {
			fields, at, refusal, err := a.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				mustBeOurs(t, err)
				return
			case refusal != nil:
				mustBeOurs(t, refusal)
			case len(fields) != len(a.attributes):
				t.Fatalf("%d fields of %d attributes", len(fields), len(a.attributes))
			}
			if at.line < 1 || rows > strings.Count(text, "\n") {
				t.Fatal("more rows than lines")
			}
		}
	})
}

// FuzzJSONL: any bytes give a set that keeps its promises, or an error of ours.
func FuzzJSONL(f *testing.F) {
	made, err := os.ReadFile("testdata/visits.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(made))
	f.Add(`{"rewards":{"a":1,"b":0}}` + "\n" + `{"rewards":{"b":1,"a":-1e300},"user":7}`)
	fuzzLoad(f, JSONL, "f.jsonl")
}

// FuzzCSV: the same for tables.
func FuzzCSV(f *testing.F) {
	made, err := os.ReadFile("testdata/visits/visits.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(made))
	f.Add("x,y\n1,2\n\"3\",\"4\n\"\n")
	fuzzLoad(f, CSV, "f.csv")
}

func fuzzLoad(f *testing.F, format Format, name string) {
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := Load(path, Options{Format: format, Nodes: 1, MaxRefused: 0.5})
		if err != nil {
			mustBeOurs(t, err)
			return
		}
		for a := range set.Arms {
			if m := set.Mean(a); set.Nodes[0].World.Arms() != len(set.Arms) || !(m >= set.Reward.Low-1e-9*max(1, -set.Reward.Low)) {
				t.Fatalf("mean of arm %d is below the range", a)
			}
		}
		if set.Rows+set.Refused > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
			t.Fatal("more rows than lines")
		}
	})
}

// mustBeOurs fails unless the error says what a person needs.
func mustBeOurs(t *testing.T, err error) {
	t.Helper()
	var e *posse.Error
	if !errors.As(err, &e) || e.Code == "" || e.Reason == "" || e.Message == "" {
		t.Fatalf("not an error for people: %v", err)
	}
}
