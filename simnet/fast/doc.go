// Package fast learns on given traffic without a network: the platform's own
// policies, noise and accounting in one loop. It answers what a demo is compared
// with: each organisation alone, and all together without privacy.
//
// The first step of the fast engine; it has no auction and no schedule: everything
// that is released is bought, and everybody gets every version at once.
package fast
