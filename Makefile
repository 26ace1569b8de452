# `make` lists the targets. Only Go, git and make are needed; tools are built from source at the versions below.

GOFUMPT     := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
BUF         := go run github.com/bufbuild/buf/cmd/buf@v1.75.0

# One flavour of build everywhere (no C, no local paths), so that what `make demo` compiled `make test` finds in the cache.
export CGO_ENABLED := 0
export GOFLAGS     := $(strip $(shell go env GOFLAGS) -trimpath)

FUZZTIME ?= 2s
SOAKTIME ?= 10m

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/posse; a cold build takes a few minutes
	@go build -o bin/posse ./cmd/posse

.PHONY: demo
demo: ## run the whole platform on this machine, with a dashboard (ARGS="--seed 7" passes flags on)
	@echo "building bin/posse; a cold build takes a few minutes" >&2
	@$(MAKE) --no-print-directory build
	@bin/posse demo $(ARGS)

.PHONY: test
test: ## unit, property, statistical and documentation tests; races; a slice of fuzzing
	go test -timeout 20m ./...
	@.ci/race
	@.ci/fuzz $(FUZZTIME)
	@.ci/bench-module

.PHONY: check
check: ## format, house rules, vet, staticcheck, generated code, commands in the documents
	@.ci/format "$(GOFUMPT)"
	go test -run '^Test(House|Map)' .
	go test -run '^TestDeterminism' ./coordinator/state
	go vet ./...
	$(STATICCHECK) ./...
	go test -count=1 -run '^TestDocs' .
	@BUF="$(BUF)" .ci/generate --check

.PHONY: generate
generate: ## make the committed Go code from protocols/**/*.proto
	@BUF="$(BUF)" .ci/generate

.PHONY: golden
golden: ## write the golden files anew; read the difference before committing it
	go test $(shell git grep -l 'flag.Bool("update"' -- '*_test.go' | xargs -r -n1 dirname | sort -u | sed 's|^|./|') -update

.PHONY: figures
figures: ## draw the documents' figures anew from examples/sim, in some minutes (data sets below POSSE_DATA)
	@$(MAKE) --no-print-directory build
	@.ci/figures

.PHONY: bench
bench: ## ratios against bare libraries
	@.ci/bench-module --run

.PHONY: soak
soak: ## long fuzzing, and demos whose leader is killed, for SOAKTIME each (default 10m)
	@.ci/fuzz 60s
	@$(MAKE) --no-print-directory build
	@.ci/soak $(SOAKTIME)

.PHONY: chromium
chromium: ## install the browser that the dashboard's tests use (Debian, as root)
	@.ci/chromium
