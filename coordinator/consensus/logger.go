package consensus

import (
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// newLogger makes the logger that raft and raft-wal want out of ours: what they
// say at a level goes to logger at that level, with their pairs as attributes.
func newLogger(logger *slog.Logger) hclog.Logger {
	return &bridgeLogger{Logger: hclog.NewNullLogger(), to: logger}
}

// bridgeLogger passes the five calls that log on; the rest of the interface is the
// null logger's.
type bridgeLogger struct {
	hclog.Logger
	to *slog.Logger
}

func (b *bridgeLogger) Trace(string, ...any)         {}
func (b *bridgeLogger) Debug(m string, pairs ...any) { b.to.Debug(m, plain(pairs)...) }
func (b *bridgeLogger) Info(m string, pairs ...any)  { b.to.Info(m, plain(pairs)...) }
func (b *bridgeLogger) Warn(m string, pairs ...any)  { b.to.Warn(m, plain(pairs)...) }
func (b *bridgeLogger) Error(m string, pairs ...any) { b.to.Error(m, plain(pairs)...) }
func (b *bridgeLogger) With(pairs ...any) hclog.Logger {
	return &bridgeLogger{b.Logger, b.to.With(plain(pairs)...)}
}

func (b *bridgeLogger) Named(name string) hclog.Logger {
	return &bridgeLogger{b.Logger, b.to.With("part", name)}
}
func (b *bridgeLogger) ResetNamed(name string) hclog.Logger { return b.Named(name) }

// Log logs at a level.
func (b *bridgeLogger) Log(level hclog.Level, m string, pairs ...any) {
	switch level {
	case hclog.Debug:
		b.Debug(m, pairs...)
	case hclog.Info:
		b.Info(m, pairs...)
	case hclog.Warn:
		b.Warn(m, pairs...)
	case hclog.Error:
		b.Error(m, pairs...)
	}
}

func (b *bridgeLogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(b.to.Handler(), slog.LevelInfo)
}

func (b *bridgeLogger) StandardWriter(o *hclog.StandardLoggerOptions) io.Writer {
	return b.StandardLogger(o).Writer()
}

// plain turns hclog's deferred formats into text.
func plain(pairs []any) []any {
	out := make([]any, len(pairs))
	for i, p := range pairs {
		if f, ok := p.(hclog.Format); ok && len(f) > 0 {
			out[i] = formatted(f)
			continue
		}
		out[i] = p
	}
	return out
}

func formatted(f hclog.Format) string {
	text, _ := f[0].(string)
	return fmt.Sprintf(text, f[1:]...)
}
