#!/usr/bin/env bash
# Fuzzes every target for so many minutes each: fuzz/run.sh [MINUTES]. Needs nightly Rust and cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")"
minutes=${1:-10}
./seed.sh
for target in $(cargo +nightly fuzz list); do
  echo "== $target: $minutes minutes"
  features=()
  [ "$target" != receiver_body ] || features=(--features receiver)
  [ "$target" != index_file ] || features=(--features files)
  cargo +nightly fuzz run "${features[@]}" "$target" "corpus/$target" -- \
    -dict=otlp.dict -max_total_time=$((minutes * 60)) -max_len=65536 -rss_limit_mb=4096 -print_final_stats=1
done
