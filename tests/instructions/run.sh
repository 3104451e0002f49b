#!/bin/sh
# Counts the instructions of decoding small corpora and compares them with a baseline; fails where one is more than 3% above.
#   tests/instructions/run.sh [--write]     --write makes what was counted the baseline
set -eu
cd "$(dirname "$0")/../.."
command -v valgrind >/dev/null || { echo "valgrind is needed" >&2; exit 2; }
cargo build --quiet --release --locked -p spanwise --example instructions
exec python3 tests/instructions/compare.py target/release/examples/instructions "$@"
