#!/bin/sh
# The extension for Visual Studio Code in the editor itself: the editor's workbench and extension
# host (as code-server packs them, MIT), driven through a browser without a window. Needs node, npm
# and chromium, and fetches what tests/editor/package-lock.json pins; nothing of it is built. Where
# node is older than 20, the one of tests/editor/node/package-lock.json runs.
#
#   sh tests/editor.sh DIRECTORY PACKAGE [PICTURES]
#
# DIRECTORY has `cardwright`, such as target/debug; PACKAGE is what `vsce` packed (tests/vscode.sh
# leaves it where its second argument says); PICTURES is a folder for a picture after each step.
set -eu
cd "$(dirname "$0")/.."
programs=$(realpath "$1")
package=$(realpath "$2")
pictures=${3:-}
[ -z "$pictures" ] || { mkdir -p "$pictures" && pictures=$(realpath "$pictures"); }
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "tests/editor.sh needs a browser: install the package chromium" >&2
    exit 3
}
for program in node npm ps; do
    command -v "$program" >/dev/null 2>&1 || {
        echo "tests/editor.sh needs $program: install the packages nodejs, npm, procps" >&2
        exit 3
    }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R tests/editor "$work/driver"
# What was fetched before needs no network.
fetch() { npm ci --prefer-offline --ignore-scripts --no-audit --no-fund --loglevel=error; }
(cd "$work/driver" && fetch)
node=node
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    (cd "$work/driver/node" && fetch)
    node=$(find "$work/driver/node/node_modules" -path '*/bin/node' -type f)
fi

walk() { # a folder of its own
    mkdir "$1"
    cp "$package" "$1/cardwright.vsix"
    cp -R examples/aurora-bank "$1/bank"
    "$node" "$work/driver/drive.mjs" "$work/driver/node_modules" "$1" "$programs/cardwright" "$browser" "$pictures"
}
# Keys and clicks are looked after in the walk itself. A browser that breaks off for want of memory
# is not: the walk begins anew once, and says so. What our programs do wrong, they do twice.
walk "$work/first" && exit 0
echo "the walk through the editor stopped; it begins anew, in a new window" >&2
walk "$work/second" || {
    cp "$work/second/failed.png" "${TMPDIR:-/tmp}/cardwright-editor-failed.png" &&
        echo "how the window looked: ${TMPDIR:-/tmp}/cardwright-editor-failed.png" >&2
    exit 1
}
