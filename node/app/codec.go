package app

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// codec is Connect's JSON, but strict and silent: an unknown field is an error,
// since a misspelt "user" would be a decision for nobody, and what is wrong is said
// without showing it, since it may be a reward.
type codec struct{}

// Name makes it the codec of application/json.
func (codec) Name() string { return "json" }

// Marshal writes an answer.
func (codec) Marshal(m any) ([]byte, error) {
	message, ok := m.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", m)
	}
	return protojson.MarshalOptions{}.Marshal(message)
}

// position is the only part of the library's error that holds nothing of the text.
var position = regexp.MustCompile(`\(line \d+:\d+\)`)

// Unmarshal reads a request.
func (codec) Unmarshal(data []byte, m any) error {
	message, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", m)
	}
	if len(data) == 0 {
		return fmt.Errorf("the request is empty: send {} at least")
	}
	err := protojson.Unmarshal(data, message)
	if err == nil {
		return nil
	}
	fields := message.ProtoReflect().Descriptor().Fields()
	names := make([]string, fields.Len())
	for i := range names {
		names[i] = fields.Get(i).JSONName()
	}
	where := position.FindString(err.Error())
	if where == "" {
		where = "(end of the text)"
	}
	return fmt.Errorf("MALFORMED: not the JSON of a %s %s: the fields are %s (values are never shown)",
		message.ProtoReflect().Descriptor().Name(), where, strings.Join(names, ", "))
}
