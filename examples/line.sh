#!/bin/sh
# The whole line for one customer of this folder, from source to report; each customer's `run.sh` is
# one call of it. Needs the Rust toolchain and a C compiler. Everything it makes is TEST.
#
#   sh examples/line.sh CUSTOMER ORDERS
set -eu
cd "$(dirname "$0")/.."
customer=$1
orders=examples/$customer/$2
work=${CUSTOMER_WORK:-target/$customer}
bin=${CARGO_TARGET_DIR:-target}/release

say() { printf '\n$ %s\n' "$*"; "$@"; }

command -v cargo >/dev/null || { echo "cargo is missing: install the Rust toolchain" >&2; exit 3; }
command -v cc >/dev/null || { echo "cc is missing: install a C compiler" >&2; exit 3; }

say cargo build --release --locked --quiet -p cardwright -p cardstation
rm -rf "$work"
mkdir -p "$work"
say "$bin/cardwright" test "examples/$customer"
say "$bin/cardwright" build "examples/$customer" -o "$work/$customer.cwb"
say "$bin/cardstation" init "$work/site"
say "$bin/cardstation" run --site "$work/site" --bundle "$work/$customer.cwb" \
    --orders "$orders" --out "$work/out"

printf '\nThe report is %s; files, letters and carriers are beside it.\n' "$work/out/report.html"
