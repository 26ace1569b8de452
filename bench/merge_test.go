package bench

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

const (
	mergeReports  = "adding 1,000 decoded reports of 64 features"
	bareCopy      = "copying as many bytes"
	decodeReports = "decoding 1,000 reports of 64 features"
	bareProtobuf  = "protobuf, a packed field of as many int32"
)

// A report of a linear experiment with one arm: half a Gram matrix, and a vector.
func BenchmarkReports(b *testing.B) {
	const reports, d = 1000, 64
	layout := statistics.Layout{
		{Name: "gram", Shape: []int{d * (d + 1) / 2}, Scale: 24, Record: 1 << 24},
		{Name: "vector", Shape: []int{d}, Scale: 24, Record: 1 << 24},
	}
	src := noise.NewSeeded(1)
	sets, encoded, messages := make([]*statistics.Set, reports), make([][]byte, reports), make([][]byte, reports)
	for i := range sets {
		sets[i] = layout.Empty()
		message := &descriptorpb.SourceCodeInfo_Location{}
		for _, block := range sets[i].Blocks {
			for k := range block.Sum {
				block.Sum[k] = int64(src.Uint64()>>40) - 1<<23
				message.Path = append(message.Path, int32(block.Sum[k]))
			}
		}
		encoded[i] = sets[i].Encode()
		var err error
		if messages[i], err = proto.Marshal(message); err != nil {
			b.Fatal(err)
		}
	}
	total, target := layout.Empty(), layout.Empty()
	b.Run("merge", func(b *testing.B) {
		slower(b, mergeReports, bareCopy, "at most 2", func() time.Duration {
			return timed(func() {
				for _, s := range sets {
					if err := total.Merge(s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}, func() time.Duration {
			return timed(func() {
				for _, s := range sets {
					for i, block := range s.Blocks {
						copy(target.Blocks[i].Sum, block.Sum)
					}
				}
			})
		})
	})
	b.Run("decode", func(b *testing.B) {
		slower(b, decodeReports, bareProtobuf, "none", func() time.Duration {
			return timed(func() {
				for _, data := range encoded {
					if _, err := statistics.Decode(data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}, func() time.Duration {
			return timed(func() {
				for _, data := range messages {
					if err := proto.Unmarshal(data, &descriptorpb.SourceCodeInfo_Location{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	})
}
