// Package forecast says before anyone spends a budget what an experiment will bring:
// how much of what there is to gain its nodes will close together, and each alone,
// or how many decisions or how large an epsilon it would take to learn at all.
//
// [Make] plays the experiment as it would be applied in the fast engine, on arms of
// which one is better by an assumed effect. Nobody knows the effect before; so the
// answer is a function of it, and it is said with the answer.
package forecast
