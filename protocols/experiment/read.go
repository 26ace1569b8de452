package experiment

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// problemsMax is how many problems of one file are listed.
const problemsMax = 20

// Read reads an experiment file: YAML 1.2 (core schema) or JSON, UTF-8, one
// document of at most 1 MiB and 32 levels. name is what messages call the file.
//
// The result has every default filled in that does not depend on the number of
// nodes (see [Schedule.ForNodes]). The error is a [posse.Error] whose Problems are
// all problems of the file in its order, the first 20 of them and then how many
// more, each with File, Line and Column. Nothing is half read: on an error the
// experiment is nil. Source: experiment-file 1, 2 and 6.
func Read(name string, data []byte) (*Experiment, error) {
	root, problems := parse(data)
	r := &reader{fields: map[string]Field{}, problems: problems}
	for _, f := range Fields() {
		r.fields[f.Path] = f
	}
	var e *Experiment
	if root != nil {
		e = r.experiment(root)
	}
	if len(r.problems) > 0 {
		return nil, joined(name, r.problems)
	}
	return e, nil
}

// joined sorts the problems by place, cuts the list and makes one error of it.
func joined(name string, problems []*posse.Error) error {
	slices.SortStableFunc(problems, func(a, b *posse.Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	if more := len(problems) - problemsMax; more > 0 {
		last := problems[problemsMax]
		problems = append(slices.Clone(problems[:problemsMax]), &posse.Error{
			Code: posse.InvalidArgument, Reason: "MORE_PROBLEMS", Message: fmt.Sprintf("and %d more", more),
			Line: last.Line, Column: last.Column,
		})
	}
	for _, p := range problems {
		if p.File == "" {
			p.File = name
		}
	}
	return posse.Join(problems)
}

// experiment reads the whole file. The blocks that others depend on come first.
func (r *reader) experiment(root *node) *Experiment {
	top := r.block("", root, root.line, root.column)
	if root.kind != mapValue {
		r.report(&posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_TYPE",
			Message: "an experiment file must be a map of fields, got " + root.kind.String(),
			Hint:    "`posse experiment init` prints a file to start from",
		}, root.line, root.column)
		return nil
	}
	top.word("apiVersion")
	top.word("kind")

	e := &Experiment{}
	e.Name, e.Description = top.metadata()
	top.body(e, nil)
	return e
}

func (b *block) metadata() (name, description string) {
	metadata := b.child("metadata")
	if metadata.node != nil {
		name = metadata.name("name")
		description = metadata.text("description", 1000)
	}
	metadata.end()
	return name, description
}

// body reads the blocks that an experiment and a scenario share. The policy is that
// of a block elsewhere in the file, or of this one where there is none.
func (b *block) body(e *Experiment, policy *block) {
	r, top := b.r, b
	e.Problem = top.problem()
	e.Horizon = top.horizon(len(e.Problem.Arms))
	e.Reward = top.reward()
	privacy := top.child("privacy")
	e.Privacy = privacy.privacy()
	if policy == nil {
		policy = top.child("policy")
	} else {
		top.has("policy") // known, and read on its own
	}
	e.Policy = policy.policy(e.Privacy.Model)
	spec, known := policyNamed(e.Policy.Name)
	privacy.arrival(&e.Privacy, spec, known)
	policy.end()
	if known {
		privacy.mechanismFor(e.Privacy, spec.Name)
	}

	node := top.child("node")
	e.Pooling = Pooling(node.wordOr("pooling", string(SharedPooling)))
	if e.Pooling == PartialPooling && known && !spec.pools {
		node.refuse("pooling", "partial", "shared", "node.pooling: nodes can't differ under "+spec.Name, "use policy robust-elimination, or leave it out")
	}
	e.LocalModel = LocalModel(node.wordOr("localModel", string(PrivateModel)))
	if e.LocalModel == RawModel && e.Privacy.Model == dp.Local {
		node.refuse("localModel", "raw", "private", "under local there is nothing raw", "leave it out")
	}
	node.end()

	e.Rounds = top.rounds(e.Horizon)
	e.Incentives = top.incentives(e)
	top.end()
	if privacy.node != nil && len(r.problems) == 0 && e.Privacy.Model != 0 {
		privacy.overflow(e, top.node)
	}
	privacy.end()
}

// horizon is at least the number of arms, so that each can be tried once.
func (b *block) horizon(arms int) int64 {
	horizon, ok := b.integer("horizon")
	if ok && horizon < int64(arms) {
		n := b.entry("horizon").value
		b.r.report(posse.OutOfRange("horizon", n.text, fmt.Sprintf("[%d, 1e12]", arms), "each arm is tried at least once"), n.line, n.column)
		last := b.r.problems[len(b.r.problems)-1]
		last.Message = fmt.Sprintf("horizon must be at least the number of arms (%d)", arms)
	}
	return horizon
}
