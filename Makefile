# What people type. The work is done by cargo and by `rollcall-dev` (dev/), which explains itself with --help.

REPLICAS ?= 1
DEV := cargo run --quiet --package rollcall-dev --

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
test: assets ## Run all tests, on a real control plane and third-party servers
	cargo test --workspace

# Which groups of figures: protocol, access, coalesce, rivals, memory, start, mixed, fair, growth, throughput, delete,
# and million in the full form. All if empty.
ONLY ?=

.PHONY: bench
bench: assets ## Measure what is promised about speed and size, a tenth of the size; ONLY=memory for some of it
	ONLY=$(ONLY) cargo bench --quiet --bench figures

.PHONY: bench-full
bench-full: assets ## The same with 100,000 users, 5,000 teams and 1,000,000 memberships
	BENCH=full ONLY=$(ONLY) cargo bench --quiet --bench figures

# Of each target. What is found stays in target/fuzz/found; a short run without guidance is part of `make test`.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= filter path patch document query bulk

.PHONY: fuzz
fuzz: ## Fuzz the protocol, guided by coverage; FUZZ_SECONDS=600 for longer, FUZZ_TARGETS=patch for one
	@HOST=$$(rustc -vV | sed -n 's/^host: //p'); mkdir -p target/fuzz/found; \
	RUSTFLAGS="$(FUZZ_FLAGS)" cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml \
		--target $$HOST --target-dir target/fuzz || exit 1; \
	for target in $(FUZZ_TARGETS); do \
		mkdir -p target/fuzz/corpus/$$target; echo "==> $$target: $(FUZZ_SECONDS) s"; \
		FUZZ_TARGET=$$target target/fuzz/$$HOST/release/rollcall-fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
			-verbosity=0 -print_final_stats=1 -dict=tests/data/fuzz/dictionary.txt \
			-artifact_prefix=target/fuzz/found/$$target- target/fuzz/corpus/$$target tests/data/fuzz/$$target || exit 1; \
	done

# What libFuzzer needs to know which branches an input took; the stable compiler does it as well as nightly.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares

# Replicas under load that are killed, frozen and cut off; a short run is part of `make test`. A failure tells its SEED.
TORTURE_SECONDS ?= 600

.PHONY: torture
torture: assets ## Torture three replicas and check every history; TORTURE_SECONDS=3600 for longer, SEED=1 for the same again
	TORTURE_SECONDS=$(TORTURE_SECONDS) cargo test --test torture every_history -- --nocapture

# fuzz/ is a package of its own. Lints link nothing, so libFuzzer need not be built for them.
.PHONY: lint
lint: ## Check format, lints, documentation, licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	CUSTOM_LIBFUZZER_PATH=unused/libfuzzer.a cargo clippy --locked --manifest-path fuzz/Cargo.toml \
		--target-dir target/fuzz-lint -- -D warnings
	RUSTDOCFLAGS="$(DOC_LINTS)" cargo doc --workspace --no-deps --document-private-items --quiet
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny@$(CARGO_DENY)"; exit 1; }
	cargo deny check licenses bans sources

# What the command line prints is documentation, too, where <names> and plain URLs are right.
DOC_LINTS := -D warnings -A rustdoc::invalid-html-tags -A rustdoc::bare-urls -A rustdoc::private-intra-doc-links

# The version that .ci/run installs.
CARGO_DENY := 0.20.2

.PHONY: advisories
advisories: ## Look for known vulnerabilities of dependencies (fetches the RustSec database)
	cargo deny check advisories

.PHONY: assets
assets: ## Find or build etcd, kube-apiserver, kube-controller-manager, kubectl and helm
	@$(DEV) assets

.PHONY: generate
generate: ## Write CustomResourceDefinitions and references anew, from their sources
	UPDATE=1 cargo test --quiet --test generated
