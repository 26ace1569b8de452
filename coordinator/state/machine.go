package state

import (
	"errors"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Machine is a replica's state and the only thing that changes it. Use [New]; it is
// safe for concurrent use.
type Machine struct {
	mu    sync.RWMutex
	state *State
	// hashes of the own state at some indexes, for CheckState; no part of the state
	marks []mark
}

type mark struct {
	index uint64
	hash  [32]byte
}

// New returns a machine with an empty state.
func New() *Machine { return &Machine{state: newState()} }

// View calls f with the state, which f may read until it returns. Commands wait.
func (m *Machine) View(f func(*State)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f(m.state)
}

// Apply applies the command at an index of the Raft log.
func (m *Machine) Apply(index uint64, command []byte) Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.apply(index, command)
	if r.halt == nil {
		m.state.Applied = index
		m.state.Commands++
		m.mark()
	}
	return r
}

// ApplyBatch applies commands in order and returns a [Result] for each; it stops
// where one halts.
func (m *Machine) ApplyBatch(commands [][]byte, indexes []uint64) []any {
	results := make([]any, len(commands))
	for i, command := range commands {
		r := m.Apply(indexes[i], command)
		results[i] = r
		if r.halt != nil {
			break
		}
	}
	return results
}

// apply is one command. The caller holds the lock.
func (m *Machine) apply(index uint64, raw []byte) Result {
	var c possev1.Command
	if err := (proto.UnmarshalOptions{RecursionLimit: commandDepth}).Unmarshal(raw, &c); err != nil {
		return newer(index, "encoding")
	}
	if c.GetMinReader() > CommandVersion || c.GetBody() == nil || hasUnknown(c.ProtoReflect()) {
		return newer(index, "command")
	}
	s := m.state
	if n := len(c.GetRequestId()); n != 0 && n != 16 {
		return refusal(malformed("request_id", "another length", "16 bytes or none"))
	}
	kind := kindOf(&c)
	if r, known := s.repeated(&c, kind); known {
		return r
	}
	t := &turn{State: s, index: index, now: max(s.Now, c.GetNowMs()), actor: c.GetActor(), checks: m.marks}
	r := t.dispatch(&c)
	r.Kind = kind
	if r.halt != nil {
		return r
	}
	if err := r.Error(); err != nil {
		if errors.Is(err, books.ErrUnbalanced) {
			r.halt = err
		}
		return r
	}
	if t.view == nil {
		return r // nothing changed
	}
	s.Now = t.now
	s.remember(&c, kind, r.Value)
	return t.leaf(r, kind)
}

// commandDepth is how deeply a command may be nested.
const commandDepth = 32

// turn is the application of one command: the state, and what is fixed meanwhile.
// Setting view says that the state changed and what the public may know of it.
type turn struct {
	*State
	index  uint64
	now    int64
	actor  string
	view   any
	checks []mark
}

func (t *turn) dispatch(c *possev1.Command) Result {
	switch c := c.GetBody().(type) {
	case *possev1.Command_Bootstrap:
		return t.bootstrap(c.Bootstrap)
	case *possev1.Command_ApplyExperiment:
		return t.applyExperiment(c.ApplyExperiment)
	case *possev1.Command_CloseExperiment:
		return t.closeExperiment(c.CloseExperiment)
	case *possev1.Command_CreateInvite:
		return t.createInvite(c.CreateInvite)
	case *possev1.Command_RevokeInvite:
		return t.revokeInvite(c.RevokeInvite)
	case *possev1.Command_Enrol:
		return t.enrol(c.Enrol)
	case *possev1.Command_RevokeNode:
		return t.revokeNode(c.RevokeNode)
	case *possev1.Command_OpenRound:
		return t.openRound(c.OpenRound)
	case *possev1.Command_RecordOffers:
		return t.recordOffers(c.RecordOffers)
	case *possev1.Command_Settle:
		return t.settle(c.Settle)
	case *possev1.Command_RecordReports:
		return t.recordReports(c.RecordReports)
	case *possev1.Command_CommitSeed:
		return t.commitSeed(c.CommitSeed)
	case *possev1.Command_Publish:
		return t.publish(c.Publish)
	case *possev1.Command_AbortRound:
		return t.abortRound(c.AbortRound)
	case *possev1.Command_DrawGrants:
		return t.drawGrants(c.DrawGrants)
	case *possev1.Command_CosignCheckpoint:
		return t.cosignCheckpoint(c.CosignCheckpoint)
	case *possev1.Command_Withdraw:
		return t.withdraw(c.Withdraw)
	case *possev1.Command_CheckState:
		return t.checkState(c.CheckState)
	default:
		return newer(t.index, "command")
	}
}

// kindOf is the name of the command's kind, as leaves spell it: "open_round".
func kindOf(c *possev1.Command) string {
	field := c.ProtoReflect().WhichOneof(c.ProtoReflect().Descriptor().Oneofs().ByName("body"))
	if field == nil {
		return ""
	}
	return string(field.Name())
}

// hasUnknown reports whether a message holds fields that this program does not
// know, at any depth: what is newer must not be dropped.
func hasUnknown(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil || field.IsMap(): // commands have no maps
		case field.IsList():
			for i := 0; i < value.List().Len() && !found; i++ {
				found = hasUnknown(value.List().Get(i).Message())
			}
		default:
			found = hasUnknown(value.Message())
		}
		return !found
	})
	return found
}

// order carries out an order of the books. An error that is not about the order
// itself comes back as it is, so that apply sees a broken book.
func (t *turn) order(o books.Order) error {
	o.Time = t.now
	_, err := t.book.Apply(o)
	return err
}

// MarkEvery is after how many commands a replica hashes its state, so that the
// leader's hash can be compared with it.
const MarkEvery = 1000

// marksKept bounds how late a CheckState may come.
const marksKept = 4

func (m *Machine) mark() {
	if m.state.Commands%MarkEvery != 0 {
		return
	}
	m.marks = append(m.marks, mark{m.state.Applied, m.state.hash()})
	if n := len(m.marks) - marksKept; n > 0 {
		m.marks = slices.Delete(m.marks, 0, n)
	}
}

// Mark returns the newest index at which this replica hashed its state, and the
// hash; 0 when there is none yet.
func (m *Machine) Mark() (index uint64, hash [32]byte) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.marks) == 0 {
		return 0, hash
	}
	last := m.marks[len(m.marks)-1]
	return last.index, last.hash
}

// checkState compares the leader's hash with the own one at the same index, where
// it is still known.
func (t *turn) checkState(c *possev1.CheckState) Result {
	if len(c.GetHash()) != 32 {
		return refusal(malformed("hash", "another length", "32 bytes"))
	}
	for _, own := range t.checks {
		if own.index == c.GetIndex() && own.hash != [32]byte(c.GetHash()) {
			return diverged(c.GetIndex())
		}
	}
	t.view = checkView{Index: c.GetIndex(), Hash: c.GetHash()}
	return Result{}
}

// Hash is the SHA-256 of the state's canonical bytes. It costs a pass over the
// whole state.
func (m *Machine) Hash() [32]byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.state.hash()
}

var errNoBootstrap = &posse.Error{
	Code: posse.FailedPrecondition, Reason: "NOT_BOOTSTRAPPED", Field: "cluster",
	Message: "the cluster has no name yet", Hint: "begin it: posse coordinator run --init",
}
