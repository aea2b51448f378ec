#!/bin/sh
# Prints the figures of the compiler and of the editor's server that docs/PERFORMANCE.md tells:
# first checks, changes, formatter, the example's bundle; then sources that mean harm. Processor
# time comes first, time by the clock behind it; for the latter nothing else should run.
#
#   sh tests/speed.sh [RUNS]
set -eu
cd "$(dirname "$0")/.."

cargo run --quiet --release -p cardwright-lsp --example speed -- "${1:-9}"
echo
echo "sources that mean harm: by the clock, in processor time"
TIMES=1 cargo test --quiet --release -p cardwright-compiler --test kinds -- --nocapture \
    every_kind_ends_in_its_code_within_its_memory | grep 'ms,'
