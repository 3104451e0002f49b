#!/bin/sh
# Starts the receiver, delivers the examples to it with curl, ends it, and lists the Parquet files that it leaves.
# Usage: examples/receive.sh PATH-OF-SPANWISE
set -eu
spanwise=$1
examples=$(dirname "$0")
folder=$(mktemp -d)
trap 'kill $receiver 2>/dev/null || true; rm -rf "$folder"' EXIT

# There before it is looked at: who writes it may start later.
: >"$folder/log"
SPANWISE_TOKEN=a-token "$spanwise" serve --listen 127.0.0.1:0 --store "$folder/traces" --policy privacy-mode 2>"$folder/log" &
receiver=$!

url=
for _ in $(seq 80); do
  address=$(sed -n 's/.*listening address=//p' "$folder/log")
  if [ -n "$address" ]; then
    url=http://$address/v1/traces
    break
  fi
  sleep 0.25
done
[ -n "$url" ] || { cat "$folder/log"; exit 1; }

deliver() {
  curl --silent --show-error --fail-with-body --write-out ' %{http_code}\n' --header 'Content-Type: application/json' \
    --header 'Authorization: Bearer a-token' "$@" "$url"
}
for file in agent.json openrouter.ndjson; do
  printf 'POST %s: ' "$file"
  deliver --data-binary "@$examples/$file"
done
printf 'the same once more: '
deliver --data-binary "@$examples/agent.json"
printf 'PUT, compressed: '
gzip --stdout "$examples/quirks.json" | deliver --request PUT --header 'Content-Encoding: gzip' --data-binary @-

kill "$receiver"
wait "$receiver"
cd "$folder/traces"
find spans -name '*.parquet' | sort
