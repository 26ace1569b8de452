package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

// loadParquet reads a table with the columns of CSV, a batch of rows at a time.
func loadParquet(in *input) (*Set, error) {
	path, err := in.find(".parquet", "")
	if err != nil {
		return nil, err
	}
	f, err := in.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.finish(); err != nil { // the format is read from its end: the hash first
		return nil, err
	}
	o := newOwn(in, f.name)
	if err := readColumns(f.os, f.name, o); err != nil {
		return nil, err
	}
	return o.build()
}

// parquetBatch is how many rows are read at once.
const parquetBatch = 256

// readColumns gives the rows of a file to o. The library's panics on damaged bytes are
// turned into errors.
func readColumns(f *os.File, name string, o *own) (err error) {
	at := place{file: name, line: 1}
	damaged := func(cause any) error {
		e := at.malformed("this is no Parquet file, or it is damaged or cut off", "a whole Parquet file", "fetch it again")
		if c, ok := cause.(error); ok {
			e.Cause = c
		}
		return e
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = damaged(cause)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return readFailed(at, err)
	}
	if !endsWhole(f, info.Size()) {
		return damaged(nil)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return damaged(err)
	}
	h := header{file: name}
	for _, column := range file.Schema().Columns() {
		leaf, _ := file.Schema().Lookup(column...)
		if len(column) != 1 || leaf.Node.Repeated() {
			return at.bad("MALFORMED", column[0], "the column is nested", "a list or a group", "plain columns", "write a column for each value")
		}
		if h.names = append(h.names, column[0]); len(h.names) > maxColumns {
			return tooLarge(name, "columns", maxColumns)
		}
	}
	l, err := o.layout(h)
	if err != nil {
		return err
	}
	row, fields := 0, make([]string, len(h.names))
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		buffer := make([]parquet.Row, parquetBatch)
		for {
			n, err := rows.ReadRows(buffer)
			for _, values := range buffer[:n] {
				row++
				if err := o.in.count(name); err != nil {
					return errors.Join(err, rows.Close())
				}
				here := place{file: name, row: row, line: row}
				for i := range fields {
					fields[i] = ""
				}
				for _, v := range values {
					fields[v.Column()] = plainValue(v)
				}
				if refusal := o.addFields(fields, l, here); refusal != nil {
					o.in.refuse(1, refusal)
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				_ = rows.Close() // it was only read from
				return damaged(err)
			}
			if n == 0 {
				_ = rows.Close()
				return damaged(nil)
			}
		}
		if err := rows.Close(); err != nil {
			return damaged(err)
		}
	}
	return nil
}

// endsWhole reports whether the file ends as the format says, with the length of what
// describes it inside the file: the library takes room for any length.
func endsWhole(f io.ReaderAt, size int64) bool {
	var end [8]byte
	if _, err := f.ReadAt(end[:], size-int64(len(end))); size < 12 || err != nil {
		return false
	}
	return string(end[4:]) == "PAR1" && int64(binary.LittleEndian.Uint32(end[:4])) <= size-12
}

// plainValue writes a value as CSV would; nothing is empty.
func plainValue(v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return "1"
		}
		return "0"
	case parquet.Float:
		return strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)
	case parquet.Double:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case parquet.Int32:
		return strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return string(v.ByteArray())
	default:
		return fmt.Sprint(v)
	}
}
