#!/bin/sh
# A real PC/SC stack talks to a virtual card: pcscd, the vpcd reader driver, and opensc-tool, in a
# network namespace of its own, because the driver listens on every address.
#
#   sh tests/pcsc.sh path/to/cardstation
set -eu

# Where the system keeps the driver, or nothing; `--driver` only says it.
find_driver() {
    for folder in /usr/lib/pcsc /usr/lib/*/pcsc; do
        for file in "$folder"/drivers/serial/libifdvpcd.so; do
            [ ! -e "$file" ] || { echo "$file"; return 0; }
        done
    done
}
if [ "${1:-}" = --driver ]; then
    find_driver
    exit 0
fi

if [ "${CARDWRIGHT_PCSC_INSIDE:-}" != yes ]; then
    [ $# = 1 ] && [ -x "$1" ] || { echo "usage: sh tests/pcsc.sh CARDSTATION" >&2; exit 2; }
    for tool in pcscd opensc-tool unshare ip; do
        command -v $tool >/dev/null 2>&1 || { echo "pcsc.sh: $tool is missing" >&2; exit 3; }
    done
    # pcscd keeps its socket below /run; a private one leaves the system's own daemon alone.
    exec env CARDWRIGHT_PCSC_INSIDE=yes unshare --net --mount --pid --fork --mount-proc \
        sh "$0" "$(realpath "$1")"
fi

cardstation=$1
driver=$(find_driver)
[ -n "$driver" ] || { echo "pcsc.sh: the vpcd driver is missing (vsmartcard-vpcd)" >&2; exit 3; }
scratch=$(mktemp -d)
# A folder of its own: pcscd reads every file in it, its log must not be among them.
mkdir "$scratch/readers"
mount -t tmpfs none /run
mkdir -p /run/pcscd
ip link set lo up

cat > "$scratch/readers/vpcd" <<READER
FRIENDLYNAME "Virtual PCD"
DEVICENAME   /dev/null:0x8C7B
LIBPATH      $driver
CHANNELID    0x8C7B
READER

pcscd -f -e -c "$scratch/readers" > "$scratch/pcscd.log" 2>&1 &
pcscd_id=$!
card_id=""
finish() {
    status=$?
    [ -z "$card_id" ] || kill "$card_id" 2>/dev/null || true
    kill "$pcscd_id" 2>/dev/null || true
    [ "$status" = 0 ] || { echo "-- pcscd said:"; tail -n 20 "$scratch/pcscd.log"; } >&2
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT

# Asks again until the answer is there: a reader looks for a card every 400 ms.
ask() { # pattern, then what to ask opensc-tool
    pattern=$1
    shift
    tries=0
    while [ $tries -lt 50 ]; do
        if opensc-tool "$@" > "$scratch/said" 2>&1 && grep -q "$pattern" "$scratch/said"; then
            echo "ok   opensc-tool $* -> $pattern"
            return 0
        fi
        tries=$((tries + 1))
        sleep 0.2
    done
    echo "pcsc.sh: opensc-tool $* does not answer $pattern:" >&2
    cat "$scratch/said" >&2
    exit 1
}

serve() { # arguments of `card serve`
    "$cardstation" card serve "$@" --vpcd 127.0.0.1:35963 > "$scratch/card.log" 2>&1 &
    card_id=$!
}

# The driver's port opens a moment after the daemon: the card tries until it is there.
connect() {
    tries=0
    while [ $tries -lt 50 ]; do
        serve "$@"
        sleep 0.3
        kill -0 "$card_id" 2>/dev/null && return 0
        tries=$((tries + 1))
    done
    echo "pcsc.sh: the card can't reach the reader:" >&2
    cat "$scratch/card.log" >&2
    exit 1
}

key=404142434445464748494A4B4C4D4E4F
connect --blank scp03 --key $key
ask "Virtual PCD" -l
ask "3b" -r 0 -a
# SELECT the issuer security domain; CPLC; INITIALIZE UPDATE of SCP03, option 70; an unknown class.
ask "SW1=0x90, SW2=0x00" -r 0 -s 00A4040008A000000151000000
ask "SW1=0x90, SW2=0x00" -r 0 -s 80CA9F7F00
ask "SW1=0x90, SW2=0x00" -r 0 -s 80500000080102030405060708
ask "SW1=0x6D, SW2=0x00\|SW1=0x6E, SW2=0x00" -r 0 -s 80FE000000
# The PSE of a blank card is there and not personalized.
opensc-tool -r 0 -s 00A404000E315041592E5359532E4444463031 > "$scratch/said" 2>&1
grep -q "SW1=0x90, SW2=0x00\|SW1=0x6A, SW2=0x82\|SW1=0x69, SW2=0x85" "$scratch/said" \
    || { cat "$scratch/said" >&2; exit 1; }
kill "$card_id"
wait "$card_id" 2>/dev/null || true
# pcscd looks at the slot in turns: a card put in between two looks is taken for the one before, and
# is never powered.
ask "^0 *No " -l

connect --blank scp02 --key $key
ask "3b" -r 0 -a
ask "SW1=0x90, SW2=0x00" -r 0 -s 00A4040008A000000151000000
ask "SW1=0x90, SW2=0x00" -r 0 -s 80500000080102030405060708
echo "a PC/SC reader, and programs that never heard of us, talk to the virtual card"
