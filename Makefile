# The targets are the steps of CI under the same names. `make demo` and `make test` need Rust, Python 3.11 or later,
# gcc and Node.js, and install nothing outside this folder.

CARGO ?= cargo
HOST = $(shell rustc -vV | sed -n 's/^host: //p')

.PHONY: demo setup check features test laws python bench fuzz miri arm windows macos threads coverage supply-chain complexity instructions clean

demo: ## Build the command and the wheel, look at the examples, and ask DuckDB what the models cost
	$(CARGO) build --release --locked -p spanwise-cli
	@echo
	target/release/spanwise validate examples
	@echo
	target/release/spanwise summary examples
	@echo
	examples/receive.sh target/release/spanwise
	@echo
	[ -x .venv/bin/python ] || python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check . duckdb
	.venv/bin/spanwise convert examples -o target/demo.parquet --llm
	.venv/bin/python examples/cost.py target/demo.parquet

setup: ## Fetch what the tests need: crates, and the packages of the JavaScript client
	$(CARGO) fetch --locked

check: ## Formatting, lints, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --exclude spanwise-bench --no-deps --locked

features: ## Lints of the core, tables and the receiver with fewer features (of the receiver the documentation, too), of what is built on the core with its own alone, of the command without the receiver
	for set in "" index redact; do \
		$(CARGO) clippy -p spanwise --no-default-features --features "$$set" --all-targets --locked -- -D warnings || exit 1; \
	done
	for set in "" store server; do \
		$(CARGO) clippy -p spanwise-receiver --no-default-features --features "$$set" --locked -- -D warnings || exit 1; \
		RUSTDOCFLAGS="-D warnings" $(CARGO) doc -p spanwise-receiver --no-default-features --features "$$set" --no-deps --locked || exit 1; \
	done
	$(CARGO) clippy -p spanwise-arrow --no-default-features --locked -- -D warnings
	for crate in spanwise-arrow spanwise-io spanwise-receiver; do \
		$(CARGO) clippy -p $$crate --locked -- -D warnings || exit 1; \
	done
	$(CARGO) clippy -p spanwise-cli --no-default-features --all-targets --locked -- -D warnings

# Without the benchmark, whose peers take long to build.
test: ## All tests of the crates; those of the wheel are run by `make python`
	$(CARGO) test --workspace --exclude spanwise-bench --locked

laws: export PROPTEST_CASES = $(or $(CASES),2000)
laws: ## All tests, with CASES draws (2000) for each property test: what comes up once in many
	$(CARGO) test --workspace --exclude spanwise-bench --locked --no-fail-fast

python: ## Build the wheel into .venv and check it there: lints, types, stubs, all tests
	python/check.sh

bench: ## The report: every contestant on every corpus (builds the peers first)
	$(CARGO) run --release --locked -p spanwise-bench -- report

fuzz: ## Fuzz every target for MINUTES each (needs nightly and cargo-fuzz)
	fuzz/run.sh $(or $(MINUTES),10)

# Miri knows of the processor what it is compiled for. Every test runs each set of instructions.
miri: export RUSTFLAGS = -C target-feature=+avx2,+bmi1,+bmi2
miri: export MIRIFLAGS = -Zmiri-disable-isolation
miri: ## Run the unsafe code under Miri (needs nightly with its component miri)
	$(CARGO) +nightly miri test --locked -p spanwise --lib --no-default-features json
	$(CARGO) +nightly miri test --locked -p spanwise --test cases --no-default-features 001-baseline
	$(CARGO) +nightly miri test --locked -p spanwise-arrow --test options

arm: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER = aarch64-linux-gnu-gcc
arm: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER = qemu-aarch64 -L /usr/aarch64-linux-gnu
arm: export CC_aarch64_unknown_linux_gnu = aarch64-linux-gnu-gcc
arm: ## Run the tests of JSON text and the cases on 64-bit Arm, emulated (needs the target, its gcc and qemu-user)
	$(CARGO) test --locked --target aarch64-unknown-linux-gnu -p spanwise --lib json
	$(CARGO) test --locked --target aarch64-unknown-linux-gnu -p spanwise --test cases

# What is for Unix alone, the receiver, and the module for Python, which needs a Windows to be tested on.
ELSEWHERE = -p spanwise -p spanwise-arrow -p spanwise-io -p spanwise-cli -p spanwise-corpora -p spanwise-testgen
windows: export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER = x86_64-w64-mingw32-gcc
windows: export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER = $(or $(WINE),wine)
windows: ## Lints and tests for Windows, emulated (needs the target, its gcc and Wine, which WINE may name)
	$(CARGO) clippy --locked --target x86_64-pc-windows-gnu $(ELSEWHERE) -p spanwise-python --all-targets -- -D warnings
	$(CARGO) test --locked --no-fail-fast --target x86_64-pc-windows-gnu $(ELSEWHERE)

# Without a compiler for macOS, zstd is not built from its source.
macos: export ZSTD_SYS_USE_PKG_CONFIG = 1
macos: export PKG_CONFIG_ALLOW_CROSS = 1
macos: ## Lints for macOS, where nothing is run (needs the target and libzstd-dev)
	$(CARGO) clippy --locked --target aarch64-apple-darwin $(ELSEWHERE) -p spanwise-receiver --all-targets -- -D warnings

# The standard library must be built so, too.
threads: export RUSTFLAGS = -Z sanitizer=thread
threads: export TSAN_OPTIONS = suppressions=$(CURDIR)/tests/thread-sanitizer.txt
threads: ## Run the parallel scan and the receiver under ThreadSanitizer (needs nightly with rust-src)
	$(CARGO) +nightly test --locked -Z build-std --target $(HOST) --target-dir target/threads \
		-p spanwise-io -p spanwise-receiver --tests

coverage: ## Lines of the core that its tests run (needs cargo-llvm-cov, and nightly with its component llvm-tools)
	$(CARGO) +nightly llvm-cov --locked -p spanwise --ignore-filename-regex 'crates/spanwise-|/tests/' --fail-under-lines 95

supply-chain: ## Licences, duplicates and sources of what is shipped (needs cargo-deny)
	$(CARGO) deny --locked check licenses bans sources

complexity: ## Count instructions at n and 2n for hostile inputs (needs valgrind)
	tests/complexity/run.sh

instructions: ## Count the instructions of decoding and compare them with the baseline (needs valgrind)
	tests/instructions/run.sh

clean:
	$(CARGO) clean
