#!/bin/sh
# Fills the corpora of the fuzz targets: every case, payload and regression for `decode` and, with the sizes that it
# wants before them, for `frame`, and a few bytes for `made`, whose inputs are choices and not documents. Nothing that is there already is touched.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/decode corpus/frame corpus/made
for file in ../tests/cases/* ../tests/payloads/* ../tests/regressions/*; do
    case "$file" in
        */README.md | */expected.*) ;;
        *)
            name=$(basename "$(dirname "$file")")-$(basename "$file")
            cp -n "$file" "corpus/decode/$name"
            [ -e "corpus/frame/$name" ] || { printf '\062\031\002' && cat "$file"; } > "corpus/frame/$name"
            ;;
    esac
done
index=0
while [ "$index" -lt 24 ]; do
    seed="corpus/made/seed-$index"
    [ -e "$seed" ] || awk -v seed="$index" 'BEGIN {
        srand(seed); printf "%c", seed % 8 + 48
        for (i = 0; i < 700; i++) printf "%c", int(rand() * 126) + 1
    }' > "$seed"
    index=$((index + 1))
done
ls corpus/decode corpus/frame corpus/made | wc -l
