package wire_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/wire"
)

func TestFramesComeBackAsTheyWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "texts")
		var pipe bytes.Buffer
		for _, text := range texts {
			require.NoError(t, wire.Write(&pipe, wrapperspb.String(text), wire.Control))
		}
		r := iotest.OneByteReader(&pipe)
		for _, text := range texts {
			var got wrapperspb.StringValue
			require.NoError(t, readFrame(r, &got, wire.Control))
			assert.Equal(t, text, got.GetValue())
		}
		assert.ErrorIs(t, readFrame(r, new(wrapperspb.StringValue), wire.Control), io.EOF)
	})
}

func TestFrameAtTheLimitPassesAndOneByteMoreIsRefusedByName(t *testing.T) {
	// A bytes value of n bytes encodes to n + 1 (tag) + 2 (length) for n in [128, 16384).
	const limit = 1000
	fits, tooLong := wrapperspb.Bytes(make([]byte, limit-3)), wrapperspb.Bytes(make([]byte, limit-2))
	require.Equal(t, limit, proto.Size(fits))

	var pipe bytes.Buffer
	require.NoError(t, wire.Write(&pipe, fits, limit))
	require.NoError(t, readFrame(&pipe, new(wrapperspb.BytesValue), limit))
	require.NoError(t, wire.End(&pipe))

	assert.ErrorIs(t, wire.Write(&pipe, tooLong, limit), wire.ErrTooLong)
	assert.Zero(t, pipe.Len(), "nothing is written of a refused message")
	require.NoError(t, wire.Write(&pipe, tooLong, limit+1))
	err := readFrame(&pipe, new(wrapperspb.BytesValue), limit)
	assert.ErrorIs(t, err, wire.ErrTooLong)
	assert.Equal(t, "LIMIT_EXCEEDED", posse.As(err).Reason)

	err = wire.Write(io.Discard, wrapperspb.Bytes(make([]byte, wire.Control)), wire.Control)
	assert.Equal(t, "frame.control", posse.As(err).Field)
	assert.Equal(t, "[0, 65536] bytes", posse.As(err).Allowed)
}

func TestMalformedFramesAreRefused(t *testing.T) {
	valid := frameOf(t, wrapperspb.String("offer"))
	for name, row := range map[string][]byte{
		"length of 2^63 and nothing else":  binary.AppendUvarint(nil, 1<<63),
		"length above 2^64":                bytes.Repeat([]byte{0xff}, 11),
		"length with leading zeros":        {0x85, 0x80, 0x00},
		"length cut":                       {0x80},
		"body cut":                         valid[:len(valid)-1],
		"body missing":                     valid[:1],
		"body is no protobuf":              {3, 0xff, 0xff, 0xff},
		"body ends in the middle of field": {2, 0x0a, 0x05},
	} {
		t.Run(name, func(t *testing.T) {
			err := readFrame(bytes.NewReader(row), new(wrapperspb.StringValue), wire.Control)
			require.Error(t, err)
			assert.Contains(t, []string{"MALFORMED", "LIMIT_EXCEEDED"}, posse.As(err).Reason)
		})
	}
	more := bytes.NewReader(append(valid, 0))
	require.NoError(t, readFrame(more, new(wrapperspb.StringValue), wire.Control))
	assert.ErrorIs(t, wire.End(more), wire.ErrMalformed)
}

func TestReadTakesNoByteBeyondTheFrame(t *testing.T) {
	pipe := bytes.NewBuffer(append(frameOf(t, wrapperspb.String("x")), "rest"...))
	require.NoError(t, readFrame(pipe, new(wrapperspb.StringValue), wire.Control))
	assert.Equal(t, "rest", pipe.String())
}

func TestPromisedLengthAllocatesNothingBeforeItsBytesCome(t *testing.T) {
	promise := binary.AppendUvarint(nil, wire.ReportMax)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const tries = 20
	for range tries {
		require.Error(t, readFrame(bytes.NewReader(promise), new(wrapperspb.BytesValue), wire.ReportMax))
	}
	runtime.ReadMemStats(&after)
	// A step, twice that under the race detector; a reader that believed the promise
	// would take 32 MiB a try.
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/tries, uint64(4*wire.Step))
}

func TestStrictNamesWhereAnUnknownFieldIs(t *testing.T) {
	inner, err := proto.Marshal(structpb.NewStringValue("known"))
	require.NoError(t, err)
	inner = protowire.AppendVarint(protowire.AppendTag(inner, 99, protowire.VarintType), 1)
	list := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)

	require.NoError(t, proto.Unmarshal(list, new(structpb.ListValue)), "a query may hold unknown fields")
	err = wire.Strict(list, new(structpb.ListValue))
	require.Error(t, err)
	assert.Equal(t, "VERSION_UNSUPPORTED", posse.As(err).Reason)
	assert.Equal(t, "values[0].Value", posse.As(err).Field)

	known, err := proto.Marshal(&structpb.ListValue{Values: []*structpb.Value{structpb.NewBoolValue(true)}})
	require.NoError(t, err)
	assert.NoError(t, wire.Strict(known, new(structpb.ListValue)))
}

func TestNestingDeeperThanTheLimitIsRefused(t *testing.T) {
	nested := func(depth int) proto.Message {
		v := structpb.NewNullValue()
		for range depth {
			v = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
		}
		return v
	}
	read := func(m proto.Message) error {
		return readFrame(bytes.NewReader(frameOf(t, m)), new(structpb.Value), wire.Control)
	}
	// Each list is two messages deep: the value and its list.
	assert.NoError(t, read(nested((wire.Depth-2)/2)))
	assert.ErrorIs(t, read(nested(wire.Depth/2+1)), wire.ErrMalformed)
}

func TestRefusalComesBackWithItsFacts(t *testing.T) {
	var pipe bytes.Buffer
	sent := posse.OutOfRange("bid", "-1", "[0, 10]", "send a bid of at least 0")
	require.NoError(t, wire.WriteRefusal(&pipe, sent))
	err := readAnswer(&pipe, new(wrapperspb.StringValue), wire.Control)
	assert.Equal(t, sent, err)
	assert.Zero(t, pipe.Len())
}

func TestUnknownErrorsLeaveWithoutTheirText(t *testing.T) {
	var pipe bytes.Buffer
	require.NoError(t, wire.WriteRefusal(&pipe, io.ErrShortBuffer))
	assert.NotContains(t, pipe.String(), "short buffer")
	err := readAnswer(&pipe, new(wrapperspb.StringValue), wire.Control)
	assert.Equal(t, posse.Internal, posse.As(err).Code)
}

func TestAnswerThatIsTooLongBecomesARefusal(t *testing.T) {
	var pipe bytes.Buffer
	long := wrapperspb.String(strings.Repeat("a", wire.Control))
	assert.ErrorIs(t, wire.WriteAnswer(&pipe, long, wire.Control), wire.ErrTooLong)
	err := readAnswer(&pipe, new(wrapperspb.StringValue), wire.Control)
	assert.Equal(t, "LIMIT_EXCEEDED", posse.As(err).Reason)
}

func TestMessageTimeFollowsTheLength(t *testing.T) {
	for name, row := range map[string]struct {
		bytes   int
		seconds float64
	}{
		"empty":            {0, 1},
		"16 KiB":           {16 << 10, 2},
		"1 MiB":            {1 << 20, 6},
		"a longest report": {wire.ReportMax, 37},
	} {
		t.Run(name, func(t *testing.T) {
			assert.InDelta(t, row.seconds, wire.MessageTime(row.bytes).Seconds(), 1e-9)
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{3, 0x0a, 1, 'a'})
	f.Add(binary.AppendUvarint(nil, 1<<63))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var got structpb.Value
		if readFrame(r, &got, wire.Control) != nil {
			return
		}
		// What was read can be sent again, and then reads the same.
		var again structpb.Value
		require.NoError(t, readFrame(bytes.NewReader(frameOf(t, &got)), &again, 2*wire.Control))
		assert.True(t, proto.Equal(&got, &again))
	})
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte{0, 0})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = readAnswer(bytes.NewReader(b), new(structpb.Value), wire.Control)
	})
}

func frameOf(t require.TestingT, m proto.Message) []byte {
	var b bytes.Buffer
	require.NoError(t, wire.Write(&b, m, wire.ReportMax))
	return b.Bytes()
}

func readFrame(r io.Reader, m proto.Message, limit int) error {
	size, err := wire.ReadLength(r, limit)
	if err != nil {
		return err
	}
	return wire.ReadBody(r, m, size)
}

func readAnswer(r io.Reader, m proto.Message, limit int) error {
	ok, size, err := wire.ReadAnswerLength(r, limit)
	if err != nil {
		return err
	}
	return wire.ReadAnswerBody(r, m, ok, size)
}
