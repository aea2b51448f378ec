#!/bin/sh
# DES takes the same steps whatever key and data are.
#
#   sh tests/constant_time.sh
#
# Runs one program under four keys and texts and keeps every instruction that it takes and every address that
# it reads or writes: they must be the same to the last one. Under valgrind, which knows no AVX-512, that is
# the portable engines; step by step on the processor itself it is the engine that this processor gets.
set -eu
cd "$(dirname "$0")/.."
for tool in valgrind objdump python3; do
    command -v "$tool" >/dev/null || { echo "install $tool" >&2; exit 1; }
done
cargo build --release -q -p cardwright-standards --example des_trace
program=${CARGO_TARGET_DIR:-target}/release/examples/des_trace
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
set -- "AAAAAAAAAAAAAAAA AAAAAAAA" "q7Zk0xLm5TzWb1Yc 9vRe2Nup" "PPPPPPPPaaaaaaaa 00000000" "@~@~@~@~~@~@~@~@ zzzzzzzz"

number=0
for input; do
    number=$((number + 1))
    # shellcheck disable=SC2086
    env -i valgrind --tool=lackey --trace-mem=yes --log-file="$scratch/trace" "$program" $input
    # The loader, which valgrind puts at 04000000, reads random octets of its own before the program begins.
    awk '$1 == "I" { kept = $2 !~ /^040[0-4]/ } kept && /^(I| [SLM]) /' "$scratch/trace" >"$scratch/steps$number"
    cmp "$scratch/steps1" "$scratch/steps$number" >&2 || { echo "portable engines: key $number goes another way" >&2; exit 1; }
done
echo "portable engines: $(wc -l <"$scratch/steps1") instructions and addresses, the same for $number keys"
python3 tests/constant_time.py "$program" "$@"
