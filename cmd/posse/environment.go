package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/posse-dev/posse"
)

// variables returns the names of the environment that posse reads, and what for.
func variables() map[string]string {
	all := map[string]string{
		"POSSE_COORDINATOR": "address of a replica's API, for --coordinator",
		"POSSE_DATA":        "folder that the data sets of scenarios count from, for --data",
		"POSSE_TOKEN":       "token for that API, instead of --token-file",
	}
	for _, s := range nodeSettings() {
		all[s.variable()] = s.key + " of a node"
	}
	return all
}

// checkEnvironment refuses a variable that begins with POSSE_ and is none of ours.
func (p *program) checkEnvironment() error {
	known := variables()
	var problems []*posse.Error
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		if !strings.HasPrefix(name, "POSSE_") || known[name] != "" {
			continue
		}
		problems = append(problems, &posse.Error{ // the value is not repeated: it may be a token
			Code: posse.InvalidArgument, Reason: "UNKNOWN_FIELD", Field: name, Allowed: strings.Join(slices.Sorted(maps.Keys(known)), ", "),
			Message: "the environment variable " + name + " is not one that posse reads", Hint: "unset it, or correct its name",
		})
	}
	return posse.Join(problems)
}
