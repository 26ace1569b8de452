package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/posse-dev/posse"
)

// group makes parent a command that only has subcommands: alone it says which
// there are, and an unknown one gets the nearest that exists.
func group(parent *cobra.Command, children ...*cobra.Command) *cobra.Command {
	parent.AddCommand(children...)
	var names []string
	for _, child := range children {
		names = append(names, child.Name())
	}
	parent.Args = cobra.ArbitraryArgs
	parent.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			if !cmd.HasParent() {
				return cmd.Help()
			}
			return &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "command", Allowed: strings.Join(names, ", "),
				Message: cmd.CommandPath() + " needs to know what to do", Hint: fmt.Sprintf("`%s --help` explains them", cmd.CommandPath()),
			}
		}
		e := notAWord("command", args[0], strings.Join(names, ", "))
		e.Message = fmt.Sprintf("%s has no command %s", cmd.CommandPath(), quoted(args[0]))
		e.Hint = fmt.Sprintf("`%s --help` lists them", cmd.CommandPath())
		if near := nearest(cmd, args[0]); near != "" {
			e.Hint = fmt.Sprintf("did you mean `%s %s`?", cmd.CommandPath(), near)
		}
		return e
	}
	return parent
}

// nearest returns the subcommand that someone probably meant, by edit distance.
func nearest(cmd *cobra.Command, typed string) string {
	for distance := 1; distance <= 3; distance++ {
		cmd.SuggestionsMinimumDistance = distance
		if all := cmd.SuggestionsFor(typed); len(all) > 0 {
			return all[0]
		}
	}
	return ""
}

// arguments demands one argument for each name.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			name := names[len(args)]
			return &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: name,
				Message: cmd.CommandPath() + " needs " + name, Hint: "usage: " + cmd.UseLine(),
			}
		}
		if len(args) > len(names) {
			return &posse.Error{ // the argument is not repeated: it may be a token
				Code: posse.InvalidArgument, Reason: "UNKNOWN_FIELD", Field: "argument", Value: fmt.Sprintf("%d arguments", len(args)),
				Allowed: fmt.Sprint(len(names)), Message: cmd.CommandPath() + " got an argument that it does not take", Hint: "usage: " + cmd.UseLine(),
			}
		}
		return nil
	}
}

// flagProblem turns what the parser of flags says into an error with a field.
func flagProblem(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("`%s --help` lists the flags with their ranges", cmd.CommandPath())
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := dashed(unknown.GetSpecifiedName())
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "UNKNOWN_FIELD", Field: name,
			Message: fmt.Sprintf("%s has no flag %s", cmd.CommandPath(), name), Hint: hint,
		}
	case errors.As(err, &missing):
		name := dashed(missing.GetSpecifiedName())
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: name, Message: name + " needs a value", Hint: hint,
		}
	case errors.As(err, &invalid):
		flag := invalid.GetFlag()
		var own *posse.Error
		if errors.As(err, &own) {
			return own
		}
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: "--" + flag.Name, Value: quoted(invalid.GetValue()), Allowed: typeWords(flag.Value.Type()),
			Message: fmt.Sprintf("--%s is not %s", flag.Name, typeWords(flag.Value.Type())), Hint: hint,
		}
	}
	return &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: "flags", Message: "the flags can't be read", Hint: hint, Cause: err}
}

func dashed(name string) string {
	if len([]rune(name)) == 1 {
		return "-" + name
	}
	return "--" + name
}

// typeWords says in words what a flag of a type takes.
func typeWords(kind string) string {
	switch kind {
	case "float64":
		return "a number"
	case "int", "int64":
		return "a whole number"
	case "uint", "uint64", "uint32":
		return "a whole number of at least 0"
	case "duration":
		return "a duration such as 90s or 48h"
	case "bool":
		return "true or false"
	}
	return "a " + kind
}

// notAWord is the error for a value that is not one of a list of words.
func notAWord(field, value, allowed string) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: field, Value: quoted(value), Allowed: allowed,
		Message: fmt.Sprintf("%s is not one of its words", field),
	}
}

// required is the error for a flag that was not given.
func required(flag, hint string) *posse.Error {
	return &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "--" + flag, Message: "--" + flag + " is required", Hint: hint}
}

// quoted shows what somebody typed, cut where it is long.
func quoted(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:60]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// combination is the error for flags of which one is allowed.
func combination(field, message, hint string) *posse.Error {
	return &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: field, Message: message, Hint: hint}
}
