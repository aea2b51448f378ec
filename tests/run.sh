#!/bin/sh
# Checks everything: formatting, lints, all tests, documents, and a real PC/SC reader.
# Installs what the tests need from the system when it may (root, apt-get), else says what is
# missing. Reads no network but for that, for the crates of Cargo.lock, and for the packages with
# which the extension for Visual Studio Code is tried (package-lock.json).
#
#   sh tests/run.sh              everything
#   sh tests/run.sh --no-pcsc    without the PC/SC reader
#   sh tests/run.sh --no-editor  without the walk through the editor itself, in a browser
#   sh tests/run.sh --no-npm     without the extension for Visual Studio Code, and so without the walk
set -eu
cd "$(dirname "$0")/.."

pcsc=yes
npm=yes
editor=yes
for option in "$@"; do
    case "$option" in
        --no-pcsc) pcsc=no ;;
        --no-npm) npm=no ;;
        --no-editor) editor=no ;;
        *) echo "usage: sh tests/run.sh [--no-pcsc] [--no-npm] [--no-editor]" >&2; exit 2 ;;
    esac
done

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

missing=""
need() { # program package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need cc gcc
need bash bash
need openssl openssl
need pdftotext poppler-utils
need python3 python3
need pkg-config pkg-config
pkg-config --exists openssl 2>/dev/null || missing="$missing libssl-dev"
need softhsm2-util softhsm2
need pkcsslotd opencryptoki
need pkcsconf opencryptoki
need certutil "libnss3 libnss3-tools"
# A python of one's own does not see what the system installs: take the system's, if it has them.
has_readers() { "$1" -c 'import zxingcpp, PIL' 2>/dev/null; }
has_readers python3 || CARDWRIGHT_PYTHON=/usr/bin/python3
export CARDWRIGHT_PYTHON="${CARDWRIGHT_PYTHON:-python3}"
has_readers "$CARDWRIGHT_PYTHON" || missing="$missing python3 python3-zxing-cpp python3-pil"
if [ "$npm" = yes ]; then
    need node nodejs
    need npm npm
    if [ "$editor" = yes ]; then
        need chromium chromium
        need ps procps
    fi
fi
if [ "$pcsc" = yes ]; then
    need pcscd pcscd
    need opensc-tool opensc
    need unshare util-linux
    need ip iproute2
    [ -n "$(sh tests/pcsc.sh --driver)" ] || missing="$missing vsmartcard-vpcd"
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        step apt-get update -q
        # shellcheck disable=SC2086 # a list of packages
        step env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
    else
        echo "tests/run.sh needs these packages of the system:$missing" >&2
        echo "install them, or run it as root on a system with apt-get" >&2
        exit 3
    fi
fi
if ! command -v cargo >/dev/null 2>&1; then
    echo "tests/run.sh needs Rust (cargo) of the version in Cargo.toml: https://rustup.rs" >&2
    exit 3
fi

# The tests start opencryptoki's daemon when nobody else has; it goes when they are done.
if ! pidof pkcsslotd >/dev/null 2>&1; then
    trap 'slots=$(pidof pkcsslotd || true); [ -z "$slots" ] || kill $slots' EXIT
fi

# Everything is built once: no incremental copies, one profile, one set of features.
export CARGO_INCREMENTAL=0
target=${CARGO_TARGET_DIR:-$PWD/target}

step cargo fmt --all --check
step cargo clippy --locked --workspace --all-targets -- -D warnings
# As the tests will be built, so that nothing is built twice with other features.
step cargo build --locked --workspace --all-targets
# The tests use the programs that were just built.
export CARDWRIGHT_PROGRAMS="$target/debug"
if cargo nextest --version >/dev/null 2>&1; then
    step cargo nextest run --locked --workspace --no-fail-fast
else
    step cargo test --locked --workspace --no-fail-fast --lib --bins --tests
fi
step cargo test --locked --workspace --doc
printf '\n== cargo doc, warnings denied\n'
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
if [ "$npm" = yes ]; then
    step sh tests/vscode.sh "$target/debug" "$target/cardwright.vsix"
    [ "$editor" = no ] || step sh tests/editor.sh "$target/debug" "$target/cardwright.vsix"
fi
if [ "$pcsc" = yes ]; then
    step sh tests/pcsc.sh "$target/debug/cardstation"
fi
printf '\nall is well\n'
