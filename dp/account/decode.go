package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/posse-dev/posse"
)

// maxEventBytes bounds an event file.
const maxEventBytes = 16 << 20

// DecodeEvents reads {"events":[…]}: no other key, nothing after it, every event
// valid. neighbours is "remove" (the default) or "replace". Errors name the field.
func DecodeEvents(data []byte) ([]Event, error) {
	if len(data) > maxEventBytes {
		return nil, posse.OutOfRange("events", "a longer file", "at most 16 MiB", "")
	}
	var file struct {
		Events []Event `json:"events"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, malformed(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed(errors.New("something follows the events"))
	}
	return normalEvents(file.Events)
}

func malformed(err error) error {
	var e *posse.Error
	if errors.As(err, &e) {
		return e
	}
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "MALFORMED", Field: "events", Value: err.Error(),
		Allowed: `{"events":[{"mechanism":…,"sigma|scale|epsilon|rho":x,"sensitivity":1,"count":n,"sampling":q}]}`,
		Message: "event file is not valid", Cause: err,
	}
}
