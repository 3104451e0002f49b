# The targets are the steps of CI under the same names. `make demo` and `make test` need Rust, Python 3.11, gcc and
# Node.js, and install nothing outside this folder.

CARGO ?= cargo

.PHONY: demo setup check test docs fuzz complexity clean

demo: ## Build the command and look at the examples with it
	$(CARGO) build --release --locked -p spanwise-cli
	@echo
	target/release/spanwise validate examples
	@echo
	target/release/spanwise summary examples

setup: ## Fetch what the tests need: crates, and the packages of the JavaScript client
	$(CARGO) fetch --locked

check: ## Formatting, lints, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

test: ## All tests
	$(CARGO) test --workspace --locked

fuzz: ## Fuzz every target for MINUTES each (needs nightly and cargo-fuzz)
	fuzz/run.sh $(or $(MINUTES),10)

complexity: ## Count instructions at n and 2n for hostile inputs (needs valgrind)
	tests/complexity/run.sh

clean:
	$(CARGO) clean
