package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/possev1"
)

func (p *program) logCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "log",
		Short: "Verify and export the transparency log, trusting nobody who wrote it",
		Example: `  posse log verify --cluster 127.0.0.1:7070 --keys pinned-keys.txt
  posse log export --cluster 127.0.0.1:7070 --out bundle`,
	}, p.logVerify(), p.logExport())
}

// The files of an exported log.
const (
	originFile      = "origin"           // name of the log, one line
	keysFile        = "keys"             // verifier keys of the replicas, one a line
	leavesFile      = "leaves.base64"    // leaves in order, base64, one a line
	openingsFile    = "openings.jsonl"   // bids that the log has as commitments, only with --openings
	checkpointsFile = "checkpoints.note" // signed heads, each followed by a line of checkpointEnd
	checkpointEnd   = "==="
)

func (p *program) clusterFlag(cmd *cobra.Command) *remote {
	r := &remote{p: p, name: "cluster"}
	cmd.Flags().StringVar(&r.address, "cluster", "", "host:port of a replica's API")
	cmd.Flags().StringVar(&r.tokenFile, "token-file", "", "file whose first line is that API's token (or POSSE_TOKEN holds it)")
	return r
}

func (p *program) logVerify() *cobra.Command {
	var dir, keys string
	var signatures int
	var at *remote
	cmd := &cobra.Command{
		Use:   "verify (--log DIR | --cluster ADDR)",
		Short: "Recompute hashes, sums, payments and books of the whole log; exit 1 where one does not hold",
		Example: `  posse log verify --log bundle --keys pinned-keys.txt --signatures 2
  posse log verify --cluster 127.0.0.1:7070 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if signatures < 1 {
				return posse.OutOfRange("--signatures", fmt.Sprint(signatures), "at least 1", "more than half of the replicas is safe")
			}
			b, err := p.trusted(cmd, dir, keys, at)
			if err != nil {
				return err
			}
			b.Threshold = signatures
			r, err := compute(cmd.Context(), func() (verify.Result, error) { return verify.Log(b), nil })
			if err != nil {
				return err
			}
			if r.Signatures == nil {
				r.Signatures = []verify.Signature{}
			}
			if r.Problems == nil {
				r.Problems = []verify.Problem{}
			}
			if err := p.print(r, func() string { return verifiedText(r) }); err != nil {
				return err
			}
			if !r.Verified {
				return told(1)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&signatures, "signatures", 1, "trusted replicas that must have signed the newest checkpoint, at least 1")
	at = p.logFlags(cmd, &dir, &keys)
	return cmd
}

// logFlags are the flags of a command that reads a whole log.
func (p *program) logFlags(cmd *cobra.Command, dir, keys *string) *remote {
	cmd.Flags().StringVar(dir, "log", "", "folder that posse log export wrote")
	cmd.Flags().StringVar(keys, "keys", "", "file with the replicas' keys that you trust, one a line")
	return p.clusterFlag(cmd)
}

// trusted reads a log with the keys that it is to be checked with.
func (p *program) trusted(cmd *cobra.Command, dir, keys string, at *remote) (verify.Bundle, error) {
	if (dir == "") == (at.address == "") {
		return verify.Bundle{}, combination("--log", "a log is read from a folder or from a cluster", "give one of --log and --cluster")
	}
	b, err := p.bundle(cmd, dir, at)
	if err != nil {
		return b, err
	}
	if keys == "" {
		p.note("note: the keys are the log's own; pin them with --keys, so that another log can't pass for this one")
		return b, nil
	}
	b.Verifiers, err = p.lines(cmd.Context(), keys)
	return b, err
}

func verifiedText(r verify.Result) string {
	var b strings.Builder
	var signers []string
	for _, s := range r.Signatures {
		signers = append(signers, s.Replica)
	}
	fmt.Fprintf(&b, "log          %d entries, root %s\n", r.Size, r.Root)
	fmt.Fprintf(&b, "checkpoint   %d, signed by %s\n", r.Checkpoint, strings.Join(signers, ", "))
	fmt.Fprintf(&b, "rounds       %d published, %d aborted, %d auctions recomputed\n", r.Rounds.Published, r.Rounds.Aborted, r.Rounds.Recomputed)
	balance := "balance"
	if !r.Balanced {
		balance = "do NOT balance"
	}
	fmt.Fprintf(&b, "books        %s\n", balance)
	for _, problem := range r.Problems {
		fmt.Fprintf(&b, "PROBLEM      entry %d (%s): %s\n", problem.Index, problem.Kind, problem.Message)
	}
	if r.Verified {
		b.WriteString("verified: everything holds.\n")
	} else {
		fmt.Fprintf(&b, "NOT verified: %d problems.\n", len(r.Problems))
	}
	return plain(b.String())
}

// exported is what `posse log export -o json` prints.
type exported struct {
	Dir    string `json:"dir"`
	Size   uint64 `json:"size"`
	Origin string `json:"origin"`
}

func (p *program) logExport() *cobra.Command {
	var out string
	var opened bool
	var at *remote
	cmd := &cobra.Command{
		Use:   "export --cluster ADDR --out DIR",
		Short: "Write the whole log, its signed checkpoint and the replicas' keys to a folder",
		Long: `With --openings the folder holds the bids of settled rounds, too, for an auditor of payments;
without it whoever gets the folder learns none that is not public.`,
		Example: `  posse log export --cluster 127.0.0.1:7070 --out bundle
  posse log export --cluster 127.0.0.1:7070 --out bundle -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if at.address == "" {
				return required("cluster", "give the address of a replica's API")
			}
			if out == "" {
				return required("out", "give a folder; it is made if it does not exist")
			}
			b, err := p.bundle(cmd, "", at)
			if err != nil {
				return err
			}
			if opened {
				if b.Openings, err = p.openings(cmd, at); err != nil {
					return err
				}
			}
			if err := writeBundle(out, b); err != nil {
				return err
			}
			e := exported{out, uint64(len(b.Leaves)), b.Origin}
			return p.print(e, func() string {
				return fmt.Sprintf("%d entries of log %s are in %s\n", e.Size, plain(e.Origin), e.Dir)
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder to write to; must be empty or new; required")
	cmd.Flags().BoolVar(&opened, "openings", false, "add the bids behind the log's commitments, for an auditor of payments (default false)")
	at = p.clusterFlag(cmd)
	return cmd
}

// bundle reads a log from a folder or from a replica.
func (p *program) bundle(cmd *cobra.Command, dir string, at *remote) (verify.Bundle, error) {
	if dir != "" {
		return p.readBundle(cmd.Context(), dir)
	}
	admin, err := at.admin(cmd)
	if err != nil {
		return verify.Bundle{}, err
	}
	// A head is asked for first and leaves up to it after, so that all of them are signed.
	var b verify.Bundle
	var until uint64
	for first := true; first || uint64(len(b.Leaves)) < until; first = false {
		answer, err := admin.Log(cmd.Context(), connect.NewRequest(&possev1.LogRequest{From: uint64(len(b.Leaves))}))
		if err != nil {
			return verify.Bundle{}, at.called(cmd.Context(), err)
		}
		m := answer.Msg
		if first {
			b.Origin, b.Verifiers, b.Checkpoints, until = m.GetOrigin(), m.GetVerifiers(), m.GetCheckpoints(), m.GetSize()
			for _, note := range b.Checkpoints {
				if head, _, err := checkpoint.Open(note, b.Origin, b.Verifiers, 1); err == nil {
					until = head.Size
				}
			}
		} else if len(m.GetLeaves()) == 0 {
			break // fewer than were signed: the verification says so
		}
		b.Leaves = append(b.Leaves, m.GetLeaves()...)
	}
	b.Leaves = b.Leaves[:min(uint64(len(b.Leaves)), until)]
	return b, nil
}

func writeBundle(dir string, b verify.Bundle) error {
	if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return &posse.Error{
			Code: posse.AlreadyExists, Reason: "ALREADY_EXISTS", Field: "--out", Value: quoted(dir), Allowed: "an empty or a new folder",
			Message: dir + " is not empty", Hint: "name another folder",
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return unwritable(dir, err)
	}
	var leaves, notes bytes.Buffer
	for _, leaf := range b.Leaves {
		leaves.WriteString(base64.StdEncoding.EncodeToString(leaf) + "\n")
	}
	for _, note := range b.Checkpoints {
		notes.WriteString(strings.TrimRight(string(note), "\n") + "\n" + checkpointEnd + "\n")
	}
	files := map[string][]byte{
		originFile:      []byte(b.Origin + "\n"),
		keysFile:        []byte(strings.Join(b.Verifiers, "\n") + "\n"),
		leavesFile:      leaves.Bytes(),
		checkpointsFile: notes.Bytes(),
	}
	if len(b.Openings) > 0 {
		var lines bytes.Buffer
		for _, o := range b.Openings {
			line, err := json.Marshal(o)
			if err != nil {
				return err
			}
			lines.Write(append(line, '\n'))
		}
		files[openingsFile] = lines.Bytes()
	}
	for name, data := range files {
		mode := fs.FileMode(0o644)
		if name == openingsFile {
			mode = 0o600
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, mode); err != nil {
			return unwritable(filepath.Join(dir, name), err)
		}
	}
	return nil
}

// readBundle reads what writeBundle wrote.
func (p *program) readBundle(ctx context.Context, dir string) (b verify.Bundle, err error) {
	origin, err := p.lines(ctx, filepath.Join(dir, originFile))
	if err != nil {
		return b, err
	}
	if len(origin) > 0 {
		b.Origin = origin[0]
	}
	if b.Verifiers, err = p.lines(ctx, filepath.Join(dir, keysFile)); err != nil {
		return b, err
	}
	leaves := filepath.Join(dir, leavesFile)
	text, err := p.lines(ctx, leaves)
	if err != nil {
		return b, err
	}
	for i, line := range text {
		leaf, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return b, &posse.Error{
				Code: posse.InvalidArgument, Reason: "MALFORMED", Field: leavesFile, Value: "not base64", File: leaves, Line: i + 1,
				Message: "an entry of the log can't be read", Hint: "export the log again",
			}
		}
		b.Leaves = append(b.Leaves, leaf)
	}
	notes, err := p.read(ctx, filepath.Join(dir, checkpointsFile), maxDocument)
	if err != nil {
		return b, err
	}
	for note := range strings.SplitSeq(string(notes), "\n"+checkpointEnd+"\n") {
		if strings.TrimSpace(note) != "" {
			b.Checkpoints = append(b.Checkpoints, []byte(strings.TrimRight(note, "\n")+"\n"))
		}
	}
	file := filepath.Join(dir, openingsFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	opened, err := p.lines(ctx, file)
	if err != nil {
		return b, err
	}
	for i, line := range opened {
		var o verify.Opening
		if err := decode([]byte(line), &o); err != nil {
			e := *posse.As(err)
			e.File, e.Line = file, i+1
			return b, &e
		}
		b.Openings = append(b.Openings, o)
	}
	return b, nil
}

// openings asks a replica for the bids behind the log's commitments.
func (p *program) openings(cmd *cobra.Command, at *remote) ([]verify.Opening, error) {
	admin, err := at.admin(cmd)
	if err != nil {
		return nil, err
	}
	var out []verify.Opening
	for {
		answer, err := admin.Openings(cmd.Context(), connect.NewRequest(&possev1.OpeningsRequest{From: uint64(len(out))}))
		if err != nil {
			return nil, at.called(cmd.Context(), err)
		}
		if len(answer.Msg.GetOpenings()) == 0 {
			return out, nil
		}
		for _, o := range answer.Msg.GetOpenings() {
			one := verify.Opening{Experiment: o.GetExperiment(), Round: o.GetRound(), Node: o.GetNode(), Bid: o.GetBidMicro()}
			if copy(one.Nonce[:], o.GetNonce()) != len(one.Nonce) {
				return nil, &posse.Error{Code: posse.DataLoss, Reason: "LOG_DAMAGED", Field: "nonce", Message: "the replica's opening of a bid is cut short"}
			}
			out = append(out, one)
		}
	}
}

// lines returns the lines of a file that hold something.
func (p *program) lines(ctx context.Context, name string) ([]string, error) {
	data, err := p.read(ctx, name, maxLog)
	if err != nil {
		return nil, err
	}
	var out []string
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, 2*checkpoint.LeafMax)
	for scan.Scan() {
		if line := strings.TrimSpace(scan.Text()); line != "" {
			out = append(out, line)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, unreadable(name, err)
	}
	return out, nil
}
