package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/posse-dev/posse"
)

// variables are the names of the environment that posse reads. Keys of a node's
// file have theirs from [nodeKeys].
var variables = map[string]string{
	"POSSE_COORDINATOR": "address of a replica's API, for --coordinator",
	"POSSE_TOKEN":       "token for that API, instead of --token-file",
}

// checkEnvironment refuses a variable that begins with POSSE_ and is none of ours.
func (p *program) checkEnvironment() error {
	var problems []*posse.Error
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		if !strings.HasPrefix(name, "POSSE_") || variables[name] != "" {
			continue
		}
		problems = append(problems, &posse.Error{ // the value is not repeated: it may be a token
			Code: posse.InvalidArgument, Reason: "UNKNOWN_FIELD", Field: name, Allowed: strings.Join(slices.Sorted(maps.Keys(variables)), ", "),
			Message: "the environment variable " + name + " is not one that posse reads", Hint: "unset it, or correct its name",
		})
	}
	return posse.Join(problems)
}
