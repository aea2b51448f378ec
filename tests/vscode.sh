#!/bin/sh
# The extension for Visual Studio Code against other people's programs: its grammar through the
# editor's own engine on every source that ships, the extension's code and its server through the
# editor's JSON-RPC library, its package through the editor's packager. Needs node and npm, and
# fetches what package-lock.json pins.
#
#   sh tests/vscode.sh DIRECTORY [PACKAGE]
#
# DIRECTORY has `cardwright` and `examples/scopes`, such as target/debug; the package is left as
# PACKAGE, for tests/editor.sh.
set -eu
cd "$(dirname "$0")/.."
programs=$1
package=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R compiler/lsp/editors/vscode "$work/vscode"
(cd "$work/vscode" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
modules="$work/vscode/node_modules"

printf 'the sample: '
TEXTMATE_FROM="$work/vscode/package.json" node compiler/lsp/editors/vscode/test/grammar.mjs
sources=$(find examples profiles layouts compiler/cli/templates -name '*.perso' | sort)
# shellcheck disable=SC2086 # a list of files without spaces
"$programs/examples/scopes" $sources >"$work/ours"
# shellcheck disable=SC2086
TEXTMATE_FROM="$work/vscode/package.json" node compiler/lsp/editors/vscode/test/grammar.mjs --of $sources >"$work/theirs"
cmp "$work/ours" "$work/theirs"
[ -s "$work/theirs" ]
printf 'every source that ships: %s tokens\n' "$(wc -l <"$work/theirs")"

node "$work/vscode/test/extension.mjs" "$programs/cardwright" examples/aurora-bank/debit.perso

# The packager refuses a manifest that the editor would not take.
(cd "$work/vscode" && "$modules/.bin/vsce" package --allow-missing-repository -o "$work/cardwright.vsix" >"$work/vsce.log" 2>&1) || {
    cat "$work/vsce.log" >&2
    exit 1
}
python3 - "$work/cardwright.vsix" <<'CHECK'
import sys, zipfile
names = set(zipfile.ZipFile(sys.argv[1]).namelist())
wanted = ["extension.js", "package.json", "language-configuration.json", "syntaxes/perso.tmLanguage.json",
          "images/cardwright.png", "node_modules/vscode-languageclient/node.js"]
missing = [name for name in wanted if "extension/" + name not in names]
extra = [name for name in names if name.startswith("extension/test/") or "oniguruma" in name]
assert not missing and not extra, (missing, extra)
print(f"the package: {len(names)} files")
CHECK
[ -z "$package" ] || cp "$work/cardwright.vsix" "$package"
