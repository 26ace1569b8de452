package simnet

import _ "embed"

//go:embed template.yaml
var template []byte

// Template returns a commented scenario that is complete and valid.
func Template() []byte { return append([]byte(nil), template...) }
