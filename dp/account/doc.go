// Package account says what releases cost together.
//
// A guarantee never travels as a lone ε: [Guarantee] carries δ, the relation it
// compares by and the theorem it comes from. Every number is an upper bound,
// rounded up. Begin with [Compose], which takes a list of [Event] and gives the ε of
// each theorem that applies, the best from the privacy loss distribution ([NewPLD]).
// [ZCDPEpsilon] and [ZCDPRho] convert between ρ and (ε, δ); [FilterLimit] turns an
// experiment's promise into the limit of a budget filter; [GaussianSigma] and its
// siblings calibrate; [Shuffle] and [Subsample] amplify; [Explain] says what an ε
// means for one person.
//
// These calculators compose spends whose parameters were fixed in advance. For
// spends that are chosen on the way use a filter: package budget.
//
// Pure functions in float64 except where a result becomes a spend: those are
// checked against the conversion and rounded against the spender.
// Sources: Canonne, Kamath, Steinke 2020 (zCDP, optimal conversion),
// Bun and Steinke 2016 (zCDP), Dong, Roth, Su 2022 (GDP).
package account
