#!/bin/sh
# The extension for Visual Studio Code in the editor itself: the editor's workbench and extension
# host (as code-server packs them, MIT), driven through a browser without a window. Needs node 20,
# npm and chromium, and fetches what tests/editor/package-lock.json pins; nothing of it is built.
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
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R tests/editor "$work/driver"
(cd "$work/driver" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
cp "$package" "$work/cardwright.vsix"
cp -R examples/aurora-bank "$work/bank"
node "$work/driver/drive.mjs" "$work/driver/node_modules" "$work" "$programs/cardwright" "$browser" "$pictures" || {
    cp "$work/failed.png" "${TMPDIR:-/tmp}/cardwright-editor-failed.png" &&
        echo "how the window looked: ${TMPDIR:-/tmp}/cardwright-editor-failed.png" >&2
    exit 1
}
