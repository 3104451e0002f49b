#!/bin/sh
# Fills the corpora of the fuzz targets: every case, payload and regression for `decode`, with the sizes that it wants before
# them for `frame`, and with a byte before it for `redact` and `receiver_body`; a few bytes for `made`, whose inputs are choices
# and not documents, for `made_frame` with the sizes before them, and for `redact` too; for `query` each query of the tests; for
# `index_file` a few lists of edits. Nothing that is there already is touched.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/decode corpus/frame corpus/made corpus/made_frame corpus/redact corpus/query corpus/receiver_body corpus/index_file
for file in ../tests/cases/* ../tests/payloads/* ../tests/regressions/*; do
    case "$file" in
        */README.md | */expected.*) ;;
        *)
            name="$(basename "$(dirname "$file")")-$(basename "$file")"
            cp -n "$file" "corpus/decode/$name"
            [ -e "corpus/frame/$name" ] || { printf '\062\031\002' && cat "$file"; } > "corpus/frame/$name"
            [ -e "corpus/redact/$name" ] || { printf 'p'; cat "$file"; } > "corpus/redact/$name"
            [ -e "corpus/receiver_body/$name" ] || { printf '\000'; cat "$file"; } > "corpus/receiver_body/$name"
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
    [ -e "corpus/made_frame/seed-$index" ] || { printf '\062\031\002' && cat "$seed"; } > "corpus/made_frame/seed-$index"
    # Its first byte is one of all kinds, as the seed's number is.
    [ -e "corpus/redact/seed-$index" ] || cp "$seed" "corpus/redact/seed-$index"
    # The first byte says that edits follow, six bytes each.
    [ -e "corpus/index_file/seed-$index" ] || { printf e; head -c $((6 + index * 2)) "$seed"; } > "corpus/index_file/seed-$index"
    index=$((index + 1))
done
grep -h -v -e '^#' -e '^$' ../crates/spanwise/tests/traceql/*.txt | sed 's/ *=>[^>]*$//' | {
    index=0
    while IFS= read -r query; do
        [ -e "corpus/query/query-$index" ] || printf '%s' "$query" > "corpus/query/query-$index"
        index=$((index + 1))
    done
}
ls corpus/decode corpus/frame corpus/made corpus/made_frame corpus/redact corpus/query corpus/receiver_body corpus/index_file | wc -l
