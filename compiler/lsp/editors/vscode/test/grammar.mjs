// Reads a sample with the editor's own engine and compares each token's scope with the record that
// the Rust tests use as well; `--write` writes the record anew.
//
//   npm install && node test/grammar.mjs [--write]
//   node test/grammar.mjs --of FILE...     prints the tokens of any sources, as `scopes` does
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(process.env.TEXTMATE_FROM ?? import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const here = dirname(fileURLToPath(import.meta.url));
const tests = join(here, "../../../tests/grammar");
const grammarPath = join(here, "../syntaxes/perso.tmLanguage.json");

await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer);
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () =>
    textmate.parseRawGrammar(readFileSync(grammarPath, "utf8"), "perso.tmLanguage.json"),
});
const grammar = await registry.loadGrammar("source.perso");

/** A line for each token of a source: place and innermost scope. */
function tokens(source, before = "") {
  let record = "";
  let state = textmate.INITIAL;
  const lines = readFileSync(source, "utf8").replaceAll("\r\n", "\n").split("\n");
  lines.forEach((line, number) => {
    const found = grammar.tokenizeLine(line, state);
    state = found.ruleStack;
    let last;
    const say = () => {
      if (last) record += `${before}${number + 1}:${last.start}-${last.end} ${last.scope}\n`;
    };
    for (const token of found.tokens) {
      const start = Math.min(token.startIndex, line.length);
      const end = Math.min(token.endIndex, line.length);
      const scope = token.scopes[token.scopes.length - 1];
      if (start === end) continue;
      if (last && last.end === start && last.scope === scope) {
        last.end = end;
        continue;
      }
      say();
      last = { start, end, scope };
    }
    say();
  });
  return record;
}

const of = process.argv.indexOf("--of");
if (of > 0) {
  for (const file of process.argv.slice(of + 1)) process.stdout.write(tokens(file, `${file}:`));
  process.exit(0);
}

const record = tokens(join(tests, "sample.perso"));
const path = join(tests, "sample.scopes");
if (process.argv.includes("--write")) {
  writeFileSync(path, record);
} else if (readFileSync(path, "utf8") !== record) {
  console.error("the engine reads the sample otherwise than tests/grammar/sample.scopes says");
  process.exit(1);
}
console.log(`${record.split("\n").length - 1} tokens`);
