package experiment

import (
	"github.com/goccy/go-yaml/token"

	"github.com/posse-dev/posse"
)

// Limits of a file. Those after the first two keep the parser's work small, which
// grows with the square of the keys of one map and of what it refuses in the end.
const (
	sizeMaxBytes = 1 << 20
	depthMax     = 32
	keysMax      = 1000
	featuresMax  = 100
	tokensMax    = 100_000 // 16,384 arms are 50,000
)

// tokenLimits bounds what the parser is given, which recurses into depth and into
// siblings: depth by brackets and by columns of block keys, which is never more than
// the true depth, the number of keys and of tokens, and everything that no experiment
// file may hold anyway where there is much of it.
func tokenLimits(tokens token.Tokens) *posse.Error {
	flow, keys, features, documents := 0, 0, 0, 0
	var columns []int
	for i, t := range tokens {
		line, column := t.Position.Line, t.Position.Column
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.MappingValueType:
			keys++
		case token.MappingKeyType:
			return at(featureError("keys that are not plain words"), line, column)
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType:
			features++
		case token.DocumentHeaderType:
			documents++
		}
		entry := t.Type == token.SequenceEntryType || t.Next != nil && t.Next.Type == token.MappingValueType
		if entry && flow == 0 {
			for len(columns) > 0 && columns[len(columns)-1] > column {
				columns = columns[:len(columns)-1]
			}
			if len(columns) == 0 || columns[len(columns)-1] < column {
				columns = append(columns, column)
			}
		}
		switch {
		case documents > 1:
			return at(featureError("second documents"), line, column)
		case features > featuresMax:
			return at(featureError("anchors, aliases, tags and merge keys"), line, column)
		case flow+len(columns) > depthMax:
			return at(tooDeep(), line, column)
		case keys > keysMax:
			return at(tooLarge("an experiment file has at most 1,000 keys", "more", "at most 1000 keys"), line, column)
		case i >= tokensMax:
			return at(tooLarge("an experiment file has at most 100,000 words and marks", "more", "at most 100000 words and marks"), line, column)
		}
	}
	return nil
}

func tooLarge(message, value, allowed string) *posse.Error {
	return &posse.Error{Code: posse.InvalidArgument, Reason: "FILE_TOO_LARGE", Message: message, Value: value, Allowed: allowed}
}

func tooDeep() *posse.Error {
	return tooLarge("an experiment file is nested at most 32 deep", "deeper", "at most 32 levels")
}
