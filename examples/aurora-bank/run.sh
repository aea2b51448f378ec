#!/bin/sh
# From source to mailed card: builds the tools and runs the whole line on Aurora Bank's example.
# Needs the Rust toolchain and a C compiler. Everything it makes is TEST.
#
#   sh examples/aurora-bank/run.sh [ORDERS]      1,000 orders unless you say otherwise
set -eu
cd "$(dirname "$0")/../.."
orders=${1:-1000}
work=${AURORA_WORK:-target/aurora}
bin=${CARGO_TARGET_DIR:-target}/release

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }
[ -t 1 ] || say() { printf '\n$ %s\n' "$*"; "$@"; }

command -v cargo >/dev/null || { echo "cargo is missing: install the Rust toolchain" >&2; exit 3; }
command -v cc >/dev/null || { echo "cc is missing: install a C compiler" >&2; exit 3; }

say cargo build --release --locked --quiet -p cardwright -p cardstation -p aurora-orders
rm -rf "$work"
mkdir -p "$work"

say "$bin/cardwright" check examples/aurora-bank
say "$bin/cardwright" test examples/aurora-bank
say "$bin/cardwright" build examples/aurora-bank -o "$work/aurora.cwb"
say "$bin/cardwright" verify "$work/aurora.cwb"
say "$bin/aurora-orders" --count "$orders" --out "$work/orders.txt"
say "$bin/cardstation" init "$work/site"
say "$bin/cardstation" check --site "$work/site" --bundle "$work/aurora.cwb"
say "$bin/cardstation" run --site "$work/site" --bundle "$work/aurora.cwb" \
    --orders "$work/orders.txt" --out "$work/out"
say "$bin/cardstation" audit verify --site "$work/site"

printf '\nOpen %s in a browser; letters are in %s, the bank'"'"'s files in %s.\n' \
    "$work/out/report.html" "$work/out/mailers" "$work/out/files"
