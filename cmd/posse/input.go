package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/posse-dev/posse"
)

const (
	maxExperiment = 1<<20 + 1   // bytes; one more than a file may have, so that the reader sees it
	maxDocument   = 256<<20 + 1 // the same for the calculators' input
	maxLog        = 4 << 30     // of an exported log
	maxSecret     = 64 << 10
)

// read returns what is in a file, or on stdin for "-", up to limit bytes. It ends
// with the context, even while nobody types.
func (p *program) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	in := p.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, unreadable(name, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	data, err := compute(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(in, limit)) })
	if err != nil && ctx.Err() == nil {
		return nil, unreadable(name, err)
	}
	return data, err
}

// compute runs work that does not look at a context and gives up waiting for it
// when the context ends; the process ends soon after.
func compute[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := work()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func unreadable(name string, err error) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FILE_NOT_FOUND", Field: "file", Value: quoted(name), File: name, Allowed: "a file that can be read, or - for stdin",
		Message: fmt.Sprintf("%s: %s", plain(name), why(err, "it can't be read")), Hint: "check the path", Cause: err,
	}
}

// why is what the system says of a file, without the path, or else otherwise.
func why(err error, otherwise string) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return otherwise
}

// label is what messages call an input.
func label(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// inFile says of an error, and of all its problems, in which file it was found.
func inFile(err error, name string) error {
	var e *posse.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	named := *e
	if named.File == "" {
		named.File = label(name)
	}
	named.Problems = nil
	for _, problem := range e.Problems {
		one := *problem
		if one.File == "" {
			one.File = label(name)
		}
		named.Problems = append(named.Problems, &one)
	}
	return &named
}

// secret returns the first line of a file that holds a token.
func (p *program) secret(ctx context.Context, file string) (string, error) {
	data, err := p.read(ctx, file, maxSecret)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_EMPTY", Field: "--token-file", File: file, Message: "the token file is empty",
			Hint: "it holds the token on its first line",
		}
	}
	return line, nil
}

// confirm asks before something that can't be undone. Without a terminal it is
// refused unless yes was said before.
func (p *program) confirm(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	refused := &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "--yes", Message: "this can't be undone, and nobody confirmed it",
		Hint: "say --yes",
	}
	if !terminal(p.in) {
		return refused
	}
	fmt.Fprintf(p.err, "%s [y/N] ", question)
	answer, err := compute(ctx, func() (string, error) { return bufio.NewReader(p.in).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return refused
	}
	return nil
}
