package main

import (
	"log/slog"

	"github.com/spf13/cobra"
)

// logFlag adds --log-level to a server.
func logFlag(cmd *cobra.Command, level *string) {
	cmd.Flags().StringVar(level, "log-level", "info", "which events go to stderr: debug, info, warn, error")
}

// logger writes events to stderr: for people on a terminal, else a JSON object a line.
func (p *program) logger(level string) (*slog.Logger, error) {
	known := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	at, ok := known[level]
	if !ok {
		return nil, notAWord("--log-level", level, "debug, info, warn, error")
	}
	options := &slog.HandlerOptions{Level: at}
	if terminal(p.err) {
		return slog.New(slog.NewTextHandler(p.err, options)), nil
	}
	return slog.New(slog.NewJSONHandler(p.err, options)), nil
}
