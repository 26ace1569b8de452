package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/posse-dev/posse"
)

// A snapshot is
//
//	"PSSE" | format, uint16 | length, uint64 | state | SHA-256 of all before
//
// with integers little-endian.
const (
	snapshotMagic  = "PSSE"
	snapshotFormat = 1
	snapshotMax    = 1 << 30
)

// Snapshot captures the state as it is now and returns what writes it. The capture
// is the encoding itself: commands wait for a pass over the state and not for the
// disk.
func (m *Machine) Snapshot() (func(io.Writer) error, error) {
	m.mu.RLock()
	body := m.state.encode()
	m.mu.RUnlock()
	if len(body) > snapshotMax {
		return nil, &posse.Error{
			Code: posse.ResourceExhausted, Reason: "LIMIT_EXCEEDED", Field: "snapshot", Value: fmt.Sprintf("%d bytes", len(body)),
			Allowed: fmt.Sprintf("[0, %d] bytes", snapshotMax), Message: "the state is too large to be written",
			Hint: "close experiments that have ended",
		}
	}
	out := append([]byte(snapshotMagic), 0, 0)
	binary.LittleEndian.PutUint16(out[4:], snapshotFormat)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(body)))
	out = append(out, body...)
	sum := sha256.Sum256(out)
	out = append(out, sum[:]...)
	return func(w io.Writer) error {
		_, err := w.Write(out)
		return err
	}, nil
}

// Restore reads a snapshot to its end, verifies it wholly, and only then takes its
// state on.
func (m *Machine) Restore(r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, snapshotMax+1024))
	if err != nil {
		return err
	}
	s, err := readSnapshot(data)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state, m.marks = s, nil
	return nil
}

func readSnapshot(data []byte) (*State, error) {
	const head = len(snapshotMagic) + 2 + 8
	damaged := &posse.Error{
		Code: posse.DataLoss, Reason: "LOG_DAMAGED", Field: "snapshot",
		Message: "the snapshot is damaged", Hint: "join as a new replica, in a new directory",
	}
	if len(data) < head+sha256.Size || string(data[:4]) != snapshotMagic {
		return nil, damaged
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if own := sha256.Sum256(body); !bytes.Equal(own[:], sum) {
		return nil, damaged
	}
	if format := binary.LittleEndian.Uint16(data[4:]); format != snapshotFormat {
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "VERSION_UNSUPPORTED", Field: "snapshot", Value: fmt.Sprint(format),
			Allowed: fmt.Sprint(snapshotFormat), Message: "the snapshot has another format",
			Hint: "install the version that wrote it",
		}
	}
	if binary.LittleEndian.Uint64(data[6:]) != uint64(len(body)-head) {
		return nil, damaged
	}
	s, err := decode(body[head:])
	if err != nil {
		damaged.Cause = err
		return nil, damaged
	}
	return s, nil
}
