#!/bin/sh
# Counts the instructions of decoding hostile inputs of size n and 2n, and fails where the ratio is above 2.1.
#   tests/complexity/run.sh [N [FAMILY...]]
set -eu
cd "$(dirname "$0")/../.."
command -v valgrind >/dev/null || { echo "valgrind is needed" >&2; exit 2; }
cargo build --quiet --release --locked -p spanwise --example complexity
exec env PYTHONPATH=tests python3 tests/complexity/measure.py target/release/examples/complexity "$@"
