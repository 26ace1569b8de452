package wire

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/posse-dev/posse"
)

// An answer is one byte and one frame.
const (
	accepted = 0 // the frame is the message that was asked for
	refused  = 1 // the frame is a google.protobuf.Struct with the facts of an error
)

// refusal bounds the frame of a refusal, and what one of its texts may hold.
const (
	refusal     = 16 * kib
	refusalText = 2 * kib
)

// WriteAnswer writes m as an answer of at most limit bytes. When m is longer, the
// refusal that says so is written in its place and also returned.
func WriteAnswer(w io.Writer, m proto.Message, limit int) error {
	answer, err := encode([]byte{accepted}, m, limit)
	if err != nil {
		return errors.Join(err, WriteRefusal(w, err))
	}
	if _, err := w.Write(answer); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// WriteRefusal writes err as an answer. What is no [posse.Error] goes out as an
// internal error without its text, which may hold what the peer must not see.
func WriteRefusal(w io.Writer, err error) error {
	facts := &posse.Error{Code: posse.Internal, Reason: "INTERNAL", Message: "internal error"}
	var known *posse.Error
	if errors.As(err, &known) {
		facts = known
	}
	fields := map[string]*structpb.Value{}
	for name, text := range map[string]string{
		"code": string(facts.Code), "reason": facts.Reason, "field": facts.Field, "value": facts.Value,
		"allowed": facts.Allowed, "message": facts.Message, "hint": facts.Hint,
	} {
		if text != "" {
			fields[name] = structpb.NewStringValue(strings.ToValidUTF8(text[:min(len(text), refusalText)], "?"))
		}
	}
	answer, err := encode([]byte{refused}, &structpb.Struct{Fields: fields}, refusal)
	if err != nil {
		return err
	}
	if _, err := w.Write(answer); err != nil {
		return fmt.Errorf("write refusal: %w", err)
	}
	return nil
}

// ReadAnswerLength reads the first byte and the length of an answer: ok says
// whether it is the message, and not a refusal.
func ReadAnswerLength(r io.Reader, limit int) (ok bool, size int, err error) {
	var kind [1]byte
	if _, err := io.ReadFull(r, kind[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return false, 0, io.EOF
		}
		return false, 0, cut(err)
	}
	switch kind[0] {
	case accepted:
	case refused:
		limit = refusal
	default:
		return false, 0, malformed("an answer of an unknown kind", nil)
	}
	size, err = ReadLength(r, limit)
	if errors.Is(err, io.EOF) {
		err = cut(err)
	}
	return kind[0] == accepted, size, err
}

// ReadAnswerBody reads what follows [ReadAnswerLength] into m. A refusal comes back
// as the [posse.Error] that the peer gave.
func ReadAnswerBody(r io.Reader, m proto.Message, ok bool, size int) error {
	if ok {
		return ReadBody(r, m, size)
	}
	var facts structpb.Struct
	if err := ReadBody(r, &facts, size); err != nil {
		return err
	}
	text := func(name string) string { return facts.GetFields()[name].GetStringValue() }
	e := &posse.Error{
		Code: posse.Code(text("code")), Reason: text("reason"), Field: text("field"), Value: text("value"),
		Allowed: text("allowed"), Message: text("message"), Hint: text("hint"),
	}
	if e.Code == "" || e.Reason == "" || e.Message == "" {
		return malformed("a refusal without code, reason or message", nil)
	}
	return e
}
