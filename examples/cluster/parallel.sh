#!/bin/sh
# A scan by GNU parallel, on this machine or on several: each shard writes a file of its own, the last line adds them.
#
#   CORPUS=/data/corpus MODEL=/data/model SHARDS=8 OUT=counts.parquet sh examples/cluster/parallel.sh --sshlogin a,b
#
# `--retries` runs a shard again that failed. The parts lie where they were written, so that directory must be shared.
set -eu
: "${CORPUS:?files, directories or URLs}" "${MODEL:?directory}" "${SHARDS:?number}" "${OUT:?counts.parquet}"
parts=${PARTS:-$OUT.parts}
mkdir -p "$parts"

seq "$SHARDS" | parallel --halt soon,fail=1 --retries 3 "$@" \
    prunus scan "$CORPUS" --tokenizer "$MODEL" --column "${COLUMN:-text}" --shard "{}/$SHARDS" \
    --threads 1 --quiet -o "$parts/{}.parquet"
prunus merge "$parts"/*.parquet -o "$OUT"
