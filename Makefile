# What people type. The work is done by cargo and by `rollcall-dev` (dev/), which explains itself with --help.

REPLICAS ?= 1
DEV := cargo run --quiet --package rollcall-dev --

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Tell the story of Rollcall with real output, in a minute and a half
	@$(DEV) demo

.PHONY: up
up: ## Run a control plane and the operator in the background; REPLICAS=3 for more operators
	@$(DEV) up --replicas $(REPLICAS)

.PHONY: status
status: ## Say what of `make up` runs and is ready
	@$(DEV) status

.PHONY: down
down: ## Stop what `make up` started
	@$(DEV) down

.PHONY: test
test: assets ## Run all tests, on a real control plane
	cargo test --workspace

.PHONY: lint
lint: ## Check format, lints, and (when cargo-deny is installed) licences and advisories
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check; \
	else echo "cargo-deny is not installed; \`cargo install cargo-deny\` adds that check"; fi

.PHONY: assets
assets: ## Find or build etcd, kube-apiserver, kube-controller-manager, kubectl and helm
	@$(DEV) assets

CRDS := crds
CHART_CRDS := charts/rollcall/files/crds

.PHONY: generate
generate: ## Write the CustomResourceDefinitions anew, from the types in src/api
	cargo build --quiet --bin rollcall
	@mkdir -p $(CRDS) $(CHART_CRDS)
	@rm -f $(CRDS)/*.yaml $(CHART_CRDS)/*.yaml
	@target/debug/rollcall crds | awk -v folder=$(CRDS) ' \
	  function flush() { if (name) { printf "%s", text > (folder "/" name ".yaml"); close(folder "/" name ".yaml") } text = name = "" } \
	  /^---$$/ { flush(); next } \
	  !name && /^  name: / { name = $$2 } \
	  NF || text { text = text $$0 "\n" } \
	  END { flush() }'
	@cp $(CRDS)/*.yaml $(CHART_CRDS)/
