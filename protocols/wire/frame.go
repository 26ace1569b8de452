package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/posse-dev/posse"
)

// ErrTooLong is behind the error for a frame that is longer than its limit.
var ErrTooLong = errors.New("frame is too long")

// ErrMalformed is behind the error for bytes that are not one frame of a message.
var ErrMalformed = errors.New("frame is malformed")

// Write writes m as one frame of at most limit bytes, in one call to w. Nothing is
// written when m is longer; the error names the limit.
func Write(w io.Writer, m proto.Message, limit int) error {
	frame, err := encode(nil, m, limit)
	if err != nil {
		return err
	}
	if _, err := w.Write(frame); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// encode appends the frame of m to prefix.
func encode(prefix []byte, m proto.Message, limit int) ([]byte, error) {
	size := proto.Size(m)
	if size > limit {
		return nil, tooLong(uint64(size), limit)
	}
	frame := slices.Grow(prefix, size+binary.MaxVarintLen64)
	frame = binary.AppendUvarint(frame, uint64(size))
	frame, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(frame, m)
	if err != nil {
		return nil, fmt.Errorf("encode frame: %w", err)
	}
	return frame, nil
}

// End requires that r has ended: a byte after the last frame is [ErrMalformed].
func End(r io.Reader) error {
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n > 0:
		return malformed("a byte follows the last frame", nil)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return fmt.Errorf("read end of frames: %w", err)
	}
}

// ReadLength reads the length of a frame and refuses one above limit, before
// anything is allocated. It returns io.EOF when r ends before the first byte; an end
// within the frame, here or in [ReadBody], is [ErrMalformed].
func ReadLength(r io.Reader, limit int) (int, error) {
	var length uint64
	var one [1]byte
	for i := 0; ; i++ {
		if _, err := io.ReadFull(r, one[:]); err != nil {
			if i == 0 && errors.Is(err, io.EOF) {
				return 0, io.EOF
			}
			return 0, cut(err)
		}
		b := one[0]
		if i == binary.MaxVarintLen64-1 && b > 1 {
			return 0, malformed("its length is above 2^64", nil)
		}
		length |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 { // two spellings of one length would be two frames for one message
				return 0, malformed("its length has leading zeros", nil)
			}
			break
		}
	}
	if length > uint64(limit) {
		return 0, tooLong(length, limit)
	}
	return int(length), nil
}

// ReadBody reads the size bytes that follow a length, in steps of at most [Step]
// bytes, and decodes them into m, which it resets first. It reads no byte beyond them.
func ReadBody(r io.Reader, m proto.Message, size int) error {
	var body []byte
	for len(body) < size {
		n := min(Step, size-len(body))
		body = slices.Grow(body, n)
		part := body[len(body) : len(body)+n]
		if _, err := io.ReadFull(r, part); err != nil {
			return cut(err)
		}
		body = body[:len(body)+n]
	}
	return decode(body, m)
}

// Strict decodes a command or another message that must be understood wholly: an
// unknown field, at any depth, is an error that names where it is. Nothing newer
// than this program may be dropped in silence.
func Strict(body []byte, m proto.Message) error {
	if err := decode(body, m); err != nil {
		return err
	}
	return Known(m)
}

// Known refuses a message that holds a field this program does not know.
func Known(m proto.Message) error {
	if path, ok := unknown(m.ProtoReflect(), ""); ok {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "VERSION_UNSUPPORTED", Field: path,
			Message: "message holds a field that this version does not know",
			Hint:    "install a newer version",
		}
	}
	return nil
}

func decode(body []byte, m proto.Message) error {
	if err := (proto.UnmarshalOptions{RecursionLimit: Depth}).Unmarshal(body, m); err != nil {
		return malformed("it is no message of the expected kind", err)
	}
	return nil
}

// unknown finds the first message under m with unknown bytes and returns its path.
func unknown(m protoreflect.Message, path string) (found string, ok bool) {
	if len(m.GetUnknown()) > 0 {
		return path + string(m.Descriptor().Name()), true
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		at := path + string(field.Name()) + "."
		switch {
		case field.IsMap():
			if field.MapValue().Message() == nil {
				return true
			}
			value.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool {
				found, ok = unknown(item.Message(), at)
				return !ok
			})
		case field.Message() == nil:
		case field.IsList():
			list := value.List()
			for i := 0; i < list.Len() && !ok; i++ {
				found, ok = unknown(list.Get(i).Message(), path+string(field.Name())+"["+strconv.Itoa(i)+"].")
			}
		default:
			found, ok = unknown(value.Message(), at)
		}
		return !ok
	})
	return found, ok
}

// cut is the error for a frame that ended or stalled before it was whole.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("it ends early", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("read frame: %w", err)
}

func malformed(why string, cause error) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "MALFORMED", Field: "frame", Value: why,
		Message: "frame is malformed", Cause: errors.Join(ErrMalformed, cause),
	}
}

func tooLong(size uint64, limit int) error {
	return &posse.Error{
		Code: posse.ResourceExhausted, Reason: "LIMIT_EXCEEDED", Field: limitName(limit),
		Value: strconv.FormatUint(size, 10) + " bytes", Allowed: "[0, " + strconv.Itoa(limit) + "] bytes",
		Message: "message is above the limit " + limitName(limit), Cause: ErrTooLong,
	}
}

// limitName names a limit of this package, for errors.
func limitName(limit int) string {
	switch limit {
	case Control:
		return "frame.control"
	case Report:
		return "frame.report"
	case ReportMax:
		return "frame.report.max"
	case Command:
		return "raft.command" // also the maximum of a control frame
	case CommandMax:
		return "raft.command.max"
	default:
		return "frame"
	}
}
