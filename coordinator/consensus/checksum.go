package consensus

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

// sealVersion begins what is kept with each entry; the CRC-32C follows.
const (
	sealVersion = 1
	sealSize    = 5
)

// sum is the CRC-32C over everything raft reads back of an entry: index, term,
// type, the time it was appended, data. The lengths of all but the data are fixed,
// so no two entries give the same input.
func sum(l *raft.Log) uint32 {
	var head [37]byte
	binary.BigEndian.PutUint64(head[0:], l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	binary.BigEndian.PutUint64(head[17:], uint64(l.AppendedAt.Unix()))
	binary.BigEndian.PutUint32(head[25:], uint32(l.AppendedAt.Nanosecond()))
	binary.BigEndian.PutUint64(head[29:], uint64(len(l.Data)))
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(head[:], table), table, l.Data)
}

// sealed returns a copy of the entry with its checksum. Raft keeps the original
// and sends it to others, so it must not be changed.
func sealed(l *raft.Log) *raft.Log {
	c := *l
	c.Extensions = binary.BigEndian.AppendUint32([]byte{sealVersion}, sum(l))
	return &c
}

// unseal checks an entry that was read at index and strips the checksum.
func unseal(index uint64, l *raft.Log) error {
	switch {
	case len(l.Extensions) != sealSize || l.Extensions[0] != sealVersion:
		return &CorruptError{Index: index, Why: "its checksum is missing"}
	case l.Index != index:
		return &CorruptError{Index: index, Why: "another entry is in its place"}
	case binary.BigEndian.Uint32(l.Extensions[1:]) != sum(l):
		return &CorruptError{Index: index, Why: "its checksum does not match"}
	}
	l.Extensions = nil
	return nil
}
