// Package possev1connect holds the Connect services of package possev1: DecisionService,
// which applications call, and AdminService, which operators call. Everything but this
// file is generated from the .proto files beside possev1: `make generate` writes it.
package possev1connect
