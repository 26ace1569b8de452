package web

import "strings"

// Sentence is the answer at the top of a page: the fact, then, muted, why or
// what follows. Numbers that are the answer are bold.
type sentence struct{ Fact, Why []span }

// span is a piece of a sentence.
type span struct {
	Text string
	Bold bool
}

// say makes spans of a text in which *this* is bold. Names go into it through
// args only, written as {}, so that a name with a star is not markup.
func say(text string, args ...string) []span {
	var spans []span
	for i, piece := range strings.Split(text, "*") {
		for {
			before, after, found := strings.Cut(piece, "{}")
			if before != "" {
				spans = append(spans, span{Text: before, Bold: i%2 == 1})
			}
			if !found || len(args) == 0 {
				break
			}
			spans = append(spans, span{Text: args[0], Bold: i%2 == 1})
			args, piece = args[1:], after
		}
	}
	return spans
}

// text is the sentence without markup.
func (s sentence) text() string {
	var b strings.Builder
	for _, part := range s.Fact {
		b.WriteString(part.Text)
	}
	if len(s.Why) > 0 {
		b.WriteString(" ")
	}
	for _, part := range s.Why {
		b.WriteString(part.Text)
	}
	return b.String()
}

// noun is what the experiment calls so many arms.
func (e *Experiment) noun(n int) string {
	one, many := "arm", "arms"
	if e.Arm.One != "" {
		one = cutTo(e.Arm.One, 20)
	}
	if e.Arm.Many != "" {
		many = cutTo(e.Arm.Many, 20)
	}
	if n == 1 {
		return one
	}
	return many
}

// title is the experiment's title, or its name.
func (e *Experiment) title() string {
	if e.Title != "" {
		return e.Title
	}
	return e.Name
}

// alive counts the arms in play.
func (e *Experiment) alive() int {
	n := 0
	for _, arm := range e.Arms {
		if arm.Alive {
			n++
		}
	}
	return n
}

// newestVersion is the last published version, or nil.
func (e *Experiment) newestVersion() *Version {
	if len(e.Versions) == 0 {
		return nil
	}
	return &e.Versions[len(e.Versions)-1]
}

// openRound is the round that is open, or nil.
func (e *Experiment) openRound() *Round {
	for i := len(e.Rounds) - 1; i >= 0; i-- {
		if e.Rounds[i].State == RoundOpen {
			return &e.Rounds[i]
		}
	}
	return nil
}

// best is the arm that is best for sure: the one named by the experiment, or
// the one whose interval lies above all others'. Nil when they can't be told
// apart.
func (e *Experiment) best() *Arm {
	var top *Arm
	for i := range e.Arms {
		arm := &e.Arms[i]
		if e.Preferred != "" {
			if arm.Name == e.Preferred {
				return arm
			}
			continue
		}
		if arm.Alive && arm.Estimated && (top == nil || arm.Estimate > top.Estimate) {
			top = arm
		}
	}
	if top == nil || len(e.Arms) < 2 {
		return nil
	}
	for i := range e.Arms {
		arm := &e.Arms[i]
		if arm != top && arm.Alive && (!arm.Estimated || arm.High >= top.Low) {
			return nil
		}
	}
	return top
}

// status says in a few words where the experiment is, and with which dot.
func (e *Experiment) status() state {
	switch e.Stage {
	case Paused:
		return state{"ring", "paused"}
	case Closed:
		return state{"ring", "closed"}
	case Ended:
		if n := e.alive(); n > 0 {
			return state{"ring", "learning ended, " + spelled(n) + " " + e.noun(n) + " left"}
		}
		return state{"ring", "learning ended"}
	}
	next := "round 1"
	if n := len(e.Rounds); n > 0 {
		next = "round " + count(e.Rounds[n-1].ID+1)
	}
	if open := e.openRound(); open != nil {
		return state{"", "learning, round " + count(open.ID) + " is open"}
	}
	if e.Finished {
		return state{"ring", "all decisions made"}
	}
	if e.Demo != nil && e.Demo.ToNextRound != nil {
		return state{"", "learning, " + next + " opens in " + count(*e.Demo.ToNextRound) + " decisions"}
	}
	return state{"", "learning, " + next + " is next"}
}

// stage is status in one word.
func (e *Experiment) stage() state {
	s := e.status()
	switch e.Stage {
	case Paused, Ended, Closed:
		s.Text = string(e.Stage)
	default:
		s.Text = "learning"
	}
	return s
}

// state is a dot and a word.
type state struct{ Dot, Text string }

// compared is the sentence that says which arm is best and how sure that is.
func (e *Experiment) compared() sentence {
	arms, alive := len(e.Arms), e.alive()
	many := e.noun(2)
	if len(e.Versions) == 0 {
		return sentence{Fact: say("Nothing is known yet about the {} {}.", spelled(arms), e.noun(arms))}
	}
	if best := e.best(); best != nil {
		s := sentence{Fact: say("{} is the best of {} {}.", cut(best.Name), spelled(arms), e.noun(arms))}
		if e.Why != "" {
			s.Why = say("{}", plain(e.Why))
		}
		return s
	}
	if arms < 2 {
		return sentence{Fact: say("There is one {}, so there is nothing to compare.", e.noun(1))}
	}
	if e.Finished || e.Stage == Ended || e.Stage == Closed {
		s := sentence{Fact: say("The {} can’t be told apart with this much data and privacy.", many)}
		if e.Why != "" {
			s.Why = say("{}", plain(e.Why))
		} else if alive < arms {
			s.Why = say("{} of {} are left.", capital(spelled(alive)), spelled(arms))
		}
		return s
	}
	if alive < arms {
		return sentence{Fact: say("{} of {} {} are left; it is too early to say which is best.", capital(spelled(alive)), spelled(arms), many)}
	}
	if arms == 2 {
		return sentence{Fact: say("Both {} are still in play; it is too early to say which is best.", many)}
	}
	return sentence{Fact: say("All {} {} are still in play; it is too early to say which is best.", spelled(arms), many)}
}
